"""Writes of tctl that expect something: the look before them, and updates on condition."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from provisioner.change import Key
from provisioner.cluster.port import Verb, Write
from provisioner.cluster.resource import Resource
from provisioner.cluster.tctl import TctlOptions, _conditional, _guard, writing
from provisioner.cluster.tctl._base import Tool
from provisioner.cluster.tctl.editor import MOVED, edit
from provisioner.errors import ClusterError, Missing, Moved, Rejected, Unreachable
from provisioner.values import Body, freeze
from tests.unit.cluster.test_tctl import DEFAULT, Fake, bot, failed, fake, role

__all__ = ["fake"]  # a fixture

CAS = replace(DEFAULT, conditional=True)


def update(body: Mapping[str, Any], expected: Body) -> Write:
    key = Key(body["kind"], body["metadata"]["name"])
    return Write(Verb.UPDATE, key, freeze(body), expected=expected)


def labelled(name: str) -> dict[str, Any]:
    return role(name, labels={"team": "ours"})


def create(fake: Fake, *bodies: Mapping[str, Any]) -> dict[str, Body]:
    """Create documents and return them as they live."""
    keys = [Key(body["kind"], body["metadata"]["name"]) for body in bodies]
    batch = [Write(Verb.CREATE, key, body) for key, body in zip(keys, bodies, strict=True)]
    assert failed(fake.write(*batch)) == {}
    found = {kind: fake.live(kind) for kind in {key.kind for key in keys}}
    return {key.name: found[key.kind][key.name] for key in keys}


def verbs(fake: Fake) -> list[str]:
    return [call["verb"] for call in fake.calls]


# --- the look before -------------------------------------------------------------------------


def test_one_look_a_kind(fake: Fake) -> None:
    """Before a part of a batch, each kind in it is listed once, however many writes there are."""
    live = create(fake, *(role(f"r{n}") for n in range(60)), bot("b"))
    before = len(fake.calls)
    new = [*(labelled(f"r{n}") for n in range(60)), bot("b", labels={"a": "b"})]
    assert failed(fake.write(*(update(body, live[body["metadata"]["name"]]) for body in new))) == {}
    assert verbs(fake)[before:] == ["get", "get", *["create"] * 3]
    assert fake.slept == []


def test_large_batches_are_looked_at_in_parts(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written late is looked at late: again before each part."""
    monkeypatch.setattr("provisioner.cluster.tctl._guard._PART", 2)
    live = create(fake, *(role(f"r{n}") for n in range(5)))
    before = len(fake.calls)
    fake.write(*(update(labelled(name), body) for name, body in live.items()))
    assert verbs(fake)[before:] == ["get", "create"] * 3


def test_creations_are_not_looked_for(fake: Fake) -> None:
    """What expects nothing is written without a look, and before the rest."""
    live = create(fake, role("old"))
    before = len(fake.calls)
    new = Write(Verb.CREATE, Key("role", "new"), role("new"))
    fake.write(update(labelled("old"), live["old"]), new)
    assert verbs(fake)[before:] == ["create", "get", "create"]


def test_a_second_look(fake: Fake) -> None:
    """What seems to have moved is looked at again a little later: a listing can be an older one."""
    live = create(fake, role("r"))
    fake.write(Write(Verb.UPDATE, Key("role", "r"), labelled("r")))
    newer = fake.live("role")["r"]
    assert failed(fake.write(update(role("r"), live["r"]))) == {"r": Moved}
    assert fake.slept == [1.5]

    looks: list[int] = []

    def look(writes: Sequence[Write]) -> Mapping[Key, Resource]:
        looks.append(len(writes))
        return fake.tctl()._look(writes) if len(looks) > 1 else {}

    tool = Tool(DEFAULT, fake.events.append, fake.slept.append)
    write = update(role("r"), newer)
    usable, refused = _guard.apart(tool, look, [write])
    assert ([each.key for each in usable], refused, looks) == ([write.key], [], [1, 1])


def test_who_cannot_look_writes_nothing(fake: Fake) -> None:
    """When the look fails, that is the error, and nothing was sent."""
    live = create(fake, role("r"))
    fake.set(FAIL="get=connection refused")
    with pytest.raises(Unreachable):
        fake.write(update(labelled("r"), live["r"]))
    assert "create" not in verbs(fake)[-2:]


# --- on condition ----------------------------------------------------------------------------


def test_roles_are_edited(fake: Fake, tmp_path: Path) -> None:
    """On condition, a role is updated by `tctl edit` with our editor, and reads back as written."""
    live = create(fake, role("r"))
    assert failed(fake.write(update(labelled("r"), live["r"]), options=CAS)) == {}
    call = fake.calls[-1]
    assert call["argv"] == ["edit", "role/r"]
    *_, editor, task = call["env"]["TELEPORT_EDITOR"].split(" ")
    assert editor.endswith("/tctl/editor.py")
    assert not Path(task).exists()
    assert fake.live("role")["r"]["metadata"]["labels"] == {"team": "ours"}
    assert list(tmp_path.glob("provision-*")) == []


def test_only_what_can_be_compared(fake: Fake) -> None:
    """Bots, new roles, and updates that expect nothing go the usual way."""
    live = create(fake, bot("b"), role("r"))
    before = len(fake.calls)
    fake.write(
        update(bot("b", labels={"a": "b"}), live["b"]),
        Write(Verb.CREATE, Key("role", "new"), role("new")),
        Write(Verb.UPDATE, Key("role", "r"), labelled("r")),
        options=CAS,
    )
    assert "edit" not in verbs(fake)[before:]


def conditionally(fake: Fake, write: Write, options: TctlOptions = CAS) -> ClusterError | None:
    """Write without the look before it, as if somebody came in between."""
    tool = Tool(options, fake.events.append, fake.slept.append)
    (outcome,) = writing.write(tool, fake.tctl()._look, [write])
    return outcome.error


def test_somebody_in_between(fake: Fake) -> None:
    """What moved after the look is refused as well, and stays as somebody else made it."""
    live = create(fake, role("r"))
    fake.write(Write(Verb.UPDATE, Key("role", "r"), role("r", labels={"team": "theirs"})))
    assert isinstance(conditionally(fake, update(labelled("r"), live["r"])), Moved)
    assert fake.live("role")["r"]["metadata"]["labels"] == {"team": "theirs"}


STALE = (
    "resource revision does not match, it may have been concurrently created|modified|deleted; "
    "please work from the latest state, or use --force to overwrite"
)


def test_somebody_behind_the_editor(fake: Fake) -> None:
    """What moves while the editor works, Teleport refuses: the last gap is closed by the server."""
    live = create(fake, role("r"))
    fake.set(FAIL=f"edit={STALE}")
    error = conditionally(fake, update(labelled("r"), live["r"]))
    assert isinstance(error, Moved)
    assert error.message.startswith("tctl edit role/r: resource revision does not match")
    assert "labels" not in fake.live("role")["r"]["metadata"]


def test_a_role_that_is_gone(fake: Fake) -> None:
    """A role that was deleted after the look is Missing, and is not made anew."""
    live = create(fake, role("r"))
    fake.write(Write(Verb.DELETE, Key("role", "r")))
    assert isinstance(conditionally(fake, update(labelled("r"), live["r"])), Missing)
    assert "r" not in fake.live("role")


def test_an_answer_that_got_lost(fake: Fake) -> None:
    """When the connection breaks behind the write, a look finds that it was made."""
    live = create(fake, role("r"))
    fake.set(FAIL="1x:edit=>unexpected EOF")
    assert conditionally(fake, update(labelled("r"), live["r"])) is None


def test_a_rate_limit(fake: Fake) -> None:
    """A call that met a rate limit is made again, on the same condition."""
    live = create(fake, role("r"))
    fake.set(FAIL="2x:edit=rate limit exceeded, try again in 1s")
    assert conditionally(fake, update(labelled("r"), live["r"])) is None
    assert [verb for verb in verbs(fake) if verb == "edit"] == ["edit"] * 3


def test_a_role_that_the_cluster_refuses(fake: Fake) -> None:
    """A document that is not taken is Rejected with the cluster's words, not Moved."""
    live = create(fake, role("r"))
    bad = {**labelled("r"), "version": "v99"}
    error = conditionally(fake, update(bad, live["r"]))
    assert isinstance(error, Rejected)
    assert "v99" in error.message


@pytest.mark.parametrize("word", ["python", "directory"])
def test_paths_with_blanks(
    word: str, fake: Fake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """tctl takes the editor apart at blanks: such a path is refused before anything is started."""
    live = create(fake, role("r"))
    before = len(fake.calls)
    if word == "python":
        monkeypatch.setattr(_conditional, "_EDITOR", ("/my python", "-I", "editor.py"))
    else:
        (tmp_path / "a b").mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "a b"))
    error = conditionally(fake, update(labelled("r"), live["r"]))
    assert isinstance(error, Rejected)
    assert "has one" in error.message
    assert len(fake.calls) == before


def test_names_that_would_mean_something_else(fake: Fake) -> None:
    """A name that cannot stand in a reference goes the usual way."""
    live = create(fake, role("@a"))
    conditionally(fake, update(labelled("@a"), live["@a"]))
    assert verbs(fake)[-1] == "create"


# --- the editor ------------------------------------------------------------------------------


def task(directory: Path, revision: str) -> Path:
    path = directory / "task.json"
    path.write_text(json.dumps({"revision": revision, "document": {"kind": "role", "é": "\u2028"}}))
    return path


ROLE = """\
kind: role
metadata:
  description: "line\\n  revision: other\\n"
  name: =
  revision: 1f-2e
version: v8
"""


def test_the_editor(tmp_path: Path) -> None:
    """The file becomes the document of the task when it has the revision."""
    file = tmp_path / "role.yaml"
    file.write_text(ROLE)
    assert edit(task(tmp_path, "1f-2e"), file) == 0
    assert json.loads(file.read_text()) == {"kind": "role", "é": "\u2028"}


@pytest.mark.parametrize("revision", ["other", "", "1f-2e "])
def test_another_revision(revision: str, tmp_path: Path) -> None:
    """With another revision, or none, the file stays as it is; text that looks like one does not count."""
    file = tmp_path / "role.yaml"
    file.write_text(ROLE)
    assert edit(task(tmp_path, revision), file) == MOVED
    assert file.read_text() == ROLE
    file.write_text(ROLE.replace("  revision: 1f-2e\n", ""))
    assert edit(task(tmp_path, "1f-2e"), file) == MOVED
