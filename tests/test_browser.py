"""The access page in a real browser: `make test-browser`; skipped where there is no Chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.planning.impact import as_access
from provisioner.rbac.access import Identity, Server, World
from provisioner.rbac.access import difference as differing
from provisioner.rbac.inquiry import Scene
from provisioner.report import access_html
from tests.sites import TEMPLATES
from tests.worlds import DEV, HOSTILE, SCENE, role, scene

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


@dataclass(frozen=True)
class Seen:
    """What a page became: its document, and what the console said."""

    dom: str
    console: str

    @property
    def blocks(self) -> list[str]:
        """The titles of the blocks."""
        return re.findall(r"<section[^>]*><h2[^>]*>([^<]*?) <", self.dom)

    @property
    def tools(self) -> list[str]:
        """The tools and patterns that are shown."""
        return re.findall(r"<code[^>]*>([^<]*)</code>", self.dom.partition("<noscript>")[0])

    @property
    def count(self) -> str:
        """What the page says of how much it shows."""
        found = re.search(r"<output[^>]*>([^<]*)<", self.dom)
        return found[1] if found else ""


Browse = Callable[..., Seen]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Return what opens a page, at what its address says after `#`."""

    def browse(page: str, asked: str = "") -> Seen:
        path = tmp_path / "access.html"
        path.write_text(page)
        done = subprocess.run(
            [
                str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}",
                f"{path.as_uri()}#{asked}",
            ],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        said = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
        return Seen(done.stdout, said)

    return browse


def page(shown: Scene) -> str:
    return access_html.matrix(shown, TEMPLATES)


def test_a_block_for_each_bot(browse: Browse) -> None:
    """The page shows every bot with its tools, and its own policy lets its script and style run."""
    seen = browse(page(SCENE))
    assert seen.console == ""
    assert seen.blocks == ["admin", "careful", "idle"]
    assert seen.count == "3 of 3 bots"
    assert "nothing on files, db, web" in seen.dom
    assert "all 2" in seen.dom


def test_filters(browse: Browse) -> None:
    """Bot or role, MCP server and tool narrow what is shown; the address carries them."""
    assert browse(page(SCENE), "bot=ADM").blocks == ["admin"]
    assert browse(page(SCENE), "bot=no-delete").blocks == ["careful", "idle"]
    seen = browse(page(SCENE), "tool=delete_f")
    assert (seen.blocks, seen.tools) == (["admin"], ["delete_file"])
    seen = browse(page(SCENE), "server=db&tool=list")
    assert (seen.blocks, seen.tools) == (["admin"], ["list"])
    assert "Nothing matches." in browse(page(SCENE), "tool=nowhere").dom


def test_views(browse: Browse) -> None:
    """The same by MCP server, and as a grid of bots and servers."""
    assert browse(page(SCENE), "view=servers").blocks == ["files", "db", "web"]
    grid = browse(page(SCENE), "view=grid").dom
    assert grid.count('<th scope="col">') == 3
    assert re.findall(r'title="([^"]*)"', grid)[:2] == [
        "admin on files: all 2",
        "admin on db: 2 of 3",
    ]


def test_a_difference(browse: Browse) -> None:
    """What is gained has a plus, what is lost a minus; who is not concerned is not shown."""
    after = scene(Identity("ci", (role("r", {"env": "dev"}, "delete_file"),)), Identity("idle"))
    before = scene(Identity("ci", (role("r", {"env": "dev"}, "read_file"),)), Identity("idle"))
    moved = as_access(differing(before.world, after.world))
    seen = browse(access_html.difference(moved, before, after, TEMPLATES), "server=files")
    assert seen.blocks == ["ci"]
    assert seen.tools == ["+ delete_file", "\N{MINUS SIGN} read_file"]


def test_hostile_names_are_text(browse: Browse) -> None:
    """Names that look like a page are shown, not obeyed."""
    wild = scene(
        Identity(HOSTILE, (role(HOSTILE, {"*": "*"}, "*"),)),
        servers=(Server(HOSTILE, {}, (HOSTILE,)),),
    )
    seen = browse(page(wild))
    assert seen.console == ""
    assert "<img" not in seen.dom
    assert seen.tools[0].startswith("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;\\x1b[31m")


@pytest.mark.parametrize("view", ["bots", "servers", "grid"])
def test_a_thousand_bots_on_a_hundred_servers(browse: Browse, view: str) -> None:
    """A page of a large site opens, shows its beginning and can be narrowed to one bot."""
    tools = tuple(f"{verb}_{noun}" for verb in ("read", "list", "drop") for noun in range(16))
    roles = [role(f"r{n}", {"n": str(n)}, *tools[n % 40 : n % 40 + 8]) for n in range(100)]
    bots = (Identity(f"bot-{n}", (DEV, roles[n % 100], roles[n * 7 % 100])) for n in range(1000))
    servers = (
        Server(f"s{n}", {"env": ("dev", "prod")[n % 2], "n": str(n)}, tools) for n in range(100)
    )
    large = page(Scene("large", World(tuple(bots), tuple(servers))))
    assert len(large) < 2_000_000
    assert browse(large, f"view={view}").count in (
        "100 shown, 1,000 of 1,000 bots",
        "100 of 100 MCP servers",
    )
    assert browse(large, "bot=bot-999&tool=drop_1&server=s9").blocks == ["bot-999"]
