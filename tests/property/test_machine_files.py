"""Our own templates write whatever a site can say, so that a plan need not render what it does not compare."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.clients import FORMATS
from provisioner.errors import Place
from provisioner.rendering.machines import machine_files
from provisioner.schema.records import read
from provisioner.site.model import Site
from tests.spread import (
    DURATIONS,
    ENVIRONMENTS,
    FILLED,
    NAMES,
    PATHS,
    TEMPLATES,
    TEXT,
    maybe,
)


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """Return a site with one bot, whose machine has everything that a site can give it."""
    readers = st.fixed_dictionaries({"user": FILLED}) | st.fixed_dictionaries({"group": FILLED})
    client = {"servers": ["files"], "env": draw(ENVIRONMENTS), "timeout": draw(DURATIONS)}
    identity = {"path": draw(PATHS), "readers": draw(st.lists(readers, max_size=3))}
    join = draw(
        st.fixed_dictionaries({"method": st.just("token"), "token_path": PATHS})
        | st.fixed_dictionaries(
            {"method": st.just("iam"), "allow": st.just([{"aws_arn": "a"}]), "name": NAMES}
        )
    )
    tbot = {"storage": draw(PATHS), "oneshot": draw(st.booleans()), "diag_addr": "127.0.0.1:1"}
    server = {"description": draw(TEXT), "tools": draw(maybe(st.lists(FILLED, max_size=3)))}
    return read(
        Site,
        {
            "version": 1,
            "site": "acme",
            "teleport": {"proxy": "example.com:443", "tsh": draw(maybe(PATHS))},
            "mcp_servers": {"files": server},
            "bots": {
                "ci": {
                    "join": [join],
                    "identity": identity,
                    "tbot": tbot,
                    "clients": [{**client, "format": name} for name in FORMATS],
                }
            },
        },
    )


@settings(max_examples=60)
@given(sites())
def test_our_templates_write_whatever_a_site_can_say(site: Site) -> None:
    """Every machine file of a site without errors can be rendered, by a template that is ours."""
    for _, template, _, context in machine_files(site, lambda _: Place("site.yaml"), lambda _: ()):
        assert TEMPLATES.is_ours(template)
        TEMPLATES.render(template, context())
