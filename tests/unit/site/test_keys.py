from __future__ import annotations

import pytest

from provisioner.site import keys
from provisioner.site.keys import Path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("roles", "dev", "version"), "v8"),
        (("bots", "ci", "clients", 0, "timeout"), "30s"),
        (("bots", "ci", "tbot", "oneshot"), False),
        (("bots", "ci", "description"), None),
        (("version",), None),
    ],
)
def test_defaults(path: Path, value: object) -> None:
    """A key has the default that the model gives it; one that is optional or required has none."""
    assert keys.default(path) == value
    assert keys.is_known(path)


@pytest.mark.parametrize(
    "path",
    [
        ("role",),
        ("roles", "dev", "toool"),
        ("roles", "Not A Name"),
        ("site", "x"),
        ("bots", "b", 0),
    ],
)
def test_what_no_site_has(path: Path) -> None:
    """A key or a name that a site cannot have is not known, and neither is what is below a value."""
    assert not keys.is_known(path)
    assert keys.default(path) is None


def test_anything_goes_where_teleport_decides() -> None:
    """Options of a role are Teleport's: any key is known there."""
    assert keys.is_known(("roles", "dev", "options", "whatever"))


def test_what_can_be_written() -> None:
    """Keys are those of the schema; names of the user's own are not among them."""
    assert {"tools", "app_labels", "version"} <= keys.keys(("roles", "dev"))
    assert keys.keys(("roles",)) == frozenset()
    assert {"method", "allow", "name"} <= keys.keys(("bots", "ci", "join", 0))
