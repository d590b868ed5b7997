from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.change import Key
from provisioner.cluster.teleport import Server, Teleport, check_types, presets
from provisioner.errors import ClusterError, Exists, Missing, Rejected
from provisioner.values import Body, freeze, thaw

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NEWEST = (18, 8, 3)
EVERY_OPTION = {
    "cert_format": "standard",
    "create_db_user": False,
    "create_desktop_user": False,
    "desktop_clipboard": True,
    "desktop_directory_sharing": True,
    "enhanced_recording": ["command", "network"],
    "forward_agent": False,
    "max_session_ttl": "30h0m0s",
    "pin_source_ip": False,
    "record_session": {"default": "best_effort", "desktop": True},
    "ssh_file_copy": True,
}
EVERYTHING = {"*": "*"}


class Shelf:
    """The simplest store."""

    def __init__(self) -> None:
        self.bodies: dict[Key, Body] = {}

    def get(self, key: Key) -> Body | None:
        return self.bodies.get(key)

    def put(self, key: Key, body: Body) -> None:
        self.bodies[key] = body

    def remove(self, key: Key) -> None:
        del self.bodies[key]

    def of_kind(self, kind: str) -> Iterable[Body]:
        return [body for key, body in sorted(self.bodies.items()) if key.kind == kind]


class Bench:
    """A Teleport with a numbered revision for each write."""

    def __init__(self, version: tuple[int, int, int] = NEWEST) -> None:
        self.shelf = Shelf()
        self.now = NOW
        numbers = iter(range(1, 1000))
        server = Server(version, now=lambda: self.now, revision=lambda: f"r{next(numbers)}")
        self.teleport = Teleport(self.shelf, server)

    def write(self, body: Body, verb: str = "create") -> None:
        self.teleport.perform(verb, Key(body["kind"], body["metadata"].get("name", "")), body)

    def names(self, kind: str) -> list[str]:
        return [body["metadata"]["name"] for body in self.teleport.listing(kind)]

    def read(self, kind: str, name: str) -> dict[str, Any]:
        found = (b for b in self.teleport.listing(kind) if b["metadata"]["name"] == name)
        body: dict[str, Any] = thaw(next(found))
        return body

    def taken(self, body: Body) -> dict[str, Any]:
        """Write and read back, without the revision."""
        self.write(body)
        back = self.read(body["kind"], body["metadata"]["name"])
        back["metadata"].pop("revision", None)
        return back


def role(
    allow: object = None, *, name: str = "r", version: str = "v8", **spec: object
) -> dict[str, Any]:
    metadata = spec.pop("metadata", {})
    assert isinstance(metadata, Mapping)
    return {
        "kind": "role",
        "version": version,
        "metadata": {"name": name, **metadata},
        "spec": {**({} if allow is None else {"allow": allow}), **spec},
    }


def bot(name: str = "b", **spec: object) -> dict[str, Any]:
    return {"kind": "bot", "version": "v1", "metadata": {"name": name}, "spec": spec}


def app(name: str = "a", *, labels: object = None, **spec: object) -> dict[str, Any]:
    metadata = {"name": name, **({"labels": labels} if labels else {})}
    return {"kind": "app", "version": "v3", "metadata": metadata, "spec": spec}


def token(method: str | None, block: object = None, **spec: object) -> dict[str, Any]:
    return {
        "kind": "token",
        "version": "v2",
        "metadata": {"name": "t"},
        "spec": {
            "roles": ["Bot"],
            "bot_name": "b",
            **({} if method is None else {"join_method": method}),
            **({} if block is None or method is None else {method: block}),
            **spec,
        },
    }


STDIO = {"command": "docker", "args": ["run"], "run_as_host_user": "mcp"}


# ------------------------------------------------------------------------------------------- roles


def test_role_gets_every_default() -> None:
    """A v8 role that says nothing is stored with every option Teleport fills in and an empty deny."""
    taken = Bench().taken(role())
    assert taken["spec"] == {"allow": {}, "deny": {}, "options": EVERY_OPTION}


@pytest.mark.parametrize("version", ["v3", "v4", "v5", "v6", "v7"])
def test_role_before_v8_gets_idp(version: str) -> None:
    """Roles up to v7 are stored with the SAML identity provider allowed."""
    options = Bench().taken(role(version=version))["spec"]["options"]
    assert options == {**EVERY_OPTION, "idp": {"saml": {"enabled": True}}}


def test_v3_role_selects_every_app() -> None:
    """A v3 role without selectors opens every app, cluster and database, and nodes by login."""
    bench = Bench()
    silent = bench.taken(role({}, version="v3", name="s"))["spec"]["allow"]
    named = bench.taken(role({"logins": ["root"]}, version="v3", name="n"))["spec"]["allow"]
    assert silent["app_labels"] == silent["db_labels"] == silent["kubernetes_labels"] == EVERYTHING
    assert "node_labels" not in silent
    assert named["node_labels"] == EVERYTHING


POD = {"kind": "pod", "name": "*", "namespace": "*", "verbs": ["*"]}


@pytest.mark.parametrize(
    ("version", "filled_in"),
    [
        ("v4", [POD]),
        ("v5", [POD]),
        ("v6", None),
        ("v7", [{**POD, "kind": "*"}]),
        ("v8", [{**POD, "kind": "*", "api_group": "*"}]),
    ],
)
def test_kubernetes_resources_follow_the_version(version: str, filled_in: object) -> None:
    """A selector of clusters brings the resources that the role version implies, in v6 none."""
    taken = Bench().taken(role({"kubernetes_labels": {"a": "b"}}, version=version))
    assert taken["spec"]["allow"].get("kubernetes_resources") == filled_in


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ({"env": ["dev"]}, {"env": "dev"}),
        ({"env": ["dev", "test"]}, {"env": ["dev", "test"]}),
        ({"env": "dev"}, {"env": "dev"}),
        ({"env": []}, {"env": ""}),
        ({}, None),
    ],
)
def test_selectors_are_normalised(written: object, stored: object) -> None:
    """One value in a list is stored as text; an empty selector is not stored at all."""
    taken = Bench().taken(role({"app_labels": written}))
    assert taken["spec"]["allow"].get("app_labels") == stored


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("8h", "8h0m0s"),
        ("90m", "1h30m0s"),
        ("1d", "24h0m0s"),
        ("1.5h", "1h30m0s"),
        ("0", "30h0m0s"),
        ("never", "30h0m0s"),
        ("-5m", "30h0m0s"),
    ],
)
def test_session_lengths_take_go_form(written: str, stored: str) -> None:
    """Lengths of time are stored as Go prints them; none at all means thirty hours."""
    taken = Bench().taken(role(options={"max_session_ttl": written}))
    assert taken["spec"]["options"]["max_session_ttl"] == stored


@pytest.mark.parametrize(
    ("options", "stored"),
    [
        ({"forward_agent": "yes"}, {"forward_agent": True}),
        ({"forward_agent": "maybe"}, {"forward_agent": False}),
        ({"permit_x11_forwarding": False}, {"permit_x11_forwarding": None}),
        ({"create_host_user": False}, {"create_host_user": False}),
        ({"create_host_user_mode": "drop"}, {"create_host_user_mode": "insecure-drop"}),
        ({"record_session": {"default": "strict"}}, {"record_session": {"default": "strict", "desktop": None}}),
        ({"require_session_mfa": "hardware_key"}, {"require_session_mfa": "hardware_key"}),
        ({"require_session_mfa": False}, {"require_session_mfa": None}),
        ({"require_session_mfa": "on"}, {"require_session_mfa": True}),
        ({"require_session_mfa": 2}, {"require_session_mfa": "hardware_key"}),
        ({"client_idle_timeout": "500ms"}, {"client_idle_timeout": "500ms"}),
        ({"client_idle_timeout": "1500ns"}, {"client_idle_timeout": "1.5µs"}),
        ({"client_idle_timeout": ".5h"}, {"client_idle_timeout": "30m0s"}),
        ({"client_idle_timeout": "never"}, {"client_idle_timeout": None}),
        ({"max_sessions": 3}, {"max_sessions": 3}),
    ],
)  # fmt: skip
def test_options_as_stored(options: object, stored: Mapping[str, object]) -> None:
    """Options come back in Teleport's spelling; what is zero and optional does not come back."""
    taken = Bench().taken(role(options=options))["spec"]["options"]
    assert {name: taken.get(name) for name in stored} == stored


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (role(version="v9"), 'role version "v9" is not supported'),
        (role(version=""), 'role version "" is not supported'),
        (role(name=""), "missing parameter Name"),
        (role(name="Bot"), "reserved role: Bot"),
        (role(name="a b"), 'only from characters, hyphens, dots, and plus signs: "/roles/a b/params"'),
        (role(name=".."), "special characters are not allowed"),
        (role(metadata={"labels": {"a b": "c"}}), 'invalid label key: "a b"'),
        (role(metadata={"labels": {"teleport.dev/origin": "me"}}), 'invalid origin value "me", must be one of [defaults config-file dynamic'),
        (role(metadata={"labels": {"teleport.internal/downgraded": "x"}}), 'label is set with reason "x"'),
        (role(metadata={"expires": "tomorrow"}), 'parsing time "tomorrow"'),
        (role({"app_labels": {"*": "dev"}}), "selector *:<val> is not supported"),
        (role({"app_labels": {"*": ["a", "*"]}}), "selector *:<val> is not supported"),
        (role({"app_labels": {"env": 1}}), "cannot unmarshal number into Go struct field spec.allow.app_labels.env"),
        (role({"app_labels": ["env"]}), "cannot unmarshal array into Go struct field spec.allow.app_labels"),
        (role({"mcp": {"tools": "all"}}), "cannot unmarshal string into Go struct field spec.allow.mcp.tools"),
        (role({"mcp": {"tools": [1]}}), "spec.allow.mcp.tools[0]"),
        (role({"mcp": "all"}), "cannot unmarshal string"),
        (role({"logins": ["*"]}), "wildcard matcher is not allowed in logins"),
        (role({"db_roles": ["*"]}), "wildcard is not allowed in allow.database_roles"),
        (role({"rules": [{"verbs": ["read"]}]}), "failed to process 'allow' rule 0: missing resources to match"),
        (role({"rules": [{"resources": ["role"]}]}), "failed to process 'allow' rule 0: missing verbs"),
        (role({"impersonate": {"users": ["u"]}}), "please set both impersonate.users"),
        (role(deny={"app_labels": {"dynamic/x": "y"}}), 'has labels with the "dynamic/" prefix in its deny rules'),
        (role(options={"max_session_ttl": "soon"}), 'time: invalid duration "soon"'),
        (role(options={"max_session_ttl": "9" * 500 + "h"}), "time: invalid duration"),
        (role(options={"max_session_ttl": "300y"}), "time: invalid duration"),
        (role(options={"max_session_ttl": 5}), "cannot unmarshal number"),
        (role(options={"max_sessions": 1.5}), "cannot unmarshal number"),
        (role(options={"forward_agent": 1}), "cannot unmarshal number"),
        (role(options={"lock": "loose"}), "invalid value for role option lock: loose"),
        (role(options={"enhanced_recording": ["disk", "all"]}), "invalid value for role option enhanced_recording: all"),
        (role(options={"create_db_user_mode": "burn"}), "invalid database user mode burn"),
        (role(options={"require_session_mfa": "session"}), "RequireMFAType invalid value session"),
        (role(options={"create_host_user_mode": "burn"}), "invalid host user mode burn"),
        (role(options={"idp": {"saml": {"enabled": True}}}), "idp option is only supported in role version 7 and below"),
        (role({"nodes": {}}), 'json: unknown field "nodes"'),
    ],
)  # fmt: skip
def test_roles_refused(body: Body, refusal: str) -> None:
    """A role that Teleport refuses is refused in its words, and nothing is stored."""
    bench = Bench()
    with pytest.raises(Rejected) as refused:
        bench.write(body)
    assert refusal in refused.value.message
    assert not bench.shelf.bodies


def test_deny_may_name_what_allow_may_not() -> None:
    """The wildcard rules hold for the allow side only."""
    deny = {"app_labels": {"*": "dev"}, "logins": ["*"]}
    assert Bench().taken(role(deny=deny))["spec"]["deny"] == deny


@pytest.mark.parametrize("name", ["bot", "a@b", "A.b_c:d+e-f", "bot-x"])
def test_role_names_allowed(name: str) -> None:
    """Only the exact names of system roles are reserved; the backend's characters are all allowed."""
    assert Bench().taken(role(name=name))["metadata"] == {"name": name}


def test_unknown_fields_before_18_8() -> None:
    """Before 18.8.0 an unknown field of a role is dropped without a word."""
    taken = Bench((18, 7, 9)).taken(role({"mcp": {"tool": ["a"]}, "nodes": {}}))
    assert taken["spec"]["allow"] == {"mcp": {}}


def test_mcp_before_18_1() -> None:
    """Before 18.1.0 nobody has heard of MCP: the block vanishes."""
    taken = Bench((18, 0, 4)).taken(role({"mcp": {"tools": ["a"]}, "app_labels": {"a": "b"}}))
    assert taken["spec"]["allow"] == {"app_labels": {"a": "b"}}


def test_role_metadata_is_kept() -> None:
    """Description and labels are stored, times in UTC, and a client's revision is not heeded."""
    metadata = {
        "description": "d",
        "labels": {"team": "ml", "none": ""},
        "expires": "2027-01-01T02:00:00+02:00",
        "revision": "mine",
    }
    bench = Bench()
    bench.write(role(metadata=metadata))
    assert bench.read("role", "r")["metadata"] == {
        "name": "r",
        "description": "d",
        "labels": {"team": "ml", "none": ""},
        "expires": "2027-01-01T00:00:00Z",
        "revision": "r1",
    }


@given(st.lists(st.text(max_size=8), max_size=4), st.sampled_from(["v5", "v8"]))
def test_what_was_read_can_be_written(tools: list[str], version: str) -> None:
    """Writing back what was read changes nothing but the revision, whatever the tools are called."""
    bench = Bench()
    first = bench.taken(
        role({"mcp": {"tools": tools}, "app_labels": {"x": tools}}, version=version)
    )
    bench.write(first, "update")
    again = bench.read("role", "r")
    again["metadata"].pop("revision")
    assert again == first
    assert first["spec"]["allow"]["mcp"].get("tools", []) == tools


# -------------------------------------------------------------------------------- being there or not


@pytest.mark.parametrize(
    ("body", "there", "gone"),
    [
        (role(), 'role "r" already exists', 'role "r" is not found'),
        (app(mcp=STDIO), 'application "a" already exists', 'application "a" doesn\'t exist'),
        (bot(), 'creating bot user\n\tuser "bot-b" already registered', 'user "bot-b" not found'),
        (token("token"), 'provision_token "t" already exists', "provisioning token(t) not found"),
    ],
)
def test_exists_and_missing(body: Body, there: str, gone: str) -> None:
    """Creating twice and deleting twice fail in Teleport's words; the second update does not."""
    bench, key = Bench(), Key(body["kind"], body["metadata"]["name"])
    bench.write(body)
    with pytest.raises(Exists, match=there.replace('"', ".")):
        bench.write(body)
    bench.write(body, "update")
    bench.teleport.perform("delete", key)
    with pytest.raises(Missing) as missing:
        bench.teleport.perform("delete", key)
    assert gone in missing.value.message
    assert not bench.shelf.bodies


def test_update_creates_and_replaces() -> None:
    """An update creates what is not there, and replaces wholesale what is, with a new revision."""
    bench = Bench()
    bench.write(role({"app_labels": {"a": "b"}, "mcp": {"tools": ["x"]}}), "update")
    bench.write(role({"app_labels": {"a": "c"}}), "update")
    stored = bench.read("role", "r")
    assert stored["spec"]["allow"] == {"app_labels": {"a": "c"}}
    assert stored["metadata"]["revision"] == "r2"


def test_token_names_are_masked() -> None:
    """The refusal to delete a token shows the last quarter of its name only."""
    with pytest.raises(Missing, match=r"provisioning token\(\*\*\*\*\*\*gh\) not found"):
        Bench().teleport.perform("delete", Key("token", "abcdefgh"))


@pytest.mark.parametrize("verb", ["create", "delete", "add-roles"])
def test_other_kinds_are_not_supported(verb: str) -> None:
    """Only the kinds that `provision` manages can be written."""
    with pytest.raises(Rejected, match="is not supported"):
        Bench().teleport.perform(verb, Key("node", "n"), {})


def test_roles_are_not_given_to_roles() -> None:
    """The verbs of `tctl bots update` are for bots."""
    with pytest.raises(Rejected, match="add-roles is not supported for role"):
        Bench().teleport.perform("add-roles", Key("role", "r"), roles=("x",))


def test_expired_documents_are_gone() -> None:
    """What expires is neither listed nor found once its time has come, a bot with its role."""
    bench = Bench()
    expires = {"expires": "2026-06-02T00:00:00Z"}
    bench.write(role(metadata=expires))
    bench.write({**bot(), "metadata": {"name": "b", **expires}})
    assert bench.names("role") == ["bot-b", "r"]
    bench.now = datetime(2026, 6, 2, tzinfo=UTC)
    assert bench.names("role") == bench.names("bot") == []
    bench.write(role())


# -------------------------------------------------------------------------------------------- bots


def test_bot_as_read() -> None:
    """A bot is read with twelve hours by default, its status, and no revision."""
    body = bot(roles=["x"], traits=[{"name": "mcp_tools", "values": ["a", "b"]}])
    body["metadata"] |= {"labels": {"team": "ml"}, "description": "d"}
    assert Bench().taken(body) == {
        "kind": "bot",
        "version": "v1",
        "metadata": {"name": "b", "labels": {"team": "ml"}, "description": "d"},
        "spec": {
            "roles": ["x"],
            "traits": [{"name": "mcp_tools", "values": ["a", "b"]}],
            "max_session_ttl": "43200s",
        },
        "status": {"user_name": "bot-b", "role_name": "bot-b"},
    }


def test_bot_before_18_2_3() -> None:
    """Before 18.2.3 lengths and times are read as Go structs, and the description is lost."""
    body = bot(max_session_ttl="3600.5s")
    body["metadata"] |= {"description": "d", "expires": "2027-01-01T00:00:00Z"}
    taken = Bench((18, 2, 2)).taken(body)
    assert taken["spec"] == {"max_session_ttl": {"seconds": 3600, "nanos": 500_000_000}}
    assert taken["metadata"] == {"name": "b", "expires": {"seconds": 1_798_761_600}}


def test_bot_stands_for_a_user_and_a_role() -> None:
    """Behind a bot stand a user that carries its labels and a role that may impersonate its roles."""
    bench = Bench()
    body = bot("c i", roles=["x"], traits=[{"name": "t", "values": []}])
    body["metadata"]["labels"] = {"team": "ml"}
    bench.write(body)
    user = bench.shelf.bodies[Key("user", "bot-c-i")]
    generated = bench.read("role", "bot-c-i")
    assert user["metadata"]["labels"] == {
        "team": "ml",
        "teleport.internal/bot": "c i",
        "teleport.internal/bot-generation": "0",
    }
    assert user["spec"] == {"roles": ("bot-c-i",), "traits": {}}
    assert generated["metadata"]["labels"] == {"teleport.internal/bot": "c i"}
    assert generated["metadata"]["description"] == "Automatically generated role for bot c i"
    assert generated["spec"]["allow"]["impersonate"] == {"roles": ["x"]}
    assert generated["spec"]["options"]["max_session_ttl"] == "12h0m0s"


@pytest.mark.parametrize(
    ("written", "stored"), [("0s", "108000s"), ("-1s", "108000s"), ("90s", "90s")]
)
def test_bot_session_lengths(written: str, stored: str) -> None:
    """No length at all is what a role makes of it: thirty hours."""
    assert Bench().taken(bot(max_session_ttl=written))["spec"]["max_session_ttl"] == stored


def test_bot_fields_in_camel_case() -> None:
    """Protobuf's own spelling of a field is read as well."""
    assert Bench().taken(bot(maxSessionTtl="60s"))["spec"] == {"max_session_ttl": "60s"}


def test_traits_of_one_name_are_merged() -> None:
    """Traits are a map: two of one name become one, and their order is not kept."""
    traits = [{"name": n, "values": [v]} for n, v in (("z", "1"), ("a", "2"), ("z", "3"))]
    assert Bench().taken(bot(traits=traits))["spec"]["traits"] == [
        {"name": "a", "values": ["2"]},
        {"name": "z", "values": ["1", "3"]},
    ]


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({**bot(), "spek": {}}, 'unknown field "spek"'),
        (bot("tz", rolez=[]), 'proto: (line 1:48): unknown field "rolez"'),
        (bot(roles=["a", ""]), "spec.roles: must not contain empty strings"),
        (bot(roles="a"), 'proto: syntax error (line 1:55): unexpected token "a"'),
        (bot(roles=[1]), "invalid value for string field roles: 1"),
        (bot(traits=["t"]), 'unexpected token "t"'),
        (bot(max_session_ttl="12h"), 'invalid google.protobuf.Duration value "12h"'),
        (bot(max_session_ttl={"seconds": 5}), "unexpected token {"),
        (bot(max_session_ttl="1s", maxSessionTtl="1s"), "duplicate field"),
        ({**bot(), "metadata": {"name": "b", "expires": "soon"}}, 'parsing time "soon"'),
        (
            {**bot(), "metadata": {"name": "b", "labels": {"a": 1}}},
            "field Metadata.metadata.labels of type string",
        ),
        ({**bot(), "metadata": {"name": "b", "labels": {"a b": "c"}}}, 'invalid label key: "a b"'),
        (bot(""), "metadata.name: must be non-empty"),
        (bot("a/b"), '"/web/users/bot-a/b/params"'),
        ({**bot(), "spec": None}, "spec: must be non-nil"),
    ],
)
def test_bots_refused(body: Body, refusal: str) -> None:
    """A bot is read strictly in every release, and nothing is stored of one that is refused."""
    bench = Bench((18, 0, 0))
    with pytest.raises(Rejected) as refused:
        bench.write(body)
    assert refusal in refused.value.message
    assert not bench.shelf.bodies


def test_bot_without_metadata() -> None:
    """A bot needs metadata to have a name."""
    with pytest.raises(Rejected, match="metadata: must be non-nil"):
        Bench().teleport.perform("create", Key("bot", "b"), {"kind": "bot", "spec": {}})


def test_update_of_a_bot_forgets_what_it_does_not_say() -> None:
    """`tctl create -f` replaces labels, traits and roles, and keeps the generation."""
    bench = Bench()
    body = bot(roles=["x"], traits=[{"name": "t", "values": ["v"]}])
    body["metadata"]["labels"] = {"a": "b"}
    bench.write(body)
    user = thaw(bench.shelf.bodies[Key("user", "bot-b")])
    user["metadata"]["labels"]["teleport.internal/bot-generation"] = "7"
    bench.shelf.put(Key("user", "bot-b"), freeze(user))
    bench.write(bot(roles=["y"]), "update")
    assert bench.read("bot", "b")["spec"] == {"roles": ["y"], "max_session_ttl": "43200s"}
    labels = bench.shelf.bodies[Key("user", "bot-b")]["metadata"]["labels"]
    assert labels == {"teleport.internal/bot": "b", "teleport.internal/bot-generation": "7"}


def test_a_person_called_like_a_bot() -> None:
    """A user of the right name who is no bot is neither overwritten nor deleted."""
    bench = Bench()
    person = {"kind": "user", "version": "v2", "metadata": {"name": "bot-b"}, "spec": {}}
    bench.teleport.restore(person)
    bench.teleport.restore(role(name="bot-b"))
    with pytest.raises(Rejected, match="missing label"):
        bench.write(bot(), "update")
    with pytest.raises(Rejected, match="consider manually deleting user"):
        bench.teleport.perform("delete", Key("bot", "b"))


def test_bot_without_its_role() -> None:
    """A bot that has lost its role is not listed, and cannot be changed."""
    bench = Bench()
    bench.write(bot())
    bench.shelf.remove(Key("role", "bot-b"))
    assert bench.names("bot") == []
    with pytest.raises(Missing, match="fetching bot role"):
        bench.teleport.perform("set-roles", Key("bot", "b"))


# ------------------------------------------------------------------------------------------- grants


def granted(roles: list[str], verb: str, *names: str) -> list[str]:
    """Give a bot with `roles` some more, in a cluster that knows x, y and z."""
    bench = Bench()
    for name in ("x", "y", "z"):
        bench.write(role(name=name))
    bench.write(bot(roles=roles))
    bench.teleport.perform(verb, Key("bot", "b"), roles=names)
    found: list[str] = bench.read("bot", "b")["spec"].get("roles", [])
    return found


@pytest.mark.parametrize(
    ("roles", "verb", "names", "held"),
    [
        (["y"], "add-roles", ("x",), ["x", "y"]),
        ([], "add-roles", ("x",), ["x"]),
        (["x", "y"], "set-roles", ("z",), ["z"]),
        (["x", "y"], "set-roles", (), []),
        (["y", "x"], "add-roles", ("x",), ["y", "x"]),
        (["gone"], "add-roles", ("gone",), ["gone"]),
    ],
)
def test_grants(roles: list[str], verb: str, names: tuple[str, ...], held: list[str]) -> None:
    """Adding keeps what a bot has, setting does not, and what changes nothing is not looked at."""
    assert granted(roles, verb, *names) == held


@pytest.mark.parametrize(
    ("roles", "verb", "names"),
    [
        ([], "add-roles", ("x", "nope")),
        ([], "set-roles", ("nope",)),
        (["nope"], "add-roles", ("x",)),
    ],
)
def test_grants_refused(roles: list[str], verb: str, names: tuple[str, ...]) -> None:
    """Every role of the result must be there, an old dangling one as well."""
    with pytest.raises(Missing, match=r"^role nope is not found$"):
        granted(roles, verb, *names)


def test_grant_to_nobody() -> None:
    """A grant to a bot that is not there says so."""
    with pytest.raises(Missing, match='user "bot-b" not found'):
        Bench().teleport.perform("add-roles", Key("bot", "b"), roles=("x",))


def test_role_in_use() -> None:
    """A role that a user holds stays; one that only a bot impersonates goes."""
    bench = Bench()
    bench.write(role(name="x"))
    bench.write(bot(roles=["x"]))
    with pytest.raises(Rejected, match="still in use by a user"):
        bench.teleport.perform("delete", Key("role", "bot-b"))
    bench.teleport.perform("delete", Key("role", "x"))
    assert bench.read("bot", "b")["spec"]["roles"] == ["x"]


# -------------------------------------------------------------------------------------------- apps


def test_stdio_app_as_read() -> None:
    """An MCP server on stdio gets its URI, its sub kind and the server's labels."""
    assert Bench().taken(app(labels={"env": "dev"}, mcp=STDIO)) == {
        "kind": "app",
        "sub_kind": "mcp",
        "version": "v3",
        "metadata": {
            "name": "a",
            "labels": {
                "env": "dev",
                "teleport.dev/origin": "dynamic",
                "teleport.internal/app-sub-kind": "mcp",
            },
        },
        "spec": {"uri": "mcp+stdio://", "insecure_skip_verify": False, "mcp": STDIO},
    }


@pytest.mark.parametrize(
    ("uri", "sub_kind"),
    [("mcp+https://h/mcp", "mcp"), ("mcp+sse+http://h", "mcp"), ("https://h", None)],
)
def test_remote_apps(uri: str, sub_kind: str | None) -> None:
    """The scheme of the URI makes an app an MCP server; headers and claims are kept."""
    rewrite = {"headers": [{"name": "A", "value": "{{internal.jwt}}"}], "jwt_claims": "none"}
    taken = Bench().taken(app(uri=uri, rewrite=rewrite, insecure_skip_verify=True))
    assert taken["spec"] == {"uri": uri, "insecure_skip_verify": True, "rewrite": rewrite}
    assert taken.get("sub_kind") == sub_kind


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({**app(uri="x"), "version": "v1"}, 'unsupported app resource version "v1"'),
        (app(), 'app "a" URI is empty'),
        (app(uri="x", cloud="Mine"), 'app "a" has unexpected Cloud value "Mine"'),
        (app(uri="x", rewrite={"jwt_claims": "all"}), 'unexpected JWT rewrite value "all"'),
        (app(mcp={"command": "x"}), "is missing 'run_as_host_user'"),
        (app(uri="mcp+stdio://"), "is missing 'command'"),
        (app("a/b", uri="x"), '"/applications/a/b"'),
        (app(uri="x", labels={"a b": "c"}), 'invalid label key: "a b"'),
        (app(uri="x", dynamic_labels={"a": {"period": "x"}}), "time: invalid duration"),
        (app(uri="x", dynamic_labels=["a"]), "cannot unmarshal array"),
    ],
)
def test_apps_refused(body: Body, refusal: str) -> None:
    """An app that Teleport refuses is refused in its words."""
    with pytest.raises(Rejected) as refused:
        Bench().write(body)
    assert refusal in refused.value.message


def test_app_of_a_cloud() -> None:
    """A cloud console needs no URI; commands for labels and ports are kept."""
    labels = {"up": {"period": "1h", "command": ["uptime"]}}
    taken = Bench().taken(app(cloud="GCP", dynamic_labels=labels, tcp_ports=[{"port": 1}]))
    assert taken["spec"]["uri"] == "cloud://GCP"
    assert taken["spec"]["dynamic_labels"]["up"] == {
        "period": "1h0m0s",
        "command": ["uptime"],
        "result": "",
    }


def test_unknown_app_fields_are_dropped() -> None:
    """The strictness of 18.8 is for roles: apps and tokens still lose unknown fields in silence."""
    bench = Bench()
    assert "nonsense" not in bench.taken(app(uri="x", nonsense=1))["spec"]
    assert "nonsense" not in bench.taken(token("token", nonsense=1))["spec"]


def test_apps_before_18_1() -> None:
    """Before 18.1.0 an MCP server on stdio is an app without a URI."""
    with pytest.raises(Rejected, match="URI is empty"):
        Bench((18, 0, 0)).write(app(mcp=STDIO))


def test_every_app_is_served() -> None:
    """Each app has a live app server with the app's own labels, beside the static ones."""
    bench = Bench()
    bench.write(app(labels={"env": "dev"}, mcp=STDIO))
    static = {
        "kind": "app_server",
        "version": "v3",
        "metadata": {"name": "s"},
        "spec": {"host_id": "1", "app": app("s", labels={"env": "prod"})},
    }
    bench.teleport.restore(static)
    bench.teleport.restore(bench.read("app_server", "a"))
    assert bench.names("app_server") == ["s", "a"]
    assert bench.read("app_server", "a")["spec"]["app"] == bench.read("app", "a")


# ------------------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize(
    ("body", "spec"),
    [
        (token(None), {"join_method": "token"}),
        (
            token(None, allow=[{"aws_account": "1"}]),
            {"join_method": "ec2", "aws_iid_ttl": "5m0s", "allow": [{"aws_account": "1"}]},
        ),
        (
            token("iam", allow=[{"aws_arn": "arn:*"}]),
            {"join_method": "iam", "allow": [{"aws_arn": "arn:*"}]},
        ),
        (
            token("github", {"allow": [{"repository": "a/b", "nonsense": 1}]}),
            {"join_method": "github", "github": {"allow": [{"repository": "a/b"}]}},
        ),
        (
            token("gitlab", {"allow": [{"sub": "s", "ref_protected": False}]}),
            {
                "join_method": "gitlab",
                "gitlab": {
                    "domain": "gitlab.com",
                    "allow": [{"sub": "s", "ref_protected": False}],
                },
            },
        ),
        (
            token("kubernetes", {"allow": [{"service_account": "ns:sa"}]}),
            {
                "join_method": "kubernetes",
                "kubernetes": {"type": "in_cluster", "allow": [{"service_account": "ns:sa"}]},
            },
        ),
        (
            token("bound_keypair", {"onboarding": {"initial_public_key": "k"}}),
            {
                "join_method": "bound_keypair",
                "bound_keypair": {
                    "onboarding": {"initial_public_key": "k"},
                    "recovery": {"limit": 1, "mode": ""},
                },
            },
        ),
        (
            token("tpm", {"allow": [{"ek_public_hash": "h"}]}),
            {"join_method": "tpm", "tpm": {"allow": [{"ek_public_hash": "h"}]}},
        ),
    ],
)
def test_tokens_as_stored(body: Body, spec: Mapping[str, object]) -> None:
    """A token is stored with what its join method fills in."""
    assert Bench().taken(body)["spec"] == {"roles": ["Bot"], "bot_name": "b", **spec}


def test_system_roles_are_spelled_out() -> None:
    """System roles are read in any case."""
    assert Bench().taken(token("token", roles=["bOT"]))["spec"]["roles"] == ["Bot"]


GITHUB = {"allow": [{"repository": "a/b"}]}


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({**token("token"), "version": "v1"}, "server resource version v1 is not supported"),
        (token("token", roles=[]), "provisioning token is missing roles"),
        (token("token", roles=["Cook"]), "role Cook is not registered"),
        (token("token", roles=["Bot", "bot"]), 'duplicate role "Bot"'),
        (token("token", bot_name=""), 'token with role "Bot" must set bot_name'),
        (token("token", roles=["Node"]), 'can only set bot_name on token with role "Bot"'),
        (token("magic"), 'unknown join method "magic"'),
        (token("token", allow=[{"aws_account": "1"}]), "allow rules are not compatible"),
        (token("github"), '"github" configuration must be provided for join method "github"'),
        (token("gcp", {"allow": [{"locations": ["l"]}]}), "with at least one project ID"),
        (token("oracle", {"allow": [{}]}), "allow[0]: tenancy must be set"),
        (token("circleci"), '"cirleci" configuration must be provided for join method "circleci"'),
        (token("gcp"), '"gcp" configuration must be provided for the join method "gcp"'),
        (token("tpm"), 'spec.tpm: must be configured for the join method "tpm"'),
        (token("github", {}), 'the "github" join method requires at least one token allow rule'),
        (token("tpm", {}), 'the "tpm" join method requires at least one token allow rule'),
        (token("github", {"allow": [{"actor": "a"}]}), 'allow rule for "github" must include'),
        (token("github", {**GITHUB, "enterprise_server_host": "h/p"}), "scheme or path"),
        (token("github", {**GITHUB, "enterprise_server_host": "h", "enterprise_slug": "s"}), "cannot both be set"),
        (token("gitlab", {}), "requires defined gitlab allow rules"),
        (token("gitlab", {"allow": [{"ref": "r"}]}), "to ensure security"),
        (token("gitlab", {"allow": [{"sub": "s"}], "domain": "a/b"}), "should not contain the scheme or path"),
        (token("kubernetes", {}), "allow: at least one rule must be set"),
        (token("kubernetes", {"allow": [{}]}), "allow[0].service_account: name of service account must be set"),
        (token("kubernetes", {"allow": [{"service_account": "sa"}]}), 'should be in format "namespace:service_account", got "sa" instead'),
        (token("kubernetes", {"allow": [{"service_account": "a:b"}], "type": "oidc"}), "type: must be one of"),
        (token("kubernetes", {"allow": [{"service_account": "a:b"}], "static_jwks": {"jwks": "k"}}), "must not be set"),
        (token("kubernetes", {"allow": [{"service_account": "a:b"}], "type": "static_jwks"}), "static_jwks: must be set"),
        (token("kubernetes", {"allow": [{"service_account": "a:b"}], "type": "static_jwks", "static_jwks": {}}), "static_jwks.jwks: must be set"),
        (token("iam"), 'the "iam" join method requires defined token allow rules'),
        (token("iam", allow=[{"aws_role": "r"}]), 'does not support the "aws_role" parameter'),
        (token("iam", allow=[{}]), 'join method must set "aws_account" or "aws_arn"'),
        (token("bound_keypair", {}), "spec.bound_keypair.onboarding is required"),
        (token("bound_keypair", {"onboarding": {}}), "at least one of [initial_join_secret, initial_public_key]"),
    ],
)  # fmt: skip
def test_tokens_refused(body: Body, refusal: str) -> None:
    """A token that Teleport refuses is refused in its words, and nothing is stored."""
    bench = Bench()
    with pytest.raises(Rejected) as refused:
        bench.write(body)
    assert refusal in refused.value.message
    assert not bench.shelf.bodies


# ----------------------------------------------------------------------------- presets and restoring


@pytest.mark.parametrize(("version", "has_mcp_user"), [((18, 2, 0), False), (NEWEST, True)])
def test_presets_are_taken(version: tuple[int, int, int], *, has_mcp_user: bool) -> None:
    """Every preset role is one that this release takes, and is labelled as a preset."""
    bench = Bench(version)
    for preset in presets(version):
        stored = bench.taken(preset)
        assert stored["metadata"]["labels"] == {"teleport.internal/resource-type": "preset"}
    assert {"access", "editor", "auditor", "reviewer", "requester"} <= set(bench.names("role"))
    assert ("mcp-user" in bench.names("role")) is has_mcp_user


@pytest.mark.parametrize("version", [(18, 2, 2), NEWEST])
def test_listings_can_be_restored(version: tuple[int, int, int]) -> None:
    """A cluster filled from another one's listings lists the same."""
    first, second = Bench(version), Bench(version)
    first.write(role())
    first.write(app(mcp=STDIO))
    first.write(token("github", GITHUB))
    named = bot(roles=["r"], max_session_ttl="90s")
    first.write({**named, "metadata": {"name": "b", "expires": "2027-01-01T00:00:00Z"}})
    kinds = ("role", "bot", "app", "app_server", "token")
    for kind in kinds:
        for body in first.teleport.listing(kind):
            second.teleport.restore(body)
    for kind in kinds[1:]:
        assert list(first.teleport.listing(kind)) == list(second.teleport.listing(kind))
    assert first.names("role") == second.names("role")


WRONG_TYPES = [
    role({"mcp": {"tools": 1}}),
    {**role(version="v99"), "spec": {"allow": []}},
    {**bot(), "metadata": {"name": "b", "expires": {"seconds": "soon"}}},
    bot(max_session_ttl={"seconds": 10**30}),
    bot(roles=[None, 1]),
    app(uri=1),
    {**app(), "kind": "app_server", "spec": {"app": {"metadata": {"labels": [1]}}}},
    token("github", {"allow": [1]}),
]


@pytest.mark.parametrize("body", WRONG_TYPES)
def test_wrong_types_are_found(body: Body) -> None:
    """A document from who knows where is refused when a known field is of another type."""
    with pytest.raises(Rejected):
        check_types(body)


def test_types_of_unknown_releases_are_let_through() -> None:
    """What a newer Teleport adds is no wrong type: unknown versions, fields and blocks pass."""
    check_types(role({"app_resources": [1]}, version="v9"))
    check_types({**bot(), "scope": "/x", "status": {"user_name": "bot-b", "new": 1}})


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(
    st.sampled_from(["role", "bot", "app", "token"]),
    st.sampled_from(["v1", "v2", "v3", "v8"]),
    st.dictionaries(st.sampled_from(["allow", "options", "roles", "traits", "mcp", "uri"]), plain),
    plain,
)
def test_nothing_but_cluster_errors(
    kind: str, version: str, spec: dict[str, Any], labels: object
) -> None:
    """Whatever a document holds, it is taken or refused; nothing else happens."""
    metadata = {"name": "x", "labels": labels}
    body = {"kind": kind, "version": version, "metadata": metadata, "spec": spec}
    bench = Bench()
    try:
        bench.write(body)
    except ClusterError:
        assert not bench.shelf.bodies
    else:
        assert bench.names(kind) == ["x"]
