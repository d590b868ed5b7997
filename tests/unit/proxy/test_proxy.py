from __future__ import annotations

import json
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from provisioner.errors import ProvisionError
from provisioner.proxy import DENIED, Referee, referee, serve
from provisioner.rbac.access import Checker, Identity, Server
from tests import bodies

READ = bodies.role("read", allow={"mcp": {"tools": ["read_*"]}})
DATA = {"error": {"message": "access to app denied. User does not have permissions. "}}


def judge() -> Referee:
    """Return who judges for a bot that may call `read_*`, and nothing else."""
    return referee(Checker(Identity("ci", (READ,))), Server("files", {"env": "dev"}))


def line(message: Any) -> bytes:
    return json.dumps(message).encode() + b"\n"


def call(tool: Any, number: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool}}


def listing(number: Any = 1) -> bytes:
    return line({"jsonrpc": "2.0", "id": number, "method": "tools/list"})


def tools(*names: Any, number: Any = 1, **more: Any) -> dict[str, Any]:
    listed = [{"name": name, "inputSchema": {}} for name in names]
    return {"jsonrpc": "2.0", "id": number, "result": {"tools": listed, **more}}


def error(number: Any, code: int, message: str, **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message, **more}}


# --- calls -----------------------------------------------------------------------------------


def test_an_allowed_call_passes_as_it_is() -> None:
    """Not a byte of a call that the roles allow is changed."""
    said = b'{ "params" : {"name":"read_file", "arguments": {"n": 1.50}},"method":"tools/call", "id":7}\r\n'
    assert judge().from_client(said).forward == said


@pytest.mark.parametrize("number", [7, "7", 0, "", 1.5])
def test_a_refused_call_is_answered_as_teleport_does(number: Any) -> None:
    """The server never hears of it; the client gets -32602, Teleport's text and its own id."""
    verdict = judge().from_client(line(call("delete_repo", number)))
    assert verdict.forward == b""
    assert verdict.kept == ("delete_repo",)
    assert verdict.reply.endswith(b"\n")
    assert json.loads(verdict.reply) == error(number, -32602, DENIED, data=DATA)


@pytest.mark.parametrize("params", [None, {}, {"name": 1}, ["read_file"], "read_file"])
def test_a_call_without_a_name_is_a_call_of_nothing(params: Any) -> None:
    """Teleport judges such a call by the empty name, which few roles allow."""
    message = {**call(""), "params": params}
    assert json.loads(judge().from_client(line(message)).reply)["error"]["code"] == -32602
    assert Referee(lambda name: not name).from_client(line(message)).reply == b""


def test_a_refused_call_without_an_id_goes_nowhere() -> None:
    """There is nobody to answer, and the server must not hear of it either."""
    message = call("delete_repo")
    del message["id"]
    verdict = judge().from_client(line(message))
    assert (verdict.forward, verdict.reply, verdict.kept) == (b"", b"", ("delete_repo",))


@pytest.mark.parametrize(
    ("written", "name"),
    [(r"re\u0061d", "read"), (r"\ud83d\ude00", "\U0001f600"), (r"x\ud800", "x\ufffd")],
)
def test_names_are_read_as_teleport_reads_them(written: str, name: str) -> None:
    """Escapes make the name that they stand for; half a surrogate pair becomes U+FFFD, as in Go."""
    said = f'{{"id":1,"method":"tools/call","params":{{"name":"{written}"}}}}\n'.encode()
    assert Referee(lambda asked: asked == name).from_client(said).forward == said


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense",
        b'{"id":1,"method":"tools/call","method":"ping","params":{"name":"read_file"}}',
        b'{"id":1,"method":"tools/call","params":{"name":"delete","name":"read_file"}}',
        b'{"id":1,"Method":"tools/call","params":{"name":"delete"}}',
        b'{"id":1,"method":"ping","METHOD":"tools/call","params":{"name":"delete"}}',
        b'{"id":[1],"method":"tools/list"}',
        b'{"id":1,"method":["tools/call"]}',
        b'{"id":NaN,"method":"ping"}',
        b'{"id":1e999,"method":"tools/call","params":{"name":"delete"}}',
        b'{"id":1,"method":"ping","params":"\xff"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(said: bytes) -> None:
    """A server that reads keys in another way than we do is not given the chance."""
    verdict = judge().from_client(said + b"\n")
    assert verdict.forward == b""
    found = json.loads(verdict.reply)
    assert (found["id"], found["error"]["code"]) == (None, -32700)


def test_each_message_of_a_batch_is_judged_alone() -> None:
    """What is allowed goes on as it was written, what is not is answered in one array."""
    said = b'[{"id": 1, "method":"ping"} ,%s,%s, {"n" : 1.0}]\n'
    denied = [json.dumps(call("drop", number)).encode() for number in (2, "three")]
    verdict = judge().from_client(said % tuple(denied))
    assert verdict.forward == b'[{"id": 1, "method":"ping"},{"n" : 1.0}]\n'
    assert [each["id"] for each in json.loads(verdict.reply)] == [2, "three"]
    all_denied = judge().from_client(line([call("drop", 1)]))
    assert all_denied.forward == b""
    assert json.loads(all_denied.reply) == [error(1, -32602, DENIED, data=DATA)]


# --- lists -----------------------------------------------------------------------------------


def test_a_list_shows_only_what_may_be_called() -> None:
    """The other tools are cut out, and every other byte of the answer stays."""
    said = (
        b'{"id":1, "result" : {"_meta":{"tools":[{"name":"x"}]}, "ttl":1.50,\n'
        b'"tools": [ {"name":"drop"}, {"name":"read_a", "n": 1e3},\t{"name":"read_b"} ],"nextCursor":"c" } }\n'
    ).replace(b"\n", b" ", 1)
    session = judge()
    session.from_client(listing())
    verdict = session.from_server(said)
    assert verdict.kept == ("drop",)
    assert verdict.forward == said.replace(
        b'[ {"name":"drop"}, {"name":"read_a", "n": 1e3},\t{"name":"read_b"} ]',
        b'[{"name":"read_a", "n": 1e3},{"name":"read_b"}]',
    )


def test_a_list_that_may_be_seen_whole_passes_as_it_is() -> None:
    """Where nothing is hidden, nothing is written anew."""
    session = judge()
    session.from_client(listing())
    said = b' { "result":{"tools":[ {"name":"read_a"} ]} , "id":1}\n'
    assert session.from_server(said).forward == said


@pytest.mark.parametrize("number", [1, "1", 0, 1.0])
def test_only_answers_to_lists_are_filtered(number: Any) -> None:
    """Whatever else has a member `tools` passes: other answers, requests and notifications."""
    session = judge()
    session.from_client(line(call("read_file", 5)))
    said = line(tools("drop", number=5))
    assert session.from_server(said).forward == said
    session.from_client(listing(number))
    for other in (
        tools("drop", number=9),
        error(number, -32000, "no"),
        {"method": "x", "id": number},
    ):
        assert session.from_server(line(other)).forward == line(other)
    found = session.from_server(line(tools("drop", number=number)))
    assert json.loads(found.forward)["result"]["tools"] == []


def test_an_id_that_is_used_twice_hides_nothing() -> None:
    """Another answer with the id of a list does not let the list itself through."""
    session = judge()
    session.from_client(listing() + b"")
    session.from_client(line({"id": 1, "method": "ping"}))
    session.from_server(line({"id": 1, "result": {}}))
    assert json.loads(session.from_server(line(tools("drop"))).forward)["result"]["tools"] == []


def test_a_list_that_is_none_becomes_an_error() -> None:
    """Teleport answers -32603 where it cannot read a list; null is an empty one."""
    session = judge()
    for number, listed in enumerate(({"a": 1}, "x", 5)):
        session.from_client(listing(number))
        said = line({"id": number, "result": {"tools": listed}})
        why = "failed to unmarshal tools/list response"
        assert json.loads(session.from_server(said).forward) == error(number, -32603, why)
    session.from_client(listing())
    for passed in (line({"id": 1, "result": {"tools": None}}), line({"id": 1, "result": "x"})):
        assert session.from_server(passed).forward == passed


def test_odd_tools_are_judged_by_the_empty_name() -> None:
    """A tool without a name is shown only to who may call everything."""
    session = judge()
    session.from_client(listing())
    odd = {"id": 1, "result": {"tools": [1, {}, {"name": None}, {"name": "read_a"}]}}
    assert json.loads(session.from_server(line(odd)).forward)["result"]["tools"] == [
        {"name": "read_a"}
    ]


def test_lists_in_a_batch_are_filtered() -> None:
    """Each answer in an array is filtered in its place."""
    session = judge()
    session.from_client(line([json.loads(listing(1)), json.loads(listing(2))]))
    said = [tools("drop", number=1), {"id": 7, "result": {}}, tools("read_a", "drop", number=2)]
    found = json.loads(session.from_server(line(said)).forward)
    assert found == [tools(number=1), {"id": 7, "result": {}}, tools("read_a", number=2)]


def test_what_is_no_message_does_not_reach_the_client() -> None:
    """Banners of servers are dropped, as Teleport drops them."""
    assert judge().from_server(b"Listening on stdio\n").forward == b""


# --- sessions --------------------------------------------------------------------------------


@dataclass
class Client:
    """The client's ends of the pipes, and what became of the session."""

    writing: int
    reading: int
    told: list[str] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    code: int | BaseException | None = None

    def say(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.writing, data) :]

    def hear(self) -> bytes:
        """Return the next line, or what there is at the end."""
        while b"\n" not in self.heard:
            assert select.select([self.reading], [], [], 60)[0], "nothing is said any more"
            if not (part := os.read(self.reading, 1 << 16)):
                break
            self.heard += part
        end = self.heard.find(b"\n") + 1 or len(self.heard)
        line, self.heard = self.heard[:end], self.heard[end:]
        return bytes(line)


@contextmanager
def session(*argv: str, patience: float = 5) -> Iterator[Client]:
    """Run a server behind the judge, in a thread; at the end the client is gone."""
    ours_in, writing = os.pipe()
    reading, ours_out = os.pipe()
    client = Client(writing, reading)

    def run() -> None:
        try:
            client.code = serve(
                argv, judge(), (ours_in, ours_out), client.told.append, patience=patience
            )
        except ProvisionError as problem:
            client.code = problem
        os.close(ours_out)  # as when the process ends

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield client
    finally:
        for number in (writing, reading):
            with suppress(OSError):
                os.close(number)
        thread.join(20)
        # A thread that is about to read would read from whatever gets this number next.
        _wait(lambda: not any("_pass_up" in each.name for each in threading.enumerate()))
        os.close(ours_in)
    assert not thread.is_alive()


def python(script: str) -> tuple[str, ...]:
    return (sys.executable, "-u", "-c", script)


ECHO = python(
    "import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line); sys.stdout.flush()"
)


def test_messages_pass_in_both_directions() -> None:
    """Requests, notifications, cancellations and answers come through, in order."""
    said = [
        line({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}),
        line({"jsonrpc": "2.0", "id": "d", "method": "server/discover"}),
        line({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}),
        line({"jsonrpc": "2.0", "id": 2, "result": {}}),
    ]
    with session(*ECHO) as client:
        client.say(b"".join(said))
        assert [client.hear() for _ in said] == said
    assert client.code == 0


def test_large_messages_pass() -> None:
    """10 MB in one line come back as they were."""
    large = line({"id": 1, "result": {"text": "x" * 10_000_000}})
    with session(*ECHO) as client:
        speaker = threading.Thread(target=client.say, args=(large,))
        speaker.start()
        assert client.hear() == large
        speaker.join()


def test_what_is_kept_from_the_client_is_told() -> None:
    """Refusals, hidden tools and dropped lines are told with nothing in them that acts."""
    script = 'print("banner"); print(\'{"id":1,"result":{"tools":[{"name":"drop\\\\u001b[2J"}]}}\')'
    with session(*python(f"input(); {script}; input()")) as client:
        client.say(listing())
        assert json.loads(client.hear())["result"]["tools"] == []
        client.say(line(call("dr\x1bop")))
        assert json.loads(client.hear())["error"]["code"] == -32602
    assert client.told == [
        "dropped a line of the server that is no JSON-RPC message",
        "hid 1 tool: drop\\x1b[2J",
        "refused a call of dr\\x1bop",
    ]


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit(7)", 7), ("exit()", 0), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_the_exit_code_is_that_of_the_server(script: str, code: int) -> None:
    """A server that ends or crashes ends the session, with a client that is still there."""
    with session(*python(f"print('{{}}'); {script}")) as client:
        assert client.hear() == b"{}\n"
        assert client.hear() == b""
        _wait(lambda: client.code is not None)
    assert client.code == code


def test_what_a_server_says_last_is_heard() -> None:
    """All that it wrote before it ended reaches the client."""
    with session(*python("print('[' + '1,' * 500_000 + '1]')")) as client:
        assert len(client.hear()) == 1_000_004


def test_a_client_that_leaves_ends_the_server() -> None:
    """The server gets an end of input and its time; then it is ended for certain."""
    with session(
        *python("import sys, time; sys.stdin.read(); time.sleep(600)"), patience=0.2
    ) as client:
        client.say(b"{}\n")
    assert client.code == 143


def test_a_client_that_only_stops_reading_is_gone() -> None:
    """A server that floods a client which is not there any more is ended."""
    flood = python("while True: print('{}')")
    with session(*flood, patience=0.2) as client:
        assert client.hear().startswith(b"{}")
        os.close(client.reading)
        _wait(lambda: client.code is not None)
        assert client.code in (1, 120, 141, 143)  # a broken pipe, as Python tells it, or the end
        client.reading = os.open(os.devnull, os.O_RDONLY)


def test_a_server_that_reads_nothing_cannot_hold_the_session() -> None:
    """With a full pipe to the server and a client that is gone, the session ends all the same."""
    with session("sleep", "600", patience=0.2) as client, suppress(BlockingIOError):
        os.set_blocking(client.writing, False)
        while True:
            client.say(b" " * 65_535 + b"\n")
    assert client.code == 143


def test_children_of_the_server_are_not_left_behind(tmp_path: Path) -> None:
    """A server that leaves a process of its own behind, with its pipes, ends with it."""
    left = tmp_path / "pid"
    with session("sh", "-c", f"sleep 600 & echo $! > {left}; exit 3") as client:
        _wait(lambda: client.code is not None)
    assert client.code == 3
    _wait(lambda: not Path(f"/proc/{left.read_text().strip()}/exe").exists())


def test_a_server_that_cannot_be_started_is_told() -> None:
    """A missing command is an error of ours, before any message."""
    with session("/no/such/server") as client:
        _wait(lambda: client.code is not None)
    assert isinstance(client.code, ProvisionError)


def _wait(for_what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not for_what():
        assert time.monotonic() < deadline
        time.sleep(0.01)
