from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from provisioner.change import Key
from provisioner.cluster.canonical import canonical
from provisioner.cluster.port import Outcome, Scope, Verb, WritableCluster, Write
from provisioner.cluster.resource import equal
from provisioner.cluster.tctl import Tctl, TctlOptions
from provisioner.cluster.tctl._base import failure
from provisioner.effort import Call, Called
from provisioner.errors import (
    ClusterError,
    Denied,
    Exists,
    Garbled,
    Missing,
    NotLoggedIn,
    Rejected,
    Throttled,
    Unreachable,
)
from provisioner.events import Event, Note
from provisioner.system.process import Result
from provisioner.values import Secret, thaw

FAKE = Path(__file__).parents[2] / "fake_tctl" / "tctl"
DEFAULT = TctlOptions(path=str(FAKE))
HASTY = replace(
    DEFAULT, timeout=3.0, per_document=0.0
)  # a stand-in starts in less, also on a busy machine
ALL_KINDS = ("role", "bot", "app", "app_server", "token")


def role(name: str, **metadata: object) -> dict[str, Any]:
    allow = {"app_labels": {"env": "dev"}, "mcp": {"tools": ["search_*"]}}
    metadata = {"name": name, **metadata}
    return {"kind": "role", "version": "v8", "metadata": metadata, "spec": {"allow": allow}}


def bot(name: str, *roles: str, **metadata: object) -> dict[str, Any]:
    spec = {"roles": list(roles), "max_session_ttl": "3600s"}
    return {"kind": "bot", "version": "v1", "metadata": {"name": name, **metadata}, "spec": spec}


def app(name: str, header: object = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"uri": "mcp+https://mcp.internal/mcp"}
    if header:
        spec["rewrite"] = {"headers": [{"name": "Authorization", "value": header}]}
    return {"kind": "app", "version": "v3", "metadata": {"name": name}, "spec": spec}


def token(name: str, site: str = "dev") -> dict[str, Any]:
    allow = [{"repository": "acme/agents"}]
    spec = {"roles": ["Bot"], "bot_name": "b", "join_method": "github", "github": {"allow": allow}}
    metadata = {"name": name, "labels": {"provisioner/site": site}}
    return {"kind": "token", "version": "v2", "metadata": metadata, "spec": spec}


def write(verb: Verb, body: Mapping[str, Any]) -> Write:
    return Write(verb, Key(body["kind"], body["metadata"]["name"]), body)


class Fake:
    """The stand-in for tctl with a state of its own, and what it was asked."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._directory = directory
        self._monkeypatch = monkeypatch
        self.events: list[Event] = []
        self.slept: list[float] = []
        # The stand-in asks PATH for its Python, which must be the one that runs the tests.
        monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
        self.set(STATE=directory / "state.json", LOG=directory / "log")

    def set(self, **switches: object) -> None:
        for name, value in switches.items():
            self._monkeypatch.setenv(f"FAKE_TCTL_{name}", str(value))

    def seed(self, *bodies: Mapping[str, Any]) -> None:
        (self._directory / "seed.json").write_text(json.dumps(bodies))
        self.set(SEED=self._directory / "seed.json")

    def tctl(self, options: TctlOptions = DEFAULT) -> Tctl:
        return Tctl(options, notify=self.events.append, sleep=self.slept.append)

    def script(self, text: str) -> Tctl:
        """Let a shell script be tctl."""
        path = self._directory / "tctl"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return self.tctl(replace(DEFAULT, path=str(path)))

    @property
    def calls(self) -> list[dict[str, Any]]:
        log = self._directory / "log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def live(self, kind: str, *tokens: str) -> dict[str, Mapping[str, Any]]:
        bodies = self.tctl().read(Scope((kind,), tokens=frozenset(tokens)))
        return {body["metadata"]["name"]: body for body in bodies}

    def write(
        self, *batch: Write, options: TctlOptions = DEFAULT
    ) -> dict[str, ClusterError | None]:
        """Write, and return the errors by name; each write must have exactly one outcome."""
        cluster: WritableCluster = self.tctl(options)
        outcomes: Sequence[Outcome] = list(cluster.write(batch))
        assert sorted(str(o.key) for o in outcomes) == sorted(str(w.key) for w in batch)
        return {outcome.key.name: outcome.error for outcome in outcomes}


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    return Fake(tmp_path, monkeypatch)


def failed(errors: Mapping[str, ClusterError | None]) -> dict[str, type[ClusterError]]:
    return {name: type(error) for name, error in errors.items() if error is not None}


class TestInfo:
    def test_names_and_versions(self, fake: Fake) -> None:
        """The cluster's name and version come from status, tctl's version from tctl."""
        fake.set(CLUSTER="acme.teleport.sh", VERSION="18.2.1", SERVER_VERSION="18.9.0-rc.2")
        info = fake.tctl(replace(DEFAULT, auth_server="acme.teleport.sh:443")).info()
        assert (info.name, info.version, info.client) == (
            "acme.teleport.sh",
            "18.9.0-rc.2",
            "18.2.1",
        )
        assert info.via == f"{FAKE} --auth-server=acme.teleport.sh:443"

    @pytest.mark.parametrize(
        ("line", "version"),
        [
            ("Teleport v18.0.0 git: go1.26.8", "18.0.0"),
            ("Teleport Enterprise v18.2.1-dev.1+ab git:v18.2.1-0-g0 go1.24", "18.2.1-dev.1+ab"),
            ("\x1b[1mTeleport\x1b[0m 19.0.0", "19.0.0"),
        ],
    )
    def test_spellings_of_the_version(self, fake: Fake, line: str, version: str) -> None:
        """Editions, build suffixes and colours do not hide the version."""
        status = "printf 'Cluster   c.example\\nVersion:  18.0.0  \\nCA pins: x\\n\\na b\\n'"
        info = fake.script(f"case $1 in version) echo '{line}';; *) {status};; esac").info()
        assert (info.client, info.name, info.version) == (version, "c.example", "18.0.0")

    def test_an_answer_without_a_version_is_garbled(self, fake: Fake) -> None:
        """What cannot be understood is shown, with the command that said it."""
        with pytest.raises(Garbled, match=r"tctl version` does not say the version of tctl.*hello"):
            fake.script("echo hello; echo Cluster: c; echo Version: 18.1.0").info()

    def test_no_update_and_no_terminal(self, fake: Fake) -> None:
        """The child must not become another version of itself, whatever the environment says."""
        fake._monkeypatch.setenv("TELEPORT_TOOLS_VERSION", "19.0.0")
        fake.tctl().info()
        assert {call["env"]["TELEPORT_TOOLS_VERSION"] for call in fake.calls} == {"off"}

    def test_a_missing_tctl(self, fake: Fake) -> None:
        """Without tctl the error names it and the cure."""
        with pytest.raises(Unreachable, match="no-tctl: there is no such command") as caught:
            fake.tctl(TctlOptions(path="no-tctl")).info()
        assert "install it" in caught.value.hint


class TestRead:
    def test_one_call_a_kind_however_much_there_is(self, fake: Fake) -> None:
        """The number of processes depends on the kinds alone."""
        roles = [f"r{n}" for n in range(300)]
        fake.seed(*(role(r) for r in roles), *(bot(f"b{n}", roles[n]) for n in range(300)))
        bodies = fake.tctl().read(Scope((*ALL_KINDS, "role"), site="dev"))
        assert sorted(call["argv"] for call in fake.calls) == sorted(
            ["get", kind, "--format=json"] for kind in ALL_KINDS
        )
        assert sum(body["kind"] == "bot" for body in bodies) == 300

    def test_what_the_scope_does_not_name_is_not_asked(self, fake: Fake) -> None:
        """Tokens are read when they are in scope, and only then."""
        assert fake.tctl().read(Scope(("app",), site="dev", tokens=frozenset({"x"}))) == ()
        assert [call["argv"][1] for call in fake.calls] == ["app"]

    def test_roles_generated_for_bots_are_dropped(self, fake: Fake) -> None:
        """Presets and ordinary roles are returned, `bot-NAME` is not."""
        fake.seed(role("mine"), bot("b", "mine"))
        names = set(fake.live("role"))
        assert {"mine", "access"} <= names
        assert "bot-b" not in names

    def test_bodies_cannot_be_changed(self, fake: Fake) -> None:
        """What was read is frozen all the way down."""
        fake.seed(role("mine"))
        tools = fake.live("role")["mine"]["spec"]["allow"]["mcp"]["tools"]
        assert tools == ("search_*",)

    def test_both_spellings_of_times_are_one(self, fake: Fake) -> None:
        """Before 18.2.3 tctl printed structs of seconds: both read as text."""
        fake.seed(bot("b", expires="2030-01-31T12:00:00Z"))
        bodies = []
        for version in ("18.2.0", "18.8.3"):
            fake.set(VERSION=version)
            bodies.append(fake.live("bot")["b"])
        assert bodies[0] == bodies[1]
        assert bodies[0]["spec"]["max_session_ttl"] == "3600s"
        assert bodies[0]["metadata"]["expires"] == "2030-01-31T12:00:00Z"

    def test_tokens_of_others_are_dropped(self, fake: Fake) -> None:
        """Only tokens of the site, or named in the scope, leave the adapter."""
        secret = token("0123456789abcdef", site="")
        ours = token("presented")  # its very name is what a machine shows
        ours["spec"] = {"roles": ["Bot"], "bot_name": "b", "join_method": "token"}
        fake.seed(token("ours"), token("named", "prod"), token("theirs", "prod"), secret, ours)
        scope = Scope(("token",), site="dev", tokens=frozenset({"named"}))
        bodies = fake.tctl().read(scope)
        assert {body["metadata"]["name"] for body in bodies} == {"ours", "named"}

    def test_secrets_in_headers_are_hidden(self, fake: Fake) -> None:
        """A header in clear becomes a Secret; a template that Teleport fills in does not."""
        fake.seed(app("clear", "Bearer hunter2"), app("template", "Bearer {{internal.id_token}}"))
        bodies = fake.tctl().read(Scope(("app", "app_server")))
        assert "hunter2" not in repr(bodies)
        assert repr(bodies).count("<secret>") == 2
        assert repr(bodies).count("{{internal.id_token}}") == 2

    def test_alerts_are_no_errors(self, fake: Fake) -> None:
        """What stands on stderr after a success decides nothing."""
        fake.set(ALERTS="ERROR: access denied, says an alert")
        assert fake.tctl().read(Scope(("bot",))) == ()

    @pytest.mark.parametrize("garbage", ["truncated", "html", "ansi", "empty", "scalar", "binary"])
    def test_garbled_answers(self, fake: Fake, garbage: str) -> None:
        """An answer that is no list of documents names the call and shows its beginning."""
        fake.set(GARBAGE=garbage)
        with pytest.raises(
            Garbled, match=r"answer of `.*tctl get role --format=json` is not"
        ) as caught:
            fake.tctl().read(Scope(("role",)))
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1500
        assert "by hand" in caught.value.hint

    @pytest.mark.parametrize(
        "text",
        [
            '[{"kind": "role"}]',
            '[{"kind": "role", "metadata": {"name": 1}}]',
            '[{"kind": "bot", "metadata": {"name": "x"}}]',
            '[{"kind": "role", "metadata": {"name": "x", "labels": [1]}}]',
            '[{"kind": "role", "metadata": {"name": "x"}, "spec": null}]',
            '[{"kind": "role", "metadata": {"name": "\\ud800"}}]',
            '[{"kind": "role", "metadata": {"name": "x"}, "spec": {"n": NaN}}]',
            '[{"kind": "role", "metadata": {"name": "x"}, "spec": {"n": 1e999}}]',
            '{"kind": "role", "metadata": {"name": "x"}}',
            "[" * 100_000,
            "[null]",
        ],
    )
    def test_json_that_is_no_list_of_documents(self, fake: Fake, text: str) -> None:
        """Wrong shapes, broken text, numbers that are none and bottomless nesting are refused."""
        (fake._directory / "answer").write_text(text)
        with pytest.raises(Garbled, match="is not"):
            fake.script(f"cat {fake._directory}/answer").read(Scope(("role",)))

    @pytest.mark.parametrize(
        ("kind", "spec"),
        [("app_server", {"app": 1}), ("role", {"allow": []}), ("bot", {"traits": "x"})],
    )
    def test_documents_that_cannot_be(self, fake: Fake, kind: str, spec: object) -> None:
        """A field that Teleport gives another type stops the reading, by the name of its document."""
        body = {"kind": kind, "version": "v1", "metadata": {"name": "x\x1b"}, "spec": spec}
        (fake._directory / "answer").write_text(json.dumps([body]))
        with pytest.raises(Garbled, match=rf"has a {kind} x\\x1b that cannot be: "):
            fake.script(f"cat {fake._directory}/answer").read(Scope((kind,)))

    def test_fields_of_a_newer_teleport(self, fake: Fake) -> None:
        """What is not known here is let through, so that a newer cluster can be read."""
        body = {
            "kind": "bot",
            "version": "v1",
            "metadata": {"name": "x"},
            "spec": {"roles": [], "new": [1]},
            "new": {"a": 1},
        }
        (fake._directory / "answer").write_text(json.dumps([body]))
        tctl = fake.script(f"cat {fake._directory}/answer")
        assert [thaw(each) for each in tctl.read(Scope(("bot",)))] == [body]

    def test_a_garbled_list_of_tokens_is_not_shown(self, fake: Fake) -> None:
        """Other people's secrets do not end up in an error."""
        with pytest.raises(Garbled) as caught:
            fake.script('echo \'[{"name": "hunter2"\'').read(Scope(("token",), site="dev"))
        assert "hunter2" not in str(caught.value)

    def test_a_denied_listing(self, fake: Fake) -> None:
        """The error names the call, and the rights that are wanted."""
        fake.set(DENY="bot:list")
        with pytest.raises(Denied, match="tctl get bot --format=json: access denied") as caught:
            fake.tctl().read(Scope(ALL_KINDS))
        assert "list" in caught.value.hint

    @pytest.mark.parametrize(
        ("switches", "error", "hint"),
        [
            ({"OFFLINE": 1}, Unreachable, "--auth-server"),
            ({"EXPIRED": 1}, NotLoggedIn, "tsh login"),
            ({"STATE": ""}, NotLoggedIn, "tsh login"),
            ({"HANG": "get"}, Unreachable, "see whether the cluster is well"),
            ({"HANG": "get!"}, Unreachable, "see whether the cluster is well"),
            ({"FAIL": "get:role=exit 7"}, ClusterError, "by hand"),
        ],
    )
    def test_failures_have_a_class_and_a_cure(
        self,
        fake: Fake,
        monkeypatch: pytest.MonkeyPatch,
        switches: Mapping[str, object],
        error: type[ClusterError],
        hint: str,
    ) -> None:
        """No network, no credentials, no answer in time, no word: each says what to do."""
        monkeypatch.setattr("provisioner.system.process._GRACE", 0.1)
        fake.set(**switches)
        with pytest.raises(ClusterError) as caught:
            fake.tctl(HASTY).read(Scope(("role",)))
        assert type(caught.value) is error
        assert hint in caught.value.hint
        assert caught.value.message.startswith("tctl get role --format=json: ")

    def test_a_rate_limit_is_waited_for(self, fake: Fake) -> None:
        """Calls that met the limit are repeated alone, after growing waits that are announced."""
        fake.set(RATE_LIMIT=3)
        fake.tctl().read(Scope(("role", "bot")))
        assert len(fake.calls) == 5
        assert [round(seconds / 2**n, 1) for n, seconds in enumerate(fake.slept)] == [
            pytest.approx(1, abs=0.5)
        ] * 2
        assert sum(isinstance(event, Note) for event in fake.events) == 2

    def test_patience_ends(self, fake: Fake) -> None:
        """A limit that does not go away is an error in the end."""
        fake.set(RATE_LIMIT=99)
        with pytest.raises(Throttled, match="rate limit exceeded"):
            fake.tctl(replace(DEFAULT, patience=2)).read(Scope(("role",)))
        assert (len(fake.calls), len(fake.slept)) == (3, 2)

    def test_calls_are_told(self, fake: Fake) -> None:
        """Each call is announced as it starts, with the identity's path and no secret, and as it ends."""
        (fake._directory / "identity").touch()
        identity = str(fake._directory / "identity")
        fake.tctl(replace(DEFAULT, auth_server="a:443", identity=identity)).read(Scope(("role",)))
        flags = ("--auth-server=a:443", f"--identity={fake._directory}/identity")
        argv = (str(FAKE), *flags, "get", "role", "--format=json")
        begun, ended = fake.events
        assert begun == Call(argv)
        assert isinstance(ended, Called)
        assert (ended.argv, ended.code, ended.timed_out) == (argv, 0, False)
        assert ended.seconds > 0


class TestUnlistedRoles:
    @pytest.fixture
    def hiding(self, fake: Fake) -> Callable[[int, str], Tctl]:
        """Return a tctl that lists no roles, and a bot that holds some, of which one may exist."""

        def hiding(number: int, exists: str) -> Tctl:
            roles = [f"r{n:03}" for n in range(number)]
            return fake.script(f"""
                echo "$2" >> {fake._directory}/asked
                case $2 in
                    role) echo '[]' ;;
                    bot) echo '{json.dumps([bot("b", *roles, "no/role", "a,b")])}' ;;
                    role/{exists}) echo '{json.dumps([role(exists)])}' ;;
                    *) echo "ERROR: $2 is not found" >&2; exit 1 ;;
                esac
            """)

        return hiding

    def test_a_role_that_was_not_listed_is_found(self, hiding: Callable[[int, str], Tctl]) -> None:
        """A role that a bot holds and that exists, although nobody listed it, is returned."""
        bodies = hiding(9, "r007").read(Scope(("role", "bot")))
        assert {body["metadata"]["name"] for body in bodies} == {"r007", "b"}

    def test_denied_means_could_not_look(self, fake: Fake) -> None:
        """A role that may not even be read is not taken for missing."""
        fake.seed(role("hidden"), bot("b", "hidden"))
        fake.set(DENY="role/hidden:list+read")
        with pytest.raises(
            Denied, match="could not look at role hidden, which bot b holds: "
        ) as caught:
            fake.tctl().read(Scope(("role", "bot")))
        assert "list, read" in caught.value.hint

    def test_the_number_of_calls_has_a_bound(
        self, fake: Fake, hiding: Callable[[int, str], Tctl]
    ) -> None:
        """Of many roles that do not exist 20 are asked for, and stand for the others."""
        bodies = hiding(50, "nowhere").read(Scope(("role", "bot")))
        assert [body["metadata"]["name"] for body in bodies] == ["b"]
        asked = (fake._directory / "asked").read_text().split()
        assert len(asked) == 2 + 20
        assert "role/a\\,b" in asked

    def test_a_listing_that_hides_roles_is_not_trusted(
        self, hiding: Callable[[int, str], Tctl]
    ) -> None:
        """When one of the 20 exists, what was not asked for may exist too: an error."""
        with pytest.raises(Denied, match=r"51 that bots hold are not in the listing.*r007"):
            hiding(50, "r007").read(Scope(("role", "bot")))

    def test_other_failures_are_not_taken_for_missing(self, fake: Fake) -> None:
        """A broken connection while asking for a role ends the reading."""
        fake.seed(bot("b", "gone"))
        fake.set(FAIL="get:role/gone=read tcp: connection reset by peer")
        with pytest.raises(Unreachable):
            fake.tctl().read(Scope(("role", "bot")))


class TestWriteDocuments:
    def test_all_kinds_arrive_and_read_back_equal(self, fake: Fake) -> None:
        """What was created, then updated, is what the site says; the deleted is gone."""
        bodies = [role("r"), app("a", "Bearer {{y}}"), bot("b", "r"), token("t")]
        assert failed(fake.write(*(write(Verb.CREATE, body) for body in bodies))) == {}
        for body in bodies:
            body["metadata"]["labels"] = {"team": "ml"}
        assert failed(fake.write(*(write(Verb.UPDATE, body) for body in bodies))) == {}
        for body in bodies:
            name = body["metadata"]["name"]
            live = fake.live(body["kind"], "t")[name]
            assert equal(canonical(live), canonical(body))
        assert failed(fake.write(*(write(Verb.DELETE, body) for body in bodies))) == {}
        assert all(body["metadata"]["name"] not in fake.live(body["kind"], "t") for body in bodies)

    def test_streams_hold_25_documents(self, fake: Fake) -> None:
        """60 documents go in three calls, creates without -f and updates with it."""
        batch = [write(Verb.CREATE, role(f"r{n}")) for n in range(60)]
        assert failed(fake.write(*batch)) == {}
        assert sorted(call["documents"] for call in fake.calls) == [10, 25, 25]
        assert all(call["argv"] == ["create"] for call in fake.calls)
        fake.write(write(Verb.UPDATE, role("r0")))
        assert fake.calls[-1]["argv"] == ["create", "-f"]

    def test_a_stream_is_one_json_text_behind_the_other(self, fake: Fake) -> None:
        """No document is read as YAML: tctl panics where a `---` parts a long one from a short one."""
        tctl = fake.script(f"cat > {fake._directory}/stdin")
        batch = [write(Verb.UPDATE, role(name, description=name * 99)) for name in ("long", "s")]
        assert [outcome.error for outcome in tctl.write(batch)] == [None, None]
        lines = (fake._directory / "stdin").read_text().splitlines()
        assert [json.loads(line) for line in lines] == [each.body for each in batch]

    @pytest.mark.parametrize("present", [{0}, {24, 25}, {0, 1, 3, 26}])
    def test_only_the_bad_documents_fail(self, fake: Fake, present: set[int]) -> None:
        """A stream goes on behind each document that is refused, wherever it stands."""
        fake.seed(*(role(f"r{n}") for n in present))
        errors = fake.write(*(write(Verb.CREATE, role(f"r{n}")) for n in range(27)))
        assert failed(errors) == {f"r{n}": Exists for n in present}
        assert (
            len([name for name in fake.live("role") if name[0] == "r" and name[1:].isdigit()]) == 27
        )

    @pytest.mark.parametrize("body", [role("x"), app("x"), bot("x")])
    def test_what_exists_is_not_created(self, fake: Fake, body: Mapping[str, Any]) -> None:
        """Create fails with Exists, also when the live document says exactly the same."""
        fake.seed(body)
        error = fake.write(write(Verb.CREATE, body))["x"]
        assert isinstance(error, Exists)
        assert "force" not in error.message
        assert "provision adopt" in error.hint

    def test_a_refused_document_says_why(self, fake: Fake) -> None:
        """What Teleport does not take is Rejected with its words, and the others arrive."""
        bad = role("bad")
        bad["spec"]["allow"]["app_labels"] = {"*": "x"}
        errors = fake.write(write(Verb.UPDATE, bad), write(Verb.UPDATE, role("good")))
        assert failed(errors) == {"bad": Rejected}
        assert "selector *:<val> is not supported" in str(errors["bad"])
        assert "good" in fake.live("role")

    def test_denied_documents(self, fake: Fake) -> None:
        """One that may not be written does not hold up the next."""
        fake.set(DENY="role/b:create")
        errors = fake.write(*(write(Verb.CREATE, role(name)) for name in "abc"))
        assert failed(errors) == {"b": Denied}
        assert {"a", "c"} <= set(fake.live("role"))

    @pytest.mark.parametrize("words", ["connection reset by peer", "who knows", "exit 2"])
    def test_an_answer_that_got_lost(self, fake: Fake, words: str) -> None:
        """A document that arrived without a success line is found by reading back."""
        fake.set(FAIL=f"1x:create:role/b=>{words}")
        errors = fake.write(*(write(Verb.CREATE, role(name)) for name in "abc"))
        assert failed(errors) == {}
        assert {"a", "b", "c"} <= set(fake.live("role"))

    def test_the_cache_of_lists_is_waited_for(self, fake: Fake) -> None:
        """What arrived without an answer may take a moment to show, and is looked for again."""
        fake.set(FAIL="create:role/b=>connection reset by peer", CACHE_LAG="0.5")
        tctl = Tctl(DEFAULT, sleep=time.sleep)
        outcomes = list(tctl.write([write(Verb.CREATE, role("b"))]))
        assert outcomes == [Outcome(Key("role", "b"))]

    def test_a_stream_that_hangs_goes_on_where_it_stood(self, fake: Fake) -> None:
        """After a timeout the documents that arrived count, and the rest is sent again."""
        fake.set(HANG="create:3")
        batch = [write(Verb.CREATE, role(name)) for name in "abcde"]
        assert failed(fake.write(*batch, options=HASTY)) == {}
        streams = [c["documents"] for c in fake.calls if c["verb"] == "create"]
        assert streams == [5, 3, 1]

    def test_a_stream_that_never_moves_ends(self, fake: Fake) -> None:
        """When nothing arrives in time, all that is left fails, after one call for each stream."""
        fake.set(HANG="create:1")
        batch = [write(Verb.CREATE, role(f"r{n}")) for n in range(130)]
        errors = fake.write(*batch, options=HASTY)
        assert set(failed(errors).values()) == {Unreachable}
        assert len(failed(errors)) == 130
        assert sum(c["verb"] == "create" for c in fake.calls) == 4
        assert "no answer within" in str(errors["r0"])

    def test_a_second_factor_ends_it_all(self, fake: Fake) -> None:
        """Where every call would wait for a touch, few are made and all fail with the cure."""
        fake.set(MFA="forever")
        batch = [write(Verb.CREATE, role(f"r{n}")) for n in range(130)]
        errors = fake.write(*batch, options=HASTY)
        assert len(failed(errors)) == 130
        assert set(failed(errors).values()) == {NotLoggedIn}
        assert "identity file of a bot" in getattr(errors["r99"], "hint", "")
        assert sum(c["verb"] == "create" for c in fake.calls) == 4

    def test_no_cluster_is_no_outcome(self, fake: Fake) -> None:
        """When the cluster cannot be reached at all, the iteration raises."""
        fake.set(OFFLINE=1)
        with pytest.raises(Unreachable, match="Cannot connect to the auth server"):
            list(fake.tctl().write([write(Verb.CREATE, role("a"))]))

    def test_a_rate_limit_in_a_stream(self, fake: Fake) -> None:
        """The document that met the limit is sent again, and nothing twice."""
        fake.set(FAIL="2x:create:role/b=rate limit exceeded, try again in 1s")
        errors = fake.write(*(write(Verb.CREATE, role(name)) for name in "abc"))
        assert failed(errors) == {}
        assert [c["documents"] for c in fake.calls if c["verb"] == "create"] == [3, 2, 2]
        assert len(fake.slept) == 2

    def test_patience_in_a_stream_ends(self, fake: Fake) -> None:
        """A document that always meets the limit fails with it; the others arrive."""
        fake.set(FAIL="create:role/b=rate limit exceeded, try again in 1s")
        errors = fake.write(
            *(write(Verb.CREATE, role(name)) for name in "abc"),
            options=replace(DEFAULT, patience=2),
        )
        assert failed(errors) == {"b": Throttled}
        assert {"a", "c"} <= set(fake.live("role"))

    @pytest.mark.parametrize(
        "text",
        [
            "\u2028\u2029\x85",
            "\x7f\x80\xa0\xad\ufeff",
            "é😀\U0010fffd",
            "---\n...",
            '"\\u0041\t',
            "%@`!&*",
        ],
    )
    def test_no_text_is_changed_on_the_way(self, fake: Fake, text: str) -> None:
        """Text comes back as it was, from the first document and from those behind it."""
        names = ("a", "b", "c")
        batch = [write(Verb.CREATE, role(name, description=text)) for name in names]
        assert failed(fake.write(*batch)) == {}
        live = fake.live("role")
        assert [live[name]["metadata"]["description"] for name in names] == [text] * 3

    def test_secrets_reach_the_cluster_and_no_error(self, fake: Fake) -> None:
        """A secret is written in clear, and blanked where tctl repeats it in an error."""
        batch = [write(Verb.CREATE, app("a", Secret("hunter2")))]
        fake.set(FAIL="1x:create=invalid header value: hunter2")
        assert "invalid header value: <secret>" in str(fake.write(*batch)["a"])
        assert failed(fake.write(*batch)) == {}
        assert "hunter2" in (fake._directory / "state.json").read_text()
        assert "hunter2" not in repr((fake.events, fake.live("app"), fake.calls))

    def test_closing_stops_the_rest(self, fake: Fake) -> None:
        """Who stops listening stops the writing: what was not begun is not done."""
        tctl = fake.script(f"echo $2 >> {fake._directory}/asked")
        with closing(
            tctl.write([write(Verb.DELETE, role(f"r{n}")) for n in range(40)])
        ) as outcomes:
            next(outcomes)
        assert len((fake._directory / "asked").read_text().split()) <= 16


class TestWriteOneByOne:
    def test_what_is_not_there_is_missing(self, fake: Fake) -> None:
        """Deleting what does not exist fails with Missing, for every kind."""
        batch = [write(Verb.DELETE, make("x")) for make in (role, app, bot, token)]
        outcomes = list(fake.tctl().write(batch))
        assert [type(outcome.error) for outcome in outcomes] == [Missing] * 4

    def test_at_most_8_at_once(self, fake: Fake) -> None:
        """Single calls overlap, but never more than 8 of them."""
        mine = f"{fake._directory}/$$.running"
        count = f"ls {fake._directory} | grep -c running >> {fake._directory}/counts"
        tctl = fake.script(f"touch {mine}; sleep 0.2; {count}; rm {mine}")
        outcomes = list(tctl.write([write(Verb.DELETE, role(f"r{n}")) for n in range(20)]))
        assert [outcome.error for outcome in outcomes] == [None] * 20
        counts = (fake._directory / "counts").read_text().split()
        assert 1 < max(map(int, counts)) <= 8

    def test_roles_are_added_and_set(self, fake: Fake) -> None:
        """`--add-roles` keeps the others, `--set-roles` does not, a comma empties the set."""
        fake.seed(role("r1"), role("r2"), *(bot(name, "r1") for name in ("add", "set", "none")))
        errors = fake.write(
            Write(Verb.ADD_ROLES, Key("bot", "add"), roles=("r2",)),
            Write(Verb.SET_ROLES, Key("bot", "set"), roles=("r2",)),
            Write(Verb.SET_ROLES, Key("bot", "none"), roles=()),
        )
        assert failed(errors) == {}
        live = {name: set(body["spec"].get("roles", ())) for name, body in fake.live("bot").items()}
        assert live == {"add": {"r1", "r2"}, "set": {"r2"}, "none": set()}
        argv = [call["argv"] for call in fake.calls]
        assert ["bots", "update", "add", "--add-roles", "r2"] in argv
        assert ["bots", "update", "none", "--set-roles", ","] in argv

    def test_silence_is_no_proof_of_an_empty_set(self, fake: Fake) -> None:
        """Where the comma did nothing, reading back says so, after some patience."""
        live = json.dumps([bot("b", "r1")])
        tctl = fake.script(f"case $1 in get) echo '{live}';; esac")
        [outcome] = tctl.write([Write(Verb.SET_ROLES, Key("bot", "b"))])
        assert isinstance(outcome.error, Rejected)
        assert "take all roles from bot b, and left them" in outcome.error.message
        assert len(fake.slept) == 2

    def test_a_role_that_does_not_exist_is_missing(self, fake: Fake) -> None:
        """`bots update` checks the roles, and the bot stays as it was."""
        fake.seed(bot("b"))
        errors = fake.write(Write(Verb.ADD_ROLES, Key("bot", "b"), roles=("nope",)))
        assert failed(errors) == {"b": Missing}
        assert not fake.live("bot")["b"]["spec"].get("roles")

    @pytest.mark.parametrize("verb", [Verb.DELETE, Verb.ADD_ROLES, Verb.SET_ROLES], ids=str)
    def test_an_answer_that_got_lost(self, fake: Fake, verb: Verb) -> None:
        """What was done although the call failed is found by reading back."""
        fake.seed(role("r1"), bot("b"))
        fake.set(FAIL="rm=>unexpected EOF;bots=>unexpected EOF")
        roles = () if verb is Verb.DELETE else ("r1",)
        assert failed(fake.write(Write(verb, Key("bot", "b"), roles=roles))) == {}

    @pytest.mark.parametrize(
        ("verb", "name", "roles"),
        [
            (Verb.DELETE, "a/b", ()),
            (Verb.DELETE, "a b", ()),
            (Verb.DELETE, "", ()),
            (Verb.ADD_ROLES, "--set-roles=x", ("r",)),
            (Verb.ADD_ROLES, "@/etc/passwd", ("r",)),
            (Verb.ADD_ROLES, "b", ("r,s",)),
            (Verb.SET_ROLES, "b", ("-x",)),
            (Verb.SET_ROLES, "b", ("r\x1b",)),
        ],
    )
    def test_names_that_would_mean_something_else(
        self, fake: Fake, verb: Verb, name: str, roles: tuple[str, ...]
    ) -> None:
        """A name that tctl would take for a flag, a file, two names or another one is not sent."""
        fake.seed(role("b"))
        errors = fake.write(Write(verb, Key("role", name), roles=roles))
        assert failed(errors) == {name: Rejected}
        assert fake.calls == []

    def test_a_bot_whose_name_has_a_blank_can_be_granted_roles(self, fake: Fake) -> None:
        """Teleport allows blanks in names of bots, and an argument may hold one."""
        fake.seed(role("r"), bot("my bot"))
        errors = fake.write(Write(Verb.ADD_ROLES, Key("bot", "my bot"), roles=("r",)))
        assert failed(errors) == {}


MESSAGES = [
    ("role x is not found", Missing),
    ('getting resource "x" of type "role"\n\trole x is not found', Missing),
    ('application "x" doesn\'t exist', Missing),
    ('use -f or --force flag to overwrite\n\trole "x" already exists', Exists),
    ('use -f or --force\n\tcreating bot user\n\t\tuser "bot-x" already registered', Exists),
    ('access denied to perform action "create" on "role"', Denied),
    ("access to app denied. User does not have permissions. ", Denied),
    ("admin-level API request requires MFA verification", NotLoggedIn),
    ("your credentials have expired, please log in using `tsh login`", NotLoggedIn),
    ("tctl --identity also requires --auth-server", NotLoggedIn),
    ("open /id/identity: no such file or directory", NotLoggedIn),
    ("rate limit exceeded, try again in 1s", Throttled),
    ("dial tcp 10.0.0.1:443: connect: connection refused", Unreachable),
    ("rpc error: code = DeadlineExceeded desc = context deadline exceeded", Unreachable),
    ("tls: x509: certificate signed by unknown authority", Unreachable),
    ('proto:\u00a0(line 1:2): unknown field "x"', Rejected),
    ('role version "v9" is not supported', Rejected),
    ("the moon is in the wrong phase", ClusterError),
]


@pytest.fixture
def explain() -> Callable[..., ClusterError]:
    def explain(stderr: str, code: int = 1, *, timed_out: bool = False) -> ClusterError:
        return failure(
            Result(("tctl", "--identity=/i", "create"), code, "", stderr, 9.0, timed_out)
        )

    return explain


class TestFailure:
    @pytest.mark.parametrize(("text", "kind"), MESSAGES)
    def test_words_have_a_class(
        self, explain: Callable[..., ClusterError], text: str, kind: type[ClusterError]
    ) -> None:
        """Each known message has its class and a cure, in colours and in whatever case."""
        for spelling in (text, text.upper()):
            error = explain(f"\x1b[31mERROR: \x1b[0m{spelling}\n\n")
            assert type(error) is kind
            assert error.hint
            assert error.message.startswith("tctl create: ")
            assert error.message.isprintable()

    def test_alerts_before_the_error_have_no_say(
        self, explain: Callable[..., ClusterError]
    ) -> None:
        """A cluster alert that speaks of access does not make a network error a denial."""
        error = explain("\x1b[33maccess denied to guests on Sunday\x1b[0m\n\nERROR: i/o timeout\n")
        assert type(error) is Unreachable
        assert error.message == "tctl create: i/o timeout"

    def test_causes_stand_on_one_line(self, explain: Callable[..., ClusterError]) -> None:
        """Wrapped errors read from the outside in."""
        error = explain('ERROR: validating bot:\n\tspec.roles\n\t\tmust not be "x\x1b[2Jy\x07"\n')
        assert error.message == 'tctl create: validating bot: spec.roles: must not be "xy\\x07"'

    @pytest.mark.parametrize(
        ("code", "timed_out", "text"),
        [
            (2, False, "exit code 2, and not a word why"),
            (-9, False, "ended by signal 9"),
            (-15, True, "no answer within 9 s"),
        ],
    )
    def test_silence_is_explained(
        self, explain: Callable[..., ClusterError], code: int, text: str, *, timed_out: bool
    ) -> None:
        """A call that ends without a word says how it ended."""
        assert text in explain("", code, timed_out=timed_out).message

    def test_a_crash_is_one_line(self, explain: Callable[..., ClusterError]) -> None:
        """Of a panic the reason is shown, and its stack trace decides nothing."""
        error = explain(
            "panic: slice bounds out of range\n\ngoroutine 1 [running]:\nnot found\n", 2
        )
        assert type(error) is ClusterError
        assert error.message == "tctl create: panic: slice bounds out of range"

    def test_a_timeout_at_a_prompt_is_a_matter_of_credentials(
        self, explain: Callable[..., ClusterError]
    ) -> None:
        """Waiting for a second factor is no network trouble."""
        assert type(explain("Tap any security key\n", -15, timed_out=True)) is NotLoggedIn
