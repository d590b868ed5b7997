"""A spread of what a site can say of a client, rendered: names, variables, paths and time limits."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from provisioner.cli._base import load_templates
from provisioner.clients import FORMATS
from provisioner.errors import Place
from provisioner.rendering.machines import machine_files
from provisioner.schema.records import read
from provisioner.site.model import Site
from provisioner.values import Plain

TEMPLATES: Final = load_templates(None)
TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
FILLED: Final = TEXT.filter(bool)
NAMES: Final = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
ENTRIES: Final = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}", fullmatch=True)
PATHS: Final = TEXT.filter(lambda text: "\0" not in text and ".." not in text.split("/")).map(
    "/{}".format
)
ENVIRONMENTS: Final = st.dictionaries(
    st.from_regex(r"[A-Za-z_]{1,128}", fullmatch=True), TEXT, max_size=3
)
DURATIONS: Final = st.sampled_from(["1ms", "1500ms", "30s", "90s", "1m30s", "1h", "1000h"])


def maybe(strategy: st.SearchStrategy[Plain]) -> st.SearchStrategy[Plain]:
    return st.none() | strategy


@st.composite
def sites(draw: st.DrawFn, entries: int = 3) -> Site:
    """Return a site whose one bot has clients of every format, each with some of the entries."""
    names = draw(st.lists(ENTRIES, min_size=1, max_size=entries, unique=True))
    clients = [
        {"servers": ["files"], "name": name, "env": draw(ENVIRONMENTS), "timeout": draw(DURATIONS)}
        for name in names
    ]
    server = {"description": draw(TEXT), "tools": draw(maybe(st.lists(FILLED, max_size=3)))}
    bot = {
        "identity": {"path": draw(PATHS)},
        "clients": [{**client, "format": form} for form in FORMATS for client in clients],
    }
    return read(
        Site,
        {
            "version": 1,
            "site": "acme",
            "teleport": {"proxy": "example.com:443", "tsh": draw(maybe(PATHS))},
            "mcp_servers": {"files": server},
            "bots": {"ci": bot},
        },
    )


def client_files(site: Site) -> dict[str, str]:
    """Return the text of every file of the bot's clients, by its name."""
    files = machine_files(site, lambda _: Place("site.yaml"), lambda _: ())
    found: dict[str, Any] = {
        path.rpartition("/")[2]: TEMPLATES.render(template, context())
        for path, template, _, context in files
        if path.startswith("clients/")
    }
    return found
