"""Client formats that a site brings along: templates of the user's own, below the site's directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from provisioner.errors import FileError, Problem, SiteError
from provisioner.site.model import Site
from provisioner.site.redaction import excerpted
from provisioner.system import files
from provisioner.text.source import Document


class Formats(Struct, frozen=True):
    """The templates that a site brings along: their texts, and the path of each file, by name."""

    texts: Mapping[str, str]
    paths: Mapping[str, str]


def template_name(path: str) -> str:
    """Return the name under which a user's own client template is known, whatever ours are called."""
    return f"custom/{path}"


def read(site: Site, document: Document, directory: Path) -> Formats:
    """Read the templates that the clients of `site` name. Raises SiteError for all that fail: PV050."""
    texts, paths, problems = dict[str, str](), dict[str, str](), list[Problem]()
    for at, path in _named(site):
        name = template_name(path)
        paths[name] = str(directory / path)
        try:
            if name not in texts:
                texts[name] = files.read_text(files.below(directory, *path.split("/")))
        except FileError as error:
            place = document.place(at)
            problems.append(Problem("PV050", "error", error.message, error.hint, place))
    if problems:
        raise SiteError(excerpted(problems, document))
    return Formats(texts, paths)


def _named(site: Site) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for name, bot in site.bots.items():
        for index, client in enumerate(bot.clients):
            if client.format.custom is not None:
                yield ("bots", name, "clients", index, "format", "custom"), client.format.custom


__all__ = ["Formats", "read", "template_name"]
