"""Whether a machine can use what was installed on it: one diagnosis after the other, with the cure."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from msgspec import Struct

from provisioner.doctor.certificate import Certificate, parse
from provisioner.doctor.diagnosis import Diagnosis
from provisioner.doctor.permissions import (
    READ,
    WRITE,
    User,
    is_among,
    obstacle,
    this_user,
    user_named,
)
from provisioner.errors import FileError, ProvisionError
from provisioner.machine import bundle
from provisioner.machine.bundle import Bundle
from provisioner.system import files, process
from provisioner.system.process import Command
from provisioner.values import Plain, is_mapping

Readers = Sequence[Mapping[str, Plain]]
"""Who besides tbot's own user may read an identity, as tbot.yaml says it."""

_LIMIT: Final = 1 << 20
_TIMEOUT: Final = 30.0
_TBOT: Final = "see whether tbot runs and what it says: systemctl status tbot; journalctl -u tbot"


class Expected(Struct, frozen=True):
    """What a bot's files say of the machine: its identity, who reads it, what its clients reach."""

    bot: str
    identity: Path
    proxy: str
    tsh: str
    servers: tuple[str, ...]
    readers: Readers = ()


def expected(files_of: Bundle) -> Expected:
    """Return what the files of a bot expect of its machine. Raises ProvisionError."""
    found, readers = bundle.connections(files_of), bundle.readers(files_of)
    if found:
        first, servers = found[0], tuple(dict.fromkeys(one.server for one in found))
        identity = Path(first.identity)
        return Expected(files_of.bot, identity, first.proxy, first.tsh, servers, readers)
    if directory := bundle.tbot_directory(files_of):
        proxy = str(bundle.tbot_settings(files_of).get("proxy_server", ""))
        return Expected(files_of.bot, directory / "identity", proxy, "tsh", (), readers)
    raise ProvisionError(
        f"nothing says where the identity of bot {files_of.bot} is on this machine",
        hint="give the bot a client, or an identity with a path",
    )


def examine(wanted: Expected, user: User, now: datetime) -> Iterator[Diagnosis]:
    """Look at the identity file, whose it is, whether `user` can read it, and what it may call.

    `user` runs the MCP clients. What cannot be looked at because something before it failed is
    left out. Raises nothing that a machine can bring about.
    """
    yield from _readable(wanted.identity, user, wanted.readers)
    try:
        text = files.read_bytes(wanted.identity, limit=_LIMIT).decode("utf-8", "replace")
    except FileError as error:
        hint = f"{error.hint}; {_TBOT}"
        yield Diagnosis(well=False, what="identity", found=error.message, hint=hint)
        return
    try:
        certificate = parse(text)
    except ValueError as error:
        found = f"{wanted.identity} is not an identity file: {error}"
        yield Diagnosis(well=False, what="identity", found=found, hint=_TBOT)
        return
    yield _whose(certificate, wanted.bot)
    fresh = _fresh(certificate, now)
    yield fresh
    if fresh.well:
        yield from _servers(wanted)


def prepare(
    directory: Path, tbot: User | None, client: User, readers: Readers = ()
) -> Iterator[Diagnosis]:
    """Look at the directory of an identity that may not be written yet.

    `tbot` is the user that runs tbot, None where nobody said so, and `client` runs the clients.
    """
    try:
        place = next((path for path in (directory, *directory.parents) if path.exists()), directory)
        may = tbot is None or obstacle(tbot, place, READ | WRITE) is None
    except OSError as error:
        yield _unseen("directory", directory, error)
        return
    if place != directory:
        found = f"{directory} is not there yet: tbot makes it if it may write to {place}"
        yield Diagnosis(well=True, what="directory", found=found)
    if tbot is not None:
        found = f"tbot's user {tbot.name} may {'' if may else 'not '}write to {place}"
        hint = "" if may else f"install -d -o {tbot.name} -m 0700 {directory}"
        yield Diagnosis(well=may, what="tbot", found=found, hint=hint)
    yield from _readable(directory / "identity", client, readers)


def _readable(identity: Path, user: User, readers: Readers) -> Iterator[Diagnosis]:
    """Say whether `user` may read an identity file that is there."""
    try:
        between, is_there = obstacle(user, identity, READ), identity.exists()
    except OSError as error:
        yield _unseen("reader", identity, error)
        return
    if between is not None:
        found = f"{user.name} may not read {identity}: {between} does not let it"
        hint = _opened(between, identity, user, readers)
        yield Diagnosis(well=False, what="reader", found=found, hint=hint)
    elif is_there:
        yield Diagnosis(well=True, what="reader", found=f"{user.name} may read {identity}")


def _unseen(what: str, path: Path, error: OSError) -> Diagnosis:
    hint = "check the path" if error.errno == errno.ENAMETOOLONG else "run this as root"
    found = f"{path} cannot be looked at: {error.strerror}"
    return Diagnosis(well=False, what=what, found=found, hint=hint)


def _opened(between: Path, identity: Path, user: User, readers: Readers) -> str:
    """Return what lets `user` past an obstacle: readers open the directory of the identity alone."""
    real = identity.resolve()
    if between not in (real, real.parent):
        return f"let others search {between}: chmod o+x; or give the identity another path"
    if is_among(user, readers):
        return (
            f"tbot.yaml names {user.name} as a reader, and tbot sees to that when it renews: has it been "
            "restarted, and does the file system have access control lists? journalctl -u tbot"
        )
    return f"identity: {{readers: [{{user: {user.name}}}]}} in the site, and install again"


def _whose(certificate: Certificate, bot: str) -> Diagnosis:
    if certificate.user == f"bot-{bot}":
        return Diagnosis(well=True, what="identity", found=f"is bot {bot}'s")
    return Diagnosis(
        well=False,
        what="identity",
        found=f"is of user {certificate.user}, not bot-{bot}",
        hint="tbot joined as another bot: compare its onboarding with the site's join",
    )


def _fresh(certificate: Certificate, now: datetime) -> Diagnosis:
    until = f"{certificate.not_after:%Y-%m-%dT%H:%M:%SZ}"
    left = certificate.not_after - now
    if now < certificate.not_before:
        found = f"is valid only from {certificate.not_before:%Y-%m-%dT%H:%M:%SZ} on"
        return Diagnosis(well=False, what="fresh", found=found, hint="see what time it is here")
    if left <= timedelta():
        found = f"expired {_rounded(-left)} ago, at {until}"
        return Diagnosis(well=False, what="fresh", found=found, hint=_TBOT)
    is_late = left < certificate.lifetime / 3
    hint = f"tbot renews earlier than that, unless it runs once; {_TBOT}" if is_late else ""
    return Diagnosis(
        well=True, what="fresh", found=f"valid for {_rounded(left)}, until {until}", hint=hint
    )


def _rounded(span: timedelta) -> str:
    return str(timedelta(seconds=round(span.total_seconds())))


def _servers(wanted: Expected) -> Iterator[Diagnosis]:
    """Ask Teleport, as a client of the bot would, which servers and tools there are for it."""
    where = ("-i", str(wanted.identity), "--proxy", wanted.proxy)
    command = Command(
        (wanted.tsh, *where, "mcp", "ls", "--format", "json"),
        timeout=_TIMEOUT,
        env={"TELEPORT_TOOLS_VERSION": "off"},
    )
    try:
        listed = _listed(process.run(command))
    except ProvisionError as error:
        yield Diagnosis(well=False, what="tsh mcp ls", found=error.message, hint=error.hint)
        return
    yield Diagnosis(well=True, what="tsh mcp ls", found=f"{len(listed)} MCP servers")
    for server in wanted.servers:
        yield _server(server, listed)


def _listed(result: process.Result) -> Mapping[str, Plain]:
    """Return the tools of each server that `tsh mcp ls` printed. Raises ProvisionError."""
    if result.code or result.timed_out:
        said = process.strip_ansi(result.stderr).strip().splitlines() or ["nothing"]
        what = "did not answer" if result.timed_out else f"failed with exit code {result.code}"
        raise ProvisionError(
            f"{' '.join(result.argv)} {what}: {said[0]}",
            hint="run it by hand; the proxy must be reachable from this machine",
        )
    try:
        return {
            app["metadata"]["name"]: app.get("permissions", {}).get("mcp", {}).get("tools")
            for app in json.loads(result.stdout or "null") or ()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProvisionError(
            f"{' '.join(result.argv)} printed something else than MCP servers",
            hint="tsh must be 18.1 or newer",
        ) from error


def _server(name: str, listed: Mapping[str, Plain]) -> Diagnosis:
    what, tools = f"server {name}", listed.get(name)
    if name not in listed:
        return Diagnosis(
            well=False,
            what=what,
            found="is not there for this bot",
            hint="its roles do not match the server's labels, no agent serves it, or tbot has not "
            "renewed since the roles changed",
        )
    if not is_mapping(tools):
        return Diagnosis(well=True, what=what, found="is there; this tsh does not tell its tools")
    allowed, denied = (_names(tools.get(key)) for key in ("allowed", "denied"))
    if not allowed:
        hint = "give the bot a role with tools for it; see `provision access explain`"
        return Diagnosis(well=False, what=what, found="is there, without any tool", hint=hint)
    found = f"may call {allowed}" + (f", never {denied}" if denied else "")
    return Diagnosis(well=True, what=what, found=found)


def _names(tools: Plain) -> str:
    return ", ".join(str(tool) for tool in tools) if isinstance(tools, list) else ""


__all__ = ["Expected", "User", "examine", "expected", "prepare", "this_user", "user_named"]
