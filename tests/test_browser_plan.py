"""The page of a plan in a real browser: `make test-browser`; skipped where there is no Chromium."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from provisioner.change import Plan
from provisioner.report import plan_html
from tests.bodies import app, bot, role
from tests.plans import EVERYTHING, HOSTILE, made, spoiled
from tests.sites import TEMPLATES

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--no-first-run", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--enable-logging=stderr",
)  # fmt: skip
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


def browse(folder: Path, shown: Plan, *options: str) -> tuple[str, str]:
    """Open the page of a plan; return what the browser says on stdout and on its console."""
    path = folder / "plan.html"
    path.write_text(plan_html.page(shown, TEMPLATES))
    done = subprocess.run(
        [str(CHROMIUM), *QUIET, f"--user-data-dir={folder / 'profile'}", *options, path.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def test_the_policy_lets_the_page_be_what_it_is(tmp_path: Path) -> None:
    """The browser has nothing to complain of: its style is allowed, and nothing else is asked for."""
    dom, console = browse(tmp_path, EVERYTHING, "--dump-dom")
    assert console == ""
    assert len(re.findall("<details open", dom)) == len((*EVERYTHING.changes, *EVERYTHING.notes))


@pytest.mark.parametrize("hostile", ["".join(HOSTILE), *[h for h in HOSTILE if "<" in h]])
def test_hostile_names_are_text(tmp_path: Path, hostile: str) -> None:
    """A browser, which forgives what a parser would not, sees no element in a name either."""
    dom, console = browse(tmp_path, spoiled(hostile), "--dump-dom")
    plain, _ = browse(tmp_path, spoiled("x"), "--dump-dom")
    assert console == ""
    assert re.findall(r"<\w+", dom) == re.findall(r"<\w+", plain)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_are_painted(tmp_path: Path, scheme: str) -> None:
    """The ground of the page follows the scheme that the reader prefers."""
    picture = tmp_path / "plan.png"
    number = {"dark": 0, "light": 1}[scheme]
    options = (f"--blink-settings=preferredColorScheme={number}", "--window-size=60,40")
    browse(tmp_path, EVERYTHING, f"--screenshot={picture}", *options)
    bright = ground(picture.read_bytes())
    assert bright > 200 if scheme == "light" else bright < 60


def ground(png: bytes) -> int:
    """Return how bright the first pixel of a picture is. Source: https://www.w3.org/TR/png-3/."""
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    return zlib.decompress(data)[1]


def test_it_can_be_printed(tmp_path: Path) -> None:
    """On paper, a plan of some dozen resources takes a few pages, none of them of the screen's width."""
    paper = tmp_path / "plan.pdf"
    shown = made(*(role(f"r{n}") for n in range(20)), *(bot(f"b{n}", [f"r{n}"]) for n in range(20)))
    browse(tmp_path, shown, f"--print-to-pdf={paper}")
    pages = len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes()))
    assert 2 <= pages <= 8


def test_a_large_plan_can_be_read(tmp_path: Path) -> None:
    """Of a large plan nothing is open at first: each bot can be, and a line at the top leads on."""
    many = (
        *(role(f"r{n}") for n in range(90)),
        *(bot(f"b{n}", [f"r{n}"]) for n in range(90)),
        app(labels={"env": "dev"}, uri="mcp+http://a"),
    )
    dom, console = browse(tmp_path, made(*many), "--dump-dom")
    assert console == ""
    assert "<details open" not in dom
    assert dom.count("<summary>") >= 180
    assert all(f'id="{target}"' in dom for target in re.findall(r'<a href="#(\w+)"', dom))
