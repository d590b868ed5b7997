"""What goes on, told to programs: a JSON object on each line of stderr.

Every line has `time` (UTC), `level` (debug, info, warning, error) and `event`; what else is in it
depends on the event. Readers pass over events and keys that they do not know.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from provisioner.change import Change
from provisioner.effort import Call, Called, Kept, Phase
from provisioner.errors import ClusterError, ProvisionError, SiteError
from provisioner.events import Done, Event, Note, Progress, Skipped, Started
from provisioner.system.process import strip_ansi
from provisioner.text import diagnostics


class JsonLog:
    """Tells events as lines of JSON."""

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose

    def hear(self, event: Event) -> None:
        """Log an event; programs that are started and what is left alone only if verbose."""
        if self._verbose or not isinstance(event, Call | Called | Kept):
            for level, name, facts in _told(event):
                self.fact(level, name, facts)

    def aside(self, event: Event) -> None:
        """Log an event that stands on stdout for people."""
        self.hear(event)

    def say(self, text: str) -> None:
        """Log a message to people."""
        self.fact("info", "message", {"message": strip_ansi(text)})

    def error(self, error: ProvisionError, _text: str) -> None:
        """Log what ends the work, each problem of a site on its own."""
        if isinstance(error, SiteError):
            for problem in error.problems:
                self.fact(problem.severity, "problem", diagnostics.entry(problem))
        facts = {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}
        self.fact("error", "error", facts)

    def quiet(self) -> None:
        """Nothing moves here."""

    def rest(self) -> None:
        """Nothing moves here."""

    def close(self) -> None:
        """Nothing moves here."""

    def fact(self, level: str, event: str, facts: Mapping[str, object], _text: str = "") -> None:
        """Write a line; a stderr that cannot be written to stops no work."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time, "level": level, "event": event, **facts}
        with suppress(OSError):
            sys.stderr.write(json.dumps(line) + "\n")
            sys.stderr.flush()


def _told(event: Event) -> Iterator[tuple[str, str, dict[str, object]]]:
    match event:
        case Phase():
            yield "info", "phase", {"phase": event.name}
        case Call():
            yield "debug", "call", {"argv": list(event.argv)}
        case Called():
            facts = {"argv": list(event.argv), "seconds": round(event.seconds, 4)}
            yield (
                "debug",
                "called",
                {**facts, "exit_code": event.code, "timed_out": event.timed_out},
            )
        case Kept():
            yield "debug", "kept", {"resource": event.resource, "options": list(event.options)}
        case Progress():
            facts = {"what": event.what, "done": event.done, "total": event.total}
            yield "info", "progress", facts
        case Note():
            yield "warning", "note", {"message": event.text}
        case Started():
            yield "info", "started", {"changes": [str(change.key) for change in event.changes]}
        case Skipped():
            yield "warning", "skipped", {**_of(event.change), "blocker": str(event.blocker)}
        case Done(error=ClusterError() as error):
            facts = {"message": error.message, "hint": error.hint}
            yield "error", "failed", {**_of(event.change), **facts}
        case Done():
            yield "info", "done", _of(event.change)


def _of(change: Change) -> dict[str, object]:
    return {"change": str(change.key), "action": change.op.value}
