"""Which tools MCP servers have: asked over MCP, of a command, a URL or through Teleport.

Teleport shows an identity only the tools that it may call. What is read through it is all there is
only if `tsh mcp ls` says that this identity may call everything there.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from provisioner.effort import Call, Called, Tell, unheard
from provisioner.errors import ProvisionError
from provisioner.system import process
from provisioner.text.terminal import visible
from provisioner.tools import lock
from provisioner.tools.inventory._base import Answers, Named, Notify, Target, Unreadable
from provisioner.tools.lock import Lock, Pin, Tool
from provisioner.values import Plain, freeze

__all__ = ["Target", "Tsh", "Unreadable", "at_url", "of_command", "read"]

SECONDS: Final = 30.0
"""How long a server may take to tell its tools, all in all."""

_ENV: Final = {"TELEPORT_TOOLS_VERSION": "off"}
_TSH_SECONDS: Final = 60.0
_SDK: Final = frozenset({"anyio", "httpx2", "mcp", "mcp_types"})


class Tsh(Struct, frozen=True):
    """Teleport's client, and as whom it speaks: the identity file of a bot, or None: as itself."""

    path: str
    proxy: str
    identity: str | None = None
    tell: Tell = unheard

    def targets(self, servers: Sequence[str]) -> tuple[Target, ...]:
        """Return the ways to MCP servers by their app names. Raises Unreadable if tsh fails."""
        unfiltered = self._unfiltered()
        return tuple(
            Target(
                server,
                f"teleport: {self.proxy}",
                argv=(self.path, "mcp", "connect", *self._as(), server),
                complete=server in unfiltered,
            )
            for server in servers
        )

    def _as(self) -> tuple[str, ...]:
        identity = ("-i", self.identity) if self.identity else ()
        return (*identity, "--proxy", self.proxy)

    def _unfiltered(self) -> frozenset[str]:
        """Return the servers of which we may call every tool, whatever its name."""
        argv = (self.path, *self._as(), "mcp", "ls", "--format", "json")
        command = process.Command(argv, timeout=_TSH_SECONDS, env=_ENV, limit=64 << 20)
        result = process.run(command, lambda masked: self.tell(Call(masked)))
        self.tell(Called(result.argv, result.seconds, result.code, result.timed_out))
        if result.code or result.timed_out:
            said = visible(process.strip_ansi(result.stderr).strip()[-500:]) or "it says nothing"
            raise Unreadable(
                f"{self.path} mcp ls failed: {said}",
                hint="check the identity with tsh status; tbot renews it",
            )
        try:
            return frozenset(_free(app) for app in json.loads(result.stdout)) - {""}
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Unreadable(
                f"{self.path} mcp ls does not print what Teleport 18 prints",
                hint="use the tsh of the cluster's release",
            ) from error


def _free(app: Plain) -> str:
    """Return the name of an app of which everything is allowed, else nothing."""
    tools = app["permissions"]["mcp"]["tools"]
    is_free = tools.get("allowed") == ["*"] and not tools.get("denied")
    return str(app["metadata"]["name"]) if is_free else ""


def of_command(server: str, argv: Sequence[str]) -> Target:
    """Return the way to a server that is a command. What stands behind tsh may be filtered."""
    program = PurePath(argv[0]).name
    # Arguments may hold secrets, and the lock is for everybody to read.
    return Target(server, f"command: {program}", tuple(argv), complete=program != "tsh")


def at_url(server: str, url: str) -> Target:
    """Return the way to a server that speaks streamable HTTP. Raises ProvisionError."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        # It is not repeated: there may be a password in it, or a key.
        raise ProvisionError("this is no http(s) URL", hint="such as https://host/mcp")
    return Target(server, f"url: {parts.scheme}://{parts.hostname}{port}{parts.path}", url=url)


def read(
    targets: Sequence[Target], now: str, notify: Notify, *, seconds: float = SECONDS
) -> Mapping[str, Pin | Unreadable]:
    """Return what each server says its tools are, or why that could not be read.

    `now` is written into the pins (RFC 3339, UTC). Raises ProvisionError where the MCP SDK is not
    installed.
    """
    try:
        session = importlib.import_module("provisioner.tools.inventory._session")
    except ModuleNotFoundError as error:
        if error.name not in _SDK:
            raise
        raise ProvisionError(
            f"the MCP SDK is not installed ({error.name})",
            hint="pip install 'provisioner[mcp]'",
        ) from error
    answers: Answers = session.ask(targets, seconds, notify)
    return {target.server: _pin(target, answers[target.server], now) for target in targets}


def _pin(target: Target, answer: Sequence[Named] | Unreadable, now: str) -> Pin | Unreadable:
    """Return the answer as a pin, proven to be one that a lock can hold."""
    if isinstance(answer, Unreadable):
        return answer
    tools = {name: Tool(name, freeze(definition)) for name, definition in answer}
    if len(tools) < len(answer):
        return Unreadable("it lists two tools of one name")
    pin = Pin(target.complete, target.source, now, freeze(tools))
    try:
        written = lock.text(Lock({target.server: pin}))
        found, problems = lock.read(written.encode(), lock.FILE)
    except (ValueError, RecursionError) as error:
        return Unreadable(f"it says what no lock can hold: {visible(str(error))}")
    if found is None:
        return Unreadable(f"it says what no lock can hold: {visible(problems[0].message)}")
    return pin
