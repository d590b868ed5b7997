"""One plan or several: how they are made, told in each format, and what they come to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import click
from msgspec import Struct, field

from provisioner import workflow
from provisioner.change import Key, Op, Plan
from provisioner.cli import _base, _reach
from provisioner.errors import ProvisionError, Refused, SiteError, Stale
from provisioner.report import plan_text, plans
from provisioner.templating.templates import Templates
from provisioner.text import units
from provisioner.text.terminal import Paint
from provisioner.values import Plain

F = TypeVar("F", bound=Callable[..., object])

Found = Mapping[str, Plan | ProvisionError]
"""What became of each site file, by its path as it was given."""

_WORST_FIRST: Final = (1, 4, 3, 2)


def sites_argument(function: F) -> F:
    """Add the argument SITE, which can be given several times."""
    return click.argument("sites", metavar="[SITE]...", type=click.Path(path_type=Path), nargs=-1)(
        function
    )


def named(sites: Sequence[Path]) -> Sequence[Path]:
    """Return the sites that are meant: the one of `PROVISION_SITE` or `site.yaml` if none is given."""
    return sites or (Path(os.environ.get("PROVISION_SITE", "site.yaml")),)


_CLOCKS: Final = timedelta(minutes=5)
"""How far clocks of two machines may be apart."""


class Manner(Struct, frozen=True):
    """How plans are told: painted how, with which options to apply them, and where all of it is.

    `made_at` is one moment for all that is told, to whichever file or stream.
    """

    paint: Paint
    options: tuple[str, ...]
    templates: Templates
    whole: str = ""
    made_at: datetime = field(default_factory=partial(datetime.now, UTC))


def make(
    sites: Sequence[Path],
    reach: _reach.Reach,
    templates: Templates,
    *,
    prune: bool,
    only: Collection[Key] = (),
    max_age: timedelta = timedelta.max,
) -> dict[str, Plan | ProvisionError]:
    """Plan each site, one after the other; the one of `PROVISION_SITE` or `site.yaml` if none is given.

    Of one site `only` a part can be planned. What keeps one of several from being planned is a
    result, and told on stderr at once. Raises what planning raises if there is only one, and Stale
    for a snapshot that is older than `max_age`.
    """

    def plan(file: Path) -> Plan:
        return _fresh(_plan(file, reach, templates, prune=prune, only=only), max_age)

    files = named(sites)
    if len(files) == 1:
        return {str(files[0]): plan(files[0])}
    found: dict[str, Plan | ProvisionError] = {}
    for file in files:
        try:
            found[str(file)] = plan(file)
        except ProvisionError as error:
            _base.show_error(error)
            found[str(file)] = error
    return found


def made(found: Found) -> list[Plan]:
    """Return the plans that could be made."""
    return [each for each in found.values() if isinstance(each, Plan)]


def exit_code(found: Found, *, detailed: bool) -> int:
    """Return the worst of all exit codes."""
    return worst(_code(each, detailed=detailed) for each in found.values())


def worst(codes: Iterable[int]) -> int:
    """Return the exit code of several sites: 1 before 4 before 3 before 2 before 0."""
    given = set(codes)
    return next((code for code in _WORST_FIRST if code in given), 0)


def text(found: Found, manner: Manner) -> str:
    """Return plans for people, and an overview of them if there are several."""
    shown = [plan_text.text(plan, manner.paint, manner.options) for plan in made(found)]
    if len(found) > 1:
        shown.append(plans.text(found, manner.paint) + "\n")
    return "\n".join(shown)


def as_json(found: Found, manner: Manner) -> str:
    """Return one plan as its document, several as a list under `plans`."""
    from provisioner.report import plan_json

    if len(found) == 1:
        return "".join(f"{plan_json.as_json(plan, manner.made_at)}\n" for plan in made(found))
    document = several(found, [plan_json.document(plan, manner.made_at) for plan in made(found)])
    return json.dumps(document, indent=2, ensure_ascii=False, default=repr) + "\n"


def several(found: Found, documents: Sequence[Mapping[str, Plain]]) -> dict[str, Plain]:
    """Return the document of several sites: the `documents` of their plans, and what failed."""
    return {
        "format_version": "1.0",
        "plans": documents,
        "failed": [
            {"file": file, "message": error.message, "hint": error.hint}
            for file, error in found.items()
            if isinstance(error, ProvisionError)
        ],
    }


def markdown(found: Found, manner: Manner, *, summary: bool = False) -> str:
    """Return plans for a pull request, or the summary of a job, which share its room."""
    from provisioner.report import plan_markdown

    room = plan_markdown.SUMMARY if summary else plan_markdown.COMMENT
    return "\n".join(
        plan_markdown.failed(file, each)
        if isinstance(each, ProvisionError)
        else plan_markdown.text(each, manner.options, room=room // len(found), whole=manner.whole)
        for file, each in found.items()
    )


def html(found: Found, manner: Manner) -> str:
    """Return the page of a plan."""
    from provisioner.report import plan_html

    return "".join(plan_html.page(plan, manner.templates, manner.options) for plan in made(found))


FORMATS: Final[Mapping[str, Callable[[Found, Manner], str]]] = {
    "text": text,
    "json": as_json,
    "markdown": markdown,
    "html": html,
}


def _plan(
    file: Path,
    reach: _reach.Reach,
    templates: Templates,
    *,
    prune: bool,
    only: Collection[Key],
) -> Plan:
    with reach.teller:
        prepared = workflow.prepare(file, templates, reach.teller.hear)
        live = reach.open()
        return workflow.make_plan(prepared, live, prune=prune, only=only, tell=reach.teller.hear)


def _fresh(plan: Plan, max_age: timedelta) -> Plan:
    """Let a plan pass that was made from what is not older. Raises Stale."""
    taken = plan.cluster.taken
    age = datetime.now(UTC) - units.moment(taken) if taken else timedelta()
    if age < -_CLOCKS and max_age < timedelta.max:
        raise Stale(
            f"{plan.cluster.via}: recorded {taken}, which is still to come",
            hint="a clock is wrong, here or where it was recorded",
        )
    if age > max_age:
        raise Stale(
            f"{plan.cluster.via}: recorded {taken}, which is too long ago",
            hint="record it again, with provision snapshot, or allow more with --max-age",
        )
    return plan


def _code(found: Plan | ProvisionError, *, detailed: bool) -> int:
    if isinstance(found, ProvisionError):
        return found.exit_code
    if any(problem.severity == "error" for problem in found.problems):
        return SiteError.exit_code
    if any(test.state != "passed" for test in found.tests):
        return Refused.exit_code
    if any(note.op is Op.CONFLICT for note in found.notes):
        return Refused.exit_code
    return 2 if detailed and found.changes else 0
