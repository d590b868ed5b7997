from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.snapshot import take
from provisioner.tools.lock import text
from tests import bodies
from tests.conftest import ROOT
from tests.pins import lock, pin
from tests.unit.cli.conftest import Ran, Run

RUDE = (sys.executable, str(ROOT / "tests/servers/rude.py"))
SITE = """\
version: 1
site: acme
teleport: {proxy: example.teleport.sh:443}
mcp_servers:
  files: {labels: {env: dev}}
roles:
  all: {app_labels: {env: dev}, tools: ['*']}
  safe: {app_labels: {env: dev}, tools: ['*'], except_tools: ['drop_*']}
bots:
  a: {roles: [all]}
  b: {roles: [all]}
  careful: {roles: [safe]}
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a site whose one server has no tools that are known."""
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


def tools(
    run: Run, verb: str, *names: str, options: tuple[str, ...] = (), manner: str = "well"
) -> Ran:
    """Run `provision tools VERB` against a server that lists tools of these names."""
    listed = json.dumps([{"name": name, "description": f"Does {name}."} for name in names])
    return run("tools", verb, "--server", "files", *options, "--", *RUDE, manner, listed)


def test_pulled_tools_make_a_site_whole(run: Run, files: Path) -> None:
    """A site that cannot be checked for the lack of an inventory can be pulled, and then checked."""
    assert "PV121" in run("check").out
    pulled = tools(run, "pull", "read_file", "drop_file")
    assert (pulled.code, pulled.out, pulled.err) == (
        0,
        "files: pinned (2 tools)\n",
        "reading tools ...\ntools.lock.yaml: written\n",
    )
    assert run("check").code == 0
    assert run("render", "-o", "out").code == 0
    assert "- read_file\n" in files.with_name("out").joinpath("roles/safe.yaml").read_text()


def test_pulling_again_changes_nothing(run: Run, files: Path) -> None:
    """A server that says the same keeps its pin, to the byte, and the time when it was made."""
    tools(run, "pull", "read_file")
    before = files.with_name("tools.lock.yaml").read_bytes()
    again = tools(run, "pull", "read_file")
    assert (again.code, again.out) == (0, "files: as pinned before (1 tool)\n")
    assert again.err == "reading tools ...\ntools.lock.yaml: unchanged\n"
    assert files.with_name("tools.lock.yaml").read_bytes() == before


def test_no_drift_is_exit_0(run: Run, files: Path) -> None:
    """A server that is as it was pinned is told as such."""
    assert tools(run, "pull", "read_file").code == 0
    for verb in ("check", "diff"):
        ran = tools(run, verb, "read_file")
        assert ran.code == 0
        assert ran.out.startswith("files: as pinned at 20")
    assert files.exists()


def test_drift_is_exit_2_and_joined_to_roles(run: Run, files: Path) -> None:
    """What a server adds is told with who may call it already, by which pattern of which role."""
    assert files.exists()
    tools(run, "pull", "read_file", "old")
    ran = tools(run, "check", "read_file", "delete_repo")
    assert ran.code == 2
    both = "granted to 2 bots (a, b) by `*` (role all)"
    assert ran.out.splitlines()[1:-1] == [
        f"  + added `delete_repo`: already {both}",
        f"  - removed `old`: was {both}; 1 bot (careful) by `old` (role safe)",
    ]
    assert ran.out.splitlines()[-1].startswith("Granted as in site.yaml alone. Judged on the site")
    full = tools(run, "diff", "read_file", "old", "delete_repo")
    assert full.code == 2
    assert "      description: `Does delete_repo.`" in full.out.splitlines()


@pytest.fixture
def cluster(files: Path) -> tuple[str, ...]:
    """Return the options that reach a cluster with the server, and a role and a bot of others."""
    mine, other = bodies.app("files", labels={"env": "dev"}), bodies.app("other", labels={"a": "b"})
    theirs = bodies.role("theirs", labels={}, allow={"mcp": {"tools": ["delete_*"]}})
    bot = bodies.bot("stranger", labels={}, roles=["theirs"])
    live = MemoryCluster([mine, other, theirs, bot], name="c")
    path = files.with_name("live.json")
    path.write_text(json.dumps(take(live, now=datetime(2026, 1, 1, tzinfo=UTC))))
    return "--live", "--cluster", f"file:{path}"


@pytest.mark.parametrize("verb", ["check", "diff"])
def test_drift_joined_to_a_cluster(run: Run, cluster: tuple[str, ...], verb: str) -> None:
    """With --live, who may call what is new is told of the cluster as it is, of others' roles too."""
    tools(run, "pull", "read_file")
    ran = tools(run, verb, "read_file", "delete_repo", options=cluster)
    assert ran.code == 2
    assert ran.out.splitlines()[1] == (
        "  + added `delete_repo`: already granted to 1 bot (stranger) by `delete_*` (role theirs)"
    )
    assert ran.out.splitlines()[-1].startswith("Granted as in c (Teleport 1")
    data = tools(run, verb, "delete_repo", options=(*cluster, "--format", "json"))
    document = json.loads(data.out)
    assert document["scene"].startswith("c (Teleport 1")
    assert document["servers"][0]["removed"][0]["granted"] == []


def test_pins_of_others_are_checked_where_they_are_live(
    run: Run, files: Path, cluster: tuple[str, ...]
) -> None:
    """A pinned server that the site does not name is checked with --live, if the cluster has it."""
    files.with_name("tools.lock.yaml").write_text(text(lock(other=pin("x"), gone=pin("x"))))
    listed = "files: {labels: {env: dev}, tools: [drop_a, b]}"
    files.write_text(SITE.replace("files: {labels: {env: dev}}", listed))
    asked = ("tools", "check", "--tsh", "no-such-tsh")
    assert run(*asked).code == 0
    ran = run(*asked, *cluster)
    assert (ran.code, "no-such-tsh" in ran.err) == (1, True)


def test_drift_as_data(run: Run, files: Path) -> None:
    """JSON alone is on stdout, with the exit code of the text."""
    assert files.exists()
    pulled = tools(run, "pull", "read_file", options=("--format", "json"))
    assert json.loads(pulled.out)["servers"][0]["tools"] == ["read_file"]
    ran = tools(run, "check", "read_file", "delete_repo", options=("--format", "json"))
    assert ran.code == 2
    document = json.loads(ran.out)
    assert document["lock"] == "tools.lock.yaml"
    assert document["servers"][0]["added"][0]["granted"][0]["bots"] == ["a", "b"]


def test_no_baseline_is_exit_1(run: Run, files: Path) -> None:
    """A server that nobody has pinned is not asked; one whose tools the site lists need not be."""
    without_exceptions = SITE.replace(", except_tools: ['drop_*']", "")
    files.write_text(without_exceptions)
    ran = run("tools", "check")
    assert (ran.code, ran.out.splitlines()[0]) == (1, "files: no baseline: nothing is pinned")
    files.write_text(
        without_exceptions.replace("{env: dev}}\nroles", "{env: dev}, tools: [x]}\nroles")
    )
    ran = run("tools", "check")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "note: nothing to check: no MCP server of site.yaml is pinned\n"


def test_a_server_that_cannot_be_read_is_exit_1(run: Run, files: Path) -> None:
    """It says why, the pins stay as they are, and 1 comes before 2."""
    tools(run, "pull", "read_file")
    before = files.with_name("tools.lock.yaml").read_bytes()
    for verb in ("pull", "check"):
        ran = tools(run, verb, "read_file", manner="crashing")
        assert ran.code == 1
        assert ran.out == (
            "files: cannot be read: it ended before it had answered; "
            "it says: Traceback: \\x1b[31mout of luck\n"
        )
    assert files.with_name("tools.lock.yaml").read_bytes() == before


def test_all_servers_are_read_through_teleport(
    run: Run, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a command, tsh connects to each server; what may be filtered counts as unknown."""
    tsh = files.with_name("tsh")
    tsh.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        "if 'ls' in sys.argv:\n    print('[]')\n    sys.exit()\n"
        "assert sys.argv[1:] == 'mcp connect -i id --proxy example.teleport.sh:443 files'.split()\n"
        f"os.execv({RUDE[0]!r}, {[*RUDE, 'well']!r})\n"
    )
    tsh.chmod(0o755)
    monkeypatch.setenv("PROVISION_TSH", str(tsh))
    ran = run("tools", "pull", "--identity", "id")
    assert (ran.code, ran.out) == (
        0,
        "files: pinned (1 tool; only those that this identity may call)\n",
    )
    assert "PV121" in run("check").out


def test_a_lock_that_cannot_be_read_is_replaced_only_as_a_whole(run: Run, files: Path) -> None:
    """Pulling one server must not drop the pins of the others."""
    lock = files.with_name("tools.lock.yaml")
    lock.write_text("<<<<<<< HEAD\n")
    assert tools(run, "pull", "read_file").code == 1
    assert lock.read_text() == "<<<<<<< HEAD\n"
    lock.write_text("version: 1\nservers: []\n")
    files.write_text(
        SITE.replace("mcp_servers:\n  files: {labels: {env: dev}}\n", "mcp_servers: {}\n")
    )
    assert run("tools", "pull").code == 0
    assert lock.read_text().endswith("servers: {}\n")


def test_a_server_beyond_the_site_can_be_pinned(run: Run, files: Path) -> None:
    """Live servers of others can be pinned too; that it is none of the site's is said."""
    ran = run("tools", "pull", "--server", "other", "--", *RUDE, "well")
    assert ran.code == 0
    assert f"note: other is no MCP server of {files.name}\n" in ran.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--url", "http://x"), "say which MCP server this is: --server NAME"),
        (("--", "npx"), "say which MCP server this is: --server NAME"),
        (("--server", "files", "--url", "http://x", "--", "npx"), "not both"),
    ],
)
def test_a_command_is_for_one_server(
    run: Run, files: Path, words: tuple[str, ...], says: str
) -> None:
    """A command or URL without its server, and both for one, are mistakes of usage."""
    assert files.exists()
    for verb in ("pull", "check", "diff"):
        ran = run("tools", verb, *words)
        assert (ran.code, says in ran.err) == (64, True)


def test_problems_of_the_site_are_told(run: Run, files: Path) -> None:
    """A site that is no site is not pulled, with its problems and their lines."""
    files.write_text(SITE + "botz: {}\n")
    ran = run("tools", "pull")
    assert ran.code == 1
    assert "site.yaml:13:1: error PV040" in ran.err
    files.write_text("a: [\n")
    assert "PV004" in run("tools", "pull").err
