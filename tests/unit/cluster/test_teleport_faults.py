from __future__ import annotations

from typing import Any

import pytest

from provisioner.cluster.teleport import Fault, faults
from provisioner.values import freeze

NEWEST = (99, 0, 0)


def found(spec: dict[str, Any], kind: str = "role", release: Any = NEWEST) -> list[Fault]:
    version = "v8" if kind == "role" else "v3"
    body = {"kind": kind, "version": version, "metadata": {"name": "x"}, "spec": spec}
    return list(faults(release, freeze(body)))


def paths(spec: dict[str, Any], kind: str = "role") -> list[Any]:
    return [fault.path[1:] for fault in found(spec, kind)]


def test_every_fault_at_its_path() -> None:
    """One fault hides none in another field, and each has its path, keys with dots included."""
    spec = {
        "allow": {
            "logins": ["root", 5],
            "node_labels": {"env": "dev", "a.b": [1]},
            "rules": [{"resources": "x"}],
            "kubernetes_resources": [{"kind": "pod"}, {"name": True}],
        },
        "deny": "everything",
        "options": {"forward_agent": [], "max_session_ttl": "soon"},
    }
    assert paths(spec) == [
        ("allow", "logins", 1),
        ("allow", "node_labels", "a.b"),
        ("allow", "rules", 0, "resources"),
        ("allow", "kubernetes_resources", 1, "name"),
        ("deny",),
        ("options", "forward_agent"),
        ("options", "max_session_ttl"),
    ]


def test_unknown_fields() -> None:
    """A field that Teleport does not have is told with those that it has, on every level."""
    spec = {"alow": {}, "allow": {"login": ["x"], "rules": [{"resource": ["x"]}]}}
    faulty = found(spec)
    assert [fault.path[1:] for fault in faulty] == [
        ("alow",),
        ("allow", "login"),
        ("allow", "rules", 0, "resource"),
    ]
    assert "logins" in faulty[1].known


def test_values_are_judged_where_types_are_right() -> None:
    """What Teleport refuses once it has read a document is told in its words; unknown fields do not hide it."""
    spec = {"allow": {"logins": ["*"], "login": ["x"]}}
    assert [(fault.path, fault.message) for fault in found(spec) if not fault.known] == [
        (("spec",), "wildcard matcher is not allowed in logins")
    ]
    assert found({"allow": {"logins": ["*", 1]}})[0].wanted == "string"
    assert len(found({"allow": {"logins": ["*", 1]}})) == 1


@pytest.mark.parametrize(("release", "known"), [((18, 8, 2), False), ((18, 8, 3), True)])
def test_releases(release: tuple[int, int, int], known: bool) -> None:
    """A field is known from the release on that brought it."""
    spec = {"options": {"web_terminal_clipboard_mode": "off"}}
    assert (found(spec, release=release) == []) is known


def test_apps() -> None:
    """Apps are read in the same way."""
    spec = {
        "uri": "mcp+https://x/",
        "cors": {"max_age": "1"},
        "dynamic_labels": {"a.b": {"period": 1}},
    }
    assert paths(spec, "app") == [("cors", "max_age"), ("dynamic_labels", "a.b", "period")]
    assert found({"uri": "mcp+https://x/", "rewrite": {"jwt_claims": "all"}}, "app")[0].message == (
        'app "x" has unexpected JWT rewrite value "all"'
    )
