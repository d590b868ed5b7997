from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.checks.explanation import Origin, explain
from provisioner.errors import ProvisionError
from provisioner.site import sitefile
from provisioner.text import source
from provisioner.tools.lock import Lock
from tests.pins import lock, pin

HEAD = "version: 1\nsite: acme\nteleport: {proxy: e.x:443}\n"
FILES = {
    "site.yaml": """\
extends: base.yaml
include: [teams/*.yaml]
site: acme-prod
roles:
  reader: {tools: [read], protected: true}
  old: null
tests:
  a b.c: {bot: ci, server: files, connect: true}
""",
    "base.yaml": HEAD
    + """\
roles:
  reader: {tools: [read, list], app_labels: {env: dev}}
  old:
    tools: [x]
bots: {ci: {roles: [reader]}}
""",
    "teams/ml.yaml": "mcp_servers:\n  files: {labels: {env: dev}}\n",
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a site that includes a team's file and extends a base, by its relative path."""
    monkeypatch.chdir(tmp_path)
    for name, text in {**FILES, ".git/HEAD": ""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return Path("site.yaml")


def explained(path: Path, key: str, pins: Lock | None = None) -> tuple[Origin, ...]:
    document, _ = sitefile.load(path)
    assert document is not None
    return explain(document, key, pins or Lock())


def one(path: Path, key: str) -> tuple[object, str, list[str]]:
    """Return the value of a key, what it is from, and what each file says, in short."""
    (origin,) = explained(path, key)
    said = [
        f"{each.at} {each.fate}{f' {each.how} {each.named}' if each.how else ''}"
        for each in origin.said
    ]
    return origin.value, origin.source, said


def test_what_an_overlay_replaces(site: Path) -> None:
    """The uppermost file counts; what it replaces is told, and where the site comes to that file."""
    assert one(site, "roles.reader.tools") == (
        ["read"],
        "file",
        ["site.yaml:5:12 counts", "base.yaml:5:12 replaced extends site.yaml:1:10"],
    )


def test_what_an_overlay_leaves(site: Path) -> None:
    """What only the base says counts, with the place in the base."""
    assert one(site, "roles.reader.app_labels.env") == (
        "dev", "file", ["base.yaml:5:46 counts extends site.yaml:1:10"],
    )  # fmt: skip


def test_what_is_included(site: Path) -> None:
    """An included value names the file, and the line that includes it."""
    assert one(site, "mcp_servers.files.labels.env")[2] == [
        "teams/ml.yaml:2:20 counts include site.yaml:2:11"
    ]


def test_what_null_removes(site: Path) -> None:
    """Of what is removed, both the file that removes it and the one that said it are told."""
    for key in ("roles.old", "roles.old.tools"):
        value, found, said = one(site, key)
        assert (value, found, said[0]) == (None, "removed", "site.yaml:6:3 removes")
        assert "removed extends site.yaml:1:10" in said[1]


def test_what_nobody_says(site: Path) -> None:
    """Where no file says anything, the default of the key counts."""
    assert one(site, "roles.reader.version") == ("v8", "default", [])
    assert one(site, "bots.ci.protected") == (False, "default", [])


def test_all_of_a_mapping(site: Path) -> None:
    """Of a mapping each value is told once, then the defaults of the keys that it leaves out."""
    assert [
        (".".join(map(str, each.path[2:])), each.source) for each in explained(site, "roles.reader")
    ] == [
        ("tools", "file"),
        ("protected", "file"),
        ("app_labels.env", "file"),
        ("version", "default"),
    ]


def test_names_with_dots_and_blanks(site: Path) -> None:
    """A name is taken as a whole where there is one, whatever is in it."""
    assert one(site, "tests.a b.c.bot")[0] == "ci"


def test_an_item_of_a_list(site: Path) -> None:
    """An item is that of the list which counts: lists are not merged."""
    assert one(site, "roles.reader.tools[0]")[2][0] == "site.yaml:5:20 counts"
    with pytest.raises(ProvisionError, match=r"roles.reader.tools\[1\]|there is no `1`"):
        explained(site, "bots.ci.roles[1]")


def test_pinned_tools(site: Path) -> None:
    """The tools of a server that lists none are those of the lock, asked for alone or with the server."""
    text = "version: 1\nservers:\n  files: {}\n"
    document, _ = source.load(text.encode(), "tools.lock.yaml")
    pins = Lock(lock(files=pin("read", "list")).pins, document)
    for key in ("mcp_servers.files.tools", "mcp_servers.files"):
        origin = explained(site, key, pins)[-1]
        assert (origin.value, origin.source) == (["list", "read"], "lock")
        assert str(origin.said[0].at) == "tools.lock.yaml:3:3"


@pytest.mark.parametrize(
    ("key", "said", "hint"),
    [
        ("roles.raeder.tools", "there is no `raeder` in roles", "did you mean reader?"),
        ("role", "there is no `role`", "did you mean roles?"),
        ("roles.reader.toools", "there is no `toools` in roles.reader", "did you mean tools?"),
        ("bots.zzz", "there is no `zzz` in bots", "there is: ci"),
        ("bots.ci.identity", "bots.ci.identity: the site does not say it", ""),
    ],
)
def test_what_is_nowhere(site: Path, key: str, said: str, hint: str) -> None:
    """A key that leads nowhere is told at the step that fails, with what was perhaps meant."""
    with pytest.raises(ProvisionError) as caught:
        explained(site, key)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_no_secret_is_told(site: Path) -> None:
    """What may be a secret, and what no site can have, is starred wherever it is told."""
    site.write_text(
        HEAD + "mcp_servers:\n  a:\n    app: {uri: x, headers: [{name: A, value: hunter2}]}\n"
        "    pasword: hunter3\n"
    )
    assert "hunter" not in repr(explained(site, "mcp_servers"))
    assert "'***'" in repr(explained(site, "mcp_servers"))


@given(st.text(max_size=20))
def test_any_key_is_answered(key: str) -> None:
    """Whatever is asked for, there is an answer or a refusal that says something, and nothing else."""
    document, _ = source.load(FILES["base.yaml"].encode(), "site.yaml")
    assert document is not None
    with suppress(ProvisionError):
        assert explain(document, key, Lock())
