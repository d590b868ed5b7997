from __future__ import annotations

import pytest

from provisioner.change import Change, Key, Op
from provisioner.cluster.references import Reference
from provisioner.errors import Place, Unresolved
from provisioner.planning.lookups import lacking, recognise, require
from provisioner.values import Secret
from tests.bodies import app, live, role

REFERRING = app(
    uri="mcp+https://h/mcp", rewrite={"headers": [{"name": "K", "value": {"env": "TOKEN"}}]}
)
LITERAL = app(
    uri="mcp+https://h/mcp", rewrite={"headers": [{"name": "K", "value": Secret("hunter2")}]}
)
CHANGES = (
    Change(Op.CREATE, Key("app", "files"), write=REFERRING, at=Place("site.yaml", 7)),
    Change(Op.CREATE, Key("app", "other"), write=REFERRING),
    Change(Op.CREATE, Key("role", "dev"), write=role()),
)  # fmt: skip


def known(_reference: Reference) -> Secret:
    return Secret("hunter2")


def unknown(_reference: Reference) -> Secret:
    raise Unresolved("TOKEN is not set", hint="set it")


def test_only_where_a_site_refers() -> None:
    """Nothing is looked up for what has no reference, and everything comes back in its order."""
    everything = live(role(), LITERAL, app("other", **LITERAL["spec"]))
    seen, problems = recognise(everything, live(role(), REFERRING), known)
    assert [each.key for each in seen] == [each.key for each in everything]
    assert [each.text == live(REFERRING)[0].text for each in seen] == [False, True, False]
    assert problems == ()


def test_doubts_are_told() -> None:
    """What cannot be compared is a warning that names header, app and reference, and how it is taken."""
    _, (problem,) = recognise(live(LITERAL), live(REFERRING), unknown)
    assert (problem.code, problem.severity, problem.hint) == ("PV205", "warning", "set it")
    assert "header K of app/files is what env TOKEN says: TOKEN is not set" in problem.message


def test_what_a_plan_lacks() -> None:
    """Each change whose value is not to be had is told at its place; without any, nothing is."""
    found = list(lacking(CHANGES, unknown))
    assert [(each.code, each.at) for each in found] == [
        ("PV206", Place("site.yaml", 7)),
        ("PV206", None),
    ]
    assert list(lacking(CHANGES, known)) == []


def test_nothing_is_begun_without_its_values() -> None:
    """All that lacks is told at once, each cure once, before anything is written."""
    require(CHANGES, known)
    with pytest.raises(Unresolved) as caught:
        require(CHANGES, unknown)
    assert caught.value.message.splitlines() == [
        "header K of app/files: TOKEN is not set",
        "header K of app/other: TOKEN is not set",
    ]
    assert caught.value.hint == "set it"
