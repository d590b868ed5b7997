"""Writing down what lives in a cluster."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from provisioner.cluster.local import LocalCluster
from tests.foreign import EXPRESSIBLE, OTHERWISE, app, give
from tests.unit.cli.conftest import SITE, Run


@pytest.fixture
def foreign(run: Run, tmp_path: Path) -> str:
    """Return the option value of an embedded cluster in which people have worked by hand."""
    path = tmp_path / "cluster.db"
    assert run("local", "init", path, "--name", "acme.teleport.sh").code == 0
    give(LocalCluster(path), *EXPRESSIBLE, *OTHERWISE)
    return f"local:{path}"


def test_the_whole_way(run: Run, foreign: str, tmp_path: Path) -> None:
    """A new site is written, checks, is adopted as the import says, and plans to nothing."""
    ran = run(
        "import", "role/*", "app", "bot/ci", "bot/idle", "-o", "site.yaml", "--cluster", foreign
    )
    assert (ran.code, ran.out) == (0, "")
    assert "Imported 3 roles, 2 MCP servers, 2 bots.\n" in ran.err
    assert ran.err.endswith(f"Next: provision adopt --all site.yaml --cluster {foreign}\n")
    text = (tmp_path / "site.yaml").read_text()
    assert "site: acme\nteleport:\n  proxy: acme.teleport.sh:443\n" in text
    checked = run("check")
    assert (checked.code, "error" in checked.err + checked.out) == (0, False)
    assert run("plan", "--cluster", foreign, "--detailed-exitcode").code == 0
    assert run("adopt", "--all", "--cluster", foreign, "--yes").code == 0
    planned = run("plan", "--cluster", foreign, "--prune", "--detailed-exitcode")
    assert (planned.code, "No changes." in planned.out) == (0, True), planned.out
    again = run("import", "role", "-o", "site.yaml", "--cluster", foreign)
    assert "Imported nothing.\n" in again.err
    assert (tmp_path / "site.yaml").read_text() == text


def test_to_stdout(run: Run, foreign: str, tmp_path: Path) -> None:
    """Without -o the whole site goes to stdout, what is told to stderr, and no file is made."""
    before = sorted(tmp_path.iterdir())
    ran = run("import", "role/dev", "--site", "mine", "--proxy", "p:1", "--cluster", foreign)
    assert ran.code == 0
    assert "site: mine\nteleport:\n  proxy: p:1\n\nroles:\n  dev:\n" in ran.out
    assert "Next:" not in ran.err
    assert sorted(tmp_path.iterdir()) == before


def test_into_a_site(run: Run, site: Path, foreign: str) -> None:
    """A site that is there gains entries and keeps the rest, and a copy of what it was stays beside it."""
    site.write_text(SITE + "# the end\n")
    ran = run("import", "role/ops", "-o", site, "--cluster", foreign)
    assert ran.code == 0, ran.err
    text = site.read_text()
    assert text.startswith(SITE.removesuffix("bots:\n  ci: {roles: [dev]}\n"))
    assert text.endswith("bots:\n  ci: {roles: [dev]}\n# the end\n")
    assert "\n  ops:\n    labels:\n      team: ops\n    protected: true\n" in text
    assert site.with_name("site.yaml.bak").read_text() == SITE + "# the end\n"


def test_a_dry_run(run: Run, site: Path, foreign: str) -> None:
    """A dry run shows the difference and writes nothing."""
    ran = run("import", "role/expression", "-o", site, "--dry-run", "--cluster", foreign)
    assert (ran.code, site.read_text()) == (0, SITE)
    assert ran.out.startswith(f"--- {site}\n+++ {site}\n@@ ")
    assert '\n+    app_labels_expression: "labels[\\"env\\"] == \\"dev\\""\n' in ran.out
    new = run("import", "role/dev", "-o", "new.yaml", "--dry-run", "--cluster", foreign)
    assert new.out.startswith("--- /dev/null\n+++ new.yaml\n")
    assert not site.with_name("new.yaml").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("role/ancient",), "role/ancient cannot be imported: a site has no roles of version v5"),
        (("role/both", "role/dev"), "role/both cannot be imported: role both: app_labels and"),
        (
            ("role/access",),
            "role/access cannot be imported: role access: Teleport has a role of this",
        ),
        (("role/nope",), "role/nope cannot be imported: it is not in the cluster"),
    ],
)
def test_what_was_named_and_cannot_be(
    run: Run, foreign: str, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    """Of what somebody has named, all is written or nothing, with exit code 1 and the reason."""
    ran = run("import", *words, "-o", "site.yaml", "--cluster", foreign)
    assert (ran.code, said in ran.err) == (1, True), ran.err
    assert not (tmp_path / "site.yaml").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("token/x",), "'token/x' is not KIND or KIND/NAME"),
        (("role/",), "'role/' is not KIND or KIND/NAME"),
        (("--dry-run",), "--dry-run shows what -o FILE would write"),
        (("-o", "site.yaml", "--site", "x"), "are for a new site"),
    ],
)
def test_usage(run: Run, site: Path, foreign: str, words: tuple[str, ...], said: str) -> None:
    """A call that makes no sense is told so, with exit code 64."""
    assert site.exists()
    ran = run("import", *words, "--cluster", foreign)
    assert (ran.code, said in ran.err) == (64, True), ran.err


def test_a_site_with_errors(run: Run, site: Path, foreign: str) -> None:
    """A site that has errors of its own is not written into: they are told."""
    site.write_text(SITE.replace("[dev]", "[nowhere]"))
    ran = run("import", "-o", site, "--cluster", foreign)
    assert (ran.code, "PV130" in ran.err) == (1, True)
    assert not site.with_name("site.yaml.bak").exists()


def test_a_bad_name_for_a_new_site(run: Run, foreign: str) -> None:
    """A name that no site can have, and an address that is none, are no options."""
    ran = run("import", "--site", "No Name", "--cluster", foreign)
    assert (ran.code, "no name of a site; 'no-name' is" in ran.err) == (64, True), ran.err
    for words in (("--proxy", "x"), ("--proxy", "\udcff:443"), ("--site", "\udcff")):
        ran = run("import", *words, "--cluster", foreign)
        assert (ran.code, "Traceback" in ran.err) == (64, False), ran.err


def test_no_secret_in_any_output(run: Run, foreign: str, tmp_path: Path) -> None:
    """A literal header value is in no output and no file: the site says where it shall be found."""
    headers = [{"name": "X-Api-Key", "value": "hunter2"}]
    secret = app("secret", uri="mcp+https://h/mcp", rewrite={"headers": headers})
    give(LocalCluster(tmp_path / "cluster.db"), secret)
    ran = run("import", "-o", "site.yaml", "--cluster", foreign)
    assert ran.code == 0
    assert "header X-Api-Key of app/secret is read from SECRET_X_API_KEY: set it" in ran.err
    dry = run("import", "-o", "other.yaml", "--dry-run", "--cluster", foreign)
    for text in (ran.out, ran.err, dry.out, dry.err, (tmp_path / "site.yaml").read_text()):
        assert "hunter2" not in text


def test_a_snapshot(run: Run, foreign: str) -> None:
    """What a snapshot has recorded can be written down without credentials, as the same text."""
    assert run("snapshot", "-o", "live.json", "--cluster", foreign).code == 0
    recorded = run("import", "--cluster", "file:live.json")
    assert (recorded.code, recorded.out) == (0, run("import", "--cluster", foreign).out)


def with_header(name: str, header: str, value: str) -> dict[str, object]:
    headers = [{"name": header, "value": value}]
    return app(name, uri="mcp+https://h/mcp", rewrite={"headers": headers})


def test_each_secret_has_a_variable_of_its_own(run: Run, foreign: str, tmp_path: Path) -> None:
    """No two headers are read from one variable, not even from one that the site has already."""
    cluster = LocalCluster(tmp_path / "cluster.db")
    give(cluster, with_header("one", "X-Key", "hunter2"), with_header("one-x", "Key", "hunter3"))
    give(cluster, with_header("ld", "Preload", "hunter4"), with_header("two", "A", "hunter5"))
    taken = {"name": "B", "value": {"env": "TWO_A"}}
    server = {"labels": {"env": "dev"}, "app": {"uri": "mcp+https://h/mcp", "headers": [taken]}}
    (tmp_path / "site.yaml").write_text(f"{SITE}mcp_servers: {json.dumps({'mine': server})}\n")
    words = ("app/one", "app/one-x", "app/ld", "app/two")
    ran = run("import", *words, "-o", "site.yaml", "--cluster", foreign)
    assert ran.code == 0, ran.err
    assert re.findall(r"header (\S+) of app/(\S+) is read from (\w+):", ran.err) == [
        ("Preload", "ld", "MCP_LD_PRELOAD"),
        ("X-Key", "one", "ONE_X_KEY"),
        ("Key", "one-x", "ONE_X_KEY_2"),
        ("A", "two", "TWO_A_2"),
    ]


def test_what_a_site_has_no_name_for(run: Run, foreign: str, tmp_path: Path) -> None:
    """What only an agent has, by a name that no site can have, is an error where it is named in full."""
    inner = app("S3", labels={"env": "dev"}, mcp={"command": "x"})
    served = {
        "kind": "app_server",
        "version": "v3",
        "metadata": {"name": "S3"},
        "spec": {"app": inner},
    }
    taken = tmp_path / "live.json"
    assert run("snapshot", "-o", taken, "--cluster", foreign).code == 0
    document = json.loads(taken.read_text())
    document["documents"]["app_server"].append(served)
    taken.write_text(json.dumps(document))
    ran = run("import", "app/S3", "--cluster", f"file:{taken}")
    assert (ran.code, "app/S3 cannot be imported: its name cannot stand in a site" in ran.err) == (
        1,
        True,
    )


def test_brackets_stand_for_themselves(run: Run, foreign: str) -> None:
    """In a name `*` alone stands for anything."""
    assert "Imported nothing." in run("import", "role/[do]*", "--cluster", foreign).err
    ran = run("import", "role/?ev", "--cluster", foreign)
    assert (ran.code, "role/?ev cannot be imported" in ran.err) == (1, True)


def test_a_dry_run_says_no_next_step(run: Run, foreign: str) -> None:
    """What was not written cannot be adopted; what is waited for is told."""
    ran = run(
        "import", "role/dev", "-o", "new.yaml", "--dry-run", "--cluster", foreign, "--timings"
    )
    assert (ran.code, "Next:" in ran.err, "reading the cluster" in ran.err) == (0, False, True)
