"""Rules about reach held against single decisions, and the configuration of rules against itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner import workflow
from provisioner.checks import severity
from provisioner.checks.rules import REACH
from provisioner.checks.rules._ground import Ground, ground
from provisioner.rbac.access import Identity, Server, connect, decide
from provisioner.rbac.patterns import compile_pattern
from tests.sites import HEAD, TEMPLATES

ENVS: Final = st.sampled_from(["dev", "dev", "prod", "no"])
TOOLS: Final = ["read", "list", "drop"]
ENTRIES: Final = st.sampled_from([*TOOLS, "*", "r*", "^(read|list)$", "x*", "{{external.t}}"])
SERVERS: Final = st.fixed_dictionaries(
    {
        "labels": st.fixed_dictionaries({"env": ENVS}),
        "tools": st.lists(st.sampled_from(TOOLS), min_size=2, unique=True) | st.just([]),
    }
)
ROLES: Final = st.fixed_dictionaries(
    {
        "app_labels": st.fixed_dictionaries(
            {"env": st.lists(ENVS, min_size=1, unique=True) | st.just("{{external.t}}")}
        ),
        "tools": st.lists(ENTRIES, min_size=1, max_size=3, unique=True),
    },
    optional={
        "deny": st.fixed_dictionaries(
            {"tools": st.lists(st.sampled_from([*TOOLS, "l*", "r*"]), max_size=2, unique=True)},
            optional={"app_labels": st.fixed_dictionaries({"env": st.just("prod")})},
        )
    },
)
BOTS: Final = st.fixed_dictionaries(
    {"roles": st.lists(st.sampled_from(["p", "q"]), min_size=1, unique=True) | st.just([])},
    optional={"traits": st.just({"t": ["dev", "read"]})},
)
SITES: Final = st.fixed_dictionaries(
    {
        "mcp_servers": st.dictionaries(st.sampled_from(["s", "t"]), SERVERS, min_size=1, max_size=2)
        | st.just({}),
        "roles": st.fixed_dictionaries({"p": ROLES, "q": ROLES}),
        "bots": st.dictionaries(st.sampled_from(["a", "b"]), BOTS, min_size=1, max_size=2),
    }
)

in_a_directory = settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(directory: Path, site: dict[str, Any], **more: Any) -> Path:
    """Write a site; what only Teleport minds is off, so that every one of them can be judged."""
    off = {"PV109": "off", "PV110": "off", **more.pop("rules", {})}
    path = directory / "site.yaml"
    parts = {**site, "rules": off, **more}
    path.write_text(HEAD + "".join(f"{key}: {json.dumps(part)}\n" for key, part in parts.items()))
    return path


def judged(path: Path) -> tuple[Ground, dict[str, set[tuple[str | int, ...]]]]:
    """Return the ground of a site, and the paths that each rule about reach points at."""
    prepared = workflow.prepare(path, TEMPLATES)
    on = ground(prepared.site, prepared.rendered.resources)
    return on, {rule.code: {each.path for each in rule.find(on)} for rule in REACH}


def reaching(on: Ground, role: str) -> list[Server]:
    """Return the servers that a role opens to anybody who holds it, its denials aside."""
    found = []
    for identity in on.world.identities:
        held = [b for b in identity.roles if b["metadata"]["name"] == role]
        bare = tuple({**b, "spec": {**b["spec"], "deny": {}}} for b in held)
        alone = Identity(identity.name, bare, identity.traits)
        found += [each for each in on.world.servers if connect(alone, each).allowed]
    return found


@in_a_directory
@given(SITES)
def test_a_bot_that_reaches_nothing(tmp_path: Path, site: dict[str, Any]) -> None:
    """PV327 names exactly the bots that can have a session with no server, where there are any."""
    on, found = judged(written(tmp_path, site))
    lost = {
        ("bots", each.name)
        for each in on.world.identities
        if on.world.servers and not any(connect(each, s).allowed for s in on.world.servers)
    }
    assert found["PV327"] == lost


@in_a_directory
@given(SITES)
def test_a_role_that_reaches_nothing(tmp_path: Path, site: dict[str, Any]) -> None:
    """PV321 never names a role that opens a server to one of its holders."""
    on, found = judged(written(tmp_path, site))
    for path in found["PV321"]:
        assert not reaching(on, str(path[1]))


@in_a_directory
@given(SITES)
def test_a_pattern_that_matches_nothing(tmp_path: Path, site: dict[str, Any]) -> None:
    """PV320 never names an entry without which a call would be denied that is allowed now."""
    on, found = judged(written(tmp_path, site))
    for path in found["PV320"]:
        _, role, _, index = path
        pattern = compile_pattern(on.site.roles[str(role)].tools[int(index)])
        for server in reaching(on, str(role)):
            assert not any(pattern.matches(tool) for tool in server.tools or ())


@in_a_directory
@given(SITES)
def test_a_pattern_that_is_denied(tmp_path: Path, site: dict[str, Any]) -> None:
    """PV322 never names an entry that lets a holder of its role call a known tool."""
    on, found = judged(written(tmp_path, site))
    for path in found["PV322"]:
        _, role, _, index = path
        pattern = compile_pattern(on.site.roles[str(role)].tools[int(index)])
        for identity in on.world.identities:
            if role in on.site.bots[identity.name].roles:
                for server in on.world.servers:
                    called = [t for t in server.tools or () if decide(identity, server, t).allowed]
                    assert not any(pattern.matches(tool) for tool in called)


@in_a_directory
@given(SITES, st.sampled_from(["error", "warning", "info", "off"]))
def test_a_level_is_for_all_findings(tmp_path: Path, site: dict[str, Any], level: str) -> None:
    """With one level for every rule that can have one, every finding has it, and none when off."""
    loose = {code: level for code, rule in severity.rules().items() if not rule.firm}
    found = workflow.examine(written(tmp_path, site, rules=loose), TEMPLATES).problems
    assert {problem.severity for problem in found} <= {level}


@in_a_directory
@given(SITES)
def test_what_is_found_can_be_suppressed(tmp_path: Path, site: dict[str, Any]) -> None:
    """A suppression of each finding at its entry leaves none, and none of them does nothing."""
    path = written(tmp_path, site)
    on, reach = judged(path)
    at = {(rule.code, f.path[:2]) for rule, f in severity.findings(on.site)}
    at |= {(code, path[:2]) for code, paths in reach.items() for path in paths}
    suppress = [
        {"code": code, "at": ".".join(map(str, entry)), "reason": "known"}
        for code, entry in sorted(at)
        if code not in ("PV109", "PV110")
    ]
    checked = workflow.examine(written(tmp_path, site, rules={"suppress": suppress}), TEMPLATES)
    assert checked.problems == ()
