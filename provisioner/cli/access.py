"""provision access."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click
from msgspec.structs import replace

from provisioner.cli import _base
from provisioner.cli._looking import Look, looking
from provisioner.planning.impact import as_access
from provisioner.rbac.access import difference
from provisioner.rbac.inquiry import (
    Explanation,
    Question,
    Scene,
    explain_each,
    identity_in,
    narrowed,
)
from provisioner.report import (
    access_data,
    access_explain,
    access_html,
    access_markdown,
    access_text,
    access_who,
)

_FORMATS: Final = ("text", "json", "csv", "markdown", "html")


@click.group("access", short_help="Who can call what, and by which rule.")
def command() -> None:
    """Say who can call what, and by which rule.

    Without --live, SITE alone is judged. With --live, the cluster as it is. With --live and SITE, the
    difference that an apply of SITE would make.
    """


@command.command("matrix")
@click.option("--format", "layout", type=click.Choice(_FORMATS), default="text")
@click.option(
    "--bot", "bots", multiple=True, metavar="NAME", help="Only this bot; can be repeated."
)
@click.option(
    "--server", "servers", multiple=True, metavar="NAME",
    help="Only this MCP server; can be repeated.",
)  # fmt: skip
@looking
def matrix(look: Look, layout: str, bots: tuple[str, ...], servers: tuple[str, ...]) -> int:
    """Show for all bots and MCP servers which tools may be called.

    Where the tools of a server are not known, the patterns of roles are shown. `html` is one page
    that loads nothing, to be opened, sent and printed.
    """
    question = Question(bots, servers)
    found = narrowed(question, *look.scenes())
    _base.echo(_matrix(found, layout, question, look))
    if layout == "csv":
        for remark in found[-1].remarks:
            _base.say(remark)
    return 0


def _matrix(found: tuple[Scene, ...], layout: str, question: Question, look: Look) -> Iterable[str]:
    """Return the answer in pieces."""
    if len(found) > 1:
        return (_difference(found[0], found[1], layout, question, look),)
    (scene,) = found
    if layout == "json":
        return access_data.matrix_json(scene, question)
    if layout == "csv":
        return access_data.matrix_csv(scene)
    if layout == "markdown":
        return (access_markdown.matrix(scene),)
    if layout == "html":
        return (access_html.matrix(scene, _base.load_templates(look.templates)),)
    return (access_text.matrix(scene, look.paint, look.columns),)


def _difference(before: Scene, after: Scene, layout: str, question: Question, look: Look) -> str:
    access = as_access(difference(before.world, after.world))
    if layout == "json":
        return access_data.difference_json(access, before, after, question)
    if layout == "csv":
        return access_data.difference_csv(access)
    if layout == "markdown":
        return access_markdown.difference(access, before, after)
    if layout == "html":
        return access_html.difference(access, before, after, _base.load_templates(look.templates))
    return access_text.difference(access, before, after, look.paint)


@command.command("who")
@click.argument("server")
@click.argument("tool", required=False, default="")
@click.option("--format", "layout", type=click.Choice(["text", "json"]), default="text")
@looking
def who(look: Look, layout: str, server: str, tool: str) -> int:
    """Show which bots may call TOOL, or any tool, on SERVER, by which role and pattern.

    A single word after SERVER that ends in .yaml or .yml is SITE.
    """
    if not look.given and tool.endswith((".yaml", ".yml")):
        look, tool = replace(look, site=Path(tool), given=True), ""
    question = Question(servers=(server,), tool=tool)
    found = narrowed(question, *look.scenes())
    if len(found) > 1:
        click.echo(_difference(found[0], found[1], layout, question, look))
    elif layout == "json":
        _base.echo(access_data.matrix_json(found[0], question))
    else:
        click.echo(access_who.text(found[0], server, tool, look.paint, look.columns))
    return 0


@command.command("explain")
@click.argument("bot")
@click.argument("server")
@click.argument("tool")
@click.option("--format", "layout", type=click.Choice(["text", "json"]), default="text")
@looking
def explain(look: Look, layout: str, bot: str, server: str, tool: str) -> int:
    """Say whether BOT may call TOOL on SERVER, what each of its roles says, and what would change it.

    The exit code is 0 either way.
    """
    question = Question((bot,), (server,), tool)
    found = [(_asked(scene, question), scene) for scene in narrowed(question, *look.scenes())]
    if layout == "json":
        click.echo(access_explain.as_json(found))
    else:
        click.echo(access_explain.text(found, look.paint))
    return 0


def _asked(scene: Scene, question: Question) -> tuple[Explanation, ...]:
    """Return the answers in a scene, none where there is no such bot or server in it."""
    identity = identity_in(scene, question.bots[0])
    if identity is None:
        return ()
    sides = scene.world.named().get(question.servers[0], [])
    return explain_each(identity, sides, question.tool, scene.lifetimes.get(identity.name))
