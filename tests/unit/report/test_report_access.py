from __future__ import annotations

import base64
import csv
import hashlib
import html.parser
import json
import re
from typing import Any

import pytest
from msgspec.structs import replace

from provisioner.change import Access
from provisioner.planning.impact import as_access
from provisioner.rbac.access import Identity, Server, World, difference
from provisioner.rbac.inquiry import Question, Scene, explain
from provisioner.report import (
    access_data,
    access_explain,
    access_html,
    access_markdown,
    access_text,
    access_who,
)
from provisioner.text.terminal import ansi, plain
from tests.sites import TEMPLATES
from tests.worlds import DB, DEV, FILES, HOSTILE, NO_DELETE, READER, SCENE, WEB, role, scene

ONE = scene(Identity("ci", (READER,)), servers=(FILES, DB))
EVERYTHING = role(HOSTILE, {"*": "*"}, HOSTILE)
WILD = scene(Identity(HOSTILE, (EVERYTHING,)), servers=(Server(HOSTILE, {}, (HOSTILE, "=1+1")),))
BEFORE = scene(Identity("ci", (role("r", {"env": "dev"}, "read_file"),)), name="now")
AFTER = scene(Identity("ci", (role("r", {"env": "*"}, "list", "delete_file"),)), name="then")
MOVED = as_access(difference(BEFORE.world, AFTER.world))


def lines(text: str) -> list[str]:
    return text.split("\n")


# --- text ----------------------------------------------------------------------------------------


def test_a_table_where_it_fits() -> None:
    """What fits is a table of bots and servers; `-` where there is no session."""
    assert lines(access_text.matrix(ONE, plain, 100)) == [
        "ACCESS  site.yaml alone: 1 bot, 2 MCP servers, 5 known tools",
        "",
        "    files      db",
        "ci  read_file  list, read_row",
    ]


def test_blocks_where_a_table_is_too_wide() -> None:
    """Else each bot has a block: how much of each server, and what; the others in one line."""
    assert lines(access_text.matrix(SCENE, plain, 60)) == [
        "ACCESS  site.yaml alone: 3 bots, 3 MCP servers, 5 known tools",
        "",
        "admin  dev, reader",
        "  files  all 2     delete_file, read_file",
        "  db     2 of 3    list, read_row",
        "  web    any       *, read_*, list",
        "",
        "careful  dev, no-delete",
        "  files  1 of 2    read_file",
        "  web    patterns  *, except delete_*",
        "  -      db",
        "",
        "idle  no-delete",
        "  -      files, db, web",
        "",
        "The tools of web are not known: what stands there are the patterns of roles.",
        "Judged on the site alone.",
    ]


def test_connect_only() -> None:
    """A session in which nothing can be called is told, in a table and in a block."""
    opener = scene(Identity("opener", (role("opener", {"env": "dev"}),)), servers=(FILES, DB))
    assert "opener  connect only  -" in lines(access_text.matrix(opener, plain, 100))
    assert "  files  connect only" in lines(access_text.matrix(opener, plain, 10))


@pytest.mark.parametrize("columns", [1, 30, 50, 80, 200])
def test_no_line_is_wider_than_it_must_be(columns: int) -> None:
    """Long lists go on below themselves, in lines as wide as there is room, and lose nothing."""
    tools = tuple(f"tool_{n:03}" for n in range(60))
    crowd = scene(
        Identity("ci", (DEV,)), servers=(Server("a", {"env": "dev"}, tools), Server("bb"))
    )
    told = lines(access_text.matrix(crowd, plain, columns))
    body = told[2:-2]
    assert all(len(line) <= columns or line.count("tool_") <= 1 for line in body)
    assert re.findall(r"tool_\d+", "\n".join(body)) == list(tools)


def test_what_is_open_altogether_stands_out() -> None:
    """Colours change no word, and mark the servers of which everything can be called."""
    painted = access_text.matrix(SCENE, ansi, 60)
    assert re.sub(r"\x1b\[\d+m", "", painted) == access_text.matrix(SCENE, plain, 60)
    assert re.findall(r"\x1b\[33m(\w+)", painted) == ["all", "any"]


def test_nobody_and_nothing() -> None:
    """A scene without bots or servers is told without fuss."""
    assert access_text.matrix(scene(servers=()), plain, 80).startswith("ACCESS  site.yaml alone: 0")
    assert "ci" in access_text.matrix(scene(Identity("ci"), servers=()), plain, 80)


def test_difference_as_in_a_plan() -> None:
    """The difference of two scenes is told as plans tell it, or that there is none."""
    told = access_text.difference(MOVED, BEFORE, AFTER, plain)
    assert lines(told)[:2] == ["now", "-> then"]
    assert "  + bot ci  may call  files/delete_file  (role r, pattern delete_file)" in told
    assert "  - bot ci  loses  files/read_file" in told
    assert "No bot gains or loses anything." in access_text.difference(
        Access(), AFTER, AFTER, plain
    )


def test_who_may_call_a_tool() -> None:
    """About one tool: a line for each bot that may, with role and pattern."""
    asked = replace(
        SCENE, world=World(SCENE.world.identities, (replace(FILES, tools=("read_file",)),))
    )
    assert lines(access_who.text(asked, "files", "read_file", plain, 80)) == [
        "2 of 3 bots may call read_file on files  site.yaml alone",
        "",
        "  admin    role dev  by *",
        "  careful  role dev  by *",
        "",
        "Judged on the site alone.",
    ]


def test_who_may_call_what() -> None:
    """About a server: what each role and pattern opens to each bot, and who can only connect."""
    opener = Identity("opener", (role("opener", {"env": "prod"}),))
    asked = scene(Identity("ci", (READER,)), opener, Identity("idle"), servers=(DB,))
    assert lines(access_who.text(asked, "db", "", plain, 80)) == [
        "1 of 3 bots may call a tool of db  site.yaml alone",
        "",
        "ci",
        "  role reader by read_*: read_row",
        "  role reader: list",
        "",
        "connect only: opener",
    ]


def test_who_with_patterns() -> None:
    """Where tools are not known, patterns are told, with what is denied of them."""
    asked = scene(Identity("ci", (DEV, NO_DELETE)), servers=(WEB,))
    assert "  role dev: *, except delete_*" in lines(access_who.text(asked, "web", "", plain, 80))


def test_who_nobody() -> None:
    """Nobody is an answer too."""
    asked = scene(Identity("idle"), servers=(FILES,))
    assert access_who.text(asked, "files", "", plain, 80) == (
        "0 of 1 bot may call a tool of files  site.yaml alone"
    )


def test_hostile_names_stay_text() -> None:
    """No name can colour, turn around or break a line, whatever it is called."""
    for told in (
        access_text.matrix(WILD, plain, 80),
        access_text.matrix(WILD, plain, 800),
        access_who.text(WILD, HOSTILE, "", plain, 80),
        access_markdown.matrix(WILD),
        access_data.matrix_csv(WILD),
        access_html.matrix(WILD, TEMPLATES),
    ):
        assert "\x1b" not in told
        assert "\u202e" not in told


def test_servers_with_different_labels() -> None:
    """What agents serve under one name is one server, of which all labels are told, and what it means."""
    sides = (Server("files", {"env": "x"}, ("a",)), Server("files", {"env": "dev"}, ("a",)))
    shown = scene(Identity("ci", (DEV,)), servers=(*sides, DB))
    told = access_text.matrix(shown, plain, 100)
    assert lines(told)[0].endswith("1 bot, 2 MCP servers, 4 known tools")
    assert lines(told)[2:4] == ["    files  db", "ci  a      -"]
    assert "Agents serve files with different labels, and which of them answers is chance" in told
    assert "0 of 1" not in access_who.text(shown, "files", "", plain, 80)
    data = json.loads(Page(access_html.matrix(shown, TEMPLATES)).texts["script"][0])
    assert [each["labels"] for each in data["servers"]] == ["env: x; or env: dev", "env: prod"]
    assert decoded(data) == {("ci", "files"): [["a"]]}


# --- explain -------------------------------------------------------------------------------------


def test_explained() -> None:
    """The verdict comes first, then what each role says, then what would have to change."""
    found = explain(Identity("ci", (READER,)), FILES, "delete_file")
    why = "no role that matches the labels has a pattern for it"
    assert lines(access_explain.text([((found,), ONE)], plain)) == [
        "site.yaml alone",
        f"bot ci may not call delete_file on files: {why}",
        "",
        f"session  can be opened: {found.session.reason}",
        *(f"  - {demand}" for demand in found.session.demands),
        "",
        "role reader",
        "  labels       match env: dev",
        "  tools        none of 2 entries matches",
        "  deny labels  none",
        "  deny tools   none",
        "",
        "What would have to change",
        f"  - {why}; it would go into role reader",
        "",
        "When a change counts",
        *(f"  - {when}" for when in found.session.effect),
    ]


def test_explained_in_full() -> None:
    """What a role asks for, and what was left out of it, is told as well."""
    options = {"require_session_mfa": True}
    body = role("mfa", {"env": "dev"}, "{{internal.mcp_tools}}", options=options)
    found = explain(Identity("ci", (body,)), FILES, "read_file")
    told = access_explain.text([((found,), ONE)], plain)
    assert "  asks for     session MFA, which no bot can answer" in told
    assert "  left out     {{internal.mcp_tools}}: the user has no trait mcp_tools" in told


def test_explained_before_and_after() -> None:
    """With two scenes, the verdict of now comes before the explanation of what is to come."""
    found = explain(Identity("ci", (READER,)), FILES, "read_file")
    told = lines(access_explain.text([((), BEFORE), ((found,), AFTER)], plain))
    assert told[:4] == ["now", "no such bot, or no such MCP server", "", "then"]
    assert told[4].startswith("bot ci may call read_file on files")
    assert "To take it away" in told
    document = json.loads(access_explain.as_json([((), BEFORE), ((found,), AFTER)]))
    assert document["live"] == {"scene": "now", "allowed": None}
    assert document["allowed"] is True


def test_explained_as_json() -> None:
    """As data: the answer, its reason, and each role's findings with the entry that matched."""
    body = role("dev", {"env": "dev"}, "{{internal.x}}", "read_*", "^($")
    found = explain(Identity("ci", (body,)), FILES, "read_file")
    document = json.loads(access_explain.as_json([((found,), ONE)]))
    assert document["allowed"] is True
    assert document["reason"] == "role dev allows it by read_*"
    (step,) = document["steps"]
    assert step["allow"]["tools"] == {"matched": True, "entry": "read_*", "says": "read_* matches"}
    assert step["deny"]["labels"] == {"matched": False, "says": "none"}
    assert [each["text"] for each in step["dropped"]] == ["{{internal.x}}"]
    broken = explain(Identity("ci", (body,)), FILES, "x")
    (step,) = json.loads(access_explain.as_json([((broken,), ONE)]))["steps"]
    assert step["allow"]["tools"]["matched"] is None


# --- data ----------------------------------------------------------------------------------------


def test_json() -> None:
    """As JSON: what was asked, whom and what the answer covers, and each session with what it grants."""
    document = json.loads("".join(access_data.matrix_json(SCENE, Question(("admin",)))))
    assert document["format_version"] == "1.0"
    assert document["asked"] == {"bots": ["admin"], "servers": [], "tool": None}
    assert [each["tools"] for each in document["servers"]][2] is None
    told = {(each["bot"], each["server"]): each for each in document["sessions"]}
    assert told["careful", "web"] == {
        "bot": "careful", "server": "web", "role": "dev",
        "grants": [{"role": "dev", "pattern": "*", "tools": None, "except": ["delete_*"]}],
    }  # fmt: skip
    assert told["careful", "files"]["grants"] == [
        {"role": "dev", "pattern": "*", "tools": ["read_file"]}
    ]
    assert document["remarks"][-1] == "Judged on the site alone."


def test_csv() -> None:
    """As CSV: a line for each tool or pattern, and for each session in which none can be called."""
    opener = Identity("opener", (role("opener", {"env": "prod"}),))
    asked = scene(Identity("ci", (DEV, NO_DELETE)), opener)
    assert lines("".join(access_data.matrix_csv(asked))) == [
        "bot,server,kind,name,role,pattern,except",
        "ci,files,tool,read_file,dev,*,",
        "ci,web,pattern,*,dev,*,delete_*",
        "opener,db,session,,opener,,",
    ]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20"])
def test_no_cell_is_a_formula(first: str) -> None:
    """A text that a spreadsheet would run begins with an apostrophe instead."""
    name = f'{first}cmd|" /C calc"!A0'
    ci = Identity("ci", (role("r", {"env": "dev"}, name),))
    asked = scene(ci, servers=(Server("a", {"env": "dev"}, (name,)),))
    _, (*_, cell, role_, pattern, _) = csv.reader(lines("".join(access_data.matrix_csv(asked))))
    assert cell.startswith("'")
    assert (role_, pattern) == ("r", cell)


def test_difference_as_data() -> None:
    """What is gained and lost is told as CSV and JSON as well, sessions included."""
    table = list(csv.DictReader(lines(access_data.difference_csv(MOVED))))
    document = json.loads(access_data.difference_json(MOVED, BEFORE, AFTER, Question()))
    assert {row["change"] for row in table} == {"gained", "lost"}
    assert len(table) == len(document["gained"]) + len(document["lost"]) == len(MOVED.rows)
    assert {"kind": "session", "server": "db"}.items() <= document["gained"][0].items()
    assert (document["before"], document["after"], document["unknown"]) == ("now", "then", ["web"])


def test_markdown() -> None:
    """As Markdown: a line for each bot and server, the bot's name in its first one."""
    told = lines(access_markdown.matrix(SCENE))
    assert told[0] == "### Access: site.yaml alone"
    assert told[4:10] == [
        "| bot | server | share | may call |",
        "|---|---|---|---|",
        "| `admin` | `files` | all 2 | `delete_file`, `read_file` |",
        "|  | `db` | 2 of 3 | `list`, `read_row` |",
        "|  | `web` | any | `*`, `read_*`, `list` |",
        "| `careful` | `files` | 1 of 2 | `read_file` |",
    ]
    assert "| `idle` | - | - | nothing |" in told
    assert told[-1] == "- Judged on the site alone."


def test_markdown_difference() -> None:
    """As Markdown, what is gained comes before what is lost."""
    told = lines(access_markdown.difference(MOVED, BEFORE, AFTER))
    assert told[0] == "### Access: 4 gained, 2 lost"
    signs = [line[2] for line in told if line.startswith(("| +", "| -"))]
    assert signs == ["+", "+", "+", "+", "-", "-"]
    assert "| + | `ci` | `files` | `delete_file` | role `r`, pattern `delete_file` |" in told
    assert access_markdown.difference(Access(), BEFORE, AFTER).startswith("### Access: 0 gained")


def test_markdown_stays_one_table() -> None:
    """A hostile name stands in a code span within its own cell: nobody is mentioned, nothing linked."""
    (row,) = [line for line in lines(access_markdown.matrix(WILD)) if line.startswith("| `")]
    assert len(re.split(r"(?<!\\)\|", row)) == 6
    assert "`` </script>" in row


# --- the page ------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """What a browser makes of a page: its elements, and the texts of those that run or style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style", "h1"):
            self.texts.setdefault(self.open[-1], []).append(data)


def page(shown: Scene) -> Page:
    return Page(access_html.matrix(shown, TEMPLATES))


def test_the_page_is_well_formed() -> None:
    """Every element of the page is closed in its order, and it says what it is about."""
    found = page(SCENE)
    assert found.open == []
    assert found.texts["h1"] == ["site.yaml alone"]


def test_hostile_names_do_not_break_out_of_the_page() -> None:
    """Whatever the names are, the page has the same elements, and the data comes back equal."""
    wild, tame = page(WILD), page(ONE)
    assert [tag for tag, _ in wild.found] == [tag for tag, _ in tame.found]
    data = json.loads(wild.texts["script"][0])
    assert data["servers"][0]["tools"][1] == "=1+1"
    assert data["bots"][0]["name"].startswith("</script><img src=x onerror=alert(1)>\\x1b")


def test_the_page_loads_and_runs_nothing_else() -> None:
    """The policy names the page's own script and style by their hashes; nothing is referred to."""
    text = access_html.matrix(SCENE, TEMPLATES)
    found = Page(text)
    policy = next(attrs["content"] for tag, attrs in found.found if "http-equiv" in attrs)
    assert policy is not None
    for kind, content in (("script", found.texts["script"][1]), ("style", found.texts["style"][0])):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    names = {name for _, attrs in found.found for name in attrs}
    assert not names & {"src", "href", "style", "action", "srcset"}
    assert not any(name.startswith("on") for name in names)
    assert not re.search(r"https?://|url\(|@import|fetch\(", text)


def decoded(data: dict[str, Any]) -> dict[tuple[str, str], list[list[str]]]:
    """Return the parts of each cell, as the script of the page reads them."""
    found = {}
    for bot in data["bots"]:
        for word in bot["line"].split():
            server, *parts = map(int, word.split(":"))
            tools = data["servers"][server]["tools"]
            sets = [int(data["sets"][part], 16) for part in parts]
            found[bot["name"], data["servers"][server]["name"]] = [
                [tool for place, tool in enumerate(tools) if mask >> place & 1] for mask in sets
            ]
    return found


def test_the_data_of_the_page() -> None:
    """The compact data says of every bot and server exactly what may be called."""
    data = json.loads(page(SCENE).texts["script"][0])
    assert decoded(data) == {
        ("admin", "files"): [["delete_file", "read_file"]],
        ("admin", "db"): [["list", "read_row"]],
        ("admin", "web"): [["*", "read_*", "list"]],
        ("careful", "files"): [["read_file"]],
        ("careful", "web"): [["*", "except delete_*"]],
    }
    assert [each["known"] for each in data["servers"]] == [True, True, False]
    assert data["bots"][0]["roles"] == ["dev", "reader"]


def test_the_page_of_a_difference() -> None:
    """A page of a difference has two parts in each cell: what is gained, and what is lost."""
    text = access_html.difference(MOVED, BEFORE, AFTER, TEMPLATES)
    data = json.loads(Page(text).texts["script"][0])
    assert data["difference"] is True
    assert decoded(data)["ci", "files"] == [["delete_file"], ["read_file"]]
    assert "4 gained, 2 lost." in text


def test_labels_of_the_tools_are_left_out() -> None:
    """Labels that Teleport and provision set for themselves are not shown."""
    labels = {"env": "dev", "teleport.dev/origin": "dynamic", "provisioner/site": "acme"}
    data = json.loads(page(scene(servers=(Server("a", labels, ()),))).texts["script"][0])
    assert data["servers"][0]["labels"] == "env: dev"
