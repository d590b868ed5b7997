"""What reads what others have written: each reader with sound inputs, and what an input comes to.

An attempt ends with a few words about its outcome, or with an expected error. Whatever else it
raises is a defect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from provisioner import workflow
from provisioner.applying import saved_plan
from provisioner.change import Plan
from provisioner.clients import FORMATS
from provisioner.cluster import snapshot
from provisioner.cluster.port import Cluster, Scope
from provisioner.cluster.snapshot import SnapshotCluster
from provisioner.cluster.tctl import reading
from provisioner.doctor import certificate
from provisioner.errors import Problem, ProvisionError, SiteError
from provisioner.machine import sidecar
from provisioner.machine.merge import Existing, Merged, diff, merge_client, merge_tbot
from provisioner.machine.sidecar import Ledger
from provisioner.proxy import referee
from provisioner.rbac.access import Checker, Identity, Server
from provisioner.report import plan_html, plan_json, plan_markdown, plan_text
from provisioner.site.decode import decode
from provisioner.system import outdir
from provisioner.system.process import Result
from provisioner.text import diagnostics, source
from provisioner.text.terminal import plain
from provisioner.tools import lock
from tests import bodies, pins
from tests.conftest import ROOT
from tests.fuzz import pulled, templating
from tests.fuzz.mutations import LONGEST
from tests.machines import IDENTITY
from tests.sites import TEMPLATES

_UNSEEN: Final = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
_DETAIL: Final = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\d+|[^ -~]+")
_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Target:
    """A reader: sound inputs, and what it makes of an input, in a few words.

    Before each attempt `lay` puts the input where the reader looks for it. No input has more bytes
    than `longest`.
    """

    seeds: tuple[bytes, ...]
    attempt: Callable[[bytes], str]
    lay: Callable[[bytes], object] = lambda _: None
    longest: int = LONGEST


def shape(text: str) -> str:
    """Return what kind of message this is, whatever it names."""
    return _DETAIL.sub("_", text)[:160]


def shown(text: str) -> str:
    """Return what a terminal is to show, which must be visible and nothing else."""
    assert not _UNSEEN.search(text), f"not fit for a terminal: {text[:200]!r}"
    return text


def told(problems: tuple[Problem, ...]) -> str:
    """Return what problems come to, once they were told in every way."""
    shown(diagnostics.text(problems, plain))
    return " ".join(sorted({f"{each.code} {shape(each.message)}" for each in problems}))


def refused(error: ProvisionError) -> str:
    """Return what an expected error comes to."""
    if isinstance(error, SiteError):
        return told(error.problems)
    assert error.message
    return f"{type(error).__name__} {shape(error.message)}"


def reported(plan: Plan) -> str:
    """Return what a plan comes to, once it was told in every format."""
    shown(plan_text.text(plan, plain))
    plan_markdown.text(plan)
    plan_html.page(plan, TEMPLATES)
    json.loads(plan_json.as_json(plan, _NOW))
    what = sorted({f"{line.op.symbol}{line.key.kind}" for line in (*plan.changes, *plan.notes)})
    return f"{' '.join(what)} {told(plan.problems)} {sorted({test.state for test in plan.tests})}"


@cache
def prepared(case: str) -> workflow.Prepared:
    """Return a site of the golden cases, ready to be planned."""
    return workflow.prepare(ROOT / case / "site.yaml", TEMPLATES)


def planned(case: str, cluster: Cluster) -> str:
    """Return what the plan of a golden case on a cluster comes to."""
    return reported(workflow.make_plan(prepared(case), cluster, prune=True))


# --- sites, templates, locks -----------------------------------------------------------------


def read_yaml(data: bytes) -> str:
    """Read YAML, find every value again, and decode it as a site."""
    document, problems = source.load(data, "site.yaml")
    if document is None:
        assert problems
        return told(problems)
    for path in _paths(document.value, ()):
        document.place(path)
    decoded = decode(document)
    return f"{told((*problems, *decoded.problems))} {decoded.site is not None}"


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(child, (*path, key))


def examine(place: Path, _: bytes) -> str:
    """Do with a site file what `check` does and, if it is sound, what `plan` does."""
    checked = workflow.examine(place / "site.yaml", TEMPLATES)
    outcome = told(checked.problems)
    if checked.site is None:
        return outcome
    ready = workflow.prepare(place / "site.yaml", TEMPLATES)
    return outcome + reported(workflow.make_plan(ready, recorded(), prune=True))


@cache
def recorded() -> SnapshotCluster:
    """Return a cluster with something of everything."""
    data = (ROOT / "tests/golden/every-change/live.json").read_bytes()
    return snapshot.parse(data, "live.json")


def read_lock(data: bytes) -> str:
    """Read a lock, write it again, and compare it with another one."""
    found, problems = lock.read(data, "tools.lock.yaml")
    if found is None:
        assert problems
        return told(problems)
    again, _ = lock.read(lock.text(found).encode(), "tools.lock.yaml")
    assert again
    assert again.pins == found.pins
    return f"{told(problems)} {len(found.pins)}"


# --- JSON that anybody may have written ------------------------------------------------------


def read_plan(data: bytes) -> str:
    """Read a saved plan."""
    return f"{len(saved_plan.parse(data, 'plan.json').changes)} changes"


def read_snapshot(data: bytes) -> str:
    """Read a snapshot, and plan against it."""
    return planned("tests/fuzz", snapshot.parse(data, "live.json"))


def read_ledger(data: bytes) -> str:
    """Read the file that says what is ours in another."""
    ledger = sidecar.parse(data, Path("x.json"))
    assert sidecar.parse(sidecar.dump(ledger), Path("x.json")) == ledger
    return str(bool(ledger))


def read_manifest(place: Path, _: bytes) -> str:
    """Compare a directory with what it should hold, by its manifest."""
    found = outdir.compare(place, {"roles/dev.yaml": "kind: role\n"})
    return f"{bool(found.missing)} {bool(found.stale)} {bool(found.extra)}"


def read_identity(data: bytes) -> str:
    """Read the certificate of an identity file."""
    try:
        return str(len(certificate.parse(data.decode(errors="replace")).roles))
    except ValueError as error:
        return f"ValueError {shape(str(error))}"


class _Answers:
    """A tctl that answers one kind with what it is given, and all others with nothing."""

    via = "tctl"

    def __init__(self, kind: str, answer: bytes) -> None:
        self._answers = {kind: answer.decode(errors="replace")}

    def command(self, *argv: str) -> tuple[str, ...]:
        return argv

    def ask(self, calls: Any, _: int) -> list[Result]:
        return [Result(argv, 0, self._answers.get(argv[1], "[]"), "", 0.0) for argv in calls]


def read_listing(data: bytes) -> str:
    """Take what `tctl get` prints for each kind, and plan against it."""
    outcomes = []
    for kind in ("role", "bot", "app", "app_server", "token"):
        tool: Any = _Answers(kind, data)
        try:
            found = reading.read(tool, Scope((kind,), "acme"))
            outcomes.append(planned("tests/fuzz", _Listed(found)))
        except ProvisionError as error:
            outcomes.append(refused(error))
    return " ".join(outcomes)


class _Listed:
    """A cluster that has these documents, as they are."""

    def __init__(self, found: tuple[Any, ...]) -> None:
        self._found = found

    def info(self) -> Any:
        return recorded().info()

    def read(self, scope: Scope) -> tuple[Any, ...]:
        return tuple(body for body in self._found if body["kind"] in scope.kinds)


# --- files of machines -----------------------------------------------------------------------


def merge_into(form: str, data: bytes) -> str:
    """Merge entries into a client's file, twice, and take them out again."""
    rendering = _rendering(f"clients/agent/{FORMATS[form].layouts[0].file}")
    text = data.decode(errors="replace")
    return _come_and_go(text, rendering, lambda old, new: merge_client(old, new, FORMATS[form]))


def merge_into_tbot(data: bytes) -> str:
    """Merge services into a tbot.yaml, twice, and take them out again."""
    return _come_and_go(data.decode(errors="replace"), _rendering("tbot/agent.yaml"), merge_tbot)


def _rendering(file: str) -> str:
    return prepared("tests/fuzz").rendered.files[file]


def _come_and_go(text: str, rendering: str, merge: Callable[[Existing, str | None], Merged]) -> str:
    first = merge(Existing(text, Ledger(), "agent"), rendering)
    shown("\n".join(diff("f", text, first.text or "", first.shown)))
    if first.conflicts:
        return shape(" ".join(conflict.message for conflict in first.conflicts))
    second = merge(Existing(first.text, first.ledger, "agent"), rendering)
    assert second.text == first.text
    last = merge(Existing(second.text, second.ledger, "agent"), None)
    takes = {change.op for change in first.changes}
    if takes == {"add"}:
        assert last.text in (text, None), "what came does not go without a trace"
    return f"{sorted(takes)} {[shape(warning) for warning in first.warnings]}"


# --- MCP ---------------------------------------------------------------------------------------


def judge_messages(data: bytes) -> str:
    """Pass lines through `try` in both directions; what the roles do not allow never goes on."""
    role = bodies.role("read", allow={"app_labels": {"*": "*"}, "mcp": {"tools": ["read_*"]}})
    judge = referee(Checker(Identity("ci", (role,))), Server("files", {"env": "dev"}))
    kept = 0
    for line in data.splitlines(keepends=True):
        judge.from_client(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
        up, down = judge.from_client(line), judge.from_server(line)
        assert all(name.startswith("read_") for name in _called(up.forward))
        assert all(name.startswith("read_") for name in _listed(down.forward))
        for answer in (up.reply, down.forward):
            assert not answer or json.loads(answer) is not ...
        kept += len(up.kept) + len(down.kept)
    return f"{kept}"


def _messages(line: bytes) -> Iterator[dict[str, Any]]:
    value = json.loads(line) if line.strip() else []
    return (
        each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)
    )


def _called(line: bytes) -> Iterator[str]:
    """Yield the tools that a line calls, as a reader finds them that takes the last of two keys."""
    for message in _messages(line):
        if message.get("method") == "tools/call":
            params = message.get("params")
            yield str(params.get("name", "")) if isinstance(params, dict) else ""


def _listed(line: bytes) -> Iterator[str]:
    """Yield the tools that a line lists in its answer to request 1."""
    for message in _messages(line):
        result = message.get("result")
        tools = result.get("tools") if message.get("id") == 1 and isinstance(result, dict) else None
        yield from (str(each.get("name", "")) for each in tools or () if isinstance(each, dict))


# --- all of them -------------------------------------------------------------------------------


def _files(*patterns: str, most: int = 20_000) -> tuple[bytes, ...]:
    found = (path for pattern in patterns for path in sorted(ROOT.glob(pattern)))
    return tuple(data for path in found if len(data := path.read_bytes()) <= most)


SITES: Final = ("examples/*/site.yaml", "tests/golden/*/site.yaml")
CLIENT_FILES: Final[Mapping[str, tuple[bytes, ...]]] = {
    "cursor": (
        b'{"mcpServers": {"other": {"command": "x", "args": ["a"]}}, "theme": "dark"}',
        b'// mine\n{\r\n\t"a": [1, 2,], /* x */ "mcpServers": {},\r\n}\r\n',
        b'{"mcpServers":{"files":{"command":"x"}}}',
        b"",
    ),
    "codex": (
        b'model = "o3"\n\n[mcp_servers.other]\ncommand = "x"\nargs = ["a", \'b\']\n\n[x]\na = 1\n',
        b'mcp_servers.a = {command = "x"}\n[[y]]\nt = 1979-05-27T07:32:00Z\ns = """\na"""\n',
        b"",
    ),
    "goose": (
        b"extensions:\n  other:\n    type: stdio\n    cmd: x\n# end\nGOOSE_MODEL: y\n",
        b"extensions: {a: {type: stdio}}\n",
        b"a: &x [1]\r\nb: *x\r\n",
        b"",
    ),
}
_TBOTS: Final = (
    (
        b"version: v2\nproxy_server: example.teleport.sh:443\nservices:\n"
        b"  - type: identity\n    destination: {type: directory, path: /opt/other}\n"
    ),
    (
        b"# mine\nversion: v2\nonboarding: {join_method: iam, token: x}\noutputs:\n- type: identity\n"
        b"  destination:\n    type: directory\n    path: /opt/machine-id\n"
    ),
    b"",
)
_MESSAGES: Final = tuple(
    json.dumps({"jsonrpc": "2.0", **message}).encode()
    for message in (
        {"id": 1, "method": "tools/call", "params": {"name": "read_file", "arguments": {"p": "x"}}},
        {"id": "a", "method": "tools/call", "params": {"name": "delete_repo"}},
        {"id": 1, "result": {"tools": [{"name": "read_file"}, {"name": "delete_repo"}]}},
        {"id": 1, "result": {"tools": [], "nextCursor": "x"}},
        {"id": 1, "error": {"code": -32602, "message": "no"}},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/list", "params": {"cursor": "x"}},
    )
)


def _listings() -> tuple[bytes, ...]:
    documents = json.loads((ROOT / "tests/golden/every-change/live.json").read_bytes())["documents"]
    return tuple(json.dumps(found).encode() for found in documents.values() if found)


def targets(place: Path) -> Mapping[str, Target]:
    """Return all readers by name; those that read files find the input in `place`."""
    sites = _files(*SITES, "tests/fuzz/site.yaml")
    loaded = (source.load(data, "site.yaml")[0] for data in sites)
    plain_sites = tuple(json.dumps(each.value).encode() for each in loaded if each)
    manifest = place / outdir.MANIFEST
    return {
        "yaml": Target((*sites, *plain_sites), read_yaml),
        "site": Target(
            (*plain_sites, *sites), partial(examine, place), (place / "site.yaml").write_bytes
        ),
        **{
            name: Target(seeds, attempt, longest=longest)
            for name, (seeds, attempt, longest) in templating.readers().items()
        },
        "lock": Target(_locks(), read_lock),
        "plan": Target(_files("tests/golden/*/plan.json"), read_plan),
        "snapshot": Target(_files("tests/golden/*/live.json"), read_snapshot),
        "ledger": Target(_ledgers(), read_ledger),
        "manifest": Target(
            (b'{"format_version": "1.0", "files": ["roles/dev.yaml", "roles/x.yaml"]}',),
            partial(read_manifest, place),
            manifest.write_bytes,
        ),
        "identity": Target((IDENTITY.encode(),), read_identity),
        "tctl": Target(_listings(), read_listing),
        **{
            f"client-{form}": Target(seeds, partial(merge_into, form))
            for form, seeds in CLIENT_FILES.items()
        },
        "tbot": Target(_TBOTS, merge_into_tbot),
        "try": Target(_MESSAGES, judge_messages),
        "pull": Target(pulled.SEEDS, lambda data: shape(shown(pulled.pull(data)))),
    }


def _locks() -> tuple[bytes, ...]:
    return tuple(
        lock.text(each).encode() for each in (pins.lock(), pins.lock(files=pins.pin("a", "b")))
    )


def _ledgers() -> tuple[bytes, ...]:
    merged = merge_into_ledger()
    return (sidecar.dump(merged), sidecar.dump(Ledger()))


def merge_into_ledger() -> Ledger:
    """Return the ledger of a file into which entries were put."""
    rendering = _rendering("clients/agent/" + FORMATS["cursor"].layouts[0].file)
    existing = Existing(CLIENT_FILES["cursor"][0].decode(), Ledger(), "agent")
    return merge_client(existing, rendering, FORMATS["cursor"]).ledger
