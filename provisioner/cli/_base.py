"""What the commands share: where to find templates and the cluster, and how to speak."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

import provisioner
from provisioner.change import Key
from provisioner.cli._run import current
from provisioner.cli._teller import Teller
from provisioner.cluster.kinds import KINDS
from provisioner.errors import FileErrors, ProvisionError, SiteError
from provisioner.system import files
from provisioner.text import diagnostics, terminal

if TYPE_CHECKING:
    from provisioner.templating.templates import Templates
    from provisioner.workflow import Prepared

F = TypeVar("F", bound=Callable[..., Any])

_STARTERS: Final = "init"


class Directory(click.Path):
    """A directory by its name: an empty text, as a variable that is not set gives it, names none."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        """Return the path. Raises BadParameter."""
        if value == "":
            self.fail("an empty text names no directory", param, ctx)
        return super().convert(value, param, ctx)


def require_apart(outputs: Iterable[Path | None], inputs: Iterable[Path]) -> None:
    """Let files pass that are written where nothing is read. Raises click.UsageError.

    What is read is at stake, not only what it says: a site, or a cluster that is a file.
    """
    read = {files.real(path) for path in inputs}
    written: set[Path] = set()
    for path in filter(None, outputs):
        if files.real(path) in read:
            raise click.UsageError(f"{path} is read here: it cannot be written to as well")
        if files.real(path) in written:
            raise click.UsageError(f"{path} cannot be written to twice")
        written.add(files.real(path))


def teller() -> Teller:
    """Return what tells of the work of this run."""
    return current().teller


def site_argument(function: F) -> F:
    """Add the argument SITE."""
    return click.argument(
        "site", type=click.Path(path_type=Path), default="site.yaml", envvar="PROVISION_SITE"
    )(function)


def templates_option(function: F) -> F:
    """Add --templates."""
    return click.option(
        "--templates",
        type=Directory(path_type=Path, file_okay=False, exists=True),
        envvar="PROVISION_TEMPLATES",
        help="A directory whose templates replace ours of the same name.",
    )(function)


def _keys(_ctx: click.Context, _param: click.Parameter, words: tuple[str, ...]) -> tuple[Key, ...]:
    """Return words such as `role/dev` as keys. Raises click.BadParameter."""
    keys = tuple(Key.of(word) for word in words)
    for word, key in zip(words, keys, strict=True):
        if key.kind not in KINDS or not key.name:
            raise click.BadParameter(f"{word!r}: expected KIND/NAME, of {', '.join(KINDS)}")
    return keys


def only_option(function: F) -> F:
    """Add --only."""
    return click.option(
        "--only",
        multiple=True,
        callback=_keys,
        metavar="KIND/NAME",
        help="Plan this part of SITE, with what it needs. Can be given several times.",
    )(function)


def color_option(function: F) -> F:
    """Add --color."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        envvar="PROVISION_COLOR",
        help="Colours; auto means on terminals, unless NO_COLOR says otherwise.",
    )(function)


def prepare(site: Path, templates: Path | None) -> Prepared:
    """Check and render a site, and tell of it. Raises FileError and SiteError."""
    with teller() as telling:
        from provisioner import workflow

        return workflow.prepare(site, load_templates(templates), telling.hear)


def load_templates(override: Path | None) -> Templates:
    """Return our templates, with those of `override` in their place. Raises SiteError, FileError."""
    with teller() as telling:
        from provisioner.templating.templates import Templates

        telling.phase("loading templates")
        ours = _texts(_shipped(), "*.j2")
        theirs = _texts(override, "*.j2") if override is not None else {}
        return Templates.load({**ours, **theirs}, proven=ours.keys() - theirs)


def _shipped() -> Path:
    """Return where our templates are: in the wheel inside the package, in a checkout beside it."""
    package = Path(provisioner.__file__).parent
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"


def starter_texts(*parts: str) -> dict[str, str]:
    """Return the files that `init` begins with; of a name in several parts, the last one counts."""
    root = _shipped() / _STARTERS
    return {name: text for part in parts for name, text in _texts(root / part, "*").items()}


def _texts(root: Path, pattern: str) -> dict[str, str]:
    """Return the files below a directory; what `init` writes renders no site."""
    found = {path.relative_to(root): path for path in sorted(root.rglob(pattern)) if path.is_file()}
    return {
        name.as_posix(): files.read_text(path)
        for name, path in found.items()
        if name.parts[0] != _STARTERS
    }


def paint(color: str, *, err: bool = False) -> terminal.Paint:
    """Return how to paint on stdout (or stderr): https://no-color.org, FORCE_COLOR, TERM=dumb."""
    stream = sys.stderr if err else sys.stdout
    if color == "auto":
        wanted = bool(os.environ.get("FORCE_COLOR")) or (
            stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
    else:
        wanted = color == "always"
    return terminal.ansi if wanted else terminal.plain


def echo(pieces: Iterable[str]) -> None:
    """Write data to stdout as it comes, and end the last line."""
    for piece in pieces:
        click.echo(piece, nl=False)
    click.echo()


def say(text: str) -> None:
    """Say something to the user that is not data: on stderr, if it can be written to."""
    teller().say(text)


def show_error(error: ProvisionError) -> None:
    """Show an expected failure that is not the end."""
    teller().error(error, error_text(error))


def error_text(error: ProvisionError) -> str:
    """Return an expected failure for people: what, and the cure."""
    color = paint("auto", err=True)
    if isinstance(error, SiteError):
        found = diagnostics.text(error.problems, color)
        return f"{found}\n\n{diagnostics.summary(error.problems)}"
    if isinstance(error, FileErrors):
        return "\n".join(map(error_text, error.errors))
    lines = [terminal.visible(line) for line in error.message.split("\n")]
    hints = error.hint.split("\n") if error.hint else []
    return "\n".join(
        [f"{color('red', 'error')}: {line}" for line in lines]
        + [f"  = {terminal.visible(line)}" for line in hints]
    )
