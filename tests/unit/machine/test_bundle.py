from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.errors import FileError
from provisioner.machine.bundle import Bundle, Connection, choose, connections, load, tbot_directory
from provisioner.system import outdir
from tests.machines import EVERY_FORMAT, bundle_with, rendered, site_text

TO_SEARCH = Connection("tsh", "/opt/machine-id/identity", "example.teleport.sh:443", "search")


def test_what_a_machine_needs(tmp_path: Path) -> None:
    """Of all rendered files a bot's machine needs its tbot.yaml and one file a client format."""
    found = bundle_with(tmp_path, "cursor", "langgraph")
    assert found.bot == "ci"
    assert (found.tbot or "").startswith("version: v2")
    assert set(found.clients) == {"cursor", "langgraph"}
    assert found.formats == "cursor, langgraph"


def test_a_directory_is_as_good_as_a_site(tmp_path: Path) -> None:
    """What `provision render` wrote gives the same as the site, without any other bot's files."""
    files = rendered(tmp_path, site_text("cursor", "codex"))
    outdir.write(tmp_path / "out", files)
    assert load("ci", tmp_path / "out") == choose("ci", files)


def test_only_the_bots_files_are_needed(tmp_path: Path) -> None:
    """A directory with nothing but one client's file is enough for that client."""
    path = tmp_path / "clients/ci/cursor-mcp.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert load("ci", tmp_path) == Bundle("ci", None, {"cursor": "{}"})


def test_a_bot_without_files(tmp_path: Path) -> None:
    """A bot that has none is told, with the ones that there are."""
    files = rendered(tmp_path, site_text("cursor"))
    with pytest.raises(FileError, match="nothing is rendered for bot other") as caught:
        choose("other", files)
    assert caught.value.hint == "bots with an identity: ci"
    with pytest.raises(FileError, match="there is nothing of bot ci in it") as caught:
        load("ci", tmp_path / "empty")
    assert "clients/ci/" in caught.value.hint


@pytest.mark.parametrize("bot", ["../ci", "", "a/b", ".."])
def test_a_name_is_no_path(bot: str, tmp_path: Path) -> None:
    """A bot's name does not lead out of the directory."""
    with pytest.raises(FileError):
        load(bot, tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are told."""
    (tmp_path / "tbot").mkdir()
    (tmp_path / "tbot/ci.yaml").write_bytes(b"\xff")
    with pytest.raises(FileError, match="not UTF-8"):
        load("ci", tmp_path)


@pytest.mark.parametrize("name", [name for name in EVERY_FORMAT if name != "command"])
def test_connections_of_each_format(name: str, tmp_path: Path) -> None:
    """Whatever a format calls its parts, the identity, proxy and server are found in it."""
    assert connections(bundle_with(tmp_path, name)) == (TO_SEARCH,)


def test_connections_are_listed_once(tmp_path: Path) -> None:
    """A server that several clients reach in one way is one connection."""
    both = "{format: cursor, servers: [search, files]}"
    found = connections(bundle_with(tmp_path, both, "codex", "command"))
    assert [one.server for one in found] == ["search", "files"]


def test_entries_of_another_kind_are_no_connections() -> None:
    """What a template of the user's own makes of a file may have no command line in it."""
    texts = ('{"mcpServers": {"a": 1, "b": {"url": "x"}}}', '{"mcpServers": []}', "{}")
    for text in texts:
        assert connections(Bundle("ci", None, {"cursor": text})) == ()


@pytest.mark.parametrize(
    ("tbot", "directory"),
    [
        ("services: [{destination: {type: directory, path: /opt/id}}]", Path("/opt/id")),
        ("services: [{destination: {type: kubernetes_secret, name: x}}]", None),
        ("services: [1, {destination: 2}]", None),
        ("[]", None),
        (None, None),
    ],
)
def test_where_tbot_writes(tbot: str | None, directory: Path | None) -> None:
    """The directory of the identity is the service's; a secret of Kubernetes has none."""
    assert tbot_directory(Bundle("ci", tbot, {})) == directory


def test_where_clients_read(tmp_path: Path) -> None:
    """Without a tbot.yaml the directory of the identity is the one that the clients name."""
    found = bundle_with(tmp_path, "cursor")
    assert tbot_directory(Bundle("ci", None, found.clients)) == Path("/opt/machine-id")
