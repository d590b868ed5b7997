"""The report of one apply: what it was to do, what became of each change, and how it was before.

One JSON document, replaced as a whole as the apply goes on: however an apply ends, the last
document on disk says what is known. It is on disk before anything is done, and again before each
batch of writes leaves, so that no change is ever made that it does not call `started`.

`format_version` follows the rules of plan files. `state` is `running` (so it stays in the report of
an apply that was killed), `succeeded`, `failed` or `interrupted`. The outcome of a change is

    pending   not begun                      failed    refused by the cluster: `error`, `hint`
    started   sent, no answer yet            skipped   not tried, for `blocker` was not done
    done      the cluster took it            unknown   sent, and the answer never came

`before` is the canonical body that was live, null where there was none; secrets are masked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from msgspec import Struct

from provisioner import __version__
from provisioner.change import Change, Plan
from provisioner.errors import FileError, ProvisionError
from provisioner.events import Done, Event, Skipped, Started
from provisioner.report import plan_json
from provisioner.system.provenance import Commit
from provisioner.values import Plain, canonical_json

FORMAT_VERSION: Final = "1.0"
_PAUSE: Final = 0.5  # seconds between two writes at least, unless a batch is about to leave
_SHARE: Final = 10  # one part in so many of the time may go into writing


class Origin(Struct, frozen=True):
    """Who applies, from where, and what they had approved (a digest, or None).

    `actor` is whom a CI job runs for, "" where there is none.
    """

    user: str
    host: str
    actor: str = ""
    commit: Commit | None = None
    approved: str | None = None


class RunReport:
    """Keeps the report of an apply; as a context it ends with it, whatever ended that.

    `write` puts a whole document on disk at once, and raises FileError. `now` and `clock`
    (seconds) are for tests.
    """

    def __init__(
        self,
        plan: Plan,
        origin: Origin,
        write: Callable[[bytes], object],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write, self._now, self._clock = write, now, clock
        self._head = {**_head(plan, origin), "state": "running", "started_at": self._time()}
        self._lines = {change.key: _line(change) for change in plan.changes}
        # As text, for a large report is written often, and this part of it never changes.
        self._before = [canonical_json(change.before or None) for change in plan.changes]
        self._due = 0.0

    def __enter__(self) -> Self:
        """Put the first report on disk: an apply that cannot be reported is not begun."""
        self._save()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for line in self._lines.values():
            if line["outcome"] == "started":
                line["outcome"] = "unknown"
        self._head |= {"state": _state(error), "ended_at": self._time()}
        if isinstance(error, ProvisionError):
            self._head |= {"error": error.message, "hint": error.hint}
        with nullcontext() if error is None else suppress(FileError):  # the first error counts
            self._save()

    def hear(self, event: Event) -> None:
        """Take note of an event. Raises FileError only for what must be on disk: `Started`."""
        if isinstance(event, Started):
            for change in event.changes:
                self._lines[change.key] |= {"outcome": "started", "started_at": self._time()}
            self._save()
        elif isinstance(event, Done):
            self._lines[event.change.key] |= {**_outcome(event), "ended_at": self._time()}
            self._save_soon()
        elif isinstance(event, Skipped):
            blocker = str(event.blocker)
            self._lines[event.change.key] |= {"outcome": "skipped", "blocker": blocker}
            self._save_soon()

    def _save_soon(self) -> None:
        """Write if the last time was long enough ago; what is lost by that is told as started."""
        if self._clock() >= self._due:
            try:
                self._save()
            except FileError:
                self._due = self._clock() + _PAUSE  # the next batch cannot leave without it

    def _save(self) -> None:
        begun = self._clock()
        self._write(self._document().encode(errors="backslashreplace"))
        ended = self._clock()
        self._due = ended + max(_PAUSE, _SHARE * (ended - begun))

    def _document(self) -> str:
        head = json.dumps(self._head, indent=2, ensure_ascii=False)
        lines = (
            f'    {json.dumps(line, ensure_ascii=False)[:-1]}, "before": {before}}}'
            for line, before in zip(self._lines.values(), self._before, strict=True)
        )
        listed = ",\n".join(lines)
        return f'{head[:-2]},\n  "changes": [{f"{chr(10)}{listed}{chr(10)}  " if listed else ""}]\n}}\n'

    def _time(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="milliseconds")


def _head(plan: Plan, origin: Origin) -> dict[str, Plain]:
    commit = origin.commit
    return {
        "format_version": FORMAT_VERSION,
        "tool": f"provision {__version__}",
        "site": plan.site,
        "file": plan.file,
        "cluster": plan_json.cluster(plan.cluster),
        "mode": plan.mode,
        "only": [str(key) for key in plan.only],
        "inputs": plan_json.inputs(plan.inputs),
        "digest": plan.digest,
        "approved_digest": origin.approved,
        "who": {"user": origin.user, "host": origin.host, "actor": origin.actor},
        "commit": commit and {"sha": commit.sha, "ref": commit.ref, "source": commit.source},
    }


def _line(change: Change) -> dict[str, Any]:
    return {
        "id": str(change.key),
        "action": change.op.value,
        "digest": change.digest,
        "outcome": "pending",
    }


def _outcome(event: Done) -> dict[str, str]:
    if event.error is None:
        return {"outcome": "done"}
    return {"outcome": "failed", "error": event.error.message, "hint": event.error.hint}


def _state(error: BaseException | None) -> str:
    if error is None:
        return "succeeded"
    return "failed" if isinstance(error, Exception) else "interrupted"
