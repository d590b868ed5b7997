"""What one machine needs of a site: the files rendered for one bot, and nothing else.

They are `tbot/BOT.yaml`, for each further way to join `tbot/BOT.JOIN.yaml`, and for each client the
first file of its format in `clients/BOT/`, as `provision render -o DIR` writes them. A machine that
is given these can install and examine everything; roles, other bots and the site itself stay where
they are.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Final, NamedTuple

from msgspec import Struct

from provisioner.clients import FORMATS
from provisioner.errors import FileError, ProvisionError
from provisioner.system import files
from provisioner.text import yamledit
from provisioner.text.splice import SpliceError, jsonc, toml
from provisioner.values import Plain, is_mapping

_READERS: Final = {".json": jsonc.get, ".toml": toml.get, ".yaml": yamledit.get}


class Bundle(Struct, frozen=True):
    """The files of one bot: a tbot.yaml for each way to join, by path, and a text for each client format."""

    bot: str
    tbots: Mapping[str, str]
    clients: Mapping[str, str]

    @property
    def tbot(self) -> str | None:
        """The first tbot.yaml, None where there is none: they differ in their onboarding alone."""
        return next(iter(self.tbots.values()), None)

    @property
    def formats(self) -> str:
        """The client formats, for people."""
        return ", ".join(self.clients) or "none"


class Connection(Struct, frozen=True):
    """How one client entry reaches a server: what it runs, and the identity and proxy it names."""

    tsh: str
    identity: str
    proxy: str
    server: str


def choose(bot: str, rendered: Mapping[str, str]) -> Bundle:
    """Return what is a bot's among all rendered files, by their paths. Raises FileError."""
    clients = {
        name: rendered[path] for name in FORMATS if (path := _client_path(bot, name)) in rendered
    }
    is_of_bot = re.compile(rf"tbot/{re.escape(bot)}(\.[a-z0-9-]+)?\.yaml").fullmatch
    bundle = Bundle(bot, {path: rendered[path] for path in rendered if is_of_bot(path)}, clients)
    if bundle.tbot is None and not clients:
        known = {path[5:-5].partition(".")[0] for path in rendered if path.startswith("tbot/")}
        raise FileError(
            f"nothing is rendered for bot {bot}",
            hint=f"bots with an identity: {', '.join(sorted(known)) or 'none'}",
        )
    return bundle


def load(bot: str, root: Path) -> Bundle:
    """Return what is a bot's in a directory that `provision render` wrote. Raises FileError."""
    paths = {name: files.below(root, *name.split("/")) for name in _wanted(bot, root)}
    found = {name: text for name, path in paths.items() if (text := _text(path)) is not None}
    if not found:
        raise FileError(
            f"{root}: there is nothing of bot {bot} in it",
            hint=f"copy tbot/{bot}*.yaml and clients/{bot}/ from what `provision render -o` wrote",
        )
    return choose(bot, found)


def _text(path: Path) -> str | None:
    """Return what a file says, None where there is none. Raises FileError."""
    with files.explained(path, "read"):
        if not path.exists():
            return None
    try:
        return files.read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is not UTF-8 at byte {error.start}") from error


def tbot_of(bundle: Bundle, join: str | None) -> str:
    """Return the tbot.yaml of one way to join: of the only one, where `join` is None.

    `join` is what its file is called by, the token's name, or a method that is there once. Raises
    ProvisionError with what there is.
    """
    if not bundle.tbots:
        raise ProvisionError(f"no tbot.yaml is rendered for bot {bundle.bot}")
    ways = [_Way.of(bundle.bot, path, text) for path, text in bundle.tbots.items()]
    meant = [way for way in ways if join in (None, way.name)]
    meant = meant or [way for way in ways if join in (way.method, way.token)]
    if len(meant) == 1:
        return bundle.tbots[meant[0].path]
    what = f"bot {bundle.bot} has no way to join that is called {join}"
    if meant:
        what = f"bot {bundle.bot} has {len(meant)} ways to join, each with a tbot.yaml of its own"
    raise ProvisionError(what, hint="\n".join(f"--join {way.name} for {way.path}" for way in ways))


class _Way(NamedTuple):
    """One way to join: the tbot.yaml for it, what it is called, and what its onboarding says."""

    path: str
    name: str
    method: str
    token: str

    @classmethod
    def of(cls, bot: str, path: str, text: str) -> _Way:
        """Read a tbot.yaml. Its name stands in its path, but for the first one's: that has none there."""
        said = _said(yamledit.get, path, text, ("onboarding",))
        method, token = (
            str(said.get(key, "")) if is_mapping(said) else "" for key in ("join_method", "token")
        )
        method = method.replace("_", "-")
        suffix = path.removeprefix(f"tbot/{bot}").removesuffix(".yaml").removeprefix(".")
        own = method if token in (f"{bot}-{method}", "") or "/" in token else token
        return cls(path, suffix or own, method, token)


def connections(bundle: Bundle) -> tuple[Connection, ...]:
    """Return every way in which the bot's clients reach a server, each once, in their order."""
    found: dict[Connection, None] = {}
    for name, text in bundle.clients.items():
        form = FORMATS[name]
        read = _READERS.get(PurePath(form.layouts[0].file).suffix)
        entries = _said(read, _client_path(bundle.bot, name), text, form.entries) if read else {}
        for entry in entries.values() if is_mapping(entries) else ():
            found.update(dict.fromkeys(_connection(_argv(entry))))
    return tuple(found)


def tbot_settings(bundle: Bundle) -> Mapping[str, Plain]:
    """Return what the bot's tbot.yaml says, empty where there is none."""
    path, text = next(iter(bundle.tbots.items()), ("", ""))
    said = _said(yamledit.get, path, text, ())
    return said if is_mapping(said) else {}


def tbot_directory(bundle: Bundle) -> Path | None:
    """Return the directory that tbot writes the identity to, None where it writes to none.

    Without a tbot.yaml it is the one that the clients name.
    """
    if bundle.tbot is None:
        return next((Path(one.identity).parent for one in connections(bundle)), None)
    return next((Path(place["path"]) for place in _directories(bundle)), None)


def readers(bundle: Bundle) -> tuple[Mapping[str, Plain], ...]:
    """Return who besides tbot's user may read the identity: mappings with `user`, or `group`."""
    listed = (place.get("readers") for place in _directories(bundle))
    found = next((each for each in listed if isinstance(each, list)), ())
    return tuple(reader for reader in found if is_mapping(reader))


def _said(read: Callable[..., Plain], path: str, text: str, at: tuple[str, ...]) -> Plain:
    """Return what a file says at `at`, None where nothing. Raises FileError that names the file."""
    try:
        return read(text, at)
    except SpliceError as error:
        raise FileError(str(error.in_file(path)), hint="render it again") from error


def _directories(bundle: Bundle) -> Iterator[Mapping[str, Plain]]:
    services = tbot_settings(bundle).get("services")
    for service in services if isinstance(services, list) else ():
        destination = service.get("destination") if is_mapping(service) else None
        if is_mapping(destination) and isinstance(destination.get("path"), str):
            yield destination


def _wanted(bot: str, root: Path) -> Iterator[str]:
    """Yield the paths of a bot's files below `root`, whether they are there or not."""
    first = f"tbot/{bot}.yaml"
    yield first
    beside = files.below(root, *first.split("/")).parent
    yield from (
        f"tbot/{path.name}" for path in sorted(files.matching(beside, f"{glob.escape(bot)}.*.yaml"))
    )
    yield from (_client_path(bot, name) for name in FORMATS)


def _client_path(bot: str, name: str) -> str:
    return f"clients/{bot}/{FORMATS[name].layouts[0].file}"


def _argv(entry: Plain) -> list[str]:
    """Return the command line of a client's entry, whatever its format calls the parts."""
    if not is_mapping(entry):
        return []
    command = entry.get("command", entry.get("cmd"))
    args = entry.get("args")
    parts = command if isinstance(command, list) else [command]
    parts = [*parts, *(args if isinstance(args, list) else ())]
    return [part for part in parts if isinstance(part, str)]


def _connection(argv: list[str]) -> Iterator[Connection]:
    flags = dict(pairwise(argv))
    if "-i" in flags and "--proxy" in flags:
        yield Connection(argv[0], flags["-i"], flags["--proxy"], argv[-1])


__all__ = [
    "Bundle",
    "Connection",
    "choose",
    "connections",
    "load",
    "readers",
    "tbot_directory",
    "tbot_of",
    "tbot_settings",
]
