from __future__ import annotations

from provisioner.cluster.resource import resource
from provisioner.importing.entries import Entry, entry_of
from provisioner.importing.insertion import head, lines_of, strangers, with_entries
from provisioner.site.model import Site
from tests import sites
from tests.foreign import EXPRESSIBLE, bot, live, populated, reading, role

LIVE = {str(each.key): each for each in live(populated(*EXPRESSIBLE))}


def entries(*names: str) -> list[Entry]:
    return [entry_of(LIVE[name], set()) for name in names]


def site_of(text: str) -> Site:
    return sites.site(text.removeprefix(sites.HEAD))


def added(text: str, *names: str) -> str:
    return with_entries(text, site_of(text), entries(*names), is_new=False)


def test_a_new_file() -> None:
    """A new file has a head, then collections apart from each other, entries in the order of names."""
    top = head("acme", "example.teleport.sh:443", "example.teleport.sh")
    empty = sites.site("")
    text = with_entries(
        top, empty, entries("bot/idle", "role/expression", "role/dev", "bot/ci"), is_new=True
    )
    assert text == (
        "# Written by `provision import` from cluster example.teleport.sh.\n"
        "version: 1\n"
        "site: acme\n"
        "teleport:\n"
        "  proxy: example.teleport.sh:443\n"
        "\n"
        "external_roles: [access]\n"
        "\n"
        "roles:\n"
        "  dev:\n"
        "    app_labels:\n"
        "      env: dev\n"
        "    tools: [read_*]\n"
        "    options:\n"
        "      lock: strict\n"
        '      max_session_ttl: "8h"\n'
        "  expression:\n"
        '    app_labels_expression: "labels[\\"env\\"] == \\"dev\\""\n'
        '    tools: ["*"]\n'
        "\n"
        "bots:\n"
        "  ci:\n"
        "    labels:\n"
        "      team: x\n"
        "    roles: [access, dev]\n"
        "    traits:\n"
        "      mcp_tools: [a, b]\n"
        "      team: [ml]\n"
        '    max_session_ttl: "1h30m"\n'
        "  idle: {}\n"
    )


WRITTEN = (
    sites.HEAD
    + """\
# What stands here, stays.
roles:
  zeta: {app_labels: {a: b}, tools: ['x']}   # first, although it is last

  # about alpha
  alpha:
    app_labels: { a : b }
    tools:
    - "y"

external_roles: [auditor] # of others
bots: {}
"""
)


def test_a_file_that_is_there() -> None:
    """Comments, order, quotes and blank lines stay; entries go to the end of their collection."""
    text = added(WRITTEN, "role/expression", "bot/ci", "bot/idle", "app/files")
    after = WRITTEN.replace(
        '    - "y"\n',
        '    - "y"\n'
        "  expression:\n"
        '    app_labels_expression: "labels[\\"env\\"] == \\"dev\\""\n'
        '    tools: ["*"]\n',
    )
    after = after.replace("[auditor]", "[auditor, access, dev]").removesuffix("bots: {}\n")
    assert text.startswith(after)
    assert text.removeprefix(after) == (
        "bots:\n"
        "  ci:\n"
        "    labels:\n"
        "      team: x\n"
        "    roles: [access, dev]\n"
        "    traits:\n"
        "      mcp_tools: [a, b]\n"
        "      team: [ml]\n"
        '    max_session_ttl: "1h30m"\n'
        "  idle: {}\n"
        "mcp_servers:\n"
        "  files:\n"
        "    labels:\n"
        "      env: dev\n"
        "    app:\n"
        "      command: docker\n"
        '      args: ["-i"]\n'
        "      run_as_host_user: mcp\n"
    )


def test_anchors_stay() -> None:
    """An entry with an anchor, and one that stands for it, are no obstacle beside new ones."""
    text = "roles:\n  x: &x {app_labels: {a: b}} # one\n  y: *x\n"
    after = with_entries(text, site_of(text), entries("role/expression"), is_new=False)
    assert after.startswith(f"{text}  expression:\n")


def test_nothing_to_add() -> None:
    """Without entries the text is the same, byte for byte."""
    assert with_entries(WRITTEN, site_of(WRITTEN), [], is_new=False) == WRITTEN


def test_roles_of_others() -> None:
    """Only roles are named as those of others that neither the site nor the import has."""
    there = sites.site("external_roles: [access]\nroles: {mine: {}}")
    held = entry_of(resource(bot("b", "access", "mine", "new", "Strange")), set())
    new = entry_of(resource(role("new", allow=reading())), set())
    assert strangers(there, [held, new]) == ["Strange"]


def test_how_many_lines_an_entry_has() -> None:
    """The lines of an entry are those that it has in a file."""
    (entry,) = entries("role/dev")
    assert lines_of(entry)[0] == "dev:"
    assert lines_of(entry)[1:] == [
        "  app_labels:",
        "    env: dev",
        "  tools: [read_*]",
        "  options:",
        "    lock: strict",
        '    max_session_ttl: "8h"',
    ]
