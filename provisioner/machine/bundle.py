"""What one machine needs of a site: the files rendered for one bot, and nothing else.

They are `tbot/BOT.yaml` and, for each client, the first file of its format in `clients/BOT/`, as
`provision render -o DIR` writes them. A machine that is given these can install and examine
everything; roles, other bots and the site itself stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Final

from provisioner.clients import FORMATS
from provisioner.errors import FileError
from provisioner.system import files
from provisioner.text import yamledit
from provisioner.text.splice import jsonc, toml
from provisioner.values import Plain, is_mapping

_READERS: Final = {".json": jsonc.get, ".toml": toml.get, ".yaml": yamledit.get}


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of one bot: its tbot.yaml, and one text for each client format it has."""

    bot: str
    tbot: str | None
    clients: Mapping[str, str]

    @property
    def formats(self) -> str:
        """The client formats, for people."""
        return ", ".join(self.clients) or "none"


@dataclass(frozen=True, slots=True)
class Connection:
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
    bundle = Bundle(bot, rendered.get(f"tbot/{bot}.yaml"), clients)
    if bundle.tbot is None and not clients:
        known = sorted(path[5:-5] for path in rendered if path.startswith("tbot/"))
        raise FileError(
            f"nothing is rendered for bot {bot}",
            hint=f"bots with an identity: {', '.join(known) or 'none'}",
        )
    return bundle


def load(bot: str, root: Path) -> Bundle:
    """Return what is a bot's in a directory that `provision render` wrote. Raises FileError."""
    wanted = [f"tbot/{bot}.yaml", *(_client_path(bot, name) for name in FORMATS)]
    paths = {name: files.below(root, *name.split("/")) for name in wanted}
    try:
        found = {
            name: files.read_bytes(path).decode() for name, path in paths.items() if path.exists()
        }
    except UnicodeDecodeError as error:
        raise FileError(f"{root}: a file of bot {bot} is not UTF-8") from error
    if not found:
        raise FileError(
            f"{root}: there is nothing of bot {bot} in it",
            hint=f"copy tbot/{bot}.yaml and clients/{bot}/ from what `provision render -o` wrote",
        )
    return choose(bot, found)


def connections(bundle: Bundle) -> tuple[Connection, ...]:
    """Return every way in which the bot's clients reach a server, each once, in their order."""
    found: dict[Connection, None] = {}
    for name, text in bundle.clients.items():
        form = FORMATS[name]
        read = _READERS.get(PurePath(form.layouts[0].file).suffix)
        entries = read(text, form.entries, {}) if read else {}
        for entry in entries.values() if is_mapping(entries) else ():
            found.update(dict.fromkeys(_connection(_argv(entry))))
    return tuple(found)


def tbot_settings(bundle: Bundle) -> Mapping[str, Plain]:
    """Return what the bot's tbot.yaml says, empty where there is none."""
    said = yamledit.get(bundle.tbot or "", ())
    return said if is_mapping(said) else {}


def tbot_directory(bundle: Bundle) -> Path | None:
    """Return the directory that tbot writes the identity to, None where it writes to none.

    Without a tbot.yaml it is the one that the clients name.
    """
    if bundle.tbot is None:
        return next((Path(one.identity).parent for one in connections(bundle)), None)
    for service in tbot_settings(bundle).get("services") or ():
        destination = service.get("destination") if is_mapping(service) else None
        if is_mapping(destination) and isinstance(destination.get("path"), str):
            return Path(destination["path"])
    return None


def _client_path(bot: str, name: str) -> str:
    return f"clients/{bot}/{FORMATS[name].layouts[0].file}"


def _argv(entry: Plain) -> list[str]:
    """Return the command line of a client's entry, whatever its format calls the parts."""
    if not is_mapping(entry):
        return []
    command = entry.get("command", entry.get("cmd"))
    parts = command if isinstance(command, list) else [command, *(entry.get("args") or ())]
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
    "tbot_directory",
    "tbot_settings",
]
