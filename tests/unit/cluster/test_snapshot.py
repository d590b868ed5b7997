from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.change import ClusterInfo, Key
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Scope
from provisioner.cluster.snapshot import KINDS, SnapshotCluster, parse, take
from provisioner.errors import Garbled, Missing
from provisioner.values import Body, Secret

NOON = datetime(2026, 6, 30, 14, tzinfo=timezone(timedelta(hours=2)))
ROLE = {"kind": "role", "version": "v8", "metadata": {"name": "r"}, "spec": {}}
BOT = {"kind": "bot", "version": "v1", "metadata": {"name": "b"}, "spec": {"roles": ["r"]}}


def token(name: str, method: str, **spec: object) -> dict[str, Any]:
    return {
        "kind": "token",
        "version": "v2",
        "metadata": {"name": name, "labels": {"provisioner/site": "acme"}},
        "spec": {"roles": ["Bot"], "bot_name": "b", "join_method": method, **spec},
    }


def app(header: str) -> dict[str, Any]:
    headers = [{"name": "Authorization", "value": header}]
    spec = {"uri": "mcp+https://h/mcp", "rewrite": {"headers": headers}}
    return {"kind": "app", "version": "v3", "metadata": {"name": "a"}, "spec": spec}


def snapshot(**changes: object) -> dict[str, Any]:
    return {
        "format_version": 1,
        "cluster": {"name": "prod", "version": "18.8.3"},
        "taken": "2026-06-30T12:00:00Z",
        "documents": {kind: [] for kind in KINDS},
        **changes,
    }


def with_role(**changes: object) -> dict[str, Any]:
    return snapshot(documents={"role": [{**ROLE, **changes}]})


def loaded(value: object) -> SnapshotCluster:
    return parse(json.dumps(value).encode(), "live.json")


# ----------------------------------------------------------------------------------------------- taking


def test_a_snapshot_reads_as_the_cluster_did() -> None:
    """What is read from a snapshot is what was read from the cluster."""
    cluster = MemoryCluster([ROLE, BOT, app("{{internal.jwt}}"), token("t", "github")], name="prod")
    scope = Scope(KINDS, site="acme")
    copy = loaded(take(cluster, now=NOON, scope=scope))
    assert sorted(copy.read(scope), key=str) == sorted(cluster.read(scope), key=str)
    assert copy.info() == ClusterInfo(
        "prod", "18.8.3", None, "file:live.json", "2026-06-30T12:00:00Z"
    )


def test_the_documents_make_a_cluster_again() -> None:
    """A cluster filled from a snapshot can be written to, to see what would happen."""
    copy = loaded(take(MemoryCluster([ROLE, BOT]), now=NOON))
    bodies = [body for found in copy.documents.values() for body in found]
    assert len(MemoryCluster(bodies).read(Scope(("role", "bot")))) == 2


@pytest.mark.parametrize(
    ("body", "secret"),
    [
        (token("abc-secret", "token"), "abc-secret"),
        (token("abc-secret", ""), "abc-secret"),
        (token("t", "bound_keypair", bound_keypair={"onboarding": {"registration_secret": "hunter2"}}), "hunter2"),
        ({**token("t", "github"), "status": {"bound_keypair": {"registration_secret": "hunter2"}}}, "hunter2"),
        (app("Bearer hunter2"), "hunter2"),
        ({"kind": "app_server", "version": "v3", "metadata": {"name": "a"}, "spec": {"app": app("hunter2")}}, "hunter2"),
    ],
)  # fmt: skip
def test_no_secrets(body: dict[str, Any], secret: str) -> None:
    """Nothing that opens a door is in a snapshot, and what is left of it can be read again."""
    taken = take(MemoryCluster([body]), now=NOON, scope=Scope(KINDS, site="acme"))
    assert secret not in json.dumps(taken)
    loaded(taken)


def test_secrets_that_an_adapter_hides() -> None:
    """What reaches a snapshot hidden already is masked, wherever it stands."""
    hidden = {**ROLE, "spec": {"allow": {"logins": ["root", Secret("hunter2")]}}}

    class Adapter:
        def info(self) -> ClusterInfo:
            return ClusterInfo("prod", "18.8.3")

        def read(self, _scope: Scope) -> tuple[Body, ...]:
            return (hidden,)

    (found,) = take(Adapter(), now=NOON)["documents"]["role"]
    assert found["spec"] == {"allow": {"logins": ["root", "<secret>"]}}


def test_other_sites_tokens_are_left_out() -> None:
    """A snapshot holds the tokens of its site and those asked for by name."""
    cluster = MemoryCluster([token("t", "github")])
    named = take(cluster, now=NOON, scope=Scope(("token",), tokens=frozenset({"t"})))
    assert [body["metadata"]["name"] for body in named["documents"]["token"]] == ["t"]
    assert take(cluster, now=NOON, scope=Scope(("token",)))["documents"] == {"token": []}


def test_tokens_are_not_asked_for_without_a_site() -> None:
    """Whoever may not read tokens can take a snapshot, which then does not say that there are none."""
    taken = take(MemoryCluster([ROLE]), now=NOON)
    assert list(taken["documents"]) == ["role", "bot", "app", "app_server"]
    with pytest.raises(Missing, match="no documents of kind token") as caught:
        loaded(taken).read(Scope(("role", "token")))
    assert caught.value.hint == "take it again for this site: provision snapshot SITE -o FILE"


def test_templates_in_headers_are_kept() -> None:
    """A header that Teleport fills in is no secret."""
    taken = take(MemoryCluster([app("Bearer {{internal.jwt}}")]), now=NOON)
    (found,) = taken["documents"]["app"]
    assert found["spec"]["rewrite"]["headers"][0]["value"] == "Bearer {{internal.jwt}}"


def test_documents_stand_in_order() -> None:
    """Two snapshots of the same state are the same file."""
    roles = [{**ROLE, "metadata": {"name": name}} for name in "cab"]
    taken = take(MemoryCluster(roles), now=NOON)
    assert [body["metadata"]["name"] for body in taken["documents"]["role"]] == ["a", "b", "c"]


# ---------------------------------------------------------------------------------------------- reading


def test_a_kind_that_was_not_taken() -> None:
    """A snapshot without a kind cannot say that there is nothing of it."""
    copy = loaded(snapshot(documents={"role": []}))
    assert copy.read(Scope(("role",))) == ()
    with pytest.raises(Missing, match=r"live\.json: the snapshot holds no documents of kind bot"):
        copy.read(Scope(("role", "bot")))


def test_generated_roles_are_not_shown() -> None:
    """A snapshot written by hand obeys the scope like any cluster."""
    labels = {"teleport.internal/bot": "b"}
    copy = loaded(with_role(metadata={"name": "bot-b", "labels": labels}))
    assert copy.read(Scope(("role",))) == ()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "$: expected an object"),
        (snapshot(format_version=2), "$.format_version: 2 is not 1"),
        (snapshot(format_version=None), "$.format_version: null is not 1"),
        (snapshot(cluster="prod"), "$.cluster: expected an object"),
        (snapshot(cluster={"name": "prod"}), "$.cluster.version: expected text"),
        (snapshot(cluster={"name": 1, "version": "18"}), "$.cluster.name: expected text"),
        (snapshot(cluster={"name": "x", "version": "new"}), "$.cluster.version: 'new' is not a version"),
        (snapshot(taken="yesterday"), "$.taken: 'yesterday' is not a time"),
        (snapshot(documents=[]), "$.documents: expected an object"),
        (snapshot(documents={"node": []}), "$.documents.node: not one of the kinds role, bot"),
        (snapshot(documents={"role": {}}), "$.documents.role: expected a list"),
        (snapshot(documents={"role": ["r"]}), "$.documents.role[0]: expected an object"),
        (with_role(kind="bot"), "$.documents.role[0].kind: expected role"),
        (with_role(version=8), "$.documents.role[0].version: expected text"),
        (with_role(metadata=None), "$.documents.role[0].metadata: expected an object"),
        (with_role(metadata={"name": 5}), "$.documents.role[0].metadata.name: expected text"),
        (with_role(metadata={"name": "r", "labels": {"a": 1}}), "field metadata.labels of type string"),
        (with_role(metadata={"name": "r", "expires": "x"}), '$.documents.role[0]: parsing time "x"'),
        (with_role(spec=[]), "$.documents.role[0].spec: expected an object"),
        (with_role(spec={"allow": {"mcp": {"tools": "x"}}}), "$.documents.role[0]: json: cannot unmarshal string"),
        (snapshot(documents={"bot": [BOT, {**BOT, "spec": {"roles": ["x"]}}]}), "$.documents.bot[1].metadata.name: that of $.documents.bot[0] as well"),
        (snapshot(documents={"bot": [{**BOT, "spec": {"roles": [1]}}]}), "$.documents.bot[0]: proto:"),
        (snapshot(documents={"app_server": [{"kind": "app_server", "version": "v3", "metadata": {"name": "a"}, "spec": {"app": 1}}]}), "$.documents.app_server[0]: json: cannot unmarshal number"),
    ],
)  # fmt: skip
def test_what_is_no_snapshot(value: object, problem: str) -> None:
    """Whatever is wrong is named by its path in the file, with the cure."""
    with pytest.raises(Garbled) as garbled:
        loaded(value)
    assert garbled.value.message.startswith("live.json: ")
    assert problem in garbled.value.message
    assert "provision snapshot" in garbled.value.hint


NESTED = json.dumps(snapshot(deep="@")).replace('"@"', "[" * 70 + "]" * 70)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "live.json:1:1: Expecting value"),
        (b'{\n "a": }', "live.json:2:7: Expecting value"),
        (b"\xff\xfe", "codec can't decode"),
        (b"[" * 100_000, "live.json: nested too deeply"),
        (NESTED.encode(), "nested too deeply"),
        (b'{"a": 1, "a": 2}', "the key 'a' stands twice in one object"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "live.json: Exceeds the limit"),
        (json.dumps(snapshot(more="@")).replace('"@"', "1e999").encode(), "$.more: a number too large"),
        (json.dumps(snapshot(more="@")).replace("@", r"\ud800").encode(), "$.more: 'utf-8' codec"),
        (json.dumps(snapshot()).replace('"role"', r'"\ud800"').encode(), "surrogates not allowed"),
    ],
)  # fmt: skip
def test_hostile_bytes(data: bytes, problem: str) -> None:
    """Bytes that are not JSON as everybody reads it are refused with file and place."""
    with pytest.raises(Garbled) as garbled:
        parse(data, "live.json")
    assert problem in garbled.value.message


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is too large is not even read as JSON."""
    monkeypatch.setattr("provisioner.cluster.snapshot._LARGEST", 10)
    with pytest.raises(Garbled, match="larger than a snapshot can be"):
        parse(b"x" * 11, "live.json")


def test_a_byte_order_mark_is_let_through() -> None:
    """A file saved by an editor that adds a byte order mark is read."""
    assert parse(b"\xef\xbb\xbf" + json.dumps(snapshot()).encode(), "f").info().name == "prod"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
somewhere = st.sampled_from(
    ["kind", "version", "metadata", "spec", "name", "labels", "roles", "expires"]
)


@given(
    st.sampled_from(KINDS),
    st.dictionaries(somewhere, json_values),
    st.dictionaries(somewhere, json_values),
)
def test_nothing_but_garbled(kind: str, top: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Whatever a document says, the snapshot is read or refused; and what is read can be listed."""
    body = {"kind": kind, "version": "v1", "metadata": {"name": "x", **metadata}, "spec": {}, **top}
    data = json.dumps(snapshot(documents={kind: [body]})).encode()
    try:
        copy = parse(data, "live.json")
    except Garbled as garbled:
        said = garbled.message
    else:
        said = f"live.json: {len(copy.read(Scope((kind,), tokens=frozenset({'x'}))))}"
    assert said.startswith("live.json: ")


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    """No bytes lead to anything but an error that names the file."""
    with pytest.raises(Garbled, match=r"^live\.json"):
        parse(data, "live.json")


def test_taken_in_utc() -> None:
    """The time of a snapshot is written in UTC, to the second."""
    now = datetime(2026, 1, 1, 1, 2, 3, 999, tzinfo=UTC)
    assert take(MemoryCluster(), now=now)["taken"] == "2026-01-01T01:02:03Z"


# ------------------------------------------------------------------------------------- a part of a cluster


def part(**left_out: list[str]) -> SnapshotCluster:
    return loaded(snapshot(site="acme", left_out=left_out))


def test_what_was_left_out_is_not_taken_for_missing() -> None:
    """Where a plan needs what a snapshot was reduced by, it is refused, by name, and nothing is read."""
    cluster = part(role=["auditor", "editor"])
    wanted = frozenset({Key("role", "editor"), Key("role", "dev")})
    with pytest.raises(Missing, match="without role/editor, which is needed now"):
        cluster.read(Scope(("role",), "acme", needs=wanted))
    assert cluster.read(Scope(("role",), "acme", needs=frozenset({Key("role", "dev")}))) == ()


def test_it_is_of_one_site() -> None:
    """A snapshot reduced for one site is refused to another, and shown to who asks for none."""
    with pytest.raises(Missing, match="recorded for site acme alone"):
        part().read(Scope(("role",), "globex"))
    assert part().read(Scope(("role",))) == ()


def test_a_part_is_not_all() -> None:
    """Who wants to write down all of a cluster is refused a snapshot that has a part of it."""
    with pytest.raises(Missing, match="recorded in part, for site acme"):
        part().read(Scope(("role",), whole=True))
    assert loaded(snapshot()).read(Scope(("role",), whole=True)) == ()


@pytest.mark.parametrize(
    ("broken", "path"),
    [
        ({"site": 1}, r"\$.site: expected text"),
        ({"left_out": []}, r"\$.left_out: expected an object"),
        ({"left_out": {"role": "x"}}, r"\$.left_out.role: expected a list"),
        ({"left_out": {"role": [None]}}, r"\$.left_out.role\[0\]: expected text"),
    ],
)
def test_what_it_says_of_itself_is_checked(broken: dict[str, Any], path: str) -> None:
    """The parts that say what was left out are checked like all others."""
    with pytest.raises(Garbled, match=path):
        loaded(snapshot(**broken))


def test_an_empty_list_is_no_empty_mapping() -> None:
    """Of documents that are alike one is checked, and these two are not alike."""
    labels: tuple[Any, ...] = ({}, [])
    roles = [
        {**ROLE, "metadata": {"name": f"r{n}"}, "spec": {"allow": {"app_labels": each}}}
        for n, each in enumerate(labels)
    ]
    taken = take(MemoryCluster([ROLE]), now=NOON)
    with pytest.raises(Garbled, match=r"role\[1\]"):
        loaded({**taken, "documents": {"role": roles}})


def test_times_are_judged_in_each_document() -> None:
    """Documents of one shape can hold different times, and each has to be one."""
    roles = [
        {**ROLE, "metadata": {"name": name, "expires": expires}}
        for name, expires in (("a", "2030-01-01T00:00:00Z"), ("b", "soon"))
    ]
    taken = take(MemoryCluster([ROLE]), now=NOON)
    with pytest.raises(Garbled, match=r"role\[1\]"):
        loaded({**taken, "documents": {"role": roles}})


def test_a_token_without_a_method_is_its_own_secret() -> None:
    """Null as the join method is no method: the name of such a token opens a door."""
    body = token("abc-secret", "token")
    body["spec"]["join_method"] = None
    bodies = [{"kind": "token", "version": "v2", **body}]

    class Adapter:
        def info(self) -> ClusterInfo:
            return ClusterInfo("prod", "18.8.3")

        def read(self, _scope: Scope) -> tuple[Body, ...]:
            return tuple(bodies)

    assert take(Adapter(), now=NOON, scope=Scope(KINDS, site="acme"))["documents"]["token"] == []


def test_a_snapshot_of_a_snapshot_is_as_old() -> None:
    """Nothing was read anew, so the time stays; and of a part no whole can be taken."""
    first = loaded(snapshot(taken="2026-06-30T12:00:00Z"))
    assert take(first, now=datetime.now(UTC))["taken"] == "2026-06-30T12:00:00Z"
    part = loaded(snapshot(site="acme", left_out={"role": ["theirs"]}))
    with pytest.raises(Missing, match="recorded in part, for site acme"):
        take(part, now=datetime.now(UTC))
