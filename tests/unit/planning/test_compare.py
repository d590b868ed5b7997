from __future__ import annotations

from typing import Any

import pytest

from provisioner.change import Cause, Change, Op, Plan
from provisioner.cluster.kinds import APPLIED_LABEL
from provisioner.cluster.resource import applied_hash, resource
from provisioner.planning.plan import plan
from provisioner.values import Secret
from tests.bodies import CLUSTER, OURS, app, desired, live, role

THEIRS: dict[str, Any] = {"allow": {"logins": ["x"]}}


def made(*existing: dict[str, Any]) -> Plan:
    return plan(desired(role()), live(*existing), CLUSTER)


def note(*existing: dict[str, Any]) -> Change:
    (line,) = made(*existing).notes
    return line


def server(name: str, **labels: str) -> dict[str, Any]:
    inner = app(name, labels=labels)
    return {"kind": "app_server", "metadata": {"name": name}, "spec": {"app": inner}}


@pytest.mark.parametrize(
    ("served", "op"),
    [
        (server("files", env="dev"), Op.CONFLICT),
        (server("files", **{"teleport.dev/origin": "config-file"}), Op.CONFLICT),
        (server("files", **{"teleport.dev/origin": "dynamic"}), Op.CREATE),
        (server("other", env="dev"), Op.CREATE),
        ({**server("files"), "spec": {"app": None}}, Op.CONFLICT),
    ],
)
def test_an_app_that_an_agent_brings_along(served: dict[str, Any], op: Op) -> None:
    """An app of an agent's own configuration is not doubled by one of the same name."""
    made = plan(desired(app("files")), live(served), CLUSTER)
    (line,) = (*made.changes, *made.notes)
    assert (line.op, str(line.key)) == (op, "app/files")
    if op is Op.CONFLICT:
        assert line.reason == "an agent serves an app of this name from its own configuration"
        assert line.hint.endswith("out of the site, or the app out of the agent's configuration")


def test_an_app_of_ours_that_is_served() -> None:
    """An app that is registered and served by an agent is no conflict with itself."""
    served = server("files", **{"teleport.dev/origin": "dynamic"})
    made = plan(desired(app("files")), live(app("files"), served), CLUSTER)
    assert (made.changes, made.notes) == ((), ())


ORIGINS = {
    "kubernetes": "Teleport's Kubernetes operator manages it",
    "config-file": "it comes from an agent's configuration file",
    "okta": "the Okta integration manages it",
    "scim": "the SCIM integration manages it",
    "entra-id": "the Entra ID integration manages it",
    "terraform": "Terraform manages it",
}
SIGNS = ("managed-by", "managed_by", "app.kubernetes.io/managed-by")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        *(({"teleport.dev/origin": origin}, reason) for origin, reason in ORIGINS.items()),
        *(({sign: "Terraform-Cloud"}, "Terraform manages it") for sign in SIGNS),
        ({SIGNS[0]: "flux", SIGNS[1]: "terraform"}, "Terraform manages it"),
        ({SIGNS[0]: "flux"}, "it exists, differs, and is not marked as ours"),
        ({}, "it exists, differs, and is not marked as ours"),
    ],
)
def test_who_manages_what_is_in_the_way(labels: dict[str, str], reason: str) -> None:
    """Who looks after a resource is said in words, so that one knows whom to ask."""
    told = note(role(labels=labels, **THEIRS))
    assert (told.op, told.reason) == (Op.CONFLICT, reason)
    assert told.hint.endswith("provision adopt role/dev")


def test_a_preset_cannot_be_adopted() -> None:
    """What Teleport made for itself is never ours: only another name helps."""
    told = note(role(labels={"teleport.internal/resource-type": "preset"}, **THEIRS))
    assert (told.reason, told.hint) == ("it is a preset of Teleport itself", "choose another name")


@pytest.mark.parametrize(
    ("labels", "spec", "cause"),
    [
        ({"provisioner/applied": "1-x"}, {}, "cluster"),
        ({"provisioner/applied": "1-x"}, THEIRS, "cluster"),
        ({}, {}, "unknown"),
        ({}, THEIRS, "unknown"),
        ({"provisioner/applied": "1-x", "provisioner/site": "other"}, THEIRS, "unknown"),
    ],
)
def test_who_took_the_label_away(
    labels: dict[str, str], spec: dict[str, Any], cause: Cause
) -> None:
    """What we applied once and has no owner now was changed in the cluster."""
    assert note(role(labels=labels, **spec)).cause == cause


def test_who_moved_is_unknown_without_a_mark() -> None:
    """Where no label tells what was applied last, nobody is said to have moved."""
    (change,) = made(role(**THEIRS)).changes
    assert (change.op, change.cause) == (Op.UPDATE, "unknown")


def test_who_moved_is_unknown_where_only_a_secret_differs() -> None:
    """A secret that is not the one referred to may be new on either side: neither is blamed."""

    def web(value: Any, **labels: str) -> dict[str, Any]:
        headers = [{"name": "Authorization", "value": value}]
        return app(uri="mcp+https://h/mcp", rewrite={"headers": headers}, labels={**OURS, **labels})

    wanted = web({"env": "TOKEN"})
    mark = {APPLIED_LABEL: applied_hash(resource(wanted).form)}
    (change,) = plan(desired(wanted), live(web(Secret("old"), **mark)), CLUSTER).changes
    assert (change.op, change.cause) == (Op.UPDATE, "unknown")


def test_what_is_taken_away_is_told_in_order() -> None:
    """Names that go are sorted, as are those that come."""
    names = ["f", "b", "e", "a", "d", "c"]
    (change,) = made(role(allow={"mcp": {"tools": [*names, "read_*"]}})).changes
    assert change.fields[0].removed == ("a", "b", "c", "d", "e", "f")


@pytest.mark.parametrize(
    ("label", "path"),
    [
        ("team", "metadata.labels.team"),
        ("cost-center", "metadata.labels.cost-center"),
        ("cost_center", "metadata.labels.cost_center"),
        ("example.com/team", 'metadata.labels["example.com/team"]'),
    ],
)
def test_where_something_differs(label: str, path: str) -> None:
    """A path is written in dots, and only a name that holds dots or slashes is in brackets."""
    (change,) = plan(desired(role(labels={**OURS, label: "x"})), live(role()), CLUSTER).changes
    assert [field.path for field in change.fields] == [path]
