from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from provisioner.change import TestResult as Result
from provisioner.checks.acceptance import Test as Claim
from provisioner.checks.acceptance import results
from provisioner.errors import Place
from provisioner.rbac.access import Identity, Server, World
from provisioner.schema.records import read
from provisioner.site.model import AccessTest
from tests.worlds import DB, FILES, NO_DELETE, READER, WEB, role

READ_FILES = role("files-reader", {"env": "dev"}, "read_*")


def world(*identities: Identity, servers: tuple[Server, ...] = (FILES, DB, WEB)) -> World:
    return World(identities, servers)


def judged(says: dict[str, Any], after: World, before: World | None = None) -> Result:
    """Return what becomes of one test."""
    claim = Claim("t", read(AccessTest, says), Place("site.yaml", 1))
    (result,) = results((claim,), after, before)
    return result


CI = Identity("ci", (READ_FILES,))


@pytest.mark.parametrize(
    ("says", "state"),
    [
        ({"bot": "ci", "server": "files", "allow": ["read_file"]}, "passed"),
        ({"bot": "ci", "server": "files", "allow": ["*_file"]}, "failed"),
        ({"bot": "ci", "server": "files", "deny": ["delete_*"]}, "passed"),
        ({"bot": "ci", "server": "files", "deny": ["read_*"]}, "failed"),
        ({"bot": "ci", "server": "files", "exactly": ["read_file"]}, "passed"),
        ({"bot": "ci", "server": "files", "exactly": []}, "failed"),
        ({"bot": "ci", "server": "db", "connect": False}, "passed"),
        ({"bot": "ci", "server": "db", "connect": True}, "failed"),
        ({"bot": "ci", "server": "web", "exactly": ["x"]}, "undecided"),
        ({"bot": "ci", "server": "web", "allow": ["read_*"]}, "undecided"),
        ({"bot": "ci", "servers": {"env": "dev"}, "connect": True}, "passed"),
        ({"bot": "nobody", "server": "files", "connect": True}, "failed"),
        ({"bot": "ci", "server": "nowhere", "connect": True}, "failed"),
    ],
)
def test_what_becomes_of_a_claim(says: dict[str, Any], state: str) -> None:
    """A claim passes, fails, or cannot be decided; one about nobody fails."""
    result = judged(says, world(CI))
    assert result.state == state
    assert bool(result.reasons) is (state != "passed")


def test_each_set_of_labels_is_asked() -> None:
    """Where agents serve one name differently, a claim has to hold at each, and says where it fails."""
    sides = (replace(FILES, labels={"env": "dev"}), replace(FILES, labels={"env": "x", "a": "b"}))
    after = world(CI, servers=sides)
    assert judged({"bot": "ci", "server": "files", "deny": ["delete_*"]}, after).state == "passed"
    failed = judged({"bot": "ci", "server": "files", "allow": ["read_file"]}, after)
    (reason,) = failed.reasons
    assert reason.startswith(
        "bot ci on files: read_file is not allowed: no role reaches the server ("
    )
    assert reason.endswith("(where its labels are a: b, env: x)")
    nowhere = world(CI, servers=tuple(replace(FILES, labels=each) for each in ({}, {"env": "x"})))
    (reason,) = judged({"bot": "ci", "server": "files", "connect": True}, nowhere).reasons
    assert reason == "bot ci on files: it cannot connect: no role reaches the server"
    many = [replace(FILES, labels={"host": f"h{number}"}) for number in range(9)]
    crowd = world(CI, servers=(sides[0], *many))
    (reason,) = judged({"bot": "ci", "server": "files", "connect": True}, crowd).reasons
    assert reason.endswith("are host: h0; or host: h1; or host: h2; and 6 more)")


def test_a_side_more_is_no_other_failure() -> None:
    """What failed before, at other labels or without a second agent, is not the doing of a plan."""
    then = world(CI, servers=(replace(FILES, labels={"env": "x"}),))
    applied = {"env": "x", "provisioner/applied": "1-0"}
    sides = (replace(FILES, labels=applied), replace(FILES, labels={"env": "dev"}))
    says = {"bot": "ci", "server": "files", "allow": ["read_file"]}
    now = judged(says, world(CI, servers=sides), then)
    assert (now.state, now.was_failing) == ("failed", True)
    assert now.reasons[0].endswith("(where its labels are env: x)")


def test_everybody_is_every_bot() -> None:
    """`*` is each bot there is, and one that breaks the claim is enough, and named."""
    says = {"bots": "*", "server": "files", "deny": ["read_file"]}
    result = judged(says, world(CI, Identity("idle", (NO_DELETE,))))
    assert result.state == "failed"
    assert result.reasons == (
        "bot ci on files: read_file is allowed, by role files-reader, pattern read_*",
    )


DENY: dict[str, Any] = {"bots": "*", "server": "files", "deny": ["read_file"]}


@pytest.mark.parametrize(
    ("before", "was"),
    [
        (world(CI), True),
        (world(CI, Identity("idle")), True),
        (world(Identity("ci")), False),
        (world(Identity("ci"), Identity("other", (READER, READ_FILES))), False),
        (world(CI, servers=()), False),
        (world(), False),
    ],
)
def test_only_the_same_violation_was_there_before(before: World, was: bool) -> None:
    """What failed for another reason before, such as that nobody was there, is this plan's doing."""
    assert judged(DENY, world(CI), before).was_failing is was


def test_a_violation_more_is_a_new_one() -> None:
    """A test that fails for one bot does not hide that it now fails for a second one."""
    assert not judged(DENY, world(CI, Identity("cd", (READ_FILES,))), world(CI)).was_failing
    assert judged(DENY, world(CI), world(CI, Identity("cd", (READ_FILES,)))).was_failing


def test_a_test_that_is_mended_was_failing() -> None:
    """What passes now and failed before is told to have been failing."""
    result = judged(DENY, world(Identity("ci")), world(CI))
    assert (result.state, result.was_failing) == ("passed", True)


@pytest.mark.parametrize(
    ("servers", "number"),
    [
        ("*", 3), ({"labels": {"*": "*"}}, 3), ({"*": "*"}, 3), ("files", 1), (["files", "db"], 2),
        ({"names": ["files", "web"]}, 2), ({"names": ["db"], "labels": {"env": "dev"}}, 3),
        ({"env": "dev"}, 2), ({"labels": {"env": "dev"}}, 2), ({"labels": "x"}, 0),
    ],
)  # fmt: skip
def test_ways_to_select_servers(servers: Any, number: int) -> None:
    """Servers are named, or found by labels as a role finds them, in short or in full."""
    everywhere = Identity("ci", (role("all", {"*": "*"}, "*"),))
    result = judged({"bot": "ci", "servers": servers, "connect": False}, world(everywhere))
    assert len([reason for reason in result.reasons if "it can connect" in reason]) == number
