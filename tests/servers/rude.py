"""MCP servers that do not behave: the first argument says how, the second which tools they list."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Any

Message = dict[str, Any]

MANNER = sys.argv[1]
TOOLS = json.loads(sys.argv[2]) if len(sys.argv) > 2 else [{"name": "read_file"}]
ENDLESS = count()


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def answer(asked: Message, result: Message) -> None:
    said = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result})
    say(said.replace('"HUGE"', "1e999") + "\n")


def refuse(asked: Message, code: int, text: str) -> None:
    error = {"code": code, "message": text}
    say(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": error}) + "\n")


def greet(asked: Message) -> None:
    capabilities: Message = {} if MANNER == "toolless" else {"tools": {}}
    answer(
        asked,
        {
            "protocolVersion": "\x1b[2J" if MANNER == "of another age" else "2025-11-25",
            "capabilities": capabilities,
            "serverInfo": {"name": "rude", "version": "1"},
        },
    )


def listed(asked: Message, **more: Any) -> None:
    tools = [{"inputSchema": {"type": "object"}, **tool} for tool in TOOLS]
    answer(asked, {"tools": tools, **more})


def paged(asked: Message) -> None:
    page = int((asked.get("params") or {}).get("cursor", 0))
    last = page + 1 == len(TOOLS)
    tool = {"inputSchema": {"type": "object"}, **TOOLS[page]}
    answer(asked, {"tools": [tool], **({} if last else {"nextCursor": str(page + 1)})})


LISTS: dict[str, Callable[[Message], None]] = {
    "paged": paged,
    "in a circle": lambda asked: listed(asked, nextCursor="again"),
    "endless": lambda asked: answer(asked, {"tools": [], "nextCursor": str(next(ENDLESS))}),
    "malformed": lambda asked: answer(asked, {"tools": [{"nom": 1}]}),
    "failing": lambda asked: refuse(asked, -32000, "\x1b[31mno tools for you"),
    "crashing late": lambda _: sys.exit(3),
}  # fmt: skip


def serve(asked: Message) -> None:
    if MANNER == "bannered":
        say("Server listening on stdio\n")
    if asked.get("method") == "initialize":
        greet(asked)
    elif asked.get("method") == "tools/list":
        LISTS.get(MANNER, listed)(asked)
    elif asked.get("method") == "server/discover" and MANNER == "dying of discover":
        sys.exit(3)
    elif "id" in asked:
        refuse(asked, -32601, "Method not found")


def main() -> None:
    if MANNER == "crashing":
        sys.exit("Traceback: \x1b[31mout of luck")
    if MANNER == "mute":
        say("one moment \x1b[2J\n")
        time.sleep(600)
    while MANNER == "flooding":
        say("x" * 65_000 + "\n")
    while MANNER == "one long line":
        say("x" * 65_000)
    for line in sys.stdin:
        serve(json.loads(line))
    if MANNER == "clinging":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)


if __name__ == "__main__":
    main()
