"""The roles of examples/pipeline: with them everything works, and without any one verb something fails.

The embedded cluster enforces what Teleport does (`local:PATH?as=ROLE`), and the stand-in for tctl is
denied whatever a role does not allow.
"""

from __future__ import annotations

import copy
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from provisioner import cli
from provisioner.cluster.local import create
from provisioner.cluster.teleport.caller import IMPLICIT
from provisioner.rbac.access import Identity, Server, connect, could_call
from provisioner.rbac.patterns import compile_pattern
from tests.conftest import ROOT
from tests.contract.conftest import FAKE

VERBS: Final = ("list", "read", "create", "update", "delete")
KINDS: Final = ("role", "bot", "app", "app_server", "token")


def example(name: str) -> dict[str, Any]:
    """Return a role as the example has it."""
    found: dict[str, Any] = yaml.safe_load(
        (ROOT / f"examples/pipeline/{name}-role.yaml").read_text()
    )
    return found


APPLY: Final = example("apply")
PLAN: Final = example("plan")
GRANTED: Final = tuple(
    (kind, verb)
    for rule in APPLY["spec"]["allow"]["rules"]
    for kind in rule["resources"]
    for verb in rule["verbs"]
)
HEAD: Final = "version: 1\nsite: acme\nteleport: {proxy: example.teleport.sh:443}\n"
SITE: Final = """\
mcp_servers:
  files: {{labels: {{env: dev}}, app: {{command: files, args: [{text}], run_as_host_user: mcp}}}}
roles:
  reader: {{app_labels: {{env: dev}}, tools: [{text}]}}
  legacy: {{app_labels: {{env: old}}, tools: [read]}}
bots:
  ours:
    roles: [reader]
    traits: {{team: {text}}}
    join: {{method: github, allow: [{{repository: acme/{text}}}]}}
    identity: {{path: /opt/machine-id}}
  theirs: {{roles: [reader]}}
"""
FIRST: Final = HEAD + SITE.format(text="one")
SECOND: Final = HEAD + SITE.format(text="two")
NOTHING: Final = HEAD + "mcp_servers: {}\nroles: {}\nbots: {}\n"
LIVE: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "role", "version": "v8", "metadata": {"name": "legacy"}, "spec": {
        "allow": {"app_labels": {"env": "old"}, "mcp": {"tools": ["read"]}}}},
    {"kind": "role", "version": "v8", "metadata": {"name": "other"}, "spec": {}},
    {"kind": "bot", "version": "v1", "metadata": {"name": "theirs"}, "spec": {"roles": ["other"]}},
)  # fmt: skip

JOURNEY: Final = (
    ("doctor", FIRST, ("doctor",)),
    ("plan", FIRST, ("plan", "site.yaml")),
    ("adopt", FIRST, ("adopt", "role/legacy", "site.yaml", "--yes")),
    ("create", FIRST, ("apply", "site.yaml", "--yes")),
    ("drift", FIRST, ("drift", "site.yaml")),
    ("snapshot", FIRST, ("snapshot", "-o", "live.json")),
    ("change", SECOND, ("apply", "site.yaml", "--yes")),
    ("delete", NOTHING, ("apply", "site.yaml", "--yes", "--prune", "--max-delete-share", "100")),
    ("nothing left", NOTHING, ("plan", "site.yaml", "--prune", "--detailed-exitcode")),
)
"""All that can be done to a cluster: the name of a step, the site as it is then, the command."""

FAILS_AT: Final = {
    "role": {
        "list": "doctor",
        "read": "doctor",
        "create": "create",
        "update": "adopt",
        "delete": "delete",
    },
    "bot": {
        "list": "doctor",
        "read": "create",  # of a bot of others, before it is granted a role
        "create": "create",
        "update": "create",  # the same
        "delete": "delete",
    },
    "app": {"create": "create", "update": "change", "delete": "delete"},
    "token": {
        "list": "plan",
        "read": "plan",
        "create": "create",
        "update": "create",  # Teleport asks for both, whether there is one or not
        "delete": "delete",
    },
}
"""Where the journey ends without one verb."""


def without(role: dict[str, Any], kind: str, verb: str) -> dict[str, Any]:
    """Return a role that lacks one verb on one kind."""
    role = copy.deepcopy(role)
    rules = [
        {"resources": [each], "verbs": [v for v in rule["verbs"] if (each, v) != (kind, verb)]}
        for rule in role["spec"]["allow"]["rules"]
        for each in rule["resources"]
    ]
    role["spec"]["allow"]["rules"] = rules
    return role


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("provisioner.cli._reach.TCTL_PAUSES", (0.0,))
    return tmp_path


def embedded(role: dict[str, Any]) -> str:
    """Make a cluster in which `role` lives, and return how to use it with that role."""
    create(Path("c.db"), name="acme", version="18.8.3", documents=(*LIVE, role))
    return f"local:c.db?as={role['metadata']['name']}"


def journey(cluster: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Make the journey; return the step at which it ends, and what was said then."""
    for step, site, argv in JOURNEY:
        Path("site.yaml").write_text(site)
        code = cli.main([*argv, "--cluster", cluster])
        said = capsys.readouterr()
        if code:
            return step, said.out + said.err
    return "", ""


@pytest.mark.usefixtures("here")
def test_the_role_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    """With exactly the role of the example, every command works."""
    assert journey(embedded(APPLY), capsys) == ("", "")


@pytest.mark.parametrize(("kind", "verb"), GRANTED)
@pytest.mark.usefixtures("here")
def test_no_verb_can_be_spared(kind: str, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without any one verb of the role, a step fails, and the error names the verb and the kind."""
    step, said = journey(embedded(without(APPLY, kind, verb)), capsys)
    assert step == FAILS_AT[kind][verb]
    assert f'access denied to perform action "{verb}" on "{kind}"' in said
    assert "let the identity in use have a role whose rules allow" in said or "no  read" in said


def test_every_verb_is_accounted_for() -> None:
    """The table above is about the verbs of the role, all of them and no others."""
    assert sorted(GRANTED) == sorted((k, v) for k, verbs in FAILS_AT.items() for v in verbs)


@pytest.mark.usefixtures("here")
def test_labels_cannot_be_spared(capsys: pytest.CaptureFixture[str]) -> None:
    """Without its app_labels the role may not create a server, and the error says which labels."""
    blind = copy.deepcopy(APPLY)
    del blind["spec"]["allow"]["app_labels"]
    step, said = journey(embedded(blind), capsys)
    assert step == "create"
    assert "access to app denied" in said
    assert "app_labels match that app" in said


@pytest.mark.parametrize("role", [APPLY, PLAN], ids=["apply", "plan"])
def test_the_roles_call_no_tool(role: dict[str, Any]) -> None:
    """Whoever plans or applies sees MCP servers, may call no tool of any, and sees no other app."""
    caller = Identity("deployer", (role,))
    server = Server("files", {"teleport.internal/app-sub-kind": "mcp", "env": "dev"})
    assert connect(caller, server).allowed
    assert could_call(caller, server, compile_pattern("*")).value is False
    assert not connect(caller, Server("web", {"env": "dev"})).allowed


PLANNING: Final = ("doctor", "plan", "drift", "snapshot")


@pytest.mark.usefixtures("here")
def test_the_planning_role_is_enough_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    """With the role for plans, all that only looks works."""
    cluster = embedded(PLAN)
    for step, site, argv in JOURNEY:
        if step in PLANNING:
            Path("site.yaml").write_text(site)
            assert cli.main([*argv, "--cluster", cluster]) == 0, capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_the_planning_role_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """With the role for plans, an apply changes nothing and says that it may not."""
    cluster = embedded(PLAN)
    before = documents()
    Path("site.yaml").write_text(FIRST.replace("  legacy", "  fresh"))
    assert cli.main(["apply", "site.yaml", "--yes", "--cluster", cluster]) == 1
    assert "access denied to perform action" in "".join(capsys.readouterr())
    assert documents() == before


def documents() -> list[tuple[str, str, str]]:
    """Return all that lives in the embedded cluster."""
    with closing(sqlite3.connect("c.db")) as db:
        return db.execute("SELECT * FROM document ORDER BY kind, name").fetchall()


def denials(role: dict[str, Any]) -> Iterator[str]:
    """Yield what the stand-in has to deny to somebody who holds `role`, and no more."""
    allowed = {(kind, verb) for kind, verbs in IMPLICIT.items() for verb in verbs}
    for rule in role["spec"]["allow"]["rules"]:
        allowed |= {(kind, verb) for kind in rule["resources"] for verb in rule["verbs"]}
    for kind in KINDS:
        missing = [verb for verb in VERBS if (kind, verb) not in allowed]
        if missing:
            yield f"{kind}:{'+'.join(missing)}"


@pytest.fixture
def through_tctl(here: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Return what makes the stand-in deny all that a role does not allow."""

    def deny(role: dict[str, Any]) -> None:
        (here / "seed.json").write_text(json.dumps(LIVE))
        monkeypatch.setenv("FAKE_TCTL_SEED", str(here / "seed.json"))
        monkeypatch.setenv("FAKE_TCTL_STATE", str(here / "state.json"))
        monkeypatch.setenv("FAKE_TCTL_DENY", ",".join(denials(role)))
        monkeypatch.setenv("PROVISION_TCTL", str(FAKE))

    return deny


def test_the_role_is_enough_through_tctl(
    through_tctl: Callable[[dict[str, Any]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """With exactly the verbs of the example, every command works through tctl too."""
    through_tctl(APPLY)
    assert os.environ["FAKE_TCTL_DENY"] == "app_server:create+update+delete"
    assert journey("tctl", capsys) == ("", "")


@pytest.mark.heavy
@pytest.mark.parametrize(("kind", "verb"), GRANTED)
def test_no_verb_can_be_spared_through_tctl(
    kind: str,
    verb: str,
    through_tctl: Callable[[dict[str, Any]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without any one verb of the role, the same step fails through tctl."""
    through_tctl(without(APPLY, kind, verb))
    step, said = journey("tctl", capsys)
    assert step == FAILS_AT[kind][verb]
    assert f'action "{verb}" on "{kind}"' in said
