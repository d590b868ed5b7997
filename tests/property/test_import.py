"""Importing: whatever a cluster holds that a site can say comes back as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner import workflow
from provisioner.change import Key
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Verb, Write
from provisioner.importing.choice import choose
from provisioner.importing.importer import Target, write_down
from tests import sites
from tests.foreign import app, bot, live, role

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
keys = st.from_regex(r"[a-z][a-z0-9./_-]{0,9}", fullmatch=True)
selectors = st.dictionaries(keys, st.lists(texts, min_size=1, max_size=3), max_size=3)
patterns = st.lists(st.sampled_from(["*", "read_*", "^(a|b)$", "x", "on", "007"]), max_size=3)
allow = st.fixed_dictionaries(
    {},
    optional={
        "app_labels": selectors,
        "mcp": st.fixed_dictionaries({"tools": patterns}),
        "logins": st.lists(texts.filter(lambda text: text != "*"), max_size=3),
        "node_labels": selectors,
        "rules": st.lists(
            st.fixed_dictionaries({"resources": st.just(["session"]), "verbs": st.just(["list"])})
        ),
    },
)
options = st.fixed_dictionaries(
    {},
    optional={
        "max_session_ttl": st.sampled_from(["8h", "30h", "90m", "1d"]),
        "forward_agent": st.booleans(),
        "desktop_clipboard": st.booleans(),
        "enhanced_recording": st.lists(st.sampled_from(["command", "disk"]), unique=True),
        "record_session": st.fixed_dictionaries({}, optional={"default": st.just("strict"), "desktop": st.booleans()}),
    },
)  # fmt: skip
roles = st.builds(
    role,
    st.just("r"),
    st.sampled_from(["v6", "v7", "v8"]),
    labels=st.dictionaries(keys, texts, max_size=2),
    allow=allow,
    deny=allow,
    options=options,
)
traits = st.lists(
    st.fixed_dictionaries({"name": keys, "values": st.lists(texts, min_size=1, max_size=2)}),
    max_size=2,
    unique_by=lambda trait: trait["name"],
)
bots = st.builds(
    lambda held, ttl, given: bot("b", *held, traits=given, **({"max_session_ttl": ttl} if ttl else {})),
    st.sampled_from([(), ("r",), ("r", "s")]),
    st.sampled_from([None, "3600s", "43200s", "1.5s"]),
    traits,
)  # fmt: skip
apps = st.builds(
    lambda args, labels: app("a", labels=labels, mcp={"command": "x", "args": args, "run_as_host_user": "y"}),
    st.lists(texts, max_size=3),
    st.dictionaries(keys, texts, max_size=2),
)  # fmt: skip


def taken(*bodies: dict[str, Any]) -> MemoryCluster | None:
    """Return a cluster with these documents, None where Teleport refuses one."""
    cluster = MemoryCluster()
    keys = [Key(body["kind"], body["metadata"]["name"]) for body in bodies]
    writes = [Write(Verb.CREATE, key, body) for key, body in zip(keys, bodies, strict=True)]
    refused = any(outcome.error for outcome in cluster.write(writes))
    return None if refused else cluster


@settings(max_examples=60)
@given(roles, bots, apps)
def test_nothing_is_lost(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    """What people can make of roles, bots and servers is written down whole, unless a rule refuses it."""
    cluster = taken(one, role("s"), two, three)
    if cluster is None:
        return
    path = Path("site.yaml")
    checked = workflow.check(path, sites.HEAD.encode())
    assert checked.site is not None
    target = Target(path, sites.HEAD, checked.site, is_new=True)
    found = live(cluster)
    made = write_down(target, choose(found, (), "acme", ()), ("r", "s"), sites.TEMPLATES)
    assert all("(PV" in left.reason for left in made.left), made.left
    assert len(made.written) + len(made.left) == 4
