"""Planted secrets: every command, format, file and error is made, and every byte of it is searched.

A secret may be where it came from, and in the cluster that it is for; nowhere else.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
import pytest

from provisioner import cli
from tests.conftest import ROOT
from tests.contract.conftest import FAKE
from tests.machines import IDENTITY, fake_tsh

MARK: Final = "canary-"
"""With what every planted secret begins."""

RUDE: Final = (sys.executable, str(ROOT / "tests/servers/rude.py"), "well", "[]")
SITE: Final = """\
version: 1
site: acme
teleport: {proxy: example.teleport.sh:443}
mcp_servers:
  files:
    labels: {env: dev}
    tools: [read]
    app:
      uri: mcp+https://files.example/mcp
      headers: [{name: Authorization, value: "Bearer {{internal.id_token}}"}]
  web:
    labels: {env: web}
    tools: [browse]
    app:
      uri: mcp+https://web.example/mcp
      headers: [{name: Authorization, value: "Bearer {{internal.id_token}}"}]
roles: {dev: {app_labels: {env: dev}, tools: [read]}}
bots:
  ci:
    roles: [dev]
    join: {method: token, token_path: /etc/tbot/token}
    identity: {path: IDENTITY}
    clients: [{format: cursor, servers: [files]}]
"""


def app(name: str, env: str, secret: str, **labels: str) -> dict[str, Any]:
    """Return a live server whose header holds a secret in clear."""
    spec = {
        "uri": f"mcp+https://{name}.example/mcp",
        "rewrite": {"headers": [{"name": "Authorization", "value": f"Bearer {MARK}{secret}"}]},
    }
    metadata = {"name": name, "labels": {"env": env, **labels}}
    return {"kind": "app", "version": "v3", "metadata": metadata, "spec": spec}


def token(name: str, method: str, **spec: Any) -> dict[str, Any]:
    """Return a live join token; with the method `token` its name is the secret."""
    ours = {} if name.startswith(MARK) else {"labels": {"provisioner/site": "acme"}}
    spec = {"roles": ["Bot"], "bot_name": "ci", "join_method": method, **spec}
    return {"kind": "token", "version": "v2", "metadata": {"name": name, **ours}, "spec": spec}


OURS: Final = {"provisioner/site": "acme"}
STATIC: Final = {
    "kind": "app_server", "version": "v3", "metadata": {"name": "static"},
    "spec": {"app": app("static", "dev", "static"), "host_id": "h", "hostname": "h"},
}  # fmt: skip
LIVE: Final = (
    app("files", "dev", "header", **OURS),
    app("web", "web", "foreign"),
    app("gone", "dev", "pruned", **OURS),
    STATIC,
    token(f"{MARK}join", "token"),
    token("ours", "bound_keypair", bound_keypair={
        "onboarding": {"registration_secret": f"{MARK}registration"}, "recovery": {"limit": 1}}),
)  # fmt: skip

TELLING: Final[tuple[dict[str, str], ...]] = (
    {},
    {"PROVISION_VERBOSE": "1", "PROVISION_TIMINGS": "1"},
    {"PROVISION_VERBOSE": "1", "PROVISION_LOG_FORMAT": "json", "FORCE_COLOR": "1"},
)

RUNS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "init": (("fresh",),),
    "check": ((), ("--explain", "mcp_servers.files.app.headers"), ("broken.yaml",)),
    "render": (("-o", "out"), ("-o", "out", "--check")),
    "plan": (("--prune",), ("-o", "plan.json", "--summary", "plan.md"), ("broken.yaml",)),
    "drift": ((),),
    "import": ((), ("-o", "site.yaml", "--dry-run"), ("-o", "imported.yaml")),
    "adopt": (("--all", "--dry-run"), ("app/web", "--dry-run")),
    "access matrix": ((), ("--live",)),
    "access who": (("files",), ("files", "--live")),
    "access explain": (("ci", "files", "read"), ("ci", "files", "read", "--live")),
    "tools pull": (
        ("--server", "files", "--", *RUDE, f"--token={MARK}argument"),
        ("--server", "files", "--url", f"http://u:{MARK}user@127.0.0.1:9/x?key={MARK}query"),
    ),
    "tools check": (("--server", "files", "--", *RUDE, f"--token={MARK}argument"),),
    "tools diff": (("--server", "files", "--", *RUDE, f"--token={MARK}argument"),),
    "try": (("ci", "files", "--", "true"),),
    "snapshot": (("-o", "live.json"),),
    "local init": (("c.db", "--from", "live.json"),),
    "install": (
        ("ci", "--client", "cursor=mcp.json", "--tbot", "tbot.yaml", "--dry-run"),
        ("ci", "--client", "cursor=mcp.json", "--tbot", "tbot.yaml", "--yes"),
        ("ci", "--client", "cursor=mcp.json", "--tbot", "tbot.yaml", "--remove", "--yes"),
    ),
    "doctor": ((), ("--bot", "ci")),
    "schema": ((),),
    "apply": (("--yes", "--prune", "--max-delete-share", "100", "--report", "report.json"),),
}
"""Each command with arguments that reach what it can say; those that write come last."""

MAY_HOLD: Final = {
    "state.json", "seed.json", "mcp.json", "mcp.json.bak", "tbot.yaml", "tbot.yaml.bak",
    "identity", "broken.yaml",
}  # fmt: skip
"""Where the secrets were planted, and the files of others that were changed beside them."""


def leaves(
    group: click.Command, words: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    """Yield every command by its words."""
    if not isinstance(group, click.Group):
        yield " ".join(words), group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from leaves(command, (*words, name))


COMMANDS: Final = dict(leaves(cli.provision))


def formats(command: str) -> Sequence[tuple[str, ...]]:
    """Return the options for every format of a command."""
    for parameter in COMMANDS[command].params:
        if "--format" in parameter.opts and isinstance(parameter.type, click.Choice):
            return [("--format", choice) for choice in parameter.type.choices]
    return [()]


def test_every_command_is_audited() -> None:
    """A new command has to come here too."""
    assert RUNS.keys() == COMMANDS.keys()


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where secrets are in the cluster, in files of the machine and in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("provisioner.cli._reach.TCTL_PAUSES", (0.0,))
    key = base64.b64encode(f"{MARK}key".encode()).decode()
    (tmp_path / "id").mkdir()
    (tmp_path / "id/identity").write_text(IDENTITY.replace("bm90IGEga2V5", f"{MARK}{key}"))
    (tmp_path / "site.yaml").write_text(SITE.replace("IDENTITY", str(tmp_path / "id")))
    (tmp_path / "broken.yaml").write_text(
        SITE.replace("IDENTITY", "x").replace("Bearer {{internal.id_token}}", f"Bearer {MARK}site")
        + f"secret_key: {MARK}unknown\n"
    )
    servers = {"other": {"command": "x", "env": {"API_KEY": f"{MARK}client"}}}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": servers}))
    (tmp_path / "tbot.yaml").write_text(
        f"version: v2\nonboarding: {{join_method: token, token: {MARK}tbot}}\nservices: []\n"
    )
    (tmp_path / "seed.json").write_text(json.dumps(LIVE))
    fake_tsh(tmp_path, "[]")
    for name, value in {
        "FAKE_TCTL_STATE": "state.json", "FAKE_TCTL_SEED": "seed.json", "PROVISION_TCTL": str(FAKE),
        "API_TOKEN": f"{MARK}environment", "TELEPORT_AUTH_SERVER": "example.teleport.sh:443",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return tmp_path


def leaks(where: Path, *said: str) -> list[str]:
    """Return whatever shows a secret that it should not: outputs, and files by their paths."""
    found = [text[max(0, at - 200) : at + 60] for text in said if (at := text.find(MARK)) >= 0]
    made = (path for path in where.rglob("*") if path.is_file() and path.name not in MAY_HOLD)
    return found + [f"in {path}" for path in made if MARK.encode() in path.read_bytes()]


def test_no_output_shows_a_secret(
    planted: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No command shows a secret, in any format, on either stream or in any file that it writes."""
    number, codes = 0, []
    for command, variants in RUNS.items():
        for arguments in variants:
            for layout in formats(command):
                for name in ("VERBOSE", "TIMINGS", "LOG_FORMAT"):
                    monkeypatch.delenv(f"PROVISION_{name}", raising=False)
                for name, value in TELLING[number % len(TELLING)].items():
                    monkeypatch.setenv(name, value)
                number += 1
                before, dash, after = partition(arguments)
                code = cli.main([*command.split(), *before, *layout, *dash, *after])
                said = capfd.readouterr()
                assert leaks(planted, said.out, said.err) == [], (command, arguments, layout)
                assert "defect of provision" not in said.err, said.err
                assert code != 64 or "--explain" in arguments, (command, arguments, layout)
                codes.append(code)
    assert codes.count(0) > len(codes) / 2


def partition(
    arguments: tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Part the arguments at `--`."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at : at + 1], arguments[at + 1 :]


def test_the_secrets_were_within_reach(planted: Path) -> None:
    """What is searched for was there to be found: the cluster shows each of them when asked."""
    text = (planted / "seed.json").read_text()
    for secret in ("header", "foreign", "pruned", "static", "join", "registration"):
        assert f"{MARK}{secret}" in text


@pytest.mark.parametrize(
    "rule",
    [
        f"create:app/web=cannot take Bearer {MARK}foreign",
        f"create:app/web=>broken after Bearer {MARK}foreign",
    ],
)
def test_no_error_of_tctl_shows_a_secret_that_was_sent(
    planted: Path, rule: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """When tctl repeats in its error what it was sent, the secrets in that are blanked."""
    monkeypatch.setenv("FAKE_TCTL_FAIL", rule)
    monkeypatch.setenv("PROVISION_VERBOSE", "1")
    code = cli.main(["adopt", "app/web", "--yes", "--report", "report.json"])
    said = capfd.readouterr()
    assert ("<secret>" in said.out + said.err) is (code == 1)
    assert (code == 0) is (">" in rule), "what arrived before the answer was lost is done"
    assert leaks(planted, said.out, said.err) == []


@pytest.mark.parametrize("garbage", ["truncated", "html", "ansi", "binary", "scalar"])
def test_no_answer_that_makes_no_sense_shows_a_secret(
    planted: Path,
    garbage: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Of an answer that is cut off or is none, no part is shown that holds a secret."""
    monkeypatch.setenv("FAKE_TCTL_GARBAGE", garbage)
    for argv in (["plan", "--prune"], ["snapshot", "-o", "live.json"], ["doctor"]):
        assert cli.main(argv) == 1
        said = capfd.readouterr()
        assert leaks(planted, said.out, said.err) == []


@pytest.mark.parametrize(
    "line",
    [
        f'headers: [{{name: A, value: "Bearer {MARK}x]',
        f"headers: [{{name: A, value: {MARK}x}}}}]",
        f"  registration_secret: '{MARK}x",
        f"password: [{MARK}x",
        f"initial_join_secret: {{{MARK}x: ]",
        f"\ttoken: {MARK}x",
        f"anything: !t {MARK}x",
        f"any: {{thing: !t {MARK}x}}",
    ],
)
def test_no_syntax_error_shows_a_secret(
    planted: Path, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line that is no YAML is shown without what stands behind a key that sounds like a secret."""
    (planted / "broken.yaml").write_text(f"version: 1\nsite: acme\nx:\n  {line}\n")
    for layout in ("text", "json", "github", "sarif", "junit"):
        assert cli.main(["check", "broken.yaml", "--format", layout]) == 1
        said = capfd.readouterr()
        assert leaks(planted, said.out, said.err) == []


HEARD: Final = """\
from pathlib import Path
class Plugin:
    def new_schema_validator(self, *_):
        Path(__file__).with_name("heard").touch()
        return None, None, None
plugin = Plugin()
"""


def test_no_plugin_hears_what_servers_say(tmp_path: Path) -> None:
    """Pydantic hands each value to the plugins that other packages bring; it is not to look for any."""
    about = tmp_path / "listening-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: listening\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[pydantic]\nlistening = listening:plugin\n")
    (tmp_path / "listening.py").write_text(HEARD)
    (tmp_path / "site.yaml").write_text(SITE.replace("IDENTITY", "/opt/identity"))
    server = (sys.executable, str(ROOT / "tests/servers/rude.py"), "well", '[{"name": "a"}]')
    pull = ("tools", "pull", "site.yaml", "--server", "files", "--", *server)
    argv = [sys.executable, "-m", "provisioner", *pull]
    path = os.pathsep.join((str(ROOT), str(tmp_path)))
    ran = subprocess.run(argv, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert ran.returncode == 0
    assert not (tmp_path / "heard").exists()
