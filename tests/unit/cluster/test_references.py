from __future__ import annotations

from typing import Any

import pytest

from provisioner.change import Key
from provisioner.cluster.kinds import APPLIED_LABEL
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Scope, Verb, Write
from provisioner.cluster.references import (
    Reference,
    Resolving,
    named,
    recognised,
    references,
    resolved,
    trusted,
)
from provisioner.cluster.resource import Resource, applied_hash, resource, with_label
from provisioner.errors import Rejected, Unresolved
from provisioner.values import Secret, freeze
from tests.bodies import app

ENV = {"env": "TOKEN"}


def header(value: Any, name: str = "Authorization") -> dict[str, Any]:
    return {"name": name, "value": value}


def web(*headers: dict[str, Any], **spec: Any) -> Resource:
    rewrite = {"headers": list(headers), "jwt_claims": "none"}
    return resource(app(uri="mcp+https://h/mcp", rewrite=rewrite, **spec))


def known(_reference: Reference) -> Secret:
    return Secret("hunter2")


def unknown(reference: Reference) -> Secret:
    raise Unresolved(f"{named(reference)} is not to be had")


def test_where_references_are() -> None:
    """Only values of headers are references: a label called env is a label."""
    body = web(header("{{internal.jwt}}"), header(ENV, "X")).body
    labelled = with_label(body, "env", "dev")
    assert list(references(labelled)) == [("X", ENV)]
    assert list(references(app(labels={"env": "dev"}))) == []


def test_what_is_written() -> None:
    """A document is written with the values, and is otherwise the same."""
    whole = resolved(web(header(ENV), header("{{internal.jwt}}", "X"), public_addr="p").body, known)
    assert whole["spec"]["rewrite"] == {
        "headers": (header(Secret("hunter2")), header("{{internal.jwt}}", "X")),
        "jwt_claims": "none",
    }
    assert whole["spec"]["public_addr"] == "p"
    plain = web(header("{{internal.jwt}}")).body
    assert resolved(plain, unknown) is plain


@pytest.mark.parametrize(("there", "is_same"), [("hunter2", True), ("hunter3", False)])
def test_a_value_that_can_be_compared(there: str, is_same: bool) -> None:
    """The right value is seen as its reference, another one as what it is, and neither is a doubt."""
    wanted, live = web(header(ENV)), web(header(Secret(there)))
    seen, doubts = recognised(live, wanted, known)
    assert (seen.text == wanted.text, doubts) == (is_same, ())
    assert seen.as_read == live.body


@pytest.mark.parametrize("there", [Secret("hunter2"), "<secret>"])
@pytest.mark.parametrize("was_written", [True, False])
def test_a_value_that_cannot_be_compared(there: Any, was_written: bool) -> None:
    """It counts as right if it was written from this reference and nothing moved; it is a doubt anyway."""
    wanted, live = web(header(ENV)), web(header(there))
    said = applied_hash(wanted.form if was_written else web(header({"env": "OTHER"})).form)
    live = resource(with_label(live.body, APPLIED_LABEL, said))
    seen, (doubt,) = recognised(live, wanted, unknown)
    assert (seen.text == wanted.text) is was_written
    assert (doubt.header, doubt.assumed) == ("Authorization", was_written)
    assert doubt.error.message == "env TOKEN is not to be had"


def test_a_snapshot_cannot_tell() -> None:
    """What was left out of a snapshot cannot be compared, although the value is to be had."""
    _, (doubt,) = recognised(web(header("<secret>")), web(header(ENV)), known)
    assert doubt.error.message == "a snapshot holds no secrets"


@pytest.mark.parametrize(
    "there",
    [
        header("{{internal.jwt}}"),
        header(Secret("hunter2"), "Other"),
    ],
)
def test_another_header(there: dict[str, Any]) -> None:
    """A template, or a header of another name, is never taken for what a reference leads to."""
    wanted, live = web(header(ENV)), web(there)
    assert recognised(live, wanted, known) == (live, ())
    assert recognised(live, wanted, unknown) == (live, ())


def test_headers_that_were_added() -> None:
    """Where there are more on one side, those in the same places are compared."""
    live = web(header(Secret("hunter2")))
    seen, doubts = recognised(live, web(header(ENV), header(ENV, "X")), known)
    assert seen.body["spec"]["rewrite"]["headers"] == (header(ENV),)
    assert doubts == ()


def test_taken_on_trust() -> None:
    """Concealed values can be taken for the right ones, where that is the question."""
    wanted = web(header(ENV), header({"file": "/t"}, "X"))
    live = web(header(Secret("a")), header(Secret("b"), "X"))
    assert trusted(live, wanted).text == wanted.text
    assert trusted(web(), wanted).text == web().text


def test_a_cluster_that_resolves() -> None:
    """What is written through it are the values; one that is not to be had refuses its write alone."""
    inner = MemoryCluster()

    def one(reference: Reference) -> Secret:
        return known(reference) if reference == ENV else unknown(reference)

    cluster = Resolving(inner, one)
    bodies = [
        {**web(header(value)).body, "metadata": {"name": name}}
        for name, value in (
            ("good", ENV),
            ("bad", {"file": "/gone"}),
            ("plain", "{{internal.jwt}}"),
        )
    ]
    batch = [Write(Verb.CREATE, Key("app", b["metadata"]["name"]), freeze(b)) for b in bodies]
    outcomes = {outcome.key.name: outcome.error for outcome in cluster.write(batch)}
    assert isinstance(outcomes.pop("bad"), Rejected)
    assert outcomes == {"good": None, "plain": None}
    live = {b["metadata"]["name"]: b for b in cluster.read(Scope(("app",)))}
    assert live["good"]["spec"]["rewrite"]["headers"][0]["value"] == Secret("hunter2")
    assert cluster.info() == inner.info()
    delete = [Write(Verb.DELETE, Key("app", "good"))]
    assert [outcome.error for outcome in cluster.write(delete)] == [None]
