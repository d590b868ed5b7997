from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from provisioner.change import Access, AccessRow, ClusterInfo, Plan
from provisioner.change import TestResult as Result
from provisioner.errors import FileError, Place, Problem, SiteError
from provisioner.report import plan_markdown
from provisioner.report._markdown import code, fenced, prose, sentence
from provisioner.text.terminal import visible
from tests.bodies import bot, role
from tests.plans import EVERYTHING, HOSTILE, made, spoiled

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = re.compile(
    r"<!-- (provision:plan v1 site=[\w.%:-]+ cluster=[\w.%:-]+|digest=[0-9a-f-]+) -->"
    r"|<details><summary><code>[^<>]*</code></summary>|</details>"
)
REFERENCES = re.compile(r"[@#!~%&$\[](?=[\w\"])|GH-\d|://")
WORDS = ("text", "code_inline", "softbreak", "text_special")
ALERTS = ("[!CAUTION]", "[!NOTE]")


def leaves(text: str) -> Iterator[Token]:
    for token in MARKDOWN.parse(text):
        yield token
        yield from token.children or ()


def shape(text: str) -> list[str]:
    """Return the structure of a document without what it says; code spans are words of it."""
    return [token.type for token in leaves(text) if token.type not in WORDS]


def test_the_whole_of_a_small_plan() -> None:
    """Marker, digest, title, counts, resources, details, and the command that applies it."""
    shown = made(role(), existing=(role(allow={"mcp": {"tools": ["a", "read_*"]}}),))
    assert plan_markdown.text(shown) == (
        "<!-- provision:plan v1 site=acme cluster=example -->\n"
        f"<!-- digest={shown.digest} -->\n"
        "### `acme` on `example` · 1 change: does not touch access\n"
        "\n"
        "1 to update, 0 unchanged; access: 0 gained, 0 lost.\n"
        "\n"
        "#### Resources\n"
        "\n"
        "**1 to update**\n"
        "\n"
        "- `~` `role/dev` at `site.yaml:1:1`\n"
        "\n"
        "<details><summary><code>~ role/dev</code></summary>\n"
        "\n"
        "```diff\n"
        "@@ spec.allow.mcp.tools @@\n"
        "- a\n"
        "```\n"
        "\n"
        "</details>\n"
        "\n"
        f"Digest `{shown.digest}`. This applies exactly what is shown here:\n"
        "\n"
        "```sh\n"
        f"provision apply site.yaml --expect {shown.digest}\n"
        "```\n"
    )


def test_deletions_and_widening_come_first() -> None:
    """What is deleted or gained stands before anything else of the plan."""
    shown = made(bot(roles=["dev"]), role(), existing=(role("gone"),), prune=True)
    access = Access((AccessRow(True, "ci", "files", "tool", "read_file", "dev", "read_*"),))
    text = plan_markdown.text(replace(shown, access=access))
    order = [
        "> This deletes or revokes:",
        "> - - `role/gone`",
        "| + | `ci` | `files` |",
        "#### Resources",
    ]
    assert sorted(order, key=text.index) == order
    assert "3 changes: widens access, deletes 1\n" in text
    assert "`read_file` | role `dev`, pattern `read_*` |" in text


def test_lost_comes_after_gained() -> None:
    """In the table of access, whatever a bot gains stands above whatever one loses."""
    rows = tuple(AccessRow(gained, "b", "s", "tool", "t", "r") for gained in (True, False))
    text = plan_markdown.text(replace(EVERYTHING, access=Access(rows)))
    assert text.index("| + | `b` |") < text.index("| - | `b` |")
    assert "widens and narrows access" in text


def test_nothing_that_stops_is_offered() -> None:
    """A plan that cannot be applied says so in its title, first of all why, and has no digest."""
    problems = (Problem("PV201", "error", "role `x` is gone", "make it", Place("site.yaml", 8, 1)),)
    text = plan_markdown.text(replace(EVERYTHING, problems=problems))
    assert "cannot be applied: 1 error\n" in text
    assert "> - `site.yaml:8:1` error PV201: role `x` is gone. make it" in text
    assert text.index("> [!CAUTION]") < text.index("#### Resources")
    assert "digest" not in text.lower()
    assert "--expect" not in text


def test_a_test_that_breaks_stops_and_one_that_was_broken_is_told() -> None:
    """A test that this plan breaks is a reason on top; one that failed before stands below."""
    tests = (
        Result("new", "failed", ("because",)),
        Result("old", "failed", ("as ever",), None, True),
    )
    text = plan_markdown.text(replace(EVERYTHING, tests=tests))
    assert "cannot be applied: 1 broken access test" in text
    assert "> - access test `new` failed: because" in text
    assert "\n- `old` failed, as before: as ever" in text
    assert "access tests: 0 passed, 2 failed or undecided" in text


def test_no_changes() -> None:
    """Without changes there is nothing to apply, but a digest that an apply can be held to."""
    shown = made(role(), existing=(role(),))
    text = plan_markdown.text(shown)
    assert "### `acme` on `example` · no changes\n" in text
    assert f"<!-- digest={shown.digest} -->" in text
    assert "```" not in text


def test_the_command_repeats_what_matters() -> None:
    """Mode and options are in the command, so that it reaches what was looked at."""
    shown = made(existing=(role(),), prune=True)
    text = plan_markdown.text(shown, ["--cluster", "local:a b"])
    assert (
        f"\nprovision apply site.yaml --prune --cluster 'local:a b' --expect {shown.digest}\n"
        in text
    )


def test_the_marker_tells_sites_and_clusters_apart() -> None:
    """A comment is found by its site and its cluster, and two of them never share a marker."""
    names = ["eu", "eu-1", "e%75", "eu -->", "é", "\ud800", "a\nb"]
    found = {
        plan_markdown.marker(replace(EVERYTHING, cluster=ClusterInfo(name, "18"))) for name in names
    }
    assert len(found) == len(names)
    assert all(re.fullmatch(r"<!-- [a-z0-9:= .%A-F-]+ -->", marker) for marker in found)
    assert plan_markdown.text(EVERYTHING).startswith(plan_markdown.marker(EVERYTHING) + "\n")


def test_lines_of_a_difference_begin_with_their_sign() -> None:
    """In a fence, the first column says what a line is: only then it is coloured."""
    fence = re.findall(r"```diff\n(.*?)\n```", plan_markdown.text(EVERYTHING), re.DOTALL)
    assert fence
    assert all(
        line[:2] in ("+ ", "- ", "! ", "@@") for block in fence for line in block.split("\n")
    )


def test_a_fence_is_longer_than_what_it_holds() -> None:
    """Backticks in a value make the fence grow, so that it ends where it should."""
    shown = made(role(allow={"mcp": {"tools": ["```", "`````"]}}))
    text = plan_markdown.text(shown)
    assert "\n``````diff\n" in text
    fences = [token for token in leaves(text) if token.type == "fence"]
    assert fences[0].content.endswith("+ ```\n+ `````\n@@ version @@\n+ v8\n")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_from_outside_is_more_than_text(hostile: str) -> None:
    """Whatever a name, a value or a message says: no mention, link, picture, HTML or heading of it."""
    text = plan_markdown.text(spoiled(hostile))
    assert_inert(text)
    assert shape(text) == shape(plan_markdown.text(spoiled("x")))


@given(st.lists(st.sampled_from([*HOSTILE, "a", " ", "\\"]), max_size=6).map("".join))
def test_no_mixture_is_more_than_text(hostile: str) -> None:
    """Nor is any combination of such texts."""
    assert_inert(plan_markdown.text(spoiled(hostile or "x")))


def assert_inert(text: str) -> None:
    for token in leaves(text):
        assert token.type not in ("link_open", "image", "em_open", "hr", "s_open")
        if token.type in ("html_block", "html_inline"):
            assert all(OURS.fullmatch(line) for line in token.content.splitlines() if line)
        if token.type in ("text", "text_special") and token.content not in ALERTS:
            assert not REFERENCES.search(token.content), token.content
    bare = text.replace("\n", "").replace("\N{ZERO WIDTH SPACE}", "")
    assert visible(bare) == bare


@pytest.mark.parametrize("hostile", HOSTILE)
def test_words_are_kept(hostile: str) -> None:
    """Escaped text reads as it did, but for what nobody could have seen."""
    for written in (prose(hostile), sentence(hostile), sentence(f"see `{hostile}` there")):
        tokens = MARKDOWN.parseInline(written)[0].children or ()
        read = "".join(token.content for token in tokens).replace("\N{ZERO WIDTH SPACE}", "")
        assert visible(hostile).replace("`", "").strip() in read.replace("`", "")


def test_code_spans_hold_anything() -> None:
    """A code span gives back what was put in, in a table and outside of one."""
    for text in ("a", "`", "``a`", "a|b", r"a\|b", " a ", "\\"):
        spans = [each.content for each in leaves(code(text, in_table=False)) if each.type in WORDS]
        assert spans == [text]
    table = f"| a | b |\n|---|---|\n| {code('^(a|b)$')} | {code('c')} |\n"
    assert [token.content for token in leaves(table) if token.type == "code_inline"] == [
        "^(a|b)$",
        "c",
    ]


def test_fences_hold_anything() -> None:
    """A fence gives back its lines, whatever fences they hold."""
    (token,) = MARKDOWN.parse("\n".join(fenced(["````", "a", "```"], "diff")))
    assert (token.type, token.info, token.content) == ("fence", "diff", "````\na\n```\n")


def many(number: int) -> Plan:
    shown = made(*(role(f"r{index:05}") for index in range(number)))
    rows = [AccessRow(True, f"b{index:05}", "s", "tool", "t", "r") for index in range(number)]
    return replace(shown, access=Access(tuple(rows)))


@pytest.mark.parametrize("number", [1, 100, 400, 3000])
def test_a_comment_fits(number: int) -> None:
    """A comment never exceeds its room; its title, counts, digest and command are always there."""
    shown = many(number)
    text = plan_markdown.text(shown)
    assert len(text.encode()) <= plan_markdown.COMMENT
    assert f"{number} to create, 0 unchanged; access: {number} gained, 0 lost." in text
    assert text.endswith(f"--expect {shown.digest}\n```\n")


def test_what_was_cut_is_counted() -> None:
    """The top says how many of what were left out, from where on, and where all of it is."""
    text = plan_markdown.text(many(3000), whole="https://ci.example/1?a=b")
    note = re.search(r"> Cut for length. Left out: (.*)\.\n> The whole plan: (.*)\.\n", text)
    assert note
    assert note[2] == "<https://ci.example/1?a=b>"
    counted = re.fullmatch(
        r"([\d,]+) of 3,000 rows of access; ([\d,]+) of 3,000 resources; "
        r"the details of ([\d,]+) of 3,000 resources, from `role/(r\d+)` on",
        note[1],
    )
    assert counted
    rows, resources, details, first = counted.groups()
    assert int(rows.replace(",", "")) == 3000 - text.count("\n| + | `b")
    assert int(resources.replace(",", "")) == 3000 - text.count("\n- `+` `role/r")
    assert f"… and {rows} more rows of access." in text
    shown = re.findall(r"<summary><code>\+ role/(r\d+)</code>", text)
    assert int(details.replace(",", "")) == 3000 - len([name for name in shown if name != first])
    assert int(first[1:]) + 1 >= len(shown)


def test_details_go_first() -> None:
    """Where not all fits, it is the details that are cut, and from their end."""
    text = plan_markdown.text(many(150), room=40_000)
    assert "Left out: the details of " in text
    assert text.count("\n- `+` `role/r") == 150
    shown = re.findall(r"<summary><code>\+ role/r(\d+)</code>", text)
    assert shown == [f"{index:05}" for index in range(len(shown))]


def test_a_summary_has_room_for_more() -> None:
    """The summary of a job takes what a comment cannot."""
    text = plan_markdown.text(many(1000), room=plan_markdown.SUMMARY)
    assert plan_markdown.COMMENT < len(text.encode()) <= plan_markdown.SUMMARY
    assert "Cut for length" not in text
    assert text.count("<details>") == text.count("</details>") == 1000


def test_one_long_resource_is_cut_within() -> None:
    """A resource that is too long alone is cut by lines, and its fence and block are closed."""
    shown = made(role(allow={"mcp": {"tools": [f"tool_{index}" for index in range(9000)]}}))
    text = plan_markdown.text(shown)
    assert len(text.encode()) <= plan_markdown.COMMENT
    assert re.search(r"\n```\n\n</details>\n\n… and [\d,]+ more lines of `role/dev`\.\n", text)
    assert "the details of 1 of 1 resources, from `role/dev` on" in text


def test_long_names_and_values_are_clipped() -> None:
    """A text without end takes a line, which says how long it is."""
    shown = made(role("n" * 5000, description="d"))
    text = plan_markdown.text(shown)
    assert "(5,005 characters)" in text
    assert max(map(len, text.splitlines())) < 2_100


def test_many_tools_are_all_there() -> None:
    """Tools that are too many for a cell go on in the next row."""
    rows = tuple(AccessRow(True, "b", "s", "tool", f"t{index}", "r") for index in range(120))
    text = plan_markdown.text(replace(EVERYTHING, access=Access(rows)))
    assert text.count("| + | `b` | `s` |") == 3
    assert all(f"`t{index}`" in text for index in range(120))


def test_unknown_tools_and_other_apps() -> None:
    """Patterns say that they match whatever comes; an app that is no MCP server is told as well."""
    rows = (
        AccessRow(True, "b", "s", "pattern", "*", "r", "*"),
        AccessRow(True, "c", "s", "session", "", "r"),
    )
    access = Access(rows, unknown=("s",), other_apps=(("b", "grafana"),))
    text = plan_markdown.text(replace(EVERYTHING, access=access))
    assert "| + | `b` | `s` | `*` (any tool that matches) | role `r` |" in text
    assert "| + | `c` | `s` | connect | role `r` |" in text
    assert "| + | `b` | `grafana` | connect | no MCP server |" in text
    assert "not known are the tools of s." in text


def test_every_change_is_told_once() -> None:
    """Each change and note has one line in the list, and one block if there is more to say."""
    text = plan_markdown.text(EVERYTHING)
    for change in (*EVERYTHING.changes, *EVERYTHING.notes):
        assert text.count(f"\n- `{change.op.symbol}` `{change.key}`") == 1
        assert text.count(f"{change.key}</code></summary>") == 1


def test_a_site_that_cannot_be_planned() -> None:
    """In place of a plan stand the reasons, bounded and escaped like everything else."""
    place = Place("b.yaml", 3, 1)
    problems = tuple(Problem(f"PV{n}", "error", "@x", "<b>", place) for n in range(30))
    text = plan_markdown.failed("b.yaml", SiteError(problems))
    assert text.startswith("### `b.yaml` · cannot be planned\n\n- `b.yaml:3:1` error PV0: ")
    assert text.count("\n- `b.yaml:3:1` error") == 20
    assert text.endswith("\n- and 10 more\n")
    assert_inert(text)
    assert plan_markdown.failed("c", FileError("c: no file", hint="check the path")) == (
        "### `c` · cannot be planned\n\n- c: no file. check the path\n"
    )
