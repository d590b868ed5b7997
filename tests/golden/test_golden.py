"""Whole cases: a site and perhaps a live state in, everything a user sees out.

A case is a directory here, or an example of the repository, whose expectations then stand in
`examples/NAME` here. `site.yaml` alone gives `problems.txt`; with `live.json` it gives `plan.txt`,
`plan.json` and `plan.md` too, and the plan is applied and must then be empty. `make golden` rewrites.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from provisioner import workflow
from provisioner.applying.judge import Limits, judge
from provisioner.change import Plan
from provisioner.cli._base import load_templates, starter_texts
from provisioner.cluster import snapshot
from provisioner.cluster.memory import MemoryCluster
from provisioner.errors import SiteError
from provisioner.report import plan_json, plan_markdown, plan_text
from provisioner.site import starter
from provisioner.text import diagnostics
from provisioner.text.terminal import plain
from tests.conftest import ROOT

HERE = Path(__file__).parent
MOMENT = datetime(2026, 11, 22, tzinfo=UTC)
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/site.yaml"))
CASES = sorted(path.parent for path in HERE.glob("*/site.yaml"))
TEMPLATES = load_templates(None)
SITES_OF = {"minimal": ["site.yaml"], "team": ["site.yaml"], "fleet": ["dev.yaml", "prod.yaml"]}


def expectations(case: Path) -> Path:
    return HERE / "examples" / case.name if case.parent.name == "examples" else case


def produced(case: Path) -> Iterator[tuple[str, str]]:
    """Yield every file that a case comes to, by its name among the expectations."""
    site = Path("site.yaml")
    checked = workflow.check(site)
    if checked.problems:
        yield "problems.txt", diagnostics.text(checked.problems, plain) + "\n"
    if checked.site is None:
        return
    try:
        prepared = workflow.prepare(site, TEMPLATES)
    except SiteError as error:
        yield "problems.txt", diagnostics.text(error.problems, plain) + "\n"
        return
    yield from ((f"files/{name}", text) for name, text in prepared.rendered.files.items())
    if (case / "live.json").exists():
        yield from planned(case, prepared)


def planned(case: Path, prepared: workflow.Prepared) -> Iterator[tuple[str, str]]:
    taken = snapshot.parse((case / "live.json").read_bytes(), "live.json")
    cluster = MemoryCluster(
        [body for bodies in taken.documents.values() for body in bodies],
        name=taken.info().name,
        version=taken.info().version,
    )
    prune = (case / "prune").exists()
    plan = workflow.make_plan(prepared, cluster, prune=prune)
    yield "plan.txt", plan_text.text(plan, plain)
    yield "plan.json", plan_json.as_json(_made_with_any_templates(plan), MOMENT) + "\n"
    yield "plan.md", plan_markdown.text(plan)
    if not (case / "refused").exists():
        judge(plan, Limits())
        for _ in workflow.carry_out(plan, prepared, cluster):
            pass
        assert workflow.make_plan(prepared, cluster, prune=prune).changes == ()


def _made_with_any_templates(plan: Plan) -> Plan:
    """Return a plan that does not move with a template whose output does not."""
    assert plan.inputs
    return replace(plan, inputs=replace(plan.inputs, templates="0" * 64))


@pytest.mark.parametrize(
    "case", [*CASES, *EXAMPLES], ids=lambda case: f"{case.parent.name}/{case.name}"
)
def test_case(case: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """What a case comes to is what its directory says, no file more and no file less."""
    monkeypatch.chdir(case)
    found = dict(produced(case))
    root = expectations(case)
    if request.config.getoption("--rewrite-golden"):
        rewrite(root, found)
    expected = {path.relative_to(root).as_posix(): path.read_text() for path in outputs(root)}
    assert found.keys() == expected.keys()
    for name, text in found.items():
        assert text == expected[name], name


@pytest.mark.parametrize("variant", starter.VARIANTS)
def test_what_init_writes(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """What `init` writes is what its directory says, and so is what each of its sites comes to.

    The sites have no problems; each is planned on a new cluster, applied, and then empty.
    """
    written = starter.render(starter_texts(starter.COMMON, variant), "acme", starter.PROXY)
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    found = {f"written/{name}": text for name, text in written.items() if name != starter.SCHEMA}
    for site in SITES_OF[variant]:
        assert workflow.check(Path(site)).problems == ()
        prepared = workflow.prepare(Path(site), TEMPLATES)
        live = MemoryCluster(name="example", version="18.8.3")
        found |= {f"{Path(site).stem}/{name}": text for name, text in begun(prepared, live)}
    root = HERE / "init" / variant
    if request.config.getoption("--rewrite-golden"):
        rewrite(root, found)
    assert found == {path.relative_to(root).as_posix(): path.read_text() for path in files_of(root)}


def begun(prepared: workflow.Prepared, live: MemoryCluster) -> Iterator[tuple[str, str]]:
    """Yield what a new site comes to on a new cluster, and apply it."""
    yield from ((f"files/{name}", text) for name, text in prepared.rendered.files.items())
    plan = workflow.make_plan(prepared, live, prune=False)
    yield "plan.txt", plan_text.text(plan, plain)
    judge(plan, Limits())
    for _ in workflow.carry_out(plan, prepared, live):
        pass
    assert workflow.make_plan(prepared, live, prune=False).changes == ()


def files_of(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def outputs(root: Path) -> list[Path]:
    inputs = {"site.yaml", "live.json", "prune", "refused"}
    return [path for path in root.rglob("*") if path.is_file() and path.name not in inputs]


def rewrite(root: Path, found: dict[str, str]) -> None:
    for path in outputs(root):
        path.unlink()
    for name, text in found.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_there_are_cases() -> None:
    """The directories were found, so that an empty run does not pass for a good one."""
    assert len(CASES) >= 5
    assert EXAMPLES
    assert all(json.loads((case / "live.json").read_text()) for case in EXAMPLES)
