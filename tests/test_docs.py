"""The documentation is executed: commands, examples, keys, codes and links are held to the tool.

Fenced blocks say by their first line what they are:

    console          commands after `$ ` and their whole output; run in a copy of examples/
    yaml             part of a site, which must be sound; codes after the word must be reported
    yaml file=PATH   a file: the one of that name in the repository, or else written for the commands
    jinja CODE       a template that must fail with that code
    sh               commands that are not run here; those of `provision` must exist all the same

`pytest tests/test_docs.py --rewrite-golden` writes the outputs into the pages: read what it wrote.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import click
import pytest
from msgspec import Struct
from msgspec.structs import fields

from provisioner import cli, workflow
from provisioner.checks.severity import rules
from provisioner.cli._base import load_templates
from provisioner.clients import FORMATS
from provisioner.cluster.kinds import KINDS
from provisioner.cluster.memory import MemoryCluster
from provisioner.errors import Problem, SiteError
from provisioner.rendering.documents import documents
from provisioner.rendering.machines import machine_files
from provisioner.schema.kinds import Kind, Listed, Mapped, Maybe, OneOrMany, Short
from provisioner.schema.records import Record, Variant, layout_of
from provisioner.site.model import Site
from provisioner.site.sitefile import CODES as SITEFILE_CODES
from provisioner.site.wording import CODES as WORDING_CODES
from provisioner.templating.templates import Templates
from provisioner.text.source._base import CODES as SOURCE_CODES
from tests.conftest import ROOT
from tests.pages import FENCE, Shell, blocks, executed
from tests.test_floors import FLOOR

README: Final = ROOT / "README.md"
PAGES: Final = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("docs/*.md")),
]
TEXT: Final = "\n".join(page.read_text() for page in PAGES)
CODE: Final = re.compile(r"PV\d{3}")
BASE: Final = "version: 1\nsite: example\nteleport: {proxy: example.teleport.sh:443}\n"
TEMPLATES: Final = load_templates(None)

on_pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@on_pages
def test_commands_print_what_the_page_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Every command of a page, run in its order in a copy of the examples, prints what stands there."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    found = executed(page.read_text(), Shell(tmp_path, tmp_path))
    if request.config.getoption("--rewrite-golden"):
        page.write_text(found)
    assert page.read_text() == found


def problems(text: str, path: Path, codes: set[str]) -> tuple[Problem, ...]:
    """Return what is wrong with part of a site; with a code PV2xx, also on an empty cluster."""
    path.write_text(text if "version: 1\n" in text else BASE + text)
    checked = workflow.examine(path, TEMPLATES)
    if any(code.startswith("PV2") for code in codes):
        prepared = workflow.prepare(path, TEMPLATES)
        return workflow.make_plan(prepared, MemoryCluster([]), prune=False).problems
    return checked.problems


@on_pages
def test_examples_are_as_sound_as_they_say(page: Path, tmp_path: Path) -> None:
    """Each part of a site has the problems that its block names, and no other error."""
    for language, info, content in blocks(page.read_text()):
        codes = set(CODE.findall(info))
        if language == "yaml" and "file=" not in info and info != "other":
            found = problems(content, tmp_path / "site.yaml", codes)
            assert codes <= {problem.code for problem in found}, content
            assert {p.code for p in found if p.severity == "error"} <= codes, content
        elif language == "jinja" and codes:
            assert codes == set(template_codes(content)), content


def template_codes(text: str) -> Iterator[str]:
    name = "clients/own.json.j2"
    connection = {"name": "my-mcp-server", "command": "tsh", "args": ["mcp"], "env": {}}
    try:
        Templates.load({name: text}).render(name, {"connections": [connection]})
    except SiteError as error:
        yield from (problem.code for problem in error.problems)


def headings(text: str) -> list[str]:
    """Return the headings of a page, code blocks aside."""
    return re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)


def test_every_code_is_documented() -> None:
    """docs/errors.md has exactly the codes that the package can give, each under its own heading."""
    sources = (path.read_text() for path in (ROOT / "provisioner").rglob("*.py"))
    given = {code for text in sources for code in re.findall(r'"(PV(?!000)\d{3})"', text)}
    documented = [h[:5] for h in headings((ROOT / "docs/errors.md").read_text()) if CODE.match(h)]
    assert sorted(documented) == sorted(given)


def test_codes_are_called_what_the_tool_calls_them() -> None:
    """A code's heading has the title and the severity that the tool gives it."""
    found = headings((ROOT / "docs/errors.md").read_text())
    titles = {**SOURCE_CODES, **WORDING_CODES, **SITEFILE_CODES}
    wanted = [f"{code}: {title}" for code, title in titles.items()]
    wanted += [
        f"{r.code}: {r.title} ({r.severity})".removesuffix(" (error)") for r in rules().values()
    ]
    assert [title for title in wanted if title not in found] == []


SECTIONS: Final = {
    text[:5]: text
    for text in re.split(r"^### ", (ROOT / "docs/errors.md").read_text(), flags=re.MULTILINE)[1:]
}


@pytest.mark.parametrize("code", SECTIONS)
def test_every_code_says_harm_proof_and_cure(code: str) -> None:
    """Each section of docs/errors.md says what would happen, how that is known, and what to do."""
    parts = re.findall(r"\*\*(Harm|Proof|Cure)\.\*\*\s+(\S[^*]*)", SECTIONS[code])
    assert [name for name, _ in parts] == ["Harm", "Proof", "Cure"]


def test_what_cannot_be_configured_is_documented() -> None:
    """docs/site-file.md has every code that stays an error, with the reason, and no other."""
    named = [
        code for row in rows_of("docs/site-file.md", "## rules") for code in row[2].split(", ")
    ]
    assert named[:2] == ["PV001", "PV066"]
    assert sorted(named[2:]) == sorted(rule.code for rule in rules().values() if rule.firm)


def rows_of(page: str, heading: str) -> list[list[str]]:
    """Return what stands in backticks in each cell of the first table under a heading."""
    text = (ROOT / page).read_text().partition(f"\n{heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    lines = table[0].splitlines()[2:] if table else []
    return [
        [", ".join(re.findall(r"`([^`]+)`", cell)) for cell in line.split("|")] for line in lines
    ]


def test_every_client_format_is_documented() -> None:
    """docs/clients.md has every format, with the files that it comes to and where its client looks."""
    documented = {row[1]: (row[3], row[4]) for row in rows_of("docs/clients.md", "## Formats")}
    assert documented == {
        name: (", ".join(layout.file for layout in kind.layouts), kind.homes.get("linux", ""))
        for name, kind in FORMATS.items()
    }


def told() -> Iterator[tuple[str, set[str]]]:
    """Yield which names each template is told, for sites that have a bit of everything."""
    for path in ("tests/golden/every-key/site.yaml", "examples/team/site.yaml"):
        prepared = workflow.prepare(ROOT / path, TEMPLATES)
        for key, _, context in documents(prepared.site, prepared.document.key_place):
            yield KINDS[key.kind].template, set(context)
        for _, template, _, tell in machine_files(
            prepared.site, prepared.document.key_place, lambda _bot: ()
        ):
            yield template, set(tell())


def test_what_templates_are_told_is_documented() -> None:
    """docs/templates.md has exactly the names that each template is told."""
    for template, names in told():
        heading = "### clients" if template.startswith("clients/") else f"### {template}"
        assert {row[1] for row in rows_of("docs/templates.md", heading)} == names, template


def documented_keys(text: str) -> Iterator[tuple[str, str]]:
    """Yield key and default of every row of the key tables."""
    for key, default in re.findall(r"^\| `([\w.]+)` \|[^|]*\|([^|]*)\|", text, re.MULTILINE):
        yield key, default.strip().strip("`")


def site_keys(made: type[Struct], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the default of every key that a site can have."""
    layout = layout_of(made)
    defaults = {field.name: field.default for field in fields(made)}
    for name, kind in layout.kinds.items():
        path, default = f"{prefix}{name}", defaults[name]
        plain = default if isinstance(default, bool | int | str) else ""
        yield path, "required" if name in layout.required else str(plain).lower()
        for inner, step in records_in(kind):
            yield from site_keys(inner, f"{path}{step}.")


def records_in(kind: Kind) -> Iterator[tuple[type[Struct], str]]:
    """Yield the Structs of which a value is made, with the step that leads to them."""
    match kind:
        case Record():
            yield kind.made, ""
        case Variant():
            yield from ((made, "") for made in kind.made)
        case Mapped():
            yield from ((made, f".NAME{step}") for made, step in records_in(kind.kind))
        case Maybe() | Listed() | OneOrMany() | Short():
            yield from records_in(kind.kind)


def test_every_key_is_documented() -> None:
    """docs/site-file.md has a row for every key of the model, with its default, and for no other."""
    documented = dict(documented_keys((ROOT / "docs/site-file.md").read_text()))
    known: dict[str, set[str]] = {}
    for path, default in site_keys(Site):
        known.setdefault(path, set()).add(default)
    assert sorted(documented) == sorted(known)
    assert {key for key, default in documented.items() if default not in known[key]} == set()


def commands(group: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below `group` by the words that call it."""
    if isinstance(group, click.Group):
        context = click.Context(group)
        for each in group.list_commands(context):
            command = group.get_command(context, each)
            assert command is not None
            yield f"{name} {each}", command
            yield from commands(command, f"{name} {each}")


COMMANDS: Final = dict(commands(cli.provision, "provision"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_explained(name: str) -> None:
    """A command has help of its own, and the documentation names it."""
    assert COMMANDS[name].help
    assert f"`{name}" in TEXT or f"$ {name}" in TEXT


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    """The documentation names every option of a command, and the variable that stands for it."""
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            assert any(re.search(rf"{option}(?![\w-])", TEXT) for option in parameter.opts), (
                parameter
            )
        assert str(parameter.envvar or "") in TEXT, parameter


def test_commands_that_are_not_run_exist() -> None:
    """What the pages tell the reader to type are commands and options that there are."""
    typed = re.findall(r"`(provision [^`\n]+)`", FENCE.sub("", TEXT))
    typed += [line.strip() for language, _, content in blocks(TEXT) if language == "sh"
              for line in content.splitlines() if line.strip().startswith("provision ")]  # fmt: skip
    assert typed
    for line in typed:
        words = re.split(r"[#|>]", line)[0].split()
        name = max(
            (n for n in COMMANDS if words[: len(n.split())] == n.split()), default="", key=len
        )
        assert name or words[1].startswith("-"), line
        options = {o for p in COMMANDS[name].params for o in p.opts} if name else set()
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= {*options, "--help", "-h", "--version"}, line


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings(text)}


@on_pages
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link leads to a file that is there, and to a heading that it has."""
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        path, _, anchor = target.partition("#")
        if not path.startswith(("http:", "https:")):
            file = (page.parent / path).resolve() if path else page
            assert file.exists(), target
            assert not anchor or anchor in anchors(file.read_text()), target


def test_the_architecture_stands() -> None:
    """The floors of docs/architecture.md name modules that there are, in an order that holds."""
    page = (ROOT / "docs/architecture.md").read_text()
    table = page.partition("## Floors")[2].partition("## ")[0]
    rows = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines() if "| `" in row]
    floors = [[FLOOR[name] for name in names] for names in rows]
    assert all(max(lower) < min(upper) for lower, upper in pairwise(floors))


def test_the_readme_is_short() -> None:
    """The README is ASCII, at most 110 lines, and shows its first example by line 12."""
    lines = README.read_text().splitlines()
    assert README.read_text().isascii()
    assert len(lines) <= 110
    assert any(line.startswith("```") for line in lines[:12])
