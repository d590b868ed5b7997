from __future__ import annotations

from pathlib import Path

import pytest

from provisioner import workflow
from provisioner.tools import lock
from provisioner.tools.lock import Lock, Pin
from provisioner.tools.pinned import filled, inventory, load, renewed
from provisioner.values import freeze
from tests import pins
from tests.pins import pin
from tests.sites import TEMPLATES, site, write

SERVERS = (
    "mcp_servers:\n  files: {labels: {env: dev}}\n  db: {labels: {env: dev}, tools: [select]}\n"
)
ROLES = "roles:\n  r: {app_labels: {env: dev}, tools: ['*'], except_tools: ['drop_*']}\n"
ROLE = f"{ROLES}bots: {{ci: {{roles: [r]}}}}\n"


def locked(directory: Path, rest: str, **pinned: Pin) -> Path:
    """Write a site, and a lock beside it."""
    (directory / lock.FILE).write_text(lock.text(pins.lock(**pinned)))
    return write(directory, rest)


def test_the_site_has_the_say_then_the_lock() -> None:
    """A server without tools of its own has those of a complete pin, and no others do."""
    found = filled(site(SERVERS), pins.lock(files=pin("b", "a"), db=pin("x"), other=pin("y")))
    assert [server.tools for server in found.mcp_servers.values()] == [("a", "b"), ("select",)]
    assert filled(site(SERVERS), pins.lock(files=pin("a", complete=False))) == site(SERVERS)


def test_a_site_without_servers_does_not_come_to_manage_them() -> None:
    """A lock brings no collection into the scope of a site."""
    assert not filled(site(), pins.lock(files=pin("a"))).manages("mcp_servers")


def test_servers_of_others_are_known_by_their_pins() -> None:
    """A live server that the site does not name has the tools that are pinned in full."""
    found = inventory(site(SERVERS), pins.lock(live=pin("b", "a"), hidden=pin("x", complete=False)))
    assert found == {"live": ("a", "b"), "files": None, "db": ("select",)}


def test_exceptions_are_worked_out_from_pins(tmp_path: Path) -> None:
    """A complete pin feeds rules, rendering and the plan: except_tools comes to literal names."""
    path = locked(tmp_path, SERVERS + ROLE, files=pin("read", "drop_all"))
    prepared = workflow.prepare(path, TEMPLATES)
    role = next(r.body for r in prepared.rendered.resources if r.key.name == "r")
    assert role["spec"]["allow"]["mcp"]["tools"] == ("read", "select")
    assert prepared.inventory == {"files": ("drop_all", "read"), "db": ("select",)}


def test_an_incomplete_pin_is_as_none(tmp_path: Path) -> None:
    """What was seen through Teleport's filter works no exception out."""
    found = workflow.check(locked(tmp_path, SERVERS + ROLE, files=pin("read", complete=False)))
    assert found.site is None
    assert [problem.code for problem in found.problems] == ["PV121"]


@pytest.mark.parametrize(
    ("pinned", "says"),
    [
        (pin("select"), None),
        (pin("select", complete=False), None),
        (pin(complete=False), None),
        (pin("select", "drop"), "; only there: drop"),
        (pin("drop", complete=False), "; only there: drop"),
        (pin(), "; only here: select"),
        (pin("drop"), "; only there: drop; only here: select"),
    ],
)
def test_two_inventories_must_agree(tmp_path: Path, pinned: Pin, says: str | None) -> None:
    """Tools in the site and in the lock that contradict each other are an error at both places."""
    found = workflow.check(locked(tmp_path, SERVERS, db=pinned)).problems
    told = [(p.code, p.message.partition(lock.FILE)[2]) for p in found]
    assert told == ([("PV066", says)] if says else [])
    for problem in found:
        assert problem.at
        assert (problem.at.line, problem.related[0].line) == (6, 5)
        assert "db:" in problem.excerpt


def test_a_broken_lock_stops_a_site(tmp_path: Path) -> None:
    """Problems of the lock are told with its own places and lines, beside those of the site."""
    path = write(tmp_path, "rolez: {}\n")
    (tmp_path / lock.FILE).write_text("version: 1\nserver: {}\n")
    found = workflow.check(path)
    assert found.site is None
    assert [problem.code for problem in found.problems] == ["PV040", "PV060", "PV060"]
    assert found.problems[-1].excerpt == "server: {}"
    assert load(path)[0] == Lock()


def test_a_pin_that_says_the_same_keeps_its_time() -> None:
    """Pulling again changes the file only where a server changed; other pins stay."""
    old = pins.lock(files=pin("a"), db=pin("x"))
    later = Pin(True, "command: npx", "2027-01-01T00:00:00Z", pin("a").tools)
    assert renewed(old, {"files": later}) == old
    new = Pin(True, "command: npx", later.pinned_at, pin("a", "b").tools)
    assert renewed(old, {"files": new}).pins == freeze({"files": new, "db": old.pins["db"]})
