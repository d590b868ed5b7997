"""Go writes null for what is empty: it may stand wherever a name has a value, in every live document."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from provisioner import cli, workflow
from provisioner.cluster import snapshot
from provisioner.errors import ProvisionError
from provisioner.report import plan_text
from provisioner.text import terminal
from tests.conftest import ROOT
from tests.sites import HEAD, TEMPLATES

Place = tuple[str | int, ...]
GOLDEN = ROOT / "tests/golden"


def places(value: Any, above: Place) -> Iterator[Place]:
    """Yield where something stands in a value, everything in lists included."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for step, part in inside:
        yield (*above, step)
        if isinstance(part, dict | list):
            yield from places(part, (*above, step))


def planned(prepared: workflow.Prepared, whole: Any) -> None:
    """Plan for a snapshot, and show the plan."""
    cluster = snapshot.parse(json.dumps(whole).encode(), "live.json")
    made = workflow.make_plan(prepared, cluster, prune=True)
    assert plan_text.text(made, terminal.plain, ())


@pytest.mark.parametrize("case", ["every-change", "conflicts", "foreign-bots"])
def test_null_anywhere(case: str) -> None:
    """With null at any place in its documents a cluster is planned for, or told to make no sense."""
    prepared = workflow.prepare(GOLDEN / case / "site.yaml", TEMPLATES)
    whole = json.loads((GOLDEN / case / "live.json").read_text())
    for *above, last in places(whole["documents"], ("documents",)):
        spoiled = copy.deepcopy(whole)
        holder = spoiled
        for step in above:
            holder = holder[step]
        holder[last] = None
        with suppress(ProvisionError):
            planned(prepared, spoiled)


def test_options_that_are_null_are_none() -> None:
    """A role of ours whose options the cluster gives as null is planned for like one without any."""
    whole = json.loads((GOLDEN / "every-change/live.json").read_text())
    prepared = workflow.prepare(GOLDEN / "every-change/site.yaml", TEMPLATES)
    for role in whole["documents"]["role"]:
        role["spec"]["options"] = None
    planned(prepared, whole)


def test_null_in_a_list_is_refused() -> None:
    """Go never writes it, and what it would make of it depends on the list."""
    whole = json.loads((GOLDEN / "every-change/live.json").read_text())
    whole["documents"]["role"][0]["spec"]["allow"]["mcp"]["tools"] = [None]
    with pytest.raises(ProvisionError, match="null stands in a list"):
        planned(workflow.prepare(GOLDEN / "every-change/site.yaml", TEMPLATES), whole)


def test_null_labels_can_be_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What has no labels is imported, however the cluster says that it has none."""
    whole = json.loads((GOLDEN / "every-change/live.json").read_text())
    for kind in ("role", "bot"):
        for body in whole["documents"][kind]:
            body["metadata"]["labels"] = None
    live = tmp_path / "live.json"
    live.write_text(json.dumps(whole))
    assert cli.main(["import", "--cluster", f"file:{live}", "--proxy", "example.org:443"]) == 0
    assert "roles:" in capsys.readouterr().out


@pytest.mark.parametrize("label", ["managed-by", "env"])
@pytest.mark.parametrize("words", [["plan", "site.yaml"], ["drift", "site.yaml"], ["import"]])
def test_a_label_that_is_null(
    words: list[str], label: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A label can be null, which Go reads as no text, whoever asks for it and by which pattern."""
    labels = {"labels": {label: None}}
    role = {"app_labels": {"env": ["^d.*$", "d*v*"]}, "mcp": {"tools": ["*"]}}
    app = {"kind": "app", "version": "v3", "metadata": {"name": "m", **labels}}
    documents = {
        "role": [
            {"kind": "role", "version": "v8", "metadata": {"name": "r", **labels}, "spec": {"allow": role}}
        ],
        "bot": [{"kind": "bot", "version": "v1", "metadata": {"name": "b"}, "spec": {"roles": ["r"]}}],
        "app": [{**app, "spec": {"uri": "mcp+https://x/"}}],
        "app_server": [],
    }  # fmt: skip
    whole = json.loads((GOLDEN / "every-change/live.json").read_text())
    (tmp_path / "live.json").write_text(json.dumps({**whole, "documents": documents}))
    site = tmp_path / "site.yaml"
    site.write_text(f"{HEAD}roles: {{r: {{app_labels: {{env: dev}}, tools: [a]}}}}")
    given = [str(site) if word == "site.yaml" else word for word in words]
    assert cli.main([*given, "--cluster", f"file:{tmp_path / 'live.json'}"]) in (0, 2, 3)
    assert "Traceback" not in capsys.readouterr().err
