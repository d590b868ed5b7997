"""Writing: documents in streams, the rest one by one; what became of each is always known.

`tctl create` takes documents in order, stops at the first bad one and keeps those before it
(tool/tctl/common/resource_command.go in github.com/gravitational/teleport). So after a failure

    named      documents have a success line of their own: done
    arrived    documents behind them are live as they were sent: done, only the answer got lost
    the next   one is what the error is about; the stream goes on behind it

and a round of calls is followed by one look at the cluster for all that is not named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import takewhile
from typing import Final

from msgspec import Struct

from provisioner.change import Key
from provisioner.cluster.canonical import canonical
from provisioner.cluster.port import Outcome, Verb, Write
from provisioner.cluster.resource import Resource, equal
from provisioner.cluster.tctl._base import Tool, failure, succeeded
from provisioner.cluster.tctl._conditional import is_conditional, speller
from provisioner.cluster.tctl._guard import Look
from provisioner.errors import (
    ClusterError,
    Exists,
    Missing,
    Moved,
    NotLoggedIn,
    Rejected,
    Throttled,
    Unreachable,
)
from provisioner.system.process import Command, Result
from provisioner.system.scratch import scratch
from provisioner.values import Plain, Secret, canonical_json, secrets

Spell = Callable[[Sequence[Write]], Command]
"""Returns the call that carries out writes, in order."""

_DOCUMENTS: Final = (Verb.CREATE, Verb.UPDATE)
_CHUNK: Final = 25
_STREAMS: Final = 4
_SINGLES: Final = 8
_PLAIN: Final = re.compile(r"[^\s/,@-][^\s/,]*")
_ARGUMENT: Final = re.compile(r"[^\s@-].*")
# Seconds before each look: lists come from a cache, which follows within about a second
# (lib/backend/defaults.go, DefaultPollStreamPeriod).
_LOOKS: Final = (0.0, 1.0, 2.0)


class _Job(Struct, frozen=True):
    """Writes that one call carries out, in order; `tries` counts how often it met a rate limit."""

    writes: tuple[Write, ...]
    tries: int = 0


class _Stop(Struct, frozen=True):
    """A call that did not get through: `left` is what it did not say it did, never empty.

    `moved` says that it did something, `unclear` that the first of `left` may have arrived.
    """

    left: tuple[Write, ...]
    error: ClusterError
    tries: int
    moved: bool = False
    timed_out: bool = False
    unclear: bool = False


def write(tool: Tool, look: Look, batch: Sequence[Write]) -> Generator[Outcome, None, None]:
    """Carry out writes that do not depend on each other; yield each outcome once it is known.

    What a write expects is looked at by the caller; here it matters to conditional updates alone.
    Raises ClusterError when the cluster cannot be reached or looked at.
    """
    usable: list[Write] = []
    for each in batch:
        problem = _unusable(each)
        if problem:
            yield Outcome(each.key, problem)
        else:
            usable.append(each)
    edits = [_Job((each,)) for each in usable if is_conditional(tool, each)]
    plain = [each for each in usable if not is_conditional(tool, each)]
    streams = [
        _Job(chunk)
        for verb in _DOCUMENTS
        for chunk in _chunks([each for each in plain if each.verb is verb])
    ]
    singles = [_Job((each,)) for each in plain if each.verb not in _DOCUMENTS]
    spell = partial(_command, tool)
    yield from _carry_out(tool, look, streams, _STREAMS, spell)
    yield from _carry_out(tool, look, singles, _SINGLES, spell)
    if edits:
        yield from _edit(tool, look, edits)


def _edit(tool: Tool, look: Look, jobs: Sequence[_Job]) -> Generator[Outcome, None, None]:
    """Make conditional updates."""
    with scratch() as directory:
        try:
            spell = speller(tool, directory)
        except Rejected as error:
            yield from (Outcome(each.key, error) for job in jobs for each in job.writes)
            return
        yield from _carry_out(tool, look, jobs, _SINGLES, spell)


def _unusable(write: Write) -> ClusterError | None:
    """Return why tctl's command line cannot carry this write, or None.

    `rm role/a/b` would delete role b, a comma begins the next role, - a flag and @ a file.
    """
    if write.verb in _DOCUMENTS:
        return None
    name = _PLAIN if write.verb is Verb.DELETE else _ARGUMENT
    for text, form in ((write.key.name, name), *((role, _PLAIN) for role in write.roles)):
        if not form.fullmatch(text) or not text.isprintable():
            message = f"tctl cannot {write.verb} {text!r}: the name would be read as something else"
            return Rejected(message, hint="do it in Teleport's web UI, or with a plain name")
    return None


def _chunks(writes: Sequence[Write]) -> Iterator[tuple[Write, ...]]:
    for start in range(0, len(writes), _CHUNK):
        yield tuple(writes[start : start + _CHUNK])


def _carry_out(
    tool: Tool, look: Look, jobs: Sequence[_Job], width: int, spell: Spell
) -> Generator[Outcome, None, None]:
    """Run jobs in rounds: what is to do, a look at what is not clear, again what is left."""
    while jobs:
        stops: list[_Stop] = []
        again: list[_Job] = []
        sent, moved = 0, False
        with closing(tool.run(_until_fatal(spell, jobs, stops), width)) as results:
            for index, result in results:
                sent += 1
                outcomes, rest, stop = _judge(jobs[index], result)
                yield from outcomes
                moved |= bool(outcomes)
                again += [_Job(rest)] if rest else []
                stops += [stop] if stop else []
        again += jobs[sent:]
        live = _look_until_clear(tool, look, stops)
        for stop in stops:
            outcomes, job = _settle(stop, live, tool.options.patience)
            yield from outcomes
            moved |= any(not _is_fatal(outcome.error) for outcome in outcomes)
            again += [job] if job.writes else []
        fatal = next((stop.error for stop in stops if _is_fatal(stop.error)), None)
        if fatal and (isinstance(fatal, NotLoggedIn) or not moved):
            yield from (Outcome(each.key, fatal) for job in again for each in job.writes)
            return
        tries = max((job.tries for job in again), default=0)
        if tries:
            tool.back_off(tries)
        jobs = again


def _is_fatal(error: ClusterError | None) -> bool:
    """Say whether the next call would most likely fare no better."""
    return isinstance(error, NotLoggedIn | Unreachable)


def _until_fatal(spell: Spell, jobs: Sequence[_Job], stops: Sequence[_Stop]) -> Iterator[Command]:
    """Yield the call of each job until one that ended shows that there is no sense in more."""
    for job in jobs:
        if any(_is_fatal(stop.error) for stop in stops):
            return
        yield spell(job.writes)


def _command(tool: Tool, writes: Sequence[Write]) -> Command:
    first = writes[0]
    roles = ",".join(first.roles)
    if first.verb in _DOCUMENTS:
        force = ("-f",) if first.verb is Verb.UPDATE else ()
        # One JSON text behind the other. Behind a `---` the second would be read as YAML, where some
        # characters are newlines, and tctl 18 panics when it is shorter than the first
        # (k8s.io/apimachinery v0.33.0, pkg/util/yaml/stream_reader.go, Consume).
        stdin = "\n".join(canonical_json(_revealed(each.body)) for each in writes).encode()
        return tool.command("create", *force, stdin=stdin, documents=len(writes))
    if first.verb is Verb.DELETE:
        return tool.command("rm", str(first.key))
    # An empty --set-roles counts as not given; a comma alone is a list without entries
    # (tool/tctl/common/bots_command.go, splitEntries).
    flag = ("--add-roles", roles) if first.verb is Verb.ADD_ROLES else ("--set-roles", roles or ",")
    return tool.command("bots", "update", first.key.name, *flag)


def _revealed(value: Plain) -> Plain:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: _revealed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_revealed(item) for item in value]
    return value


def _judge(job: _Job, result: Result) -> tuple[list[Outcome], tuple[Write, ...], _Stop | None]:
    """Return what a call says of itself: outcomes, what to send next, and where a look is needed."""
    first = job.writes[0]
    is_stream = first.verb in _DOCUMENTS
    if succeeded(result):
        if first.verb is Verb.SET_ROLES and not first.roles:
            message = f"tctl was content to take all roles from bot {first.key.name}, and left them"
            kept = Rejected(message, hint="leave the bot one role, or delete it")
            return [], (), _Stop(job.writes, kept, job.tries, unclear=True)
        return [Outcome(each.key) for each in job.writes], (), None
    named = _named(job.writes, result.stdout) if is_stream else 0
    done, left = [Outcome(each.key) for each in job.writes[:named]], job.writes[named:]
    if not left:
        return done, (), None
    hidden = (secret.reveal() for each in job.writes for secret in secrets(each.body))
    error = failure(result, Rejected if is_stream else ClusterError, hidden)
    if isinstance(
        error, Exists | Missing | Moved
    ):  # it is about what was there before: no look helps
        return [*done, Outcome(left[0].key, error)], left[1:], None
    unclear = isinstance(error, Unreachable)
    stop = _Stop(left, error, job.tries, named > 0, timed_out=result.timed_out, unclear=unclear)
    return done, (), stop


def _named(writes: Sequence[Write], stdout: str) -> int:
    """Count the leading writes that have a success line; whichever verb it has says nothing."""
    named = 0
    for line in stdout.splitlines():
        if named < len(writes) and f'"{writes[named].key.name}" has been ' in line:
            named += 1
    return named


def _look_until_clear(tool: Tool, look: Look, stops: Sequence[_Stop]) -> Mapping[Key, Resource]:
    """Read back what the stops concern; wait a little for what may have arrived."""
    live: Mapping[Key, Resource] = {}
    for seconds in _LOOKS if stops else ():
        if seconds:
            tool.sleep(seconds)
        live = look([each for stop in stops for each in stop.left])
        if all(not stop.unclear or _has_arrived(stop.left[0], live) for stop in stops):
            break
    return live


def _settle(stop: _Stop, live: Mapping[Key, Resource], patience: int) -> tuple[list[Outcome], _Job]:
    """Return what is known of the writes that a call left, and what to send again, if anything."""
    arrived = tuple(takewhile(lambda each: _has_arrived(each, live), stop.left))
    done, rest = [Outcome(each.key) for each in arrived], stop.left[len(arrived) :]
    if arrived or (stop.timed_out and stop.moved):  # the next call shows whether the next is bad
        return done, _Job(rest)
    if isinstance(stop.error, Throttled) and (stop.moved or stop.tries < patience):
        return done, _Job(rest, 1 if stop.moved else stop.tries + 1)
    # The first one is to blame, unless the call would have stopped at any.
    blamed = rest if stop.timed_out or isinstance(stop.error, NotLoggedIn) else rest[:1]
    return [Outcome(each.key, stop.error) for each in blamed], _Job(rest[len(blamed) :])


def _has_arrived(write: Write, live: Mapping[Key, Resource]) -> bool:
    """Say whether the cluster is as this write would have left it."""
    found = live.get(write.key)
    if write.verb is Verb.DELETE or found is None:
        return (write.verb is Verb.DELETE) == (found is None)
    if write.verb in _DOCUMENTS:
        same_kind = write.body.get("kind") == write.key.kind
        is_same = same_kind and equal(canonical(write.body), found.form)
        return is_same and tuple(secrets(write.body)) == tuple(secrets(found.body))
    held, wanted = set(found.roles), set(write.roles)
    return wanted == held if write.verb is Verb.SET_ROLES else wanted <= held
