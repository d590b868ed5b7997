"""Templates that somebody has written: in the place of each of ours, and clients of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, Final

from msgspec.structs import replace

from provisioner import workflow
from provisioner.cluster import snapshot
from provisioner.rendering.machines import machine_files
from provisioner.rendering.render import render
from provisioner.report import plan_html
from provisioner.site.model import Site
from provisioner.templating.templates import Templates
from tests.conftest import ROOT
from tests.sites import TEMPLATES

_SITE: Final = ROOT / "tests/fuzz/site.yaml"
_TBOT: Final = "tbot/tbot.yaml.j2"
_PAGE: Final = "report/plan.html.j2"
_DOCUMENTS: Final = ("role", "app", "bot", "token")
_LANGUAGES: Final = ("yaml", "json", "toml", "py", "txt", "md")

_LONGEST: Final = 1 << 12  # bytes: what a template does shows in a few of them
Attempt = Callable[[bytes], str]


def readers() -> Mapping[str, tuple[tuple[bytes, ...], Attempt, int]]:
    """Return, by the name of a target, sound templates, what is done with one, and its most bytes."""
    ours = {name: text.encode() for name, text in TEMPLATES.texts.items()}
    clients = {name: text for name, text in ours.items() if name.startswith("clients/")}
    pages = tuple(text for name, text in ours.items() if name.startswith("report/"))
    return {
        **{
            f"template-{kind}": (
                (ours[f"teleport/{kind}.yaml.j2"],),
                partial(_documents, kind, f"teleport/{kind}.yaml.j2"),
                _LONGEST,
            )
            for kind in _DOCUMENTS
        },
        "template-tbot": ((ours[_TBOT],), partial(_machine_files, _TBOT, _TBOT), _LONGEST),
        **{
            f"template-{language}": (
                tuple(text for name, text in clients.items() if name.endswith(f".{language}.j2"))
                or (ours["clients/command.txt.j2"],),
                partial(_machine_files, f"custom/mine.{language}.j2", "clients/cursor.json.j2"),
                _LONGEST,
            )
            for language in _LANGUAGES
        },
        "template-html": (pages, _page, 2 * _LONGEST),
    }


def _with(name: str, data: bytes) -> Templates:
    """Return all templates, with one of the user's. Raises SiteError."""
    texts = {**TEMPLATES.texts, name: data.decode(errors="replace")}
    return Templates.load(texts, proven=texts.keys() - {name})


def _documents(kind: str, name: str, data: bytes) -> str:
    """Render what of a site such a template is asked for."""
    return _told(
        "".join(
            render(
                _part(kind), _with(name, data), _prepared().document.key_place
            ).documents.values()
        )
    )


@cache
def _part(kind: str) -> Site:
    """Return a site in which nothing but one kind of entry is left, as far as that goes."""
    site = _prepared().site
    kept = {"role": "roles", "app": "mcp_servers"}.get(kind, "bots")
    others: dict[str, Any] = {"roles": {}, "mcp_servers": {}, "bots": {}}
    if kept == "bots":
        alone = {"clients": (), "identity": None, **({"join": ()} if kind == "bot" else {})}
        mine = {name: replace(bot, **alone) for name, bot in site.bots.items()}
    else:
        mine = getattr(site, kept)
    return replace(site, **{**others, kept: mine})


def _machine_files(name: str, like: str, data: bytes) -> str:
    """Render a file of a machine, told what the template `like` is told."""
    templates = _with(name, data)
    return _told("".join(templates.render(name, told) for told in _contexts(like)))


@cache
def _contexts(template: str) -> list[Mapping[str, Any]]:
    ready = _prepared()
    found = machine_files(ready.site, ready.document.key_place, lambda _: ())
    contexts = [tell() for _, name, _, tell in found if name == template]
    assert contexts
    return contexts


def _page(data: bytes) -> str:
    """Show a plan on a page of the user's."""
    return _told(plan_html.page(_plan(), _with(_PAGE, data)))


@cache
def _plan() -> Any:
    live = snapshot.parse((ROOT / "tests/golden/every-change/live.json").read_bytes(), "live.json")
    return workflow.make_plan(_prepared(), live, prune=True)


@cache
def _prepared() -> workflow.Prepared:
    return workflow.prepare(_SITE, TEMPLATES)


def _told(text: str) -> str:
    """Return what a rendered text comes to: what there is of it, and how many lines."""
    return f"{bool(text)} {text.count(chr(10))}"
