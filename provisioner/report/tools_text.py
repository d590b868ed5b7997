"""Pinned tools against what servers say, for people.

Names and descriptions come from servers, which may be hostile, and what is printed here is pasted
into pull requests: each stands in a code span that it cannot leave, with nothing invisible in it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Final

from provisioner.rbac.inquiry import Scene
from provisioner.report._markdown import code
from provisioner.text.terminal import Paint, plural, visible
from provisioner.tools.drift import Comparison, Finding, Grant
from provisioner.tools.lock import PARTS, Changed, Pin, Tool
from provisioner.values import Plain, canonical_json, thaw

_BOTS: Final = 3  # that are named; the others are counted
_LONGEST: Final = 400


def drift(comparisons: Sequence[Comparison], scene: Scene, paint: Paint, *, full: bool) -> str:
    """Return what is not as pinned, and who in a scene may call it; `full`: with old and new text."""
    lines = [line for each in comparisons for line in _block(each, paint, full=full)]
    if any(each.state == "drift" for each in comparisons):
        said = (f"Granted as in {scene.name}.", *scene.remarks)
        lines.append(paint("dim", visible(" ".join(said))))
    return "\n".join(lines)


def pulled(comparison: Comparison, paint: Paint) -> str:
    """Return what a pull has found on one server."""
    server, found = paint("bold", visible(comparison.server)), comparison.found
    if found is None:
        return "\n".join(_unreachable(comparison, paint))
    amount = plural(len(found.tools), "tool")
    news = {"same": "as pinned before", "no baseline": "pinned"}.get(
        comparison.state, "pinned anew"
    )
    lines = [f"{server}: {news} ({amount}{_only_part(found)})"]
    lines += (f"  {line}" for line in _findings(comparison, paint, full=False))
    return "\n".join(lines)


def _only_part(pin: Pin) -> str:
    return "" if pin.complete else "; only those that this identity may call"


def _block(comparison: Comparison, paint: Paint, *, full: bool) -> Iterator[str]:
    server, pin = paint("bold", visible(comparison.server)), comparison.pinned
    if comparison.state == "unreachable":
        yield from _unreachable(comparison, paint)
    elif pin is None:
        yield f"{server}: {paint('red', 'no baseline')}: nothing is pinned"
        yield "  = provision tools pull pins what the server has now"
    else:
        state = (
            "as pinned" if comparison.state == "same" else paint("red", "has drifted since pinned")
        )
        part = _only_part(comparison.found) if comparison.found else ""
        amount = plural(len(pin.tools), "tool")
        yield f"{server}: {state} at {visible(pin.pinned_at)} ({amount}{part})"
        for line in _findings(comparison, paint, full=full):
            yield f"  {line}"


def _unreachable(comparison: Comparison, paint: Paint) -> Iterator[str]:
    server = paint("bold", visible(comparison.server))
    yield f"{server}: {paint('red', 'cannot be read')}: {visible(comparison.why)}"
    if comparison.hint:
        yield f"  = {visible(comparison.hint)}"


def _findings(comparison: Comparison, paint: Paint, *, full: bool) -> Iterator[str]:
    for each in comparison.added:
        yield f"{paint('green', '+')} added {_name(each)}{_granted(each, 'already granted')}"
        yield from _definition(each.tool) if full else ()
    for each in comparison.removed:
        yield f"{paint('red', '-')} removed {_name(each)}{_granted(each, 'was granted')}"
    for each in comparison.changed:
        parts = (
            " and ".join(part.replace("_", " ") for part in each.change.parts)
            if each.change
            else ""
        )
        granted = _granted(each, "granted")
        yield f"{paint('yellow', '~')} {parts} of {_name(each)} changed{granted}"
        yield from _difference(each.change, paint) if full and each.change else ()
    if comparison.unseen:
        names = ", ".join(_code(name) for name in comparison.unseen)
        yield f"? not seen by this identity: {names}"


def _granted(finding: Finding, word: str) -> str:
    if finding.grants is None:
        return ""
    if not finding.grants:
        return ": granted to no bot"
    return f": {word} to {'; '.join(map(_grant, finding.grants))}"


def _grant(grant: Grant) -> str:
    named = ", ".join(visible(bot) for bot in grant.bots[:_BOTS])
    more = ", …" if len(grant.bots) > _BOTS else ""
    bots = f"{plural(len(grant.bots), 'bot')} ({named}{more})"
    return f"{bots} by {_code(grant.pattern)} (role {visible(grant.role)})"


def _definition(tool: Tool) -> Iterator[str]:
    for part, key in PARTS.items():
        value = tool.definition.get(key)
        written = value if isinstance(value, str) else canonical_json(value)
        for line in written.split("\n") if value is not None else ():
            yield f"    {part.replace('_', ' ')}: {_code(line)}"


def _difference(change: Changed, paint: Paint) -> Iterator[str]:
    for part in change.parts:
        yield f"    {part.replace('_', ' ')}:"
        old, new = (
            _lines(tool.definition.get(PARTS[part])) for tool in (change.before, change.after)
        )
        for line in list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]:
            if not line.startswith("@@"):
                style = {"+": "green", "-": "red"}.get(line[0], "dim")
                yield f"      {paint(style, line[0])} {_code(line[1:])}"


def _lines(value: Plain) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return value.split("\n")
    return json.dumps(thaw(value), indent=2, sort_keys=True, ensure_ascii=False).split("\n")


def _name(finding: Finding) -> str:
    return _code(finding.tool.name)


def _code(text: str) -> str:
    return code(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…", in_table=False)
