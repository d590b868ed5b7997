"""What every cluster promises: memory, the embedded one, and tctl, stood in for and real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provisioner.change import Key
from provisioner.cluster.port import Scope, Verb, Write
from provisioner.errors import Exists, Missing, Rejected
from provisioner.values import thaw

if TYPE_CHECKING:
    from tests.contract.conftest import Contract

OPTIONS = {
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
TORTURE = "\"quoted\" 'twice' {{x}} \\ \t# no: comment\nsecond line ümläut \U0001f512 ---"


def test_it_says_who_it_is(contract: Contract) -> None:
    """A cluster has a name and a version."""
    assert contract.cluster.info().name
    assert contract.version >= (18, 0, 0)


def test_nothing_to_write(contract: Contract) -> None:
    """No writes, no outcomes."""
    assert contract.write() == {}


# ------------------------------------------------------------------------------------------- roles


def test_role_is_filled_in(contract: Contract) -> None:
    """A role is read back with every default and an empty deny; MCP is known from 18.1 on."""
    selector = {"app_labels": {"env": "dev"}}
    mcp = {"mcp": {"tools": ["search-files", "^get_.*$", "{{internal.mcp_tools}}"]}}
    body = contract.role("r", {**selector, **mcp})
    assert contract.taken(body) == {
        **body,
        "spec": {
            "allow": {**selector, **(mcp if contract.version >= (18, 1, 0) else {})},
            "deny": {},
            "options": OPTIONS,
        },
    }


@pytest.mark.parametrize("version", ["v3", "v4", "v5", "v6", "v7", "v8"])
def test_role_versions(contract: Contract, version: str) -> None:
    """Each version known is kept, and only v3 opens every app when it is silent."""
    taken = contract.taken(contract.role("r", version=version))
    assert taken["version"] == version
    assert taken["spec"]["allow"].get("app_labels") == ({"*": "*"} if version == "v3" else None)
    assert ("idp" in taken["spec"]["options"]) is (version != "v8")


def test_selectors_and_lengths(contract: Contract) -> None:
    """One value in a list becomes text, two stay a list, and lengths take Go's form."""
    labels = {"one": ["a"], "two": ["a", "b"], "text": "a"}
    body = contract.role("r", {"app_labels": labels}, options={"max_session_ttl": "90m"})
    spec = contract.taken(body)["spec"]
    assert spec["allow"]["app_labels"] == {"one": "a", "two": ["a", "b"], "text": "a"}
    assert spec["options"]["max_session_ttl"] == "1h30m0s"


BLOCKS: dict[str, tuple[object, object]] = {
    "record_session": ({"default": "strict"}, {"default": "strict", "desktop": None}),
    "ssh_port_forwarding": (
        {"local": {"enabled": False}, "remote": {"enabled": True}},
        {"local": {"enabled": False}, "remote": {"enabled": True}},
    ),
    "enhanced_recording": (["disk"], ["disk"]),
    "cert_extensions": (
        [{"type": "ssh", "mode": "extension", "name": "n", "value": "v"}],
        [{"type": "ssh", "mode": "extension", "name": "n", "value": "v"}],
    ),
    "client_idle_timeout": ("15m", "15m0s"),
    "create_host_user_mode": ("keep", "keep"),
    "create_db_user_mode": ("off", "off"),
    "device_trust_mode": ("optional", "optional"),
    "disconnect_expired_cert": (True, True),
    "forward_agent": ("yes", True),
    "lock": ("strict", "strict"),
    "max_connections": (3, 3),
    "permit_x11_forwarding": (True, True),
    "request_prompt": ("why?", "why?"),
    "require_session_mfa": (True, True),
    "ssh_file_copy": (False, False),
}


def test_every_block_of_options(contract: Contract) -> None:
    """Options come back as they were set, in Teleport's spelling, and the others by default."""
    written = {name: block for name, (block, _) in BLOCKS.items()}
    read = {name: block for name, (_, block) in BLOCKS.items()}
    taken = contract.taken(contract.role("r", options=written))
    assert taken["spec"]["options"] == {**OPTIONS, **read}


def test_metadata_is_kept(contract: Contract) -> None:
    """Description, labels and expiry are kept; times are in UTC."""
    metadata = {
        "description": TORTURE,
        "labels": {"team/x": TORTURE, "empty": ""},
        "expires": "2099-01-01T02:00:00+02:00",
    }
    body = contract.role("r", metadata=metadata)
    expected = {**body["metadata"], "expires": "2099-01-01T00:00:00Z"}
    assert contract.taken(body)["metadata"] == expected


def test_text_is_kept(contract: Contract) -> None:
    """Whatever stands in a text comes back as it was."""
    logins = [TORTURE, "yes", "1.0", "null", "~", " ", "0123", "a: b", "- c", "\x7f", "\u00a0"]
    taken = contract.taken(contract.role("r", {"logins": logins, "app_labels": {"k": TORTURE}}))
    assert taken["spec"]["allow"] == {"logins": logins, "app_labels": {"k": TORTURE}}


def test_update_replaces(contract: Contract) -> None:
    """An update leaves nothing of what was there before."""
    contract.create(contract.role("r", {"logins": ["a"]}, options={"lock": "strict"}))
    new = contract.role("r", {"app_labels": {"a": "b"}})
    assert contract.outcome(Verb.UPDATE, new) is None
    spec = contract.read("role")[contract.key("role", "r")]["spec"]
    assert spec == {"allow": {"app_labels": {"a": "b"}}, "deny": {}, "options": OPTIONS}


def test_update_can_be_repeated(contract: Contract) -> None:
    """An update of what is not there creates it, and repeated it changes nothing."""
    bodies = [contract.role("r"), contract.bot("b", "r"), contract.app("a"), contract.token("t")]
    writes = [contract.document(Verb.UPDATE, body) for body in bodies]
    assert not any(contract.write(*writes).values())
    first = contract.read("role", "bot", "app", "token")
    assert len(first) == 4
    assert not any(contract.write(*writes).values())
    assert contract.read("role", "bot", "app", "token") == first


def refused_roles(contract: Contract) -> dict[str, dict[str, Any]]:
    """Return roles that no release takes, by what is wrong with them."""
    idp = {"idp": {"saml": {"enabled": True}}}
    return {
        "version": contract.role("version", version="v9"),
        "label key": contract.role("key", metadata={"labels": {"a b": "c"}}),
        "origin": contract.role("origin", metadata={"labels": {"teleport.dev/origin": "me"}}),
        "wildcard": contract.role("wildcard", {"app_labels": {"*": "dev"}}),
        "logins": contract.role("logins", {"logins": ["*"]}),
        "characters": contract.role("a b"),
        "slash": contract.role("a/b"),
        "number": contract.role("number", {"app_labels": {"env": 1}}),
        "duration": contract.role("duration", options={"max_session_ttl": "soon"}),
        "lock": contract.role("lock", options={"lock": "loose"}),
        "recording": contract.role("recording", options={"enhanced_recording": ["all"]}),
        "rule": contract.role("rule", {"rules": [{"resources": ["role"]}]}),
        "dynamic": contract.role("dynamic", deny={"app_labels": {"dynamic/a": "b"}}),
        "idp": contract.role("idp", options=idp),
    }


def test_roles_refused(contract: Contract) -> None:
    """What Teleport does not take is rejected with a reason, one by one, and is not there."""
    bodies = refused_roles(contract)
    outcomes = contract.write(*(contract.document(Verb.UPDATE, b) for b in bodies.values()))
    errors = {what: outcomes[Key("role", b["metadata"]["name"])] for what, b in bodies.items()}
    assert errors.keys() == bodies.keys()
    assert [what for what, error in errors.items() if not isinstance(error, Rejected)] == []
    assert all(str(error) for error in errors.values())
    assert contract.read("role") == {}


@pytest.mark.parametrize("name", ["Bot", "Node", "Proxy"])
def test_reserved_names(contract: Contract, name: str) -> None:
    """A role cannot be called like one of Teleport's own."""
    body = contract.role("r")
    body["metadata"]["name"] = name
    (outcome,) = contract.cluster.write([contract.document(Verb.UPDATE, body)])
    assert isinstance(outcome.error, Rejected)
    assert name in str(outcome.error)


# -------------------------------------------------------------------------------- being there or not


@pytest.mark.parametrize("kind", ["role", "bot", "app"])
def test_create_what_is_there(contract: Contract, kind: str) -> None:
    """To create what is there already is refused, and leaves it as it was."""
    bodies = {
        "role": (contract.role("x"), contract.role("x", {"logins": ["root"]})),
        "bot": (contract.bot("x"), contract.bot("x", "r")),
        "app": (contract.app("x"), contract.app("x", uri="https://localhost:2")),
    }
    first, second = bodies[kind]
    before = contract.taken(first)
    assert isinstance(contract.outcome(Verb.CREATE, second), Exists)
    assert contract.read(kind)[contract.key(kind, "x")] == before


@pytest.mark.parametrize("kind", ["role", "bot", "app", "token"])
def test_delete_what_is_not_there(contract: Contract, kind: str) -> None:
    """To delete what is not there is an error of its own class."""
    key = contract.key(kind, "nobody")
    assert isinstance(contract.write(Write(Verb.DELETE, key))[key], Missing)


def test_delete(contract: Contract) -> None:
    """What is deleted is gone, whatever its kind, and can be created again."""
    bodies = [contract.role("r"), contract.bot("b"), contract.app("a"), contract.token("t")]
    contract.create(*bodies)
    assert len(contract.read("role", "bot", "app", "token")) == 4
    keys = [Key(body["kind"], body["metadata"]["name"]) for body in bodies]
    assert not any(contract.write(*(Write(Verb.DELETE, key) for key in keys)).values())
    assert contract.read("role", "bot", "app", "token") == {}
    contract.create(bodies[0], bodies[1])


def test_role_behind_a_bot_stays(contract: Contract) -> None:
    """The role that stands behind a bot cannot be deleted from under it."""
    contract.create(contract.bot("b"))
    list(contract.cluster.write([Write(Verb.DELETE, Key("role", f"bot-{contract.prefix}b"))]))
    assert contract.key("bot", "b") in contract.read("bot")


def test_role_of_a_bot_can_be_deleted(contract: Contract) -> None:
    """Teleport deletes a role that a bot names, and the bot goes on naming it."""
    contract.create(contract.role("r"))
    contract.create(contract.bot("b", "r"))
    key = contract.key("role", "r")
    assert contract.write(Write(Verb.DELETE, key)) == {key: None}
    bot = contract.read("bot")[contract.key("bot", "b")]
    assert bot["spec"]["roles"] == [key.name]


# -------------------------------------------------------------------------------------------- bots


def test_bot_is_filled_in(contract: Contract) -> None:
    """A bot is read with twelve hours, without revision, its roles in their order."""
    body = contract.bot("b", "z", "a", metadata={"labels": {"team": "ml"}})
    taken = contract.taken(body)
    # 12 hours in protobuf's JSON, or as tctl printed it before 18.2.3
    assert taken["spec"].pop("max_session_ttl") in ("43200s", {"seconds": 43200})
    behind = f"bot-{contract.prefix}b"
    assert taken == {**body, "status": {"user_name": behind, "role_name": behind}}


def test_traits_are_a_map(contract: Contract) -> None:
    """Traits come back in any order, merged by name, without the empty ones."""
    traits = [
        {"name": "z", "values": ["1", "2"]},
        {"name": "none", "values": []},
        {"name": "a", "values": ["3"]},
    ]
    taken = contract.taken(contract.bot("b", traits=traits))["spec"]["traits"]
    assert {trait["name"]: trait["values"] for trait in taken} == {"z": ["1", "2"], "a": ["3"]}


def test_update_of_a_bot_wipes(contract: Contract) -> None:
    """What an update of a bot does not say is gone: labels, traits and roles."""
    traits = [{"name": "t", "values": ["v"]}]
    contract.create(contract.bot("b", "x", traits=traits, metadata={"labels": {"a": "b"}}))
    assert contract.outcome(Verb.UPDATE, contract.bot("b", "y")) is None
    bot = contract.read("bot")[contract.key("bot", "b")]
    assert bot["metadata"] == {"name": f"{contract.prefix}b"}
    assert bot["spec"]["roles"] == [f"{contract.prefix}y"]
    assert "traits" not in bot["spec"]


def test_bots_refused(contract: Contract) -> None:
    """A bot with an unknown field or a wrong value is rejected in every release."""
    bodies = [
        contract.bot("field", rolez=[]),
        contract.bot("ttl", max_session_ttl="12h"),
        contract.bot("number", max_session_ttl=43200),
        contract.bot("label", metadata={"labels": {"a b": "c"}}),
        contract.bot("a/b"),
        {**contract.bot("top"), "roles": []},
        {**contract.bot("empty"), "spec": {"roles": [""]}},
    ]
    outcomes = contract.write(*(contract.document(Verb.CREATE, body) for body in bodies))
    errors = {key: type(error) for key, error in outcomes.items()}
    assert errors == dict.fromkeys(outcomes, Rejected)
    assert contract.read("bot") == {}


def test_generated_roles_are_never_listed(contract: Contract) -> None:
    """The role that Teleport makes for a bot is not shown, the site's own are."""
    contract.create(contract.role("r"), contract.bot("b", "r"))
    assert set(contract.read("role")) == {contract.key("role", "r")}
    everything = contract.cluster.read(Scope(("role",)))
    assert not [b for b in everything if b["metadata"]["name"].startswith("bot-pv-contract-")]


@pytest.mark.parametrize(
    ("held", "verb", "roles", "result"),
    [
        ("ab", Verb.ADD_ROLES, "c", "abc"),
        ("ab", Verb.ADD_ROLES, "bc", "abc"),
        ("ab", Verb.ADD_ROLES, "a", "ab"),
        ("", Verb.ADD_ROLES, "ab", "ab"),
        ("ab", Verb.SET_ROLES, "c", "c"),
        ("ab", Verb.SET_ROLES, "", ""),
    ],
)
def test_grants(contract: Contract, held: str, verb: Verb, roles: str, result: str) -> None:
    """Adding roles keeps the others, setting does not; traits and labels stay."""
    contract.create(*(contract.role(name) for name in "abc"))
    traits = [{"name": "t", "values": ["v"]}]
    contract.create(contract.bot("bot", *held, traits=traits, metadata={"labels": {"k": "v"}}))
    key = contract.key("bot", "bot")
    names = tuple(contract.prefix + name for name in roles)
    assert contract.write(Write(verb, key, roles=names)) == {key: None}
    bot = contract.read("bot")[key]
    assert sorted(bot["spec"].get("roles", [])) == [contract.prefix + name for name in result]
    assert bot["spec"]["traits"] == traits
    assert bot["metadata"]["labels"] == {"k": "v"}


@pytest.mark.parametrize("held", ["", "x"])
def test_grant_of_a_missing_role(contract: Contract, held: str) -> None:
    """A grant is refused when a role of its result is missing, and then changes nothing."""
    contract.create(contract.role("r"), contract.bot("bot", *held))
    key = contract.key("bot", "bot")
    before = contract.read("bot")[key]
    asked = (contract.prefix + "r",) if held else (contract.prefix + "r", contract.prefix + "x")
    error = contract.write(Write(Verb.ADD_ROLES, key, roles=asked))[key]
    assert isinstance(error, Missing)
    assert f"{contract.prefix}x" in str(error)
    assert contract.read("bot")[key] == before


def test_grants_to_many(contract: Contract) -> None:
    """Grants to several bots each have their own outcome, a bot that is not there among them."""
    contract.create(contract.role("r"), *(contract.bot(name) for name in "abc"))
    role = (contract.prefix + "r",)
    writes = [Write(Verb.ADD_ROLES, contract.key("bot", name), roles=role) for name in "abcd"]
    outcomes = contract.write(*writes)
    assert [type(outcomes[write.key]) for write in writes] == [type(None)] * 3 + [Missing]
    assert all(bot["spec"]["roles"] == list(role) for bot in contract.read("bot").values())


# ------------------------------------------------------------------------------------ apps and tokens


def test_app_is_filled_in(contract: Contract) -> None:
    """An app is read with the server's own label and what it always prints."""
    taken = contract.taken(contract.app("a", env="dev"))
    assert taken["spec"] == {"uri": "https://localhost:1", "insecure_skip_verify": False}
    assert taken["metadata"]["labels"] == {"env": "dev", "teleport.dev/origin": "dynamic"}


def test_mcp_app(contract: Contract) -> None:
    """An MCP server on stdio is an app of its own kind since 18.1, and none before."""
    body = contract.app("a", env="dev")
    body["spec"] = {"mcp": {"command": "docker", "args": ["run"], "run_as_host_user": "docker"}}
    error = contract.outcome(Verb.CREATE, body)
    if contract.version < (18, 1, 0):
        assert isinstance(error, Rejected)
        return
    assert error is None
    taken = contract.read("app")[contract.key("app", "a")]
    assert taken["sub_kind"] == "mcp"
    assert taken["spec"] == {
        **body["spec"],
        "uri": "mcp+stdio://",
        "insecure_skip_verify": False,
    }


def test_app_update(contract: Contract) -> None:
    """An update of an app replaces labels and rewriting."""
    first = contract.app("a", env="dev", team="ml")
    first["spec"]["rewrite"] = {"headers": [{"name": "A", "value": "{{internal.jwt}}"}]}
    assert contract.taken(first)["spec"]["rewrite"] == first["spec"]["rewrite"]
    assert contract.outcome(Verb.UPDATE, contract.app("a", env="prod")) is None
    taken = contract.read("app")[contract.key("app", "a")]
    assert taken["metadata"]["labels"] == {"env": "prod", "teleport.dev/origin": "dynamic"}
    assert "rewrite" not in taken["spec"]


def test_apps_refused(contract: Contract) -> None:
    """An app without a URI, or of another version, is rejected."""
    bodies = [contract.app("empty", uri=""), {**contract.app("old"), "version": "v1"}]
    outcomes = contract.write(*(contract.document(Verb.CREATE, body) for body in bodies))
    assert [type(error) for error in outcomes.values()] == [Rejected, Rejected]
    assert contract.read("app") == {}


def test_tokens_are_reduced_to_ours(contract: Contract) -> None:
    """Of all tokens only the site's own and those asked for by name are ever shown."""
    site = contract.prefix.rstrip("-")
    contract.create(
        contract.token("mine", **{"provisioner/site": site}),
        contract.token("theirs", **{"provisioner/site": "another"}),
        contract.token("asked"),
        contract.token("nobodys"),
    )
    asked = frozenset({f"{contract.prefix}asked"})
    read = contract.cluster.read
    shown = {body["metadata"]["name"] for body in read(Scope(("token",), site, asked))}
    assert shown == {f"{contract.prefix}mine", f"{contract.prefix}asked"}
    assert read(Scope(("token",))) == ()


def test_token_is_filled_in(contract: Contract) -> None:
    """A token is read back with what its join method fills in, and system roles spelled out."""
    body = contract.token("t")
    body["spec"]["roles"] = ["bot"]
    body["spec"]["join_method"] = "kubernetes"
    block = {"allow": [{"service_account": "ns:sa"}]}
    del body["spec"]["github"]
    taken = contract.taken({**body, "spec": {**body["spec"], "kubernetes": block}})
    assert taken["spec"] == {
        "roles": ["Bot"],
        "bot_name": "somebody",
        "join_method": "kubernetes",
        "kubernetes": {**block, "type": "in_cluster"},
    }


def test_tokens_refused(contract: Contract) -> None:
    """A token that no machine could join with is rejected."""
    without_bot, without_rule, unknown = (contract.token(name) for name in "abc")
    del without_bot["spec"]["bot_name"]
    without_rule["spec"]["github"] = {}
    unknown["spec"]["join_method"] = "magic"
    bodies = (without_bot, without_rule, unknown)
    outcomes = contract.write(*(contract.document(Verb.CREATE, body) for body in bodies))
    assert [type(error) for error in outcomes.values()] == [Rejected] * 3
    assert contract.read("token") == {}


# ---------------------------------------------------------------------------------- batches and reads


def test_one_bad_document(contract: Contract) -> None:
    """A document that fails in the middle of a batch stops none of the others."""
    contract.create(contract.role("there"), contract.role("old"))
    good = [contract.role(name) for name in ("a", "b", "c")]
    batch = [
        contract.document(Verb.CREATE, good[0]),
        contract.document(Verb.CREATE, contract.role("there")),
        contract.document(Verb.UPDATE, good[1]),
        contract.document(Verb.CREATE, contract.role("bad", version="v9")),
        Write(Verb.DELETE, contract.key("role", "old")),
        contract.document(Verb.CREATE, contract.bot("bot", rolez=[])),
        contract.document(Verb.CREATE, good[2]),
    ]
    outcomes = contract.write(*batch)
    failed = {key.name.removeprefix(contract.prefix): type(e) for key, e in outcomes.items() if e}
    assert failed == {"there": Exists, "bad": Rejected, "bot": Rejected}
    names = {key.name.removeprefix(contract.prefix) for key in contract.read("role")}
    assert names == {"there", "a", "b", "c"}


def test_a_large_batch(contract: Contract) -> None:
    """A batch may be of any size, mix kinds and verbs, and fail here and there."""
    contract.create(contract.role("r0"))
    bodies: list[dict[str, Any]] = [contract.role(f"r{number}") for number in range(32)]
    bodies += [contract.bot(f"b{number}", "r1") for number in range(4)]
    bodies[20] = contract.role("r20", {"app_labels": {"*": "dev"}})
    outcomes = contract.write(*(contract.document(Verb.CREATE, body) for body in bodies))
    failed = {key.name.removeprefix(contract.prefix): type(e) for key, e in outcomes.items() if e}
    assert failed == {"r0": Exists, "r20": Rejected}
    assert len(contract.read("role")) == 31
    assert len(contract.read("bot")) == 4


def test_several_kinds_at_once(contract: Contract) -> None:
    """One read gives every kind that is asked for, and no other."""
    contract.create(contract.role("r"), contract.bot("b", "r"), contract.app("a"))
    kinds = [key.kind for key in sorted(contract.read("role", "bot", "app"))]
    assert kinds == ["app", "bot", "role"]
    assert [key.kind for key in contract.read("bot")] == ["bot"]
    assert contract.cluster.read(Scope(())) == ()


def test_what_was_read_can_be_written(contract: Contract) -> None:
    """Writing back what was read changes nothing."""
    bodies = [contract.role("r", {"logins": ["a"]}, version="v5"), contract.app("a", env="dev")]
    contract.create(*bodies)
    before = contract.read("role", "app")
    writes = [contract.document(Verb.UPDATE, body) for body in before.values()]
    assert not any(contract.write(*writes).values())
    assert contract.read("role", "app") == before


def test_bodies_cannot_be_changed(contract: Contract) -> None:
    """What is read is frozen all the way down, and thaws to plain values."""
    contract.create(contract.role("r", {"logins": ["a"]}))
    found = contract.cluster.read(Scope(("role",)))
    body = next(each for each in found if each["metadata"]["name"].startswith(contract.prefix))
    assert isinstance(body["spec"]["allow"]["logins"], tuple)
    assert type(thaw(body)) is dict
    with pytest.raises(TypeError):
        body["spec"]["allow"]["logins"] = ()
