"""What a write expects: it is made if that is still what lives, and refused with Moved if not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from provisioner.change import Key
from provisioner.cluster.port import Scope, Verb, Write
from provisioner.cluster.tctl import Tctl, TctlOptions
from provisioner.errors import Exists, Missing, Moved
from provisioner.values import Body, thaw
from tests.contract.conftest import CREDENTIALS, FAKE, REAL, SETTLED, Contract

if TYPE_CHECKING:
    from provisioner.errors import ClusterError


UNSET = pytest.mark.skipif(not REAL, reason="PROVISION_REAL_TCTL is not set")


@pytest.fixture(params=["fake", pytest.param("real", marks=(pytest.mark.real, UNSET))])
def conditional(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Contract]:
    """Return a tctl that has Teleport compare revisions, stood in for and real."""
    is_real = request.param == "real"
    monkeypatch.setenv("FAKE_TCTL_STATE", str(tmp_path / "state.json"))
    for name, value in CREDENTIALS.items() if is_real else ():
        monkeypatch.setenv(name, value)
    options = TctlOptions(path=REAL if is_real else str(FAKE), conditional=True)
    contract = Contract(Tctl(options), SETTLED if is_real else 0.0)
    yield contract
    contract.clean()


def seen(contract: Contract, key: Key) -> Body:
    """Return a live document as it is read, revision and all."""
    scope = Scope((key.kind,), tokens=frozenset({key.name}))
    found = contract.cluster.read(scope)
    return next(body for body in found if body["metadata"]["name"] == key.name)


def described(body: Any, team: str) -> dict[str, Any]:
    """Return a document with another label."""
    plain = thaw(body)
    plain["metadata"].setdefault("labels", {})["team"] = team
    plain["metadata"].pop("revision", None)
    plain.pop("status", None)
    return dict(plain)


def planned(contract: Contract, body: Any, team: str = "ours") -> Write:
    """Return an update that expects what lives now."""
    key = Key(body["kind"], body["metadata"]["name"])
    live = seen(contract, key)
    return replace(contract.document(Verb.UPDATE, described(live, team)), expected=live)


def one_of_each(contract: Contract) -> list[dict[str, Any]]:
    role = contract.role("r", {"logins": ["a"]})
    return [role, contract.bot("b"), contract.app("a"), contract.token("t")]


def outcome(contract: Contract, write: Write) -> ClusterError | None:
    return contract.write(write)[write.key]


def team(contract: Contract, key: Key) -> str | None:
    labels: dict[str, str] = contract.read(key.kind)[key]["metadata"].get("labels", {})
    return labels.get("team")


def holds_what_is_expected(contract: Contract) -> None:
    bodies = one_of_each(contract)
    contract.create(*bodies)
    writes = [planned(contract, body) for body in bodies]
    assert set(contract.write(*writes).values()) == {None}
    assert {team(contract, write.key) for write in writes} == {"ours"}


def refuses_what_moved(contract: Contract) -> None:
    bodies = one_of_each(contract)
    contract.create(*bodies)
    writes = [planned(contract, body) for body in bodies]
    for body in bodies:
        assert contract.outcome(Verb.UPDATE, described(body, "theirs")) is None
    outcomes = contract.write(*writes)
    assert {type(error) for error in outcomes.values()} == {Moved}
    assert all("metadata.labels.team" in str(error) for error in outcomes.values())
    assert {team(contract, write.key) for write in writes} == {"theirs"}


def test_what_is_expected(contract: Contract) -> None:
    """An update that expects what lives is made, of every kind."""
    holds_what_is_expected(contract)


def test_what_is_expected_on_condition(conditional: Contract) -> None:
    """The same with conditional updates."""
    holds_what_is_expected(conditional)


def test_what_moved(contract: Contract) -> None:
    """An update of what somebody changed since is refused, and what moved is named."""
    refuses_what_moved(contract)


def test_what_moved_on_condition(conditional: Contract) -> None:
    """The same with conditional updates."""
    refuses_what_moved(conditional)


def test_the_same_again(contract: Contract) -> None:
    """Somebody who writes what is there anyway has moved nothing, although there is a new revision."""
    body = contract.role("r", {"logins": ["a"]})
    contract.create(body)
    write = planned(contract, body)
    assert contract.outcome(Verb.UPDATE, body) is None
    assert outcome(contract, write) is None
    assert team(contract, write.key) == "ours"


def test_what_is_gone(contract: Contract) -> None:
    """What was deleted since is not made anew by an update, and its deletion is Missing as ever."""
    bodies = one_of_each(contract)
    contract.create(*bodies)
    writes = [planned(contract, body) for body in bodies]
    keys = [write.key for write in writes]
    contract.write(*(Write(Verb.DELETE, key) for key in keys))
    assert {type(error) for error in contract.write(*writes).values()} == {Moved}
    assert contract.read("role", "bot", "app", "token") == {}
    deletions = [Write(Verb.DELETE, write.key, expected=write.expected) for write in writes]
    assert {type(error) for error in contract.write(*deletions).values()} == {Missing}


def test_deletions(contract: Contract) -> None:
    """What somebody changed since is not deleted; what is as it was, is."""
    kept, gone = contract.role("kept", {"logins": ["a"]}), contract.role("gone", {"logins": ["a"]})
    contract.create(kept, gone)
    keys = [Key("role", body["metadata"]["name"]) for body in (kept, gone)]
    writes = [Write(Verb.DELETE, key, expected=seen(contract, key)) for key in keys]
    assert contract.outcome(Verb.UPDATE, described(kept, "theirs")) is None
    outcomes = contract.write(*writes)
    assert (type(outcomes[keys[0]]), outcomes[keys[1]]) == (Moved, None)
    assert set(contract.read("role")) == {keys[0]}


@pytest.mark.parametrize("verb", [Verb.ADD_ROLES, Verb.SET_ROLES])
def test_grants(contract: Contract, verb: Verb) -> None:
    """Roles of a bot that somebody changed since are neither added to nor set."""
    contract.create(contract.role("a"), contract.role("b"), contract.bot("ci", "a"))
    key, role = contract.key("bot", "ci"), contract.prefix + "b"
    write = Write(verb, key, roles=(role,), expected=seen(contract, key))
    assert outcome(contract, write) is None
    assert isinstance(outcome(contract, write), Moved)
    again = replace(write, expected=seen(contract, key))
    assert outcome(contract, again) is None


def test_one_of_many(contract: Contract) -> None:
    """What moved does not keep the others from being written."""
    bodies = [contract.role(f"r{n}", {"logins": ["a"]}) for n in range(4)]
    contract.create(*bodies)
    writes = [planned(contract, body) for body in bodies]
    assert contract.outcome(Verb.UPDATE, described(bodies[2], "theirs")) is None
    outcomes = contract.write(*writes)
    assert [type(outcomes[write.key]) for write in writes].count(Moved) == 1
    assert [team(contract, write.key) for write in writes] == ["ours", "ours", "theirs", "ours"]


def test_creations_expect_nothing(contract: Contract) -> None:
    """A creation is refused by what is there, as ever."""
    body = contract.role("r", {"logins": ["a"]})
    contract.create(body)
    assert isinstance(contract.outcome(Verb.CREATE, body), Exists)
