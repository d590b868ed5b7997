from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest

from provisioner.errors import ProvisionError
from provisioner.tools.inventory import Target, Tsh, Unreadable, at_url, of_command, read
from provisioner.tools.lock import Pin
from tests.conftest import ROOT

OURS = (sys.executable, "-X", f"of={os.getpid()}")  # not those of another run of these tests
SMALL = (*OURS, str(ROOT / "tests/servers/small.py"))
RUDE = (*OURS, str(ROOT / "tests/servers/rude.py"))
SOURCE = f"command: {Path(sys.executable).name}"
NOW = "2026-06-30T12:00:00Z"


def ask(target: Target, seconds: float = 20) -> Pin | Unreadable:
    return read([target], NOW, lambda _done, _total: None, seconds=seconds)[target.server]


def rude(manner: str, *tools: dict[str, Any], seconds: float = 20) -> Pin | Unreadable:
    listed = [json.dumps(tools)] if tools else []
    return ask(of_command("s", (*RUDE, manner, *listed)), seconds)


def is_running(*words: str) -> bool:
    """Whether a process with these arguments is there."""
    wanted = "\0".join(words).encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            if wanted in path.read_bytes():
                return True
    return False


def test_a_real_server_tells_its_tools() -> None:
    """Name, description and schemas of every tool of a server made with the SDK are read."""
    found = ask(of_command("small", SMALL))
    assert isinstance(found, Pin)
    assert (found.complete, found.source, found.pinned_at) == (True, SOURCE, NOW)
    assert sorted(found.tools) == ["delete_repo", "read_file", "read_slowly"]
    says = found.tools["read_file"].definition
    assert says["description"] == "Read a file."
    assert says["inputSchema"]["required"] == ("path",)
    assert says["outputSchema"]["type"] == "object"
    assert not is_running(*SMALL)


@pytest.mark.parametrize("manner", ["well", "bannered", "dying of discover", "clinging"])
def test_servers_of_before_2026_are_read(manner: str) -> None:
    """A server that knows only `initialize` is read, whatever it does at other questions."""
    found = rude(manner, {"name": "a", "description": "x", "annotations": {"readOnlyHint": True}})
    assert isinstance(found, Pin)
    assert found.tools["a"].definition == {
        "description": "x",
        "inputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": True},
    }
    assert not is_running(*RUDE, manner)


def test_all_pages_are_read() -> None:
    """A list that comes in pages is read to its end."""
    found = rude("paged", *({"name": name} for name in "abcd"))
    assert isinstance(found, Pin)
    assert sorted(found.tools) == ["a", "b", "c", "d"]


def test_a_server_may_have_no_tools() -> None:
    """A server that offers resources only has an inventory: an empty one."""
    found = rude("toolless")
    assert isinstance(found, Pin)
    assert dict(found.tools) == {}


@pytest.mark.parametrize(
    ("manner", "why"),
    [
        ("crashing", "it ended before it had answered; it says: Traceback: \\x1b[31mout of luck"),
        ("crashing late", "it ended before it had answered"),
        ("in a circle", "its list of tools does not end (2 pages, 2 tools)"),
        ("endless", "its list of tools does not end (200 pages, 0 tools)"),
        ("malformed", "its answer is not what MCP says"),
        ("failing", "it answers with an error: \\x1b[31mno tools for you"),
        ("of another age", "Unsupported protocol version from the server: \\x1b[2J"),
        ("flooding", "it sends more than 33,554,432 bytes"),
        ("one long line", "it sends more than 33,554,432 bytes"),
    ],
)
def test_a_server_that_does_not_behave_is_told_apart(manner: str, why: str) -> None:
    """Whatever a server does, reading ends with the reason, and leaves no process behind."""
    found = rude(manner)
    assert isinstance(found, Unreadable)
    assert str(found) == why
    assert not is_running(*RUDE, manner)


def test_a_mute_server_is_given_up() -> None:
    """A server has so many seconds in all; what it said instead of an answer is told."""
    started = time.monotonic()
    found = rude("mute", seconds=0.5)
    assert isinstance(found, Unreadable)
    assert str(found) == "it did not answer within 0.5 s; it says: one moment \\x1b[2J"
    assert time.monotonic() - started < 10
    assert not is_running(*RUDE, "mute")


@pytest.mark.parametrize(
    ("tools", "why"),
    [
        ([{"name": "a"}, {"name": "a"}], "it lists two tools of one name"),
        ([{"name": "a", "description": "\0"}], "it says what no lock can hold: .*NUL"),
        ([{"name": "a" * 2000}], "it says what no lock can hold: .*too long"),
        (
            [{"name": "a", "inputSchema": {"type": "object", "maximum": "HUGE"}}],
            "it says what no lock can hold: .*",
        ),
    ],
)
def test_what_no_lock_can_hold_is_refused(tools: list[dict[str, Any]], why: str) -> None:
    """A tool that could not be pinned exactly stops the reading of its server."""
    found = rude("well", *tools)
    assert isinstance(found, Unreadable)
    with pytest.raises(Unreadable, match=why):
        raise found


def test_one_bad_server_does_not_hide_others() -> None:
    """Servers are read side by side, and each has its own answer."""
    told: list[tuple[int, int]] = []
    targets = [of_command(m, (*RUDE, m)) for m in ("well", "crashing", "paged")]
    missing = of_command("missing", ("/no/such/server",))
    found = read([*targets, missing], NOW, lambda done, total: told.append((done, total)))
    assert [type(each) for each in found.values()] == [Pin, Unreadable, Pin, Unreadable]
    assert "there is no such command" in str(found["missing"])
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_secrets_of_a_command_or_url_are_not_pinned() -> None:
    """The lock is committed: it names the program or the address, and no argument or query."""
    assert of_command("s", ("/usr/bin/npx", "--key", "secret")).source == "command: npx"
    url = at_url("s", "https://user:secret@host:8443/mcp?token=secret")
    assert url.source == "url: https://host:8443/mcp"


@pytest.mark.parametrize(
    "url",
    [
        "host/mcp",
        "file:///etc/passwd",
        "http://",
        "http://[",
        "http://a:x",
        "wss://u:hunter2@h/?k=x",
    ],
)
def test_a_url_is_an_address(url: str) -> None:
    """Anything else than http and https with a host is refused before it is tried."""
    with pytest.raises(ProvisionError, match="is no http") as caught:
        at_url("s", url)
    assert url not in str(caught.value)  # there may be a password in it


def test_behind_tsh_tools_may_be_hidden() -> None:
    """A command that is tsh goes through Teleport's filter: what it shows may not be all."""
    assert not of_command("s", ("/opt/tsh", "mcp", "connect", "s")).complete


def test_the_sdk_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the MCP SDK the reader is told what to install, and nothing else needs it."""
    monkeypatch.delitem(sys.modules, "provisioner.tools.inventory._session", raising=False)
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(ProvisionError, match="the MCP SDK is not installed") as caught:
        ask(of_command("s", RUDE))
    assert caught.value.hint == "pip install 'provisioner[mcp]'"


# --- over HTTP -------------------------------------------------------------------------------


class Web(http.server.BaseHTTPRequestHandler):
    """Answers every POST in the way that its path says."""

    protocol_version = "HTTP/1.1"
    answers: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {
        "/missing": (404, {}, b""),
        "/page": (200, {"Content-Type": "text/html"}, b"<html>"),
        "/zipped": (200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"x"),
        "/large": (200, {"Content-Type": "application/json"}, b"x" * (40 << 20)),
    }

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        code, headers, body = self.answers[self.path]
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):  # it has had enough
            self.wfile.write(body)


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    """Return the address of an HTTP server that knows nothing of MCP."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/missing", "it answers with an error"),
        ("/page", "it answers with an error: .*text/html"),
        ("/zipped", "it sends compressed data"),
        ("/large", "it sends more than 33,554,432 bytes"),
    ],
)
def test_what_is_no_mcp_server_is_told_apart(web: str, path: str, why: str) -> None:
    """Whatever answers at a URL is bounded, and the reason is told."""
    found = ask(at_url("s", web + path))
    assert isinstance(found, Unreadable)
    with pytest.raises(Unreadable, match=why):
        raise found


def test_a_real_server_is_read_over_http() -> None:
    """Streamable HTTP gives the same definitions as stdio."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen([*SMALL, str(port)], stderr=subprocess.DEVNULL) as server:
        try:
            found = _once_up(f"http://127.0.0.1:{port}/mcp")
        finally:
            server.kill()
    over_stdio = ask(of_command("small", SMALL))
    assert isinstance(found, Pin)
    assert isinstance(over_stdio, Pin)
    assert found.tools == over_stdio.tools


def _once_up(url: str) -> Pin | Unreadable:
    deadline = time.monotonic() + 120  # a busy machine takes its time to start a server
    while True:
        found = ask(at_url("small", url))
        if isinstance(found, Pin) or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


# --- through Teleport ------------------------------------------------------------------------

TSH = f"""\
#!{sys.executable}
import json, os, sys
if "ls" in sys.argv:
    print(os.environ["LISTED"])
    sys.exit(os.environ.get("FAILING"))
assert sys.argv[1:-1] == ["mcp", "connect", "-i", "id", "--proxy", "p:443"], sys.argv
os.execv(sys.executable, {[*RUDE, "well"]!r})
"""


@pytest.fixture
def tsh(tmp_path: Path) -> Tsh:
    """Return a stand-in for tsh that prints what LISTED says and connects to one server."""
    path = tmp_path / "tsh"
    path.write_text(TSH)
    path.chmod(0o755)
    return Tsh(str(path), "p:443", "id")


def app(name: str, allowed: object, denied: object = None) -> dict[str, Any]:
    tools = {"allowed": allowed, **({"denied": denied} if denied else {})}
    return {"kind": "app", "metadata": {"name": name}, "permissions": {"mcp": {"tools": tools}}}


def test_teleport_shows_all_only_to_who_may_call_all(
    tsh: Tsh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inventory through Teleport is complete exactly where `*` is allowed and nothing denied."""
    apps = [
        app("free", ["*"]),
        app("some", ["read_*"]),
        app("more", ["*", "read_*"]),
        app("denied", ["*"], ["drop"]),
        app("none", None),
    ]
    monkeypatch.setenv("LISTED", json.dumps(apps))
    names = [*(each["metadata"]["name"] for each in apps), "unlisted"]
    assert [t.server for t in tsh.targets(names) if t.complete] == ["free"]
    found = ask(tsh.targets(["free"])[0])
    assert isinstance(found, Pin)
    assert (found.complete, found.source, list(found.tools)) == (
        True,
        "teleport: p:443",
        ["read_file"],
    )


@pytest.mark.parametrize("listed", ["", "{}x", "[1]", '[{"metadata": {}}]', "null"])
def test_another_tsh_is_told_apart(tsh: Tsh, monkeypatch: pytest.MonkeyPatch, listed: str) -> None:
    """Nothing is taken for complete that tsh does not say."""
    monkeypatch.setenv("LISTED", listed)
    with pytest.raises(Unreadable, match="does not print what Teleport 18 prints"):
        tsh.targets(["free"])


def test_a_failing_tsh_is_quoted(tsh: Tsh, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tsh says of its failure is told, without what acts on a terminal."""
    monkeypatch.setenv("LISTED", "[]")
    monkeypatch.setenv("FAILING", "\x1b[31mERROR: expired\x07")
    with pytest.raises(Unreadable, match=r"mcp ls failed: ERROR: expired\\x07"):
        tsh.targets(["free"])
