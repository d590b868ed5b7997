"""A stand-in for Teleport's tsh: it parses its arguments as tsh does, then is a real MCP server.

    python tsh.py SETTINGS ARGUMENT...

SETTINGS is a JSON file, since most clients pass no environment on: where to `log` how it was
started, which `proxy` there is, which `servers` with which tools are behind it, the `delay` of a
connection in seconds, and the socket at which they are `running`, where they are. Nothing is imported from the package that it helps to test. Flags and
texts: tool/tsh/common/{tsh,mcp_app}.go and lib/client/mcp.go of github.com/gravitational/teleport,
release 18, and github.com/alecthomas/kingpin, which parses for it.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SERVER = Path(__file__).parent / "server.py"

# Flags by their long names, and what they take: nothing, anything, or one of these.
Kind = bool | tuple[str, ...]
GLOBAL: Mapping[str, Kind] = {
    "identity": True, "proxy": True, "user": True, "login": True, "debug": False, "insecure": False,
}  # fmt: skip
COMMANDS: Mapping[str, Mapping[str, Kind]] = {
    "connect": {"auto-reconnect": False, "header": True},
    "ls": {"verbose": False, "search": True, "query": True, "format": ("text", "json", "yaml")},
}
SHORT = {
    "i": "identity", "l": "login", "d": "debug", "H": "header", "v": "verbose", "f": "format",
}  # fmt: skip


class TshError(Exception):
    """What tsh prints after `ERROR: ` before it ends with exit code 1."""


@dataclass
class Parsed:
    """A command line taken apart: its words, and the values of each flag."""

    words: list[str] = field(default_factory=list)
    flags: dict[str, list[str]] = field(default_factory=dict)

    def flag(self, name: str) -> str:
        return self.flags.get(name, [""])[-1]


def parse(argv: list[str]) -> Parsed:
    """Take a command line apart. Flags stand anywhere, those of a command only behind it."""
    parsed = Parsed()
    rest = iter(argv)
    for token in rest:
        if token == "--":
            for word in rest:
                add_word(word, parsed)
        elif token.startswith("-") and token != "-":
            name, value = parse_flag(token, parsed.words, rest)
            parsed.flags.setdefault(name, []).append(value)
        else:
            add_word(token, parsed)
    if len(parsed.words) < 2:
        raise TshError("must select a subcommand of 'mcp'" if parsed.words else "no command")
    if parsed.words[1] == "connect" and len(parsed.words) < 3:
        raise TshError("required argument 'name' not provided")
    return parsed


def add_word(word: str, parsed: Parsed) -> None:
    known = (["mcp"], COMMANDS, [word])
    if len(parsed.words) == len(known):
        raise TshError(f"unexpected {word}")
    if word not in known[len(parsed.words)]:
        raise TshError(f'expected command but got "{word}"')
    parsed.words.append(word)


def parse_flag(token: str, words: list[str], rest: Iterator[str]) -> tuple[str, str]:
    """Return a flag's long name and its value, which may be the next word."""
    known = {**GLOBAL, **(COMMANDS[words[1]] if len(words) > 1 else {})}
    is_long = token.startswith("--")
    if is_long:
        name, equals, value = token[2:].partition("=")
    else:
        name, equals, value = SHORT.get(token[1], ""), "", token[2:]
    is_negative = is_long and known.get(name.removeprefix("no-")) is False and name not in known
    kind = known.get(name.removeprefix("no-") if is_negative else name)
    if kind is None:
        what = f"long flag '--{name}'" if is_long else f"short flag '{token[:2]}'"
        raise TshError(f"unknown {what}")
    if kind is False:
        return name.removeprefix("no-"), str(not is_negative).lower()
    if not equals and not value:
        value = next(rest, "")
        if not value or value.startswith("-"):
            raise TshError(f"expected argument for flag '{token}'")
    if isinstance(kind, tuple) and value not in kind:
        raise TshError(f"enum value must be one of {','.join(kind)}, got '{value}'")
    return name, value


def run(settings: Mapping[str, Any], argv: list[str]) -> None:
    """Note how this was started, and do what it says. Raises TshError, and OSError of a file."""
    how = {"argv": argv, "env": dict(os.environ), "cwd": str(Path.cwd())}
    with Path(settings["log"]).open("a") as log:
        log.write(f"{json.dumps(how)}\n")  # in one write: several of us may run at once
    parsed = parse(argv)
    for header in parsed.flags.get("header", []):
        if ":" not in header:
            raise TshError(f'malformed header "{header}"')
    log_in(parsed, settings["proxy"])
    servers: Mapping[str, list[str]] = settings["servers"]
    if parsed.words[1] == "ls":
        sys.stdout.write(listing(servers, parsed.flag("format")))
        return
    name = parsed.words[2]
    if name not in servers:
        raise TshError("no MCP servers found")
    time.sleep(settings["delay"])
    if settings["running"]:
        connect(settings["running"], name, parsed.flag("identity"))
    else:
        os.execv(sys.executable, [sys.executable, str(SERVER), name, parsed.flag("identity")])


def connect(place: str, *asked: str) -> None:
    """Hand our streams to a server that runs already, and stay until it is done."""
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(place)
        socket.send_fds(door, [json.dumps(asked).encode()], [0, 1])
        door.recv(1)


def log_in(parsed: Parsed, proxy: str) -> None:
    """Refuse where a real tsh would have nothing to log in with, or nobody to log in to."""
    if not parsed.flag("identity"):
        raise TshError("Not logged in.")
    if "-----BEGIN CERTIFICATE-----" not in Path(parsed.flag("identity")).read_text():
        raise TshError("identity file does not contain a TLS certificate")
    if parsed.flag("proxy") != proxy:
        host = parsed.flag("proxy").split(":")[0]
        raise TshError(f"dial tcp: lookup {host}: no such host")


def listing(servers: Mapping[str, list[str]], form: str) -> str:
    """Return what `tsh mcp ls` prints: each server, and the tools that its caller may use."""
    if form in ("", "text"):
        return "".join(f"{name} {', '.join(tools)}\n" for name, tools in servers.items())
    listed = [
        {
            "kind": "app",
            "sub_kind": "mcp",
            "metadata": {"name": name},
            "permissions": {"mcp": {"tools": {"allowed": tools}}},
        }
        for name, tools in servers.items()
    ]
    return f"{json.dumps(listed, indent=4)}\n"  # which is YAML as well


if __name__ == "__main__":
    try:
        run(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:])
    except TshError as error:
        sys.exit(f"ERROR: {error}")
    except OSError as error:
        sys.exit(f"ERROR: open {error.filename}: {os.strerror(error.errno or 0).lower()}")
