from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.errors import FileError, ProvisionError
from provisioner.machine.bundle import (
    Bundle,
    Connection,
    choose,
    connections,
    load,
    tbot_directory,
    tbot_of,
)
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
    assert load("ci", tmp_path) == Bundle("ci", {}, {"cursor": "{}"})


def test_a_bot_without_files(tmp_path: Path) -> None:
    """A bot that has none is told, with the ones that there are."""
    files = rendered(tmp_path, site_text("cursor"))
    with pytest.raises(FileError, match="nothing is rendered for bot other") as caught:
        choose("other", files)
    assert caught.value.hint == "bots with an identity: ci"
    with pytest.raises(FileError, match="there is nothing of bot ci in it") as caught:
        load("ci", tmp_path / "empty")
    assert "clients/ci/" in caught.value.hint


JOINS = (
    "[{method: iam, allow: [{aws_account: '1'}]}, {method: gcp, allow: [{project_ids: [a]}]},"
    " {method: github, name: releases, allow: [{repository: a/b}]},"
    " {method: github, name: iam-too, allow: [{repository: a/c}]},"
    " {method: bound_keypair, onboarding: {initial_public_key: k}}]"
)


def with_joins(directory: Path, joins: str) -> Bundle:
    """Return the files of bot `ci` with these ways to join; another bot is called nearly so."""
    bots = f"ci: {{join: {joins}, identity: {{path: /a}}}}, ci-2: {{identity: {{path: /b}}}}"
    files = rendered(directory, f"bots: {{{bots}}}\n")
    outdir.write(directory / "out", files)
    found = choose("ci", files)
    assert load("ci", directory / "out") == found
    return found


@pytest.mark.parametrize(
    ("join", "path"),
    [
        ("iam", "tbot/ci.yaml"),
        ("ci-iam", "tbot/ci.yaml"),
        ("gcp", "tbot/ci.gcp.yaml"),
        ("releases", "tbot/ci.releases.yaml"),
        ("iam-too", "tbot/ci.iam-too.yaml"),
        ("bound-keypair", "tbot/ci.bound-keypair.yaml"),
    ],
)
def test_a_way_to_join(join: str, path: str, tmp_path: Path) -> None:
    """Of several ways to join one is named by its method, its name or its token."""
    found = with_joins(tmp_path, JOINS)
    assert tbot_of(found, join) == found.tbots[path]


@pytest.mark.parametrize(
    ("first", "name"),
    [
        ("method: token, token_path: /t", "token"),
        ("method: gcp, name: ours, allow: [{project_ids: [a]}]", "ours"),
        ("method: azure_devops, allow: [{sub: a}]", "azure-devops"),
    ],
)
def test_what_the_first_way_is_called(first: str, name: str, tmp_path: Path) -> None:
    """The first file has no name in its path: it is called by its join's name or method."""
    found = with_joins(tmp_path, f"[{{{first}}}, {{method: iam, allow: [{{aws_account: '1'}}]}}]")
    assert tbot_of(found, name) == found.tbots["tbot/ci.yaml"]
    with pytest.raises(ProvisionError) as caught:
        tbot_of(found, None)
    assert caught.value.hint == f"--join {name} for tbot/ci.yaml\n--join iam for tbot/ci.iam.yaml"


@pytest.mark.parametrize(
    ("join", "message"),
    [
        (None, "bot ci has 5 ways to join, each with a tbot.yaml of its own"),
        ("github", "bot ci has 2 ways to join, each with a tbot.yaml of its own"),
        ("gitlab", "bot ci has no way to join that is called gitlab"),
    ],
)
def test_no_way_or_too_many(join: str | None, message: str, tmp_path: Path) -> None:
    """Where one has to be named, all that there are are told, with the file of each."""
    with pytest.raises(ProvisionError, match=message) as caught:
        tbot_of(with_joins(tmp_path, JOINS), join)
    assert caught.value.hint.splitlines()[0] == "--join iam for tbot/ci.yaml"
    assert len(caught.value.hint.splitlines()) == 5


def test_the_only_way_needs_no_name(tmp_path: Path) -> None:
    """A machine that was given one of several files has no choice to make."""
    found = with_joins(tmp_path, JOINS)
    only = Bundle("ci", {"tbot/ci.gcp.yaml": found.tbots["tbot/ci.gcp.yaml"]}, {})
    assert tbot_of(only, None) == tbot_of(only, "gcp") == only.tbot
    with pytest.raises(ProvisionError, match="no way to join that is called iam"):
        tbot_of(only, "iam")
    with pytest.raises(ProvisionError, match=r"no tbot\.yaml is rendered for bot ci"):
        tbot_of(Bundle("ci", {}, {}), None)


def test_without_onboarding(tmp_path: Path) -> None:
    """A tbot.yaml that says nothing of joining is the only one, and needs no name."""
    found = choose("ci", rendered(tmp_path, "bots: {ci: {identity: {path: /a}}}"))
    assert tbot_of(found, None) == found.tbot


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
        assert connections(Bundle("ci", {}, {"cursor": text})) == ()


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
    tbots = {} if tbot is None else {"tbot/ci.yaml": tbot}
    assert tbot_directory(Bundle("ci", tbots, {})) == directory


def test_where_clients_read(tmp_path: Path) -> None:
    """Without a tbot.yaml the directory of the identity is the one that the clients name."""
    found = bundle_with(tmp_path, "cursor")
    assert tbot_directory(Bundle("ci", {}, found.clients)) == Path("/opt/machine-id")
