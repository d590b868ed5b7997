"""Files that are made to use up time or memory, read by the real command under the system's own limits."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.sites import HEAD

pytestmark = pytest.mark.heavy

SECONDS: Final = 60
"""Seconds of processor time: many times of what any of these takes on a slow machine."""

MEMORY: Final = 1536 << 20
"""Bytes of addresses: libraries take about a third of that."""

HUNDRED_MB: Final = 100 * 1000 * 1000
ROLE: Final = "roles: {dev: {app_labels: {env: dev}, tools: [read]}}\n"


def bounded() -> None:
    """Limit the process that is about to start."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def provision(where: Path, *argv: str) -> tuple[int, str]:
    """Run the command within bounds; return its exit code and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "provisioner", *argv], cwd=where, preexec_fn=bounded, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout, done.stdout[-2000:]
    assert "defect of provision" not in done.stdout
    return done.returncode, done.stdout


def huge(path: Path, beginning: str = "", filling: bytes = b" ") -> None:
    """Make a file of 100 MB."""
    with path.open("wb") as file:
        file.write(beginning.encode())
        for _ in range(100):
            file.write(filling * (HUNDRED_MB // 100 // len(filling)))


def lol() -> str:
    """Return nine lists, each of ten aliases of the one before."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines) + "\n"


SITES: Final[dict[str, tuple[Callable[[], str], str]]] = {
    "alias bomb": (lol, "PV017"),
    "one alias a thousand times": (lambda: f"a: &a {'x' * 9999}\nb: [{'*a, ' * 1001}]\n", "PV017"),
    "deep brackets": (lambda: "a: " + "[" * 1_000_000, "PV004"),
    "deep mappings": (lambda: "\n".join(" " * n + "a:" for n in range(2000)), "PV018"),
    "deep lists": (lambda: "a: " + "- " * 500_000, "PV004"),
    "a long line": (lambda: f"bots: {{a: {{description: {'x' * 20_000_000}}}}}\n", "PV044"),
    "a long key": (lambda: f"{'x' * 20_000_000}: 1\n", "PV004"),
    "a long number": (lambda: f"a: {'9' * 20_000_000}\n", "PV013"),
    "NUL characters": (lambda: "a: " + "\0" * 1_000_000, "PV003"),
    "control characters": (lambda: "a: " + "\x1b[31m\x07" * 200_000, "PV003"),
    "bidi controls": (lambda: "# " + "\u202e\u2066" * 200_000, "PV003"),
    "tabs": (lambda: "\t" * 5_000_000 + "a: 1\n", "PV004"),
    "the same key many times": (lambda: "roles:\n" + "  a: {}\n" * 200_000, "PV007"),
    "unknown keys": (lambda: "".join(f"k{n}: 1\n" for n in range(100_000)), "PV040"),
    "an open quote": (lambda: "a: '" + "x\n" * 2_000_000, "PV004"),
    "a pattern that repeats": (
        lambda: "roles: {a: {app_labels: {env: dev}, tools: ['^((a{1,1000}){1,1000}){1,1000}$']}}\n",
        "error"),
}  # fmt: skip


@pytest.mark.parametrize("name", SITES)
def test_a_site_that_is_made_to_hurt(tmp_path: Path, name: str) -> None:
    """Bombs, depths and lengths in a site end in a problem with a code, within time and memory."""
    text, code = SITES[name]
    (tmp_path / "site.yaml").write_text(HEAD + text())
    exit_code, said = provision(tmp_path, "check")
    assert exit_code == 1
    assert code in said
    assert len(said) < 100_000, "what is said stays readable"


def test_a_site_of_100_mb(tmp_path: Path) -> None:
    """A site that is too large is refused before it is read, with the limit."""
    huge(tmp_path / "site.yaml", HEAD + "# ", b"x")
    exit_code, said = provision(tmp_path, "check")
    assert exit_code == 1
    assert "larger than 67,108,864 bytes" in said


DEEP: Final = '{"a":' * 100_000 + "1" + "}" * 100_000
LAID: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "snapshot": ("live.json", ("plan", "--cluster", "file:live.json")),
    "saved plan": ("plan.json", ("apply", "--plan", "plan.json", "--yes", "--cluster", "local:c")),
    "lock": ("tools.lock.yaml", ("check",)),
    "include": ("more.yaml", ("check", "including.yaml")),
    "manifest": ("out/.provision-manifest.json", ("render", "-o", "out")),
    "client's file": ("mcp.json", ("install", "ci", "--client", "cursor=mcp.json", "--dry-run")),
    "tbot.yaml": ("tbot.yaml", ("install", "ci", "--tbot", "tbot.yaml", "--dry-run")),
    "seed": ("seed.json", ("local", "init", "new.db", "--from", "seed.json")),
    "template": ("t/teleport/role.yaml.j2", ("render", "-o", "out", "--templates", "t")),
}


def site(where: Path) -> None:
    """Write a sound site with a machine and a client."""
    bot = "bots: {ci: {roles: [dev], identity: {path: /opt/x}, clients: [{format: cursor, servers: [s]}]}}\n"
    text = f"{HEAD}mcp_servers: {{s: {{labels: {{env: dev}}}}}}\n{ROLE}{bot}"
    (where / "site.yaml").write_text(text)
    (where / "including.yaml").write_text(text + "include: [more.yaml]\n")


def _large(path: Path) -> None:
    huge(path)


def _deep(path: Path) -> None:
    path.write_text(DEEP)


def _line(path: Path) -> None:
    path.write_text('{"a": "' + "x" * 10_000_000)


def _controls(path: Path) -> None:
    path.write_bytes(b"\0\x1b]0;title\x07\xff\xfe\x85" * 1000)


SPOILS: Final = {
    "100 MB": _large, "deep": _deep, "a long line": _line, "NUL and controls": _controls,
}  # fmt: skip


@pytest.mark.parametrize("how", SPOILS)
@pytest.mark.parametrize("what", LAID)
def test_a_file_that_is_made_to_hurt(tmp_path: Path, what: str, how: str) -> None:
    """Whatever is laid in the place of a file ends in an error that shows no control character."""
    name, argv = LAID[what]
    site(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    SPOILS[how](tmp_path / name)
    exit_code, said = provision(tmp_path, *argv)
    assert exit_code == 1, said[-2000:]
    assert "error" in said
    assert not any(ord(c) < 32 and c != "\n" for c in said)
    assert len(said) < 20_000


TEMPLATES: Final = {
    "a range": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a power": "a: {{ 9 ** 9 ** 9 }}",
    "a product": "a: {{ 'x' * 999999999 }}",
    "a doubling": "{% set a = 'x' %}" + "{% set a = a ~ a %}" * 60 + "a: {{ a }}",
    "a list that holds itself often": "{% set a = [1] %}"
    + "{% set a = [a, a] %}" * 60
    + "a: {{ a }}",
    "a width": "a: {{ name | indent(999999999999) }}",
    "a recursion": "{% macro f() %}\n{{ f() }}\n{% endmacro %}{{ f() }}",
    "an inclusion of itself": "{% include 'teleport/role.yaml.j2' %}",
    "brackets": "a: {{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}",
    "digits": "a: {{ " + "9" * 1_000_000 + " }}",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_that_is_made_to_hurt(tmp_path: Path, name: str) -> None:
    """A template that would take all time or memory is stopped, and told with its line."""
    site(tmp_path)
    (tmp_path / "t/teleport").mkdir(parents=True)
    (tmp_path / "t/teleport/role.yaml.j2").write_text(TEMPLATES[name])
    exit_code, said = provision(tmp_path, "render", "-o", "out", "--templates", "t")
    assert exit_code == 1
    assert "teleport/role.yaml.j2:" in said
    assert not (tmp_path / "out").exists()


def test_the_bounds_bite() -> None:
    """The limits of these tests are in force: what takes more memory dies of it."""
    argv = [sys.executable, "-c", f"bytearray({MEMORY})"]
    died = subprocess.run(argv, preexec_fn=bounded, capture_output=True, text=True, check=False)
    assert "MemoryError" in died.stderr
