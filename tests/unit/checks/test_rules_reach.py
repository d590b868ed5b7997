from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from provisioner import workflow
from provisioner.checks.rules import REACH, Finding, ground, reach_findings, writers
from provisioner.errors import Problem
from provisioner.tools import lock
from provisioner.tools.lock import Lock, Pin, Tool
from tests.sites import TEMPLATES, shown, write

SERVERS: Final = """\
mcp_servers:
  files: {labels: {env: dev}, tools: [read_file, write_file]}
  db: {labels: {env: prod}, tools: [select, write_row]}
"""
UNKNOWN: Final = (
    "mcp_servers: {files: {labels: {env: dev}}, db: {labels: {env: prod}, tools: [a]}}\n"
)
HELD: Final = "bots: {ci: {roles: [dev], traits: {team: [dev]}}}\n"
DEV: Final = "roles: {dev: {app_labels: {env: dev}, %s}}\n"
PROD: Final = "roles: {dev: {app_labels: {env: prod}, %s}}\n"
TWO: Final = """\
roles:
  dev: {app_labels: {env: dev}, tools: [read_file], deny: {%s['write_*']}}
  prod: {app_labels: {env: prod}, tools: [%s]}
bots: {ci: {roles: [dev, prod]}}
"""
USES: Final = (
    "bots: {ci: {roles: [dev], identity: {path: /a}, clients: [{format: codex, servers: [%s]}]}}\n"
)
TRAIT: Final = USES.replace("roles: [dev]", "roles: [dev], traits: {team: [read_file]}")
LOCK: Final = Lock(
    {
        "files": Pin(
            complete=True,
            source="test",
            pinned_at="2026-06-30T12:00:00Z",
            tools={
                name: Tool(name, {"inputSchema": {"type": "object"}, "annotations": hints})
                for name, hints in (
                    ("read_file", {"readOnlyHint": True}),
                    ("write_file", {"readOnlyHint": False}),
                    ("drop", {"destructiveHint": True}),
                    ("odd", {}),
                )
            },
        )
    }
)

# Each breaks one rule; ▸ stands right before the place that is pointed at.
BROKEN: Final[tuple[tuple[str, str], ...]] = (
    ("PV320", SERVERS + HELD + DEV % "tools: [read_file, ▸'reed_*']"),
    ("PV320", SERVERS + HELD + DEV % "tools: ['*'], except_tools: [▸'delete_*']"),
    ("PV320", SERVERS + HELD + DEV % "tools: [▸select]"),
    ("PV321", SERVERS + HELD + "roles: {dev: {▸app_labels: {env: dve}, tools: [x]}}"),
    ("PV321", SERVERS + HELD + "roles: {dev: {▸app_labels: {env: '{{external.no}}'}, tools: [x]}}"),
    ("PV321", SERVERS + HELD + "roles: {dev: {▸app_labels_expression: 'labels.env == \"x\"', tools: [x]}}"),
    ("PV322", SERVERS + HELD + DEV % "tools: [▸'write_*', read_file], deny: {tools: ['*_file', 'write_*']}"),
    ("PV322", UNKNOWN + HELD + DEV % "tools: [▸'write_*'], deny: {tools: ['wr*']}"),
    ("PV323", SERVERS + HELD + DEV % "tools: [read_file, ▸'write_*']"),
    ("PV323", SERVERS + HELD + DEV % "tools: [▸'^read_(file|dir)$']"),
    ("PV324", SERVERS + TWO % ("▸tools: ", "select")),
    ("PV326", SERVERS + "bots: {}\n" + "roles: {▸dev: {app_labels: {env: dev}, tools: [read_file]}}"),
    ("PV327", SERVERS + "roles: {dev: {app_labels: {env: no}}}\nbots: {▸ci: {roles: [dev]}}"),
    ("PV327", SERVERS + "bots: {▸ci: {}}"),
    (
        "PV327",
        SERVERS + "bots: {▸ci: {roles: [dev, shut]}}\nroles:\n  dev: {app_labels: {env: dev}}\n"
        "  shut: {deny: {app_labels: {env: dev}}}\n",
    ),
    ("PV328", SERVERS + DEV % "tools: [read_file]" + USES % "files, ▸db"),
    ("PV328", SERVERS + DEV % "tools: [no_such_tool]" + USES % "▸files"),
    ("PV328", SERVERS + DEV % "tools: ['*'], deny: {tools: ['*']}" + USES % "▸files"),
    ("PV328", UNKNOWN + DEV % "tools: ['write_*'], deny: {tools: ['wr*']}" + USES % "▸files"),
    ("PV328", UNKNOWN + DEV % "deny: {tools: [x]}" + USES % "▸files"),
    ("PV328", SERVERS + DEV % "tools: ['{{external.team}}']" + USES % "▸files"),
)  # fmt: skip

# Near misses: each breaks none of the rules named.
SOUND: Final[tuple[tuple[str, str], ...]] = (
    ("PV320", SERVERS + HELD + DEV % "tools: ['read_*', '{{external.team}}']"),
    ("PV320 PV323", UNKNOWN + HELD + DEV % "tools: ['reed_*']"),
    ("PV320 PV321", "mcp_servers: {}\n" + HELD + DEV % "tools: ['reed_*']"),
    ("PV321", SERVERS + HELD + "roles: {dev: {app_labels: {env: '{{external.team}}'}, tools: [x]}}"),
    ("PV321", SERVERS + "roles: {dev: {app_labels: {env: '{{external.team}}'}, tools: [x]}}"),
    ("PV321", SERVERS + HELD + "roles: {dev: {deny: {tools: [x]}}}"),
    ("PV322", SERVERS + HELD + DEV % "tools: ['*'], deny: {tools: ['write_*']}"),
    ("PV322", UNKNOWN + HELD + DEV % "tools: ['write_*'], deny: {tools: ['write_a*']}"),
    ("PV322", SERVERS + HELD + DEV % "tools: [writ_file], deny: {tools: ['writ_*']}"),
    ("PV323", SERVERS + HELD + DEV % "tools: ['^(read|write)_file$', read_file]"),
    ("PV323", SERVERS + HELD + DEV % "tools: ['*'], except_tools: [write_file]"),
    ("PV324", SERVERS + HELD + "roles: {dev: {deny: {tools: ['write_*']}}}"),
    ("PV324", SERVERS + HELD + "roles: {dev: {app_labels: {env: '*'}, tools: ['*'], deny: {tools: [select]}}}"),
    ("PV326", SERVERS + "roles: {dev: {app_labels: {env: dev}, tools: [read_file]}}"),
    ("PV326 PV327", SERVERS + HELD + DEV % "tools: [read_file]"),
    ("PV327", "external_roles: [theirs]\n" + SERVERS + "bots: {ci: {roles: [theirs]}}"),
    ("PV327", "roles: {dev: {app_labels: {env: no}}}\nbots: {ci: {roles: [dev]}}"),
    ("PV328", SERVERS + DEV % "tools: [read_file]" + USES % "files"),
    ("PV328", SERVERS + DEV % "tools: [read_file]" + USES.replace("[%s]", "reachable")),
    ("PV328", UNKNOWN + DEV % "tools: ['write_*'], deny: {tools: ['write_a*']}" + USES % "files"),
    ("PV328", SERVERS + DEV % "tools: ['{{external.team}}']" + TRAIT % "files"),
    ("PV328", "external_roles: [theirs]\n" + SERVERS + USES.replace("[dev]", "[theirs]") % "files"),
)  # fmt: skip


def examined(directory: Path, text: str) -> tuple[Problem, ...]:
    """Return what `provision check` finds, whatever severity it has."""
    return workflow.examine(write(directory, text), TEMPLATES).problems


@pytest.mark.parametrize(("code", "text"), BROKEN)
def test_a_broken_rule_is_found_at_its_place(code: str, text: str, tmp_path: Path) -> None:
    """Each rule finds what it is about, points at it, and says a cure."""
    line = text[: text.index("▸")].count("\n") + 1
    column = text.index("▸") - text.rfind("\n", 0, text.index("▸"))
    found = examined(tmp_path, text.replace("▸", ""))
    assert (code, line, column) in shown(found)
    assert all(problem.hint and problem.excerpt for problem in found)


@pytest.mark.parametrize(("codes", "text"), SOUND)
def test_near_misses_are_sound(codes: str, text: str, tmp_path: Path) -> None:
    """What is nearly broken, and is not, is left alone."""
    found = examined(tmp_path, text)
    assert not {problem.code for problem in found} & set(codes.split())
    assert not [problem for problem in found if problem.severity == "error"]


def test_entries_of_bots_that_differ_in_name_alone(tmp_path: Path) -> None:
    """What a role gives to one bot by its name is not taken for what it gives to another."""
    who = USES.removeprefix("bots: {").removesuffix("}\n") % "files"
    role = """roles: {dev: {app_labels_expression: 'user.metadata.name == "bot-ci"', tools: ['*']}}\n"""
    both = f"bots: {{{who}, {who.replace('ci: ', 'other: ', 1)}}}\n"
    found = [p for p in examined(tmp_path, SERVERS + role + both) if p.code == "PV328"]
    assert [problem.entry for problem in found] == []
    opened = role.replace("}}\n", "},\n  open: {app_labels: {env: dev}}}\n")
    both = both.replace("roles: [dev]", "roles: [dev, open]")
    found = [p for p in examined(tmp_path, SERVERS + opened + both) if p.code == "PV328"]
    assert [problem.entry for problem in found] == ["bots.other.clients[0].servers[0]"]


def by_glob(directory: Path, text: str) -> list[Finding]:
    """Return what PV325 finds where the lock is `LOCK`."""
    prepared = workflow.prepare(write(directory, SERVERS + HELD + text), TEMPLATES)
    on = ground(prepared.site, prepared.rendered.resources, writers(LOCK))
    return [finding for rule, finding in reach_findings(on) if rule.code == "PV325"]


def test_tools_that_write(tmp_path: Path) -> None:
    """A pattern that allows tools which say of themselves that they write is pointed at."""
    (found,) = by_glob(tmp_path, DEV % "tools: [read_file, '*']")
    assert found.path == ("roles", "dev", "tools", 1)
    assert "also allows drop, write_file, which say" in found.message


@pytest.mark.parametrize(
    "tools",
    [
        "tools: ['read_*', 'odd*']",
        "tools: ['*', drop, write_file]",
        "tools: ['*'], deny: {tools: [drop, 'write_*']}",
        "tools: ['*'], except_tools: [drop, write_file]",
    ],
)
def test_tools_that_write_and_are_meant(tmp_path: Path, tools: str) -> None:
    """Named, denied or excepted, they are meant; and who says nothing of himself is not accused."""
    assert by_glob(tmp_path, DEV % tools) == []


def test_annotations_reach_the_rule(tmp_path: Path) -> None:
    """`provision check` knows the annotations from the lock beside the site."""
    (tmp_path / lock.FILE).write_text(lock.text(LOCK))
    servers = "mcp_servers: {files: {labels: {env: dev}}}\n"
    found = examined(tmp_path, servers + HELD + DEV % "tools: ['*']")
    assert "PV325" in {problem.code for problem in found}


def test_every_rule_is_tried() -> None:
    """No rule stands without a case that breaks it."""
    assert {rule.code for rule in REACH} == {code for code, _ in BROKEN} | {"PV325"}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (DEV % "tools: [raed_file]", "did you mean read_file?"),
        ("roles: {dev: {app_labels: {env: prd}, tools: [x]}}", "did you mean env: prod?"),
    ],
)
def test_the_word_that_was_meant(tmp_path: Path, text: str, hint: str) -> None:
    """Where a known tool or label was nearly written, the cure names it."""
    assert hint in {problem.hint for problem in examined(tmp_path, SERVERS + HELD + text)}


def test_who_suffers_from_a_deny(tmp_path: Path) -> None:
    """A deny that takes a tool from another role on another server says so, with all the names."""
    (found,) = (
        p for p in examined(tmp_path, SERVERS + TWO % ("tools: ", "'*'")) if p.code == "PV324"
    )
    assert found.message.endswith("; bot ci loses write_row on db, by role prod")
    (found,) = (
        p for p in examined(tmp_path, SERVERS + TWO % ("tools: ", "select")) if p.code == "PV324"
    )
    assert found.message.endswith("on every server")


def test_findings_about_many_servers_name_a_few(tmp_path: Path) -> None:
    """Of many servers the first are named, and the others counted."""
    servers = "".join(f"  s{n}: {{labels: {{env: dev}}, tools: [a]}}\n" for n in range(5))
    found = examined(tmp_path, f"mcp_servers:\n{servers}" + HELD + DEV % "tools: [b]")
    assert "matches no tool of s0, s1, s2 and 2 more" in found[0].message
