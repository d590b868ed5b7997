from __future__ import annotations

from provisioner.rbac.labels import alternatives, listed, told_apart, written


def test_what_people_write() -> None:
    """Labels of Teleport and of this tool are left out; what is left is in the order of its names."""
    labels = {"team": "ml", "env": "dev", "teleport.dev/origin": "x", "provisioner/site": "a"}
    assert list(written(labels).items()) == [("env", "dev"), ("team", "ml")]


def test_on_a_line() -> None:
    """Labels are told in the order of names; no value is a value, and no label is said so."""
    assert listed({"team": "ml", "env": ""}) == "env: '', team: ml"
    assert listed({}) == "none"


def test_told_apart() -> None:
    """Labels of tools are told only where sets could not be told apart without them."""
    dynamic, static = ({"env": "dev", "teleport.dev/origin": o} for o in ("dynamic", "config-file"))
    assert told_apart([dynamic, {"env": "prod"}]) == ("env: dev", "env: prod")
    assert told_apart([dynamic, static]) == (
        "env: dev, teleport.dev/origin: dynamic",
        "env: dev, teleport.dev/origin: config-file",
    )


def test_the_first_few() -> None:
    """Of many texts the first are told, each once, and how many there are besides."""
    assert alternatives(["a", "b", "a"]) == "a; or b"
    assert alternatives(map(str, range(1003))) == "0; or 1; or 2; and 1,000 more"
