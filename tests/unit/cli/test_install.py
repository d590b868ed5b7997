from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner import cli
from provisioner.cli import USAGE
from provisioner.system import outdir
from tests.conftest import ROOT
from tests.machines import IDENTITY, fake_tsh, listing, rendered, site_text
from tests.sites import HEAD, write

THEIRS = '{\n  "mcpServers": {\n    "gh": {"env": {"TOKEN": "hush"}}\n  }\n}\n'
TBOT = "version: v2\nproxy_server: example.teleport.sh:443\nonboarding: {token: hush}\n"


class Here:
    """A machine with a site, a home and a project, and what a command says there."""

    def __init__(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.place, self._capsys = place, capsys
        self.out = self.err = ""

    def run(self, *argv: str) -> int:
        """Run `provision` and return its exit code; what it said is in `out` and `err`."""
        code = cli.main(argv)
        self.out, self.err = self._capsys.readouterr()
        return code

    def install(self, *argv: str) -> int:
        return self.run("install", "ci", *argv)

    def servers(self, name: str) -> set[str]:
        return set(json.loads((self.place / name).read_text())["mcpServers"])


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """Return a machine whose bot has a client of several formats."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("CODEX_HOME", "COPILOT_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home/.cursor").mkdir(parents=True)
    (tmp_path / "home/.cursor/mcp.json").write_text(THEIRS)
    clients = ("cursor", "codex", "claude-code", "langgraph", "command", "copilot")
    write(tmp_path, site_text(*clients))
    return Here(tmp_path, capsys)


class TestInstall:
    def test_what_is_shown_and_done(self, here: Here) -> None:
        """The difference goes to stdout; what was written and must be restarted, to stderr."""
        path = here.place / "home/.cursor/mcp.json"
        assert here.install("--client", "cursor", "--yes") == 0
        assert here.out.startswith(f"{path} (cursor)\n  + search\n--- {path}\n+++ {path}\n@@ -")
        assert '+    "search": {' in here.out
        assert here.err == (
            f"{path}: written, the old one is {path}.bak\n"
            "  = reload the MCP servers in Cursor's settings\n"
        )
        assert here.servers("home/.cursor/mcp.json") == {"gh", "search"}

    def test_again(self, here: Here) -> None:
        """A second install says that there is nothing to do, and needs no --yes."""
        here.install("--client", "cursor", "--yes")
        assert here.install("--client", "cursor") == 0
        assert here.out.endswith("(cursor)\n  nothing to change\n")
        assert here.err == ""

    def test_no_secret_of_others_is_shown(self, here: Here) -> None:
        """What other entries and a tbot.yaml hold is not shown, in no stream."""
        (here.place / "tbot.yaml").write_text(TBOT)
        assert here.install("--tbot", "tbot.yaml", "--client", "cursor", "--yes") == 0
        assert "onboarding differs from the site's in join_method and token" in here.out
        assert "TOKEN" in here.out
        assert "hush" not in here.out + here.err
        assert "hush" in (here.place / "tbot.yaml").read_text()

    def test_a_dry_run_writes_nothing(self, here: Here) -> None:
        """With --dry-run all is shown, nobody is asked, and no file is made."""
        before = sorted(here.place.rglob("*"))
        assert (
            here.install("--client", "cursor", "--client", "codex", "--tbot", "t", "--dry-run") == 0
        )
        assert here.out.count("+++ ") == 3
        assert sorted(here.place.rglob("*")) == before

    def test_nobody_to_ask(self, here: Here) -> None:
        """Without a terminal and without --yes nothing is written."""
        assert here.install("--client", "cursor") == 3
        assert "stdin is not a terminal" in here.err
        assert here.servers("home/.cursor/mcp.json") == {"gh"}

    def test_clients_of_a_project_and_of_a_user(self, here: Here) -> None:
        """Without a file each client's own place is taken: in the project, or in the home."""
        argv = ("--client", "claude-code", "--client", "codex", "--client", "copilot")
        assert here.install(*argv, "--yes") == 0
        assert here.servers(".mcp.json") == {"search"}
        assert (here.place / "home/.codex/config.toml").is_file()
        assert here.servers("home/.copilot/mcp-config.json") == {"search"}

    def test_a_file_of_ones_own(self, here: Here) -> None:
        """With FORMAT=FILE any path is taken, also one from the home."""
        assert (
            here.install("--client", "langgraph=a/b=c.json", "--client", "cursor=~/c.json", "--yes")
            == 0
        )
        assert set(json.loads((here.place / "a/b=c.json").read_text())) == {"search"}
        assert here.servers("home/c.json") == {"search"}

    def test_a_directory_instead_of_a_site(self, here: Here) -> None:
        """A machine that has only the bot's rendered files needs no site."""
        outdir.write(here.place / "out", rendered(here.place, site_text("cursor")))
        (here.place / "site.yaml").unlink()
        assert here.install("--from", "out", "--client", "cursor", "--tbot", "t.yaml", "--yes") == 0
        assert here.servers("home/.cursor/mcp.json") == {"gh", "search"}
        assert (here.place / "t.yaml").read_text() == (here.place / "out/tbot/ci.yaml").read_text()

    def test_removing(self, here: Here) -> None:
        """--remove needs neither site nor directory, and takes out what was put in."""
        argv = ("--client", "cursor", "--tbot", "t.yaml")
        here.install(*argv, "--yes")
        (here.place / "site.yaml").unlink()
        assert here.install(*argv, "--remove", "--yes") == 0
        assert "  - search\n" in here.out
        assert f"{here.place / 't.yaml'}: removed\n  = systemctl reload tbot" in here.err
        assert (here.place / "home/.cursor/mcp.json").read_text() == THEIRS
        assert here.install(*argv, "--remove") == 0
        assert here.out.count("nothing of ours in it") == 2

    def test_edited_and_taken_over(self, here: Here) -> None:
        """What somebody edited is said to be overwritten, what was there already to be ours now."""
        path = here.place / ".mcp.json"
        here.install("--client", "claude-code", "--yes")
        path.write_text(
            path.read_text().replace('"search"\n', '"search", "edited"\n').replace("tsh", "x")
        )
        assert here.install("--client", "claude-code", "--yes") == 0
        assert "~ search, edited by somebody since it was installed: this overwrites it" in here.out
        (here.place / "..mcp.json.provision.json").unlink()
        assert here.install("--client", "claude-code") == 0
        assert "= search, is there already: ours from now on" in here.out
        assert here.err == f"{path}: is as it shall be\n"

    def test_conflicts(self, here: Here) -> None:
        """Entries of somebody else are `!` lines with the cure, and stop all before a write."""
        (here.place / ".mcp.json").write_text('{"mcpServers": {"search": {"command": "mine"}}}')
        (here.place / "t.yaml").write_text("services: []\n")
        argv = ("--client", "claude-code", "--client", "cursor", "--tbot", "t.yaml", "--yes")
        assert here.install(*argv) == 3
        assert (
            "(claude-code)\n"
            "  ! search is there already, says something else and was not put there by provision\n"
            "      = remove it, or give ours another name in the site"
        ) in here.out
        assert "  ! it has no `version`: tbot reads it as v1, the legacy format\n" in here.out
        assert here.err == (
            f"error: {here.place / 't.yaml'}: 1 conflict\n"
            f"error: {here.place / '.mcp.json'}: 1 conflict\n"
            "  = nothing was written; each line with ! says what to do\n"
        )
        assert here.servers("home/.cursor/mcp.json") == {"gh"}
        assert here.install(*argv, "--dry-run") == 3

    def test_files_that_are_broken(self, here: Here) -> None:
        """Each file that cannot be merged into is told with its place, its line and its cure."""
        (here.place / "a.json").write_text('{"mcpServers": {"a": {"token": "hush" "x"}}}\n')
        (here.place / "b.toml").write_text("a = 1 2\n")
        argv = ("--client", "cursor=a.json", "--client", "codex=b.toml")
        assert here.install(*argv, "--yes") == 1
        first, second = here.err.split("error: ")[1:]
        assert first.startswith(f"{here.place / 'a.json'}:1:39: ")
        assert '  = {"mcpServers": {"a": {"token": ' in first
        assert second.startswith(f"{here.place / 'b.toml'}:1:7: not TOML: ")
        assert all("nothing was changed; mend the file" in each for each in (first, second))
        assert "hush" not in here.err

    def test_several_ways_to_join(self, here: Here) -> None:
        """With several ways to join one is named; without a name the choices are told."""
        ways = "[{method: iam, allow: [{aws_account: '1'}]}, {method: gcp, allow: [{project_ids: [a]}]}]"
        rest = site_text("cursor").replace(
            '{method: kubernetes, allow: [{service_account: "agents:ci"}]}', ways
        )
        write(here.place, rest)
        assert here.run("render", "-o", "out") == 0
        for source in ((), ("--from", "out")):
            assert here.install(*source, "--tbot", "t.yaml", "--yes") == 1
            assert here.err == (
                "error: bot ci has 2 ways to join, each with a tbot.yaml of its own\n"
                "  = --join iam for tbot/ci.yaml\n"
                "  = --join gcp for tbot/ci.gcp.yaml\n"
            )
            for join in ("gcp", "iam"):
                assert here.install(*source, "--tbot", "t.yaml", "--join", join, "--yes") == 0
                assert f"join_method: {join}\n" in (here.place / "t.yaml").read_text()
        assert here.install("--tbot", "t.yaml", "--remove", "--join", "iam", "--yes") == 0
        assert not (here.place / "t.yaml").exists()
        assert here.install("--from", "out", "--client", "cursor", "--yes") == 0

    def test_a_machine_that_was_given_one_way_to_join(self, here: Here) -> None:
        """A machine with the file of one way to join installs it, and can be examined, without a name."""
        write(here.place, site_text("cursor").replace("/opt/machine-id", str(here.place / "id")))
        assert here.run("render", "-o", "out") == 0
        (here.place / "out/tbot/ci.yaml").rename(here.place / "out/tbot/ci.gcp.yaml")
        assert here.install("--from", "out", "--tbot", "t.yaml", "--yes") == 0
        assert (here.place / "t.yaml").is_file()
        assert here.run("doctor", "--bot", "ci", "--from", "out") == 1
        assert f"{here.place / 'id/identity'}: cannot read" in here.out

    def test_a_client_that_cannot_read_its_file(self, here: Here) -> None:
        """A strict client whose file has comments ignores it: that is told."""
        (here.place / ".mcp.json").write_text("{} // mine\n")
        assert here.install("--client", "claude-code", "--dry-run") == 0
        assert "warning: it has comments: this client reads strict JSON" in here.out

    def test_text_of_files_cannot_play_with_the_terminal(self, here: Here) -> None:
        """Escape sequences in a file are shown as text."""
        (here.place / ".mcp.json").write_text('{\n"\u202e": 1}\n')
        assert here.install("--client", "claude-code", "--dry-run") == 0
        assert "\u202e" not in here.out
        assert "\\u202e" in here.out

    @pytest.mark.parametrize(
        ("argv", "code", "message"),
        [
            ((), USAGE, "say what to install: --tbot FILE, --client FORMAT[=FILE]"),
            (("--client", "emacs"), USAGE, "--client emacs: there are claude-desktop"),
            (("--client", "command"), 1, "copy clients/ci/command.txt from what `provision render"),
            (("--client", "cursor", "--join", "iam"), USAGE, "--join goes with --tbot"),
            (("--tbot", "t", "--join", "iam"), 1, "no way to join that is called iam"),
            (("--client", "goose"), 1, "it has claude-code, cursor, codex"),
            (("--client", "langgraph"), 1, "say where: --client langgraph=FILE"),
            (("--client", "claude-code=~/.claude.json"), 3, "rewrites it all the time"),
            (("site.yaml", "--from", ".", "--tbot", "t"), USAGE, "SITE or --from DIR, not both"),
            (("--from", "nowhere", "--tbot", "t"), USAGE, "does not exist"),
            (("other.yaml", "--tbot", "t"), 1, "there is no such file"),
            (("--tbot", "t", "--tbot-user", "nobody-of-that-name", "--yes"), 1, "there is no user"),
            (("--client", "codex=/"), 1, "/: is a directory"),
        ],
    )  # fmt: skip
    def test_what_cannot_be(
        self, argv: tuple[str, ...], code: int, message: str, here: Here
    ) -> None:
        """What is missing or impossible is told, with what there is instead."""
        assert here.install(*argv) == code
        assert message in here.err.replace("\n  = ", " ")
        assert not (here.place / "t").exists()

    def test_a_bot_that_is_not_there(self, here: Here) -> None:
        """A bot that the site does not name, or that has no identity, is told."""
        assert here.run("install", "other", "--tbot", "t") == 1
        assert "nothing is rendered for bot other" in here.err

    def test_where_tbot_writes_is_looked_at(self, here: Here) -> None:
        """With a tbot.yaml the directory of the identity is looked at, for tbot's user if named."""
        write(here.place, site_text("cursor").replace("/opt/machine-id", str(here.place / "id")))
        assert here.install("--tbot", "t", "--yes", "--tbot-user", "root") == 0
        assert f"tbot's user root may write to {here.place}" in here.err

    def test_an_identity_that_a_client_cannot_read(self, here: Here) -> None:
        """With clients alone only what is wrong with the identity is told."""
        argv = ("--client", "cursor", "--tbot-user", "nobody", "--yes")
        write(here.place, site_text("cursor").replace("/opt/machine-id", str(here.place / "id")))
        (here.place / "id").mkdir(mode=0o700)
        assert here.install(*argv) == 0
        assert f"no  tbot             tbot's user nobody may not write to {here.place}" in here.err
        assert here.install(*argv[:2]) == 0
        assert here.err == ""


class TestTheQuestion:
    @pytest.mark.parametrize(("answer", "code", "installed"), [("yes", 0, True), ("y", 3, False)])
    def test_only_yes_is_a_yes(self, answer: str, code: int, installed: bool, here: Here) -> None:
        """On a terminal the difference is shown, the question asked, and any other answer a no."""
        controller, terminal = pty.openpty()
        start = "from provisioner.cli import entry_point; entry_point()"
        child = subprocess.Popen(
            [sys.executable, "-c", start, "install", "ci", "--client", "cursor"],
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        os.close(terminal)
        os.write(controller, f"{answer}\n".encode())
        out, err = child.communicate(timeout=30)
        os.close(controller)
        assert child.returncode == code
        assert "+ search" in out
        assert "Write 1 file? Only `yes` is a yes" in err
        assert ("search" in here.servers("home/.cursor/mcp.json")) is installed


class TestDoctor:
    @pytest.fixture
    def machine(self, here: Here) -> Here:
        """Return a machine that was installed, with an identity and a tsh."""
        tsh = fake_tsh(here.place, listing(search=["*"]))
        (here.place / "identity").write_text(IDENTITY)
        head = HEAD.replace("443}", f"443, tsh: {tsh}}}")
        rest = site_text("cursor").replace("/opt/machine-id", str(here.place))
        write(here.place, rest.replace("  ci:", "  example:"), head=head)
        return here

    def test_a_machine(self, machine: Here) -> None:
        """Each thing that was looked at is a line; what is not well has its cure, and exit code 1."""
        assert machine.run("doctor", "--bot", "example") == 1
        lines = machine.out.splitlines()
        assert lines[0].startswith("ok  reader           ")
        assert lines[1] == "ok  identity         is bot example's"
        assert lines[2].startswith("no  fresh            ")
        assert lines[3].startswith("    = ")

    def test_a_directory(self, machine: Here) -> None:
        """The rendered files of the bot are enough."""
        assert machine.run("render", "-o", "out") == 0
        (machine.place / "site.yaml").unlink()
        assert machine.run("doctor", "--bot", "example", "--from", "out", "--user", "root") == 1
        assert machine.out.startswith("ok  reader           root may read ")

    @pytest.mark.parametrize(
        ("argv", "code", "message"),
        [
            (("--user", "root"), USAGE, "--from and --user go with --bot"),
            (("--bot", "other"), 1, "bots with an identity: example"),
            (("--bot", "example", "--user", "nobody-of-that-name"), 1, "there is no user"),
        ],
    )
    def test_what_cannot_be(
        self, argv: tuple[str, ...], code: int, message: str, machine: Here
    ) -> None:
        """Options that do not go together, and names that are not there, are told."""
        assert machine.run("doctor", *argv) == code
        assert message in machine.err

    def test_the_workstation_as_before(self, machine: Here) -> None:
        """Without --bot the way to the cluster is looked at."""
        assert machine.run("local", "init", "c.db") == 0
        assert machine.run("doctor", "site.yaml", "--cluster", "local:c.db") == 0
        assert "ok  read role" in machine.out
