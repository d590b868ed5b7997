"""Random sites, random live states, and random nonsense."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from provisioner.change import Plan
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Verb, Write
from tests.bodies import app, bot, role, token
from tests.clusters import key

ROLES = ("dev", "ops", "x", "read-only")
BOTS = ("ci", "agent", "x")
SERVERS = ("files", "x")

NASTY = (
    "yes",
    "0",
    "1_0",
    "null",
    "~",
    "#",
    ": ",
    "- a",
    "{{ a }}",
    "{% b %}",
    "\x7f",
    "\n",
    "🙂",
    "'",
    '"',
)
TEXT = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
)
FILLED = TEXT.filter(bool)
TOOLS = st.sampled_from(("*", "read_*", "^(a|b)$", "delete")) | FILLED.filter(
    lambda text: "{{" not in text and not text.startswith("^") and not text.endswith("$")
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def optional(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


def few(values: st.SearchStrategy[Any], *, least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=least, max_size=3, unique=True)


LABELS = st.dictionaries(st.sampled_from(("env", "team", "example.com/a")), TEXT, max_size=2)
SELECTOR = st.dictionaries(
    st.sampled_from(("env", "team")),
    st.sampled_from(("dev", "*")) | few(TOOLS, least=1),
    max_size=2,
)
OPTIONS = optional(
    max_session_ttl=st.sampled_from(("8h", "90m", "1d")),
    forward_agent=st.booleans(),
    lock=st.sampled_from(("strict", "best_effort")),
    desktop_clipboard=st.booleans(),
)
ROLE = optional(
    version=st.sampled_from(("v6", "v7", "v8")),
    app_labels=SELECTOR,
    tools=few(TOOLS),
    deny=optional(tools=few(TOOLS), app_labels=SELECTOR),
    description=TEXT,
    labels=LABELS,
    options=OPTIONS,
    protected=st.just(False),
)
APP = st.one_of(
    st.fixed_dictionaries(
        {"command": FILLED, "run_as_host_user": st.just("mcp")}, optional={"args": few(TEXT)}
    ),
    st.just({"uri": "mcp+https://mcp.internal:8443/mcp"}),
)
SERVER = st.fixed_dictionaries({"app": APP}, optional={"labels": LABELS, "description": TEXT})


def bots(roles: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    held = few(st.sampled_from(roles)) if roles else st.just([])
    token = st.fixed_dictionaries(
        {"method": st.just("gcp"), "allow": st.just([{"project_ids": ["p"]}])}
    )
    return optional(
        roles=held,
        traits=st.dictionaries(
            st.sampled_from(("mcp_tools", "team")), few(FILLED, least=1), max_size=2
        ),
        max_session_ttl=st.sampled_from(("1h", "12h", "90m")),
        labels=LABELS,
        join=token,
    )


@st.composite
def sites(draw: st.DrawFn, name: str = "acme") -> dict[str, Any]:
    """Draw the value of a whole site file without errors; collections may be absent or empty."""
    collections: dict[str, Any] = {}
    if draw(st.booleans() | st.just(True)):
        collections["roles"] = draw(st.dictionaries(st.sampled_from(ROLES), ROLE, max_size=3))
    if draw(st.booleans()):
        collections["mcp_servers"] = draw(
            st.dictionaries(st.sampled_from(SERVERS), SERVER, max_size=2)
        )
    if draw(st.booleans() | st.just(True)):
        roles = tuple(collections.get("roles", ()))
        collections["bots"] = draw(st.dictionaries(st.sampled_from(BOTS), bots(roles), max_size=3))
    head = {"version": 1, "site": name, "teleport": {"proxy": "example.teleport.sh:443"}}
    return {**head, **collections}


OWNERS = st.sampled_from(({}, {"provisioner/site": "acme"}, {"provisioner/site": "other"}))
LIVE_ROLES = st.builds(
    lambda name, labels, tools: role(name, labels=labels, allow={"mcp": {"tools": tools}}),
    st.sampled_from((*ROLES, "theirs")),
    OWNERS,
    few(TOOLS),
)
LIVE_BOTS = st.builds(
    lambda name, roles, labels, ttl: bot(name, roles, labels=labels, max_session_ttl=ttl),
    st.sampled_from((*BOTS, "theirs")),
    few(st.sampled_from((*ROLES, "theirs", "nowhere"))),
    OWNERS,
    st.sampled_from(("43200s", "3600s")),
)


LIVE_APPS = st.builds(
    lambda name, labels, team: app(name, labels={**labels, "team": team}),
    st.sampled_from((*SERVERS, "theirs")),
    OWNERS,
    st.sampled_from(("a", "b")),
)
LIVE_AGENTS = st.builds(
    lambda host, origin, body: {
        "kind": "app_server",
        "version": "v3",
        "metadata": {"name": body["metadata"]["name"]},
        "spec": {
            **({"host_id": host} if host else {}),
            "app": {
                **body,
                "metadata": {
                    **body["metadata"],
                    "labels": {**body["metadata"]["labels"], **origin},
                },
            },
        },
    },
    st.sampled_from(("h1", "h2", "")),
    st.sampled_from(({}, {"teleport.dev/origin": "config-file"})),
    LIVE_APPS,
)
"""What agents serve from their own configuration, perhaps by the name of what is registered."""

LIVE_TOKENS = st.builds(
    lambda name, its_bot, labels: token(name, its_bot, labels=labels),
    st.sampled_from(("ci-gcp", "agent-gcp", "theirs")),
    st.sampled_from(BOTS),
    OWNERS,
)


@st.composite
def clusters(draw: st.DrawFn) -> MemoryCluster:
    """Draw a cluster with documents of ours, of other sites and of nobody."""
    cluster = MemoryCluster(draw(st.lists(LIVE_AGENTS, max_size=3)))
    for body in draw(
        st.lists(st.one_of(LIVE_ROLES, LIVE_BOTS, LIVE_APPS, LIVE_TOKENS), max_size=6)
    ):
        name = key(f"{body['kind']}/{body['metadata']['name']}")
        (outcome,) = cluster.write([Write(Verb.UPDATE, name, body)])
        assert outcome.error is None
    return cluster


def as_yaml(value: Any) -> str:
    """Return a value as JSON that is YAML as well: no halves of pairs, nothing invisible."""
    return _PAIR.sub(_whole, json.dumps(value))


_PAIR = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")


def _whole(pair: re.Match[str]) -> str:
    """Return two escapes of JSON as the one that YAML has for the same character."""
    (char,) = json.loads(f'"{pair[0]}"')
    return f"\\U{ord(char):08x}"


@st.composite
def spoiled(draw: st.DrawFn) -> Any:
    """Draw a site of which one part, however deep, is replaced by something else."""
    value = copy.deepcopy(draw(sites()))  # what is drawn twice can be one object
    parent: Any = value
    while True:
        steps = sorted(parent) if isinstance(parent, Mapping) else range(len(parent))
        step = draw(st.sampled_from(list(steps)))
        child = parent[step]
        if not isinstance(child, dict | list) or not child or draw(st.booleans()):
            break
        parent = child
    parent[step] = draw(PLAIN)
    if isinstance(parent, dict) and draw(st.booleans()):
        parent[draw(TEXT)] = draw(PLAIN)
    return value


def told(plan: Plan) -> list[str]:
    """Return what a plan does and notes, a word each."""
    return [f"{line.op.symbol} {line.key}" for line in (*plan.changes, *plan.notes)]
