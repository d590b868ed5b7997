from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from provisioner.change import Access, AccessRow, Plan
from provisioner.change import TestResult as Result
from provisioner.errors import Place, Problem
from provisioner.report import plan_html
from provisioner.text.terminal import visible
from tests.bodies import bot, role
from tests.plans import EVERYTHING, HOSTILE, made, spoiled
from tests.sites import TEMPLATES

VOID = {"meta", "link", "br", "img", "input", "hr"}
FREE = re.compile(r"[\w .;:'/=+%,-]*")


class Outline(HTMLParser):
    """What a page consists of: tags in their order, attributes, and what it says."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(shown: Plan) -> str:
    return plan_html.page(shown, TEMPLATES)


def test_a_page_is_well_formed() -> None:
    """Whatever is opened is closed in its order, and nothing is left open."""
    for shown in (EVERYTHING, made(role(), existing=(role(),)), spoiled("x")):
        assert Outline(page(shown)).open == []


def test_a_page_loads_and_runs_nothing() -> None:
    """It has no script, no address to load from, and a policy that allows its own style alone."""
    outline = Outline(page(EVERYTHING))
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(outline.tags)
    assert not {"src", "href", "style", "action"} & {name for _, name, _ in outline.attributes}
    policies = [value for _, name, value in outline.attributes if name == "content"]
    assert re.fullmatch(
        r"default-src 'none'; script-src 'none'; style-src 'sha256-[\w+/]{43}='; "
        r"base-uri 'none'; form-action 'none'",
        policies[0],
    )
    assert "url(" not in page(EVERYTHING)
    assert "@import" not in page(EVERYTHING)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_from_outside_is_more_than_text(hostile: str) -> None:
    """Whatever a name, a value or a message says: the page has the same tags, and shows it."""
    outline = Outline(page(spoiled(hostile)))
    assert outline.tags == Outline(page(spoiled("x"))).tags
    assert all(FREE.fullmatch(value) for _, _, value in outline.attributes)
    assert " ".join(visible(hostile).split()) in outline.said


def test_what_a_page_says_in_which_order() -> None:
    """What stops, deletes or widens is said before the resources; digest and command come last."""
    rows = (AccessRow(True, "ci", "files", "tool", "read_file", "dev", "read_*"),)
    shown = made(bot(roles=["dev"]), role(), existing=(role("gone"),), prune=True)
    said = Outline(
        plan_html.page(replace(shown, access=Access(rows)), TEMPLATES, ["--tctl", "t"])
    ).said
    order = [
        "3 changes: widens access, deletes 1",
        "This deletes or revokes - role/gone",
        "Bots Roles MCP servers",
        "+ ci files read_file role dev, pattern read_*",
        "Resources",
        "2 to create",
        "role/dev site.yaml:2:1",
        f"provision apply site.yaml --prune --tctl t --expect {shown.digest}",
    ]  # fmt: skip
    assert re.search(".*?".join(map(re.escape, order)), said)


def test_what_stops_a_plan() -> None:
    """A plan that cannot be applied says why on top, and has neither digest nor command."""
    problems = (
        Problem("PV201", "error", "no role x", "make it", Place("site.yaml", 8, 1), excerpt="x: y"),
    )
    tests = (Result("t", "failed", ("because",)),)
    said = Outline(page(replace(EVERYTHING, problems=problems, tests=tests))).said
    assert "Nothing of this can be applied no role x access test t failed" in said
    assert "cannot be applied: 1 error, 1 broken access test" in said
    assert "error PV201 no role x site.yaml:8:1 x: y make it" in said
    assert "failed t because" in said
    assert "--expect" not in said


def test_nothing_to_do() -> None:
    """Without changes there is no drawing, no resource and nothing to apply."""
    outline = Outline(page(made(role(), existing=(role(),))))
    assert "no changes" in outline.said
    assert not {"svg", "details", "footer"} & set(outline.tags)


def test_every_change_is_told_once() -> None:
    """Each change and note stands once among the resources, with its fields."""
    said = Outline(page(EVERYTHING)).said.partition("Resources")[2]
    for change in (*EVERYTHING.changes, *EVERYTHING.notes):
        assert (
            len(re.findall(rf"(?<![\w-]){re.escape(change.op.symbol)} {change.key}\b", said)) == 1
        )
    assert "spec.allow.mcp.tools - x + read_*" in said


def test_a_page_of_a_large_plan() -> None:
    """Hundreds of resources make a page whose drawing stays readable."""
    shown = made(
        *(role(f"r{n}") for n in range(300)), *(bot(f"b{n}", [f"r{n}"]) for n in range(300))
    )
    text = page(shown)
    assert text.count("<rect") <= 40
    assert text.count("<details") == 600


def test_much_access_is_told_by_bot() -> None:
    """Of more rows than can be read at once, each bot says what it gains and loses, and can be opened."""
    gained = [AccessRow(True, f"b{n}", "files", "tool", f"t{n}", "dev", "t*") for n in range(70)]
    lost = AccessRow(False, "b7", "files", "tool", "old", "dev", "old", "no role allows the tool")
    shown = replace(EVERYTHING, access=Access((*gained, lost), bots=70, servers=1, tools=71))
    outline = Outline(page(shown))
    assert "b6 +1 + b6 files t6" in outline.said
    assert "b7 +1 \N{MINUS SIGN}1 + b7 files t7" in outline.said
    assert all(outline.said.count(f" t{n} role dev") == 1 for n in range(70))
    assert ("a", "href", "#access") in outline.attributes
    small = Outline(page(replace(shown, access=Access(tuple(gained[:50])))))
    assert ("a", "href", "#access") not in small.attributes
