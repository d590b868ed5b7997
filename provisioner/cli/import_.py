"""provision import."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

import click

from provisioner import workflow
from provisioner.applying.gate import gate
from provisioner.change import ClusterInfo, Key
from provisioner.cli import _base, _new, _reach
from provisioner.cluster.port import Cluster, Scope
from provisioner.cluster.resource import Resource, resource
from provisioner.errors import SiteError
from provisioner.importing.choice import KINDS, Left, choose
from provisioner.importing.entries import Inexpressible
from provisioner.importing.importer import Imported, Target, write_down
from provisioner.importing.insertion import head
from provisioner.importing.summary import next_steps, summary
from provisioner.site.starter import site_name
from provisioner.system import files
from provisioner.text.terminal import visible

_WISH: Final = re.compile(rf"({'|'.join(KINDS)})(?:/([^/]+))?")
_NEW: Final = Path("site.yaml")


@click.command("import", short_help="Write what lives in the cluster into a site.")
@click.argument("words", metavar="[KIND[/NAME]]...", nargs=-1)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
    help="The site to write, or to add to.  [default: a new one on stdout]",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show what would be written there, as a diff.")
@click.option(
    "--site", "name", callback=_new.named, help="The name of a new site.  [default: the cluster's]"
)
@click.option(
    "--proxy", metavar="HOST:PORT", callback=_new.at, help="The cluster's address, for a new site."
)
@_reach.cluster_options
@_base.templates_option
def command(
    words: tuple[str, ...], output: Path | None, dry_run: bool, name: str | None,
    proxy: str | None, reach: _reach.Reach, templates: Path | None,
) -> int:  # fmt: skip
    """Write roles, bots and MCP servers that live in the cluster into a site, to be adopted.

    KIND is role, app or bot; in NAME, `*` stands for anything. Without any, all that nobody else
    looks after is written. A site that is there keeps what it says. What a site cannot say is left
    out, and named with the reason.
    """
    wishes = tuple(map(_wish, words))
    if dry_run and output is None:
        raise click.UsageError("--dry-run shows what -o FILE would write: name the file")
    with reach.teller:
        cluster = reach.open()
        reach.teller.phase("reading the cluster")
        info, live = _look(cluster)
    target = _target(output, info, name, proxy)
    choice = choose(live, wishes, target.site.site, target.present)
    roles = (each.key.name for each in live if each.key.kind == "role")
    made = write_down(target, choice, roles, _base.load_templates(templates))
    left = (*choice.left, *made.left)
    _require_named(wishes, left, target)
    _put(target, made, output, dry_run=dry_run)
    for line in summary(made.written, left, choice.other_apps, target.site):
        _base.say(line)
    if output and made.written and not dry_run:
        _say_next(made, target, _reach.again(reach, templates))
    return 0


def _wish(word: str) -> Key:
    """Return what `role/dev`, `role/dev-*` or `role` means. Raises click.UsageError."""
    match = _WISH.fullmatch(word)
    if match is None:
        raise click.UsageError(f"{word!r} is not KIND or KIND/NAME, of {', '.join(KINDS)}")
    return Key(match[1], match[2] or "*")


def _look(cluster: Cluster) -> tuple[ClusterInfo, tuple[Resource, ...]]:
    """Read all that may be written down. Raises WrongVersion before it reads, and ClusterError."""
    info = cluster.info()
    gate(info)
    return info, tuple(map(resource, cluster.read(Scope(workflow.READ, whole=True))))


def _target(output: Path | None, info: ClusterInfo, name: str | None, proxy: str | None) -> Target:
    """Return the site to write into. Raises SiteError where it has errors, and click.UsageError."""
    is_new = output is None or not output.exists()
    if not is_new and (name or proxy):
        raise click.UsageError(f"--site and --proxy are for a new site, and {output} has its own")
    path = output or _NEW
    text = files.read_text(path) if not is_new else _head(info, name, proxy)
    checked = workflow.check(path, text.encode())
    if checked.site is None:
        raise SiteError(checked.problems)
    return Target(path, text, checked.site, is_new)


def _head(info: ClusterInfo, name: str | None, proxy: str | None) -> str:
    return head(name or site_name(info.name.split(".")[0]), proxy or f"{info.name}:443", info.name)


def _require_named(wishes: Collection[Key], left: Iterable[Left], target: Target) -> None:
    """Raise Inexpressible where something that was named in full cannot be written down."""
    failed = [each for each in left if each.key in wishes and each.key not in target.present]
    if failed:
        raise Inexpressible(
            "\n".join(f"{each.key} cannot be imported: {each.reason}" for each in failed),
            hint="\n".join(dict.fromkeys(each.hint for each in failed if each.hint)),
        )


def _put(target: Target, made: Imported, output: Path | None, *, dry_run: bool) -> None:
    """Write the text where it is wanted: to the file, which keeps a copy of what it was, or to stdout."""
    if output is None:
        click.echo(made.text, nl=False)
    elif dry_run:
        for line in _difference(target, made.text):
            click.echo(visible(line))
    elif made.written:
        files.write(output, made.text.encode(), backup=True)


def _difference(target: Target, after: str) -> Iterator[str]:
    before = [] if target.is_new else target.text.splitlines()
    name = str(target.path)
    old = "/dev/null" if target.is_new else name
    return difflib.unified_diff(before, after.splitlines(), old, name, lineterm="")


def _say_next(made: Imported, target: Target, options: tuple[str, ...]) -> None:
    for arguments in next_steps(made.written, target.site.site):
        line = shlex.join(("provision", "adopt", *arguments, str(target.path), *options))
        _base.say(f"Next: {visible(line)}")
