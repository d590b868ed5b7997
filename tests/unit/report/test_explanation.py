from __future__ import annotations

import json

from provisioner.checks.explanation import Origin, Saying
from provisioner.errors import Place
from provisioner.report import explanation
from provisioner.text.terminal import plain

SITE = Place("prod.yaml", 4, 3, 9)
BASE = Place("base.yaml", 7, 5, 9)
NAMED = Place("prod.yaml", 1, 10, 19)
REPLACED = Origin(
    ("roles", "r", "tools"),
    ["read"],
    "file",
    (Saying(SITE, ["read"], "counts"), Saying(BASE, ["a\x1b"], "replaced", "extends", NAMED)),
)
REMOVED = Origin(
    ("roles", "old"),
    None,
    "removed",
    (Saying(SITE, None, "removes"), Saying(BASE, {}, "removed", "include", NAMED)),
)
DEFAULT = Origin(("roles", "r", "version"), "v8", "default")
PINNED = Origin(
    ("x",), ["t"], "lock", (Saying(Place("tools.lock.yaml", 9, 3), ["t"], "counts", "lock"),)
)


def test_text() -> None:
    """Each value stands over the lines that say it, and nothing in it reaches a terminal unseen."""
    assert explanation.text((REPLACED, REMOVED, DEFAULT, PINNED), plain).splitlines() == [
        'roles.r.tools: ["read"]',
        "  prod.yaml:4:3  counts",
        '  base.yaml:7:5  replaced: ["a\\u001b"] (extended at prod.yaml:1:10)',
        "roles.old: nothing, it is removed",
        "  prod.yaml:4:3  removes it",
        "  base.yaml:7:5  removed: {} (included at prod.yaml:1:10)",
        "roles.r.version: v8",
        "  the default",
        'x: ["t"]',
        "  tools.lock.yaml:9:3  counts (pinned)",
    ]


def test_json() -> None:
    """The same as data: path, value, and the whole chain with places."""
    document = json.loads(explanation.as_json((REPLACED, DEFAULT), "prod.yaml", "roles.r"))
    assert (document["format_version"], document["file"], document["key"]) == (
        "1.0", "prod.yaml", "roles.r",
    )  # fmt: skip
    first, second = document["values"]
    assert (first["key"], first["path"]) == ("roles.r.tools", ["roles", "r", "tools"])
    assert first["said"][1] == {
        "file": "base.yaml", "line": 7, "column": 5, "value": ["a\x1b"], "fate": "replaced",
        "how": "extends", "named": {"file": "prod.yaml", "line": 1, "column": 10},
    }  # fmt: skip
    assert (second["source"], second["said"]) == ("default", [])
