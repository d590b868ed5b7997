"""What is disturbed: commands in directories of their own, and what holds there whatever happens."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import click

from provisioner import workflow
from provisioner.cli import COMMANDS, _base, entry_point, provision
from provisioner.cluster.kinds import KINDS
from provisioner.cluster.local import LocalCluster, create
from provisioner.cluster.port import Scope
from provisioner.values import thaw
from tests.faults import steps

TEMPORARY: Final = re.compile(r"\..+\.provision-[0-9a-f]{16}(-wal|-shm|-journal)?")
"""What a file is called until it takes the place of the old one."""

HEAD: Final = """\
version: 1
site: acme
teleport: {proxy: example.teleport.sh:443}
mcp_servers:
  files: {labels: {env: dev}, app: {command: files, run_as_host_user: nobody}}
"""
BEFORE: Final = f"""{HEAD}\
roles:
  dev: {{app_labels: {{env: dev}}, tools: ['read_*']}}
  old: {{app_labels: {{env: dev}}, tools: [drop]}}
bots:
  ci: &ci
    roles: [dev, old]
    identity: {{path: /opt/id}}
    clients: [{{format: cursor, servers: [files]}}]
"""
AFTER: Final = (
    BEFORE.replace("read_*']", "read_*', list]")
    .replace("  old:", "  new:")
    .replace("[dev, old]", "[dev, new]")
    .replace("&ci", "")
    + "  theirs: {roles: [new]}\n"
)
SMALL: Final = """\
version: 1
site: acme
teleport: {proxy: example.teleport.sh:443}
roles:
  new: {app_labels: {env: dev}, tools: [search]}
bots:
  theirs: {roles: [new]}
"""
FOREIGN: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "kind": "role", "version": "v8", "metadata": {"name": "access"},
        "spec": {"allow": {"logins": ["root"]}},
    },
    {
        "kind": "bot", "version": "v1", "metadata": {"name": "theirs"},
        "spec": {"roles": ["access"]},
    },
)  # fmt: skip
"""What is somebody else's: a role that is not to be touched, and a bot that gains a role of ours."""


def program(root: Path, *argv: str, state: str = "state", said: str = "") -> Callable[[], int]:
    """Return the command `provision` with these arguments, for a fork to be; streams are files.

    Locks are in the directory `state`. What it says is in `out` and `err`, or both in `said`.
    """

    def be() -> int:
        os.chdir(root)
        for name in [n for n in os.environ if n.startswith(("PROVISION_", "TELEPORT_"))]:
            del os.environ[name]
        os.environ |= {"HOME": str(root), "PROVISION_STATE_DIR": str(root / state)}
        streams = ((os.devnull, os.O_RDONLY), (said or "out", _NEW), (said or "err", _NEW))
        for number, (name, flags) in enumerate(streams):
            os.dup2(os.open(name, flags, 0o644), number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
        sys.argv = ["provision", *argv]
        try:
            entry_point()
        except SystemExit as end:
            return int(end.code or 0)
        return 70

    return be


_TAKEN: Final = re.compile(rb'"taken": "[^"]*"')
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_STREAMS: Final = ("out", "err")


def preload() -> None:
    """Do once for all forks what no step is about: imports, the model of a site, our templates."""
    for name in COMMANDS:
        provision.get_command(click.Context(provision), name)
    _base.load_templates = cache(_base.load_templates)
    with tempfile.TemporaryDirectory() as place:
        site = Path(place, "site.yaml")
        site.write_text(AFTER)
        assert workflow.prepare(site, _base.load_templates(None)).rendered.files
    gc.freeze()  # a fork copies no page only because garbage was looked for


def is_harness(step: steps.Step) -> bool:
    """Whether a step is that of `program` itself, before the command begins."""
    return step.call.startswith("open") and step.path.name in _STREAMS


def done(root: Path, *argv: str) -> None:
    """Run a command undisturbed. Raises AssertionError with what it said if it fails."""
    ended = steps.run(program(root, *argv), root / "nowhere")
    assert ended.code == 0, (argv, said(root))


def said(root: Path) -> str:
    """Return what the last command has said."""
    return "".join((root / name).read_text() for name in _STREAMS if (root / name).exists())


def files(root: Path) -> dict[str, bytes]:
    """Return the content of every file but those of clusters, and what the command said."""
    return {
        str(path.relative_to(root)): _TAKEN.sub(b"", path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.parent.name not in ("state", "other")
        and path.name != "said"
        and not path.name.startswith("c.db")
        and str(path.relative_to(root)) not in _STREAMS
    }


def cluster(root: Path) -> dict[str, Any]:
    """Return what lives in the cluster, by key; ours without revisions, which every write renews."""
    if not (root / "c.db").exists():
        return {}
    live = {}
    for body in map(thaw, LocalCluster(root / "c.db").read(Scope(tuple(KINDS), "acme"))):
        if "provisioner/site" in (body["metadata"].get("labels") or {}):
            body["metadata"].pop("revision", None)
        live[f"{body['kind']}/{body['metadata']['name']}"] = body
    return live


@dataclass(frozen=True)
class Case:
    """A command, and what builds the directory in which it is run.

    `report` is the file in which it says what it did. `again` are exit codes that a second run may
    end with besides 0.
    """

    name: str
    build: Callable[[Path], None]
    argv: tuple[str, ...]
    report: str = ""
    again: tuple[int, ...] = ()


def _cluster(root: Path, before: str, after: str) -> None:
    create(root / "c.db", name="example.teleport.sh", version="18.8.3", documents=FOREIGN)
    (root / "site.yaml").write_text(before)
    if before:
        done(root, "apply", "--yes", "--cluster", "local:c.db", "-o", "files")
    (root / "site.yaml").write_text(after)


def _small(root: Path) -> None:
    _cluster(root, "", SMALL)


def _large(root: Path) -> None:
    _cluster(root, BEFORE, AFTER)


def _install(root: Path) -> None:
    (root / "site.yaml").write_text(AFTER)
    (root / "tbot.yaml").write_text("# ours\nversion: v2\nservices:\n  - type: example\n")
    (root / "mcp.json").write_text('{\n  // kept\n  "mcpServers": {"mine": {"command": "x"}}\n}\n')
    done(root, "render", "-o", "files")


def _installed(root: Path) -> None:
    (root / "site.yaml").write_text(BEFORE)
    _install(root)
    done(root, *_INSTALL)


def _snapshot(root: Path) -> None:
    _large(root)
    done(root, "snapshot", "--cluster", "local:c.db", "-o", "live.json")
    done(root, "apply", "--yes", "--cluster", "local:c.db")


def _render(root: Path) -> None:
    (root / "site.yaml").write_text(BEFORE)
    done(root, "render", "-o", "files")
    (root / "site.yaml").write_text(AFTER)


def _nothing(root: Path) -> None:
    (root / "site.yaml").write_text(AFTER)


_APPLY: Final = ("apply", "--yes", "--cluster", "local:c.db", "--report", "report.json")
_INSTALL: Final = (
    "install", "ci", "--from", "files", "--tbot", "tbot.yaml", "--client", "cursor=mcp.json", "--yes",
)  # fmt: skip

CASES: Final = {
    case.name: case
    for case in (
        Case("apply", _small, _APPLY, report="report.json"),
        Case("large-apply", _large, (*_APPLY, "--prune", "-o", "files"), report="report.json"),
        Case("install", _install, _INSTALL),
        Case("remove", _installed, ("install", "ci", "--remove", *_INSTALL[4:])),
        Case("snapshot", _snapshot, ("snapshot", "--cluster", "local:c.db", "-o", "live.json")),
        Case("render", _render, ("render", "-o", "files")),
        Case("local-init", _nothing, ("local", "init", "c.db"), again=(1,)),
        Case("init", lambda _root: None, ("init", "here"), again=(1,)),
    )
}


def is_record(name: str) -> bool:
    """Whether a file says how far something came, so that it has states between old and new."""
    return name in ("report.json", "files/.provision-manifest.json") or name.endswith(
        ".provision.json"
    )


def outcomes(root: Path, case: Case) -> Mapping[str, str]:
    """Return what the report of an apply says of each change. Raises ValueError if it is torn."""
    path = root / case.report
    if not case.report or not path.exists():
        return {}
    document = json.loads(path.read_bytes())
    return {change["id"]: change["outcome"] for change in document["changes"]}


def untrue(
    told: Mapping[str, str],
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    after: Mapping[str, Any],
) -> Iterator[str]:
    """Yield each change of which a report says what is not so."""
    for key, outcome in told.items():
        is_old, is_new = now.get(key) == before.get(key), now.get(key) == after.get(key)
        right = {"done": is_new, "started": is_old or is_new, "unknown": is_old or is_new}
        if not right.get(outcome, is_old):
            yield f"the report says {outcome} of {key}, which is {'new' if is_new else 'old'}"
