from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

TCTL = Path(__file__).parent.parent / "fake_tctl" / "tctl"
RED = "\x1b[31mERROR: \x1b[0m"
Body = dict[str, Any]
Done = subprocess.CompletedProcess[str]
EMPTY: Mapping[str, str] = {}
OLD: Body = {"VERSION": "18.0.0"}

ROLE_DEFAULTS = {
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


def role(name: str = "r", version: str = "v8", /, **spec: object) -> Body:
    return {"kind": "role", "version": version, "metadata": {"name": name}, "spec": spec}


def bot(name: str = "b", /, **spec: object) -> Body:
    return {"kind": "bot", "version": "v1", "metadata": {"name": name}, "spec": spec}


def app(name: str = "a", /, **spec: object) -> Body:
    return {"kind": "app", "version": "v3", "metadata": {"name": name}, "spec": spec}


def token(name: str = "t", /, **spec: object) -> Body:
    spec = {"roles": ["Bot"], "bot_name": "b", "join_method": "token"} | spec
    return {"kind": "token", "version": "v2", "metadata": {"name": name}, "spec": spec}


def labelled(document: Body, **metadata: object) -> Body:
    return document | {"metadata": document["metadata"] | metadata}


class Fake:
    """The stand-in on a state of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "log"

    def command(self, *argv: str) -> list[str]:
        return [str(TCTL), *argv]

    def environment(self, switches: Mapping[str, object]) -> dict[str, str]:
        state = {"STATE": self.directory / "state.json", "LOG": self.log}
        named = {f"FAKE_TCTL_{name}": str(value) for name, value in {**state, **switches}.items()}
        # The stand-in asks PATH for its Python, which must be the one that runs the tests.
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path} | named

    def __call__(
        self, *argv: str, stdin: str = "", env: Mapping[str, str] = EMPTY, **switches: Any
    ) -> Done:
        return subprocess.run(
            self.command(*argv),
            input=stdin,
            env=self.environment(switches) | dict(env),
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )

    def create(self, *documents: Body, force: bool = False, **switches: Any) -> Done:
        stream = "\n".join(map(json.dumps, documents))
        return self("create", *(["-f"] if force else []), stdin=stream, **switches)

    def have(self, *documents: Body, **switches: Any) -> None:
        done = self.create(*documents, force=True, **switches)
        assert (done.returncode, done.stderr) == (0, "")

    def get(self, ref: str, **switches: Any) -> list[Body]:
        found: list[Body] = json.loads(self("get", ref, "--format=json", **switches).stdout)
        return found

    def one(self, ref: str, **switches: Any) -> Body:
        return self.get(ref, **switches)[0]

    def batch(self, prefix: str) -> list[Body]:
        """Return what one `get` lists of a kind, under a prefix of the name."""
        kind, _, start = prefix.partition("/")
        return [d for d in self.get(kind) if d["metadata"]["name"].startswith(start)]

    def names(self, ref: str, **switches: Any) -> list[str]:
        return [document["metadata"]["name"] for document in self.get(ref, **switches)]

    @property
    def calls(self) -> list[Body]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def tctl(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a state in which there is one of each kind."""
    fake = Fake(tmp_path_factory.mktemp("state"))
    fake.have(role(), bot(roles=["r"]), app(uri="http://x"), token())
    return (fake.directory / "state.json").read_text()


@pytest.fixture
def full(tctl: Fake, state: str) -> Fake:
    """Return a stand-in that has role r, bot b, app a and token t."""
    (tctl.directory / "state.json").write_text(state)
    return tctl


def refused(done: Done) -> str:
    """Return the text after ERROR, having checked all that surrounds it."""
    assert done.returncode == 1
    assert done.stderr.startswith(RED)
    assert done.stderr.endswith("\n\n")
    return done.stderr.removeprefix(RED).removesuffix("\n\n")


class TestCluster:
    def test_version_needs_no_credentials(self, tctl: Fake) -> None:
        """`version` prints the client's version in Teleport's form, without any cluster."""
        done = tctl("version", STATE="", VERSION="18.2.1", SERVER_VERSION="18.9.0-rc.2")
        assert (done.stdout, done.returncode) == ("Teleport v18.2.1 git: go1.24.4\n", 0)

    def test_status(self, tctl: Fake) -> None:
        """`status` names the cluster and the server's version, padded as tctl pads."""
        done = tctl("status", CLUSTER="acme.teleport.sh", SERVER_VERSION="18.9.0-rc.2")
        lines = done.stdout.splitlines()
        assert [line.split() for line in lines[:2]] == [
            ["Cluster:", "acme.teleport.sh"],
            ["Version:", "18.9.0-rc.2"],
        ]
        assert len({len(line) for line in lines[:3]}) == 1

    def test_a_new_cluster_has_the_preset_roles(self, tctl: Fake) -> None:
        """Presets carry their label; mcp-user is among them from 18.2.1 on."""
        found = tctl.get("roles")
        assert {d["metadata"]["labels"]["teleport.internal/resource-type"] for d in found} == {
            "preset"
        }
        assert tctl.names("roles") == [
            *("access", "auditor", "editor", "mcp-user", "terraform-provider"),
            "wildcard-workload-identity-issuer",
        ]
        (tctl.directory / "state.json").unlink()
        assert "mcp-user" not in tctl.names("roles", VERSION="18.2.0")

    def test_a_seed_is_what_the_cluster_has(self, tctl: Fake) -> None:
        """FAKE_TCTL_SEED adds documents to a new state, filled in as the server fills them in."""
        seed = tctl.directory / "seed.json"
        seed.write_text(json.dumps([role(), bot("b", roles=["r"]), app(uri="http://x")]))
        assert tctl.one("role/r", SEED=seed)["spec"]["options"] == ROLE_DEFAULTS
        assert tctl.one("bot/b")["status"] == {"role_name": "bot-b", "user_name": "bot-b"}


class TestCommandLine:
    @pytest.mark.parametrize(
        ("argv", "problem"),
        [
            (["frobnicate"], 'expected command but got "frobnicate"'),
            (["get", "roles", "--frob"], "unknown long flag '--frob'"),
            (["get", "role", "ta"], "unexpected ta"),
            (["rm", "role/a", "role/b"], "unexpected role/b"),
            (["bots", "update", "b", "--remove-roles", "r"], "unknown long flag '--remove-roles'"),
        ],
    )
    def test_what_cannot_be_parsed(self, tctl: Fake, argv: list[str], problem: str) -> None:
        """Errors of the command line have no colour and no ERROR."""
        done = tctl(*argv)
        assert (done.stderr, done.returncode) == (f"tctl: error: {problem}\n", 1)

    @pytest.mark.parametrize(
        ("argv", "problem"),
        [
            (["get"], "required argument 'resources' not provided"),
            (["get", "role/a/b/c"], "failed to parse 'role/a/b/c'"),
            (
                ["rm", "bogus/x"],
                (
                    'unsupported resource: "bogus" - resources should be expressed as '
                    "'type/name', for example 'connector/github'"
                ),
            ),
        ],
    )
    def test_usage_comes_before_the_error(self, tctl: Fake, argv: list[str], problem: str) -> None:
        """A bad reference or a missing argument prints usage, then the error."""
        done = tctl(*argv)
        assert done.stderr.startswith("usage: tctl ")
        assert done.stderr.endswith(f"\n{RED}{problem}\n\n")

    def test_flags_may_stand_anywhere(self, tctl: Fake) -> None:
        """Global and command flags are read before, between and after the words."""
        identity = tctl.directory / "identity"
        identity.touch()
        done = tctl(
            *("--auth-server", "proxy:443", "get", "--format=json", "bots", "-i", str(identity)),
            *("--insecure", "-d"),
        )
        assert (done.stdout, done.returncode) == ("[]", 0)

    @pytest.mark.parametrize(
        ("argv", "problem"),
        [
            (["--identity=x"], "tctl --identity also requires --auth-server"),
            (["--auth-server=p:1", "--identity=none"], "Could not load Teleport host UUID file"),
        ],
    )
    def test_credentials(self, tctl: Fake, argv: list[str], problem: str) -> None:
        """An identity needs an auth server and a file that exists."""
        assert refused(tctl(*argv, "status")).startswith(problem)

    def test_no_credentials(self, tctl: Fake) -> None:
        """Without any state there is no cluster to talk to."""
        assert refused(tctl("status", STATE="")).startswith("Could not load Teleport host UUID")

    def test_the_environment_stands_in_for_flags(self, tctl: Fake) -> None:
        """TELEPORT_IDENTITY_FILE and TELEPORT_AUTH_SERVER mean what the flags mean."""
        env = {"TELEPORT_IDENTITY_FILE": "x"}
        assert refused(tctl("status", env=env)) == "tctl --identity also requires --auth-server"


class TestGet:
    def test_json_is_an_array_of_four_spaces(self, tctl: Fake) -> None:
        """One item is an array too, with HTML characters escaped as Go does."""
        tctl.have(labelled(role(), description="a <b> & c"))
        text = tctl("get", "role/r", "--format=json").stdout
        assert text.startswith('[\n    {\n        "kind": "role",')
        assert "a \\u003cb\\u003e \\u0026 c" in text

    def test_yaml_documents_are_joined(self, tctl: Fake) -> None:
        """YAML is the default: sorted keys, documents joined by a line of dashes."""
        tctl.have(role("x"), role("y"))
        text = tctl("get", "role/x,roles/y").stdout
        assert [part.splitlines()[:3] for part in text.split("---\n")] == [
            ["kind: role", "metadata:", f"  name: {name}"] for name in ("x", "y")
        ]

    @pytest.mark.parametrize("form", ["json", "yaml"])
    def test_nothing_is_two_brackets(self, tctl: Fake, form: str) -> None:
        """An empty listing is `[]` without a line end, in both formats."""
        assert tctl("get", "bots", f"--format={form}").stdout == "[]"

    def test_text(self, tctl: Fake) -> None:
        """Text is a table with padded columns; without items only its head."""
        assert tctl("get", "bot", "--format=text").stdout == "Name Roles \n---- ----- \n"
        tctl.have(bot("b-e", roles=["ra", "rb"]))
        done = tctl("get", "bot", "--format=text").stdout
        assert done == "Name Roles  \n---- ------ \nb-e  ra, rb \n"

    @pytest.mark.parametrize(
        "ref", ["role/r", "roles/r", "ROLE/r", "role r", "role/a/r", "role/r,"]
    )
    def test_spellings_of_a_reference(self, full: Fake, ref: str) -> None:
        """Plurals, capitals, blanks and a sub kind all reach the role."""
        assert full("get", ref).stdout.startswith("kind: role\nmetadata:\n  name: r\n")

    @pytest.mark.parametrize(
        ("ref", "problem"),
        [
            ("role/x", "role x is not found"),
            ("app/x", '"app" "x" does not exist'),
            ("token/x", '"token" "x" does not exist'),
            ("app_server/x", 'application server "x" not found'),
            ("bot/x", 'fetching bot user\n\t"user" "bot-x" does not exist'),
            ("role/access,role/x", "role x is not found"),
        ],
    )
    def test_what_is_not_there(self, tctl: Fake, ref: str, problem: str) -> None:
        """Each kind has words of its own, and one missing item leaves stdout empty."""
        done = tctl("get", ref, **OLD)
        assert (refused(done), done.stdout) == (problem, "")

    def test_newer_tctl_says_what_it_was_getting(self, tctl: Fake) -> None:
        """A newer tctl puts a sentence before the old one."""
        problem = 'getting resource "x" of type "role"\n\trole x is not found'
        assert refused(tctl("get", "role/x")) == problem

    @pytest.mark.parametrize(
        ("argv", "problem"),
        [
            (["role,bot", "--format=json"], "mixed resource types only support YAML formatting"),
            (["role", "--format=xml"], "unsupported format"),
        ],
    )
    def test_formats(self, tctl: Fake, argv: list[str], problem: str) -> None:
        """Several references are YAML only, other formats are unknown."""
        assert refused(tctl("get", *argv)) == problem


class TestCreate:
    def test_messages(self, tctl: Fake) -> None:
        """Each kind has its own words for a success; roles and tokens are always `created`."""
        documents = (role(), bot(), app(uri="http://x"), token())
        first, second = (tctl.create(*documents, force=True, **OLD).stdout for _ in range(2))
        created = (
            'role "r" has been created\nbot "b" has been created\n'
            'application "a" has been created\nprovision_token "t" has been created\n'
        )
        assert first == created
        assert second == created.replace('"a" has been created', '"a" has been updated')

    def test_newer_tctl_writes_bot_in_capitals(self, tctl: Fake) -> None:
        """The newest tctl says `Bot`."""
        assert tctl.create(bot()).stdout == 'Bot "b" has been created\n'

    @pytest.mark.parametrize(
        ("document", "cause"),
        [
            (role(), 'role "r" already exists'),
            (app(uri="http://x"), 'application "a" already exists'),
            (bot(), 'creating bot user\n\tuser "bot-b" already registered'),
        ],
    )
    def test_what_exists(self, full: Fake, document: Body, cause: str) -> None:
        """Without --force what is there stays, and the error says what to do."""
        problem = f"use -f or --force flag to overwrite\n\t{cause}"
        if "\n" in cause:
            problem = problem.replace("\n\tuser", "\n\t\tuser")
        assert refused(full.create(document)) == problem

    def test_tokens_are_overwritten_without_force(self, full: Fake) -> None:
        """`create` of a token is an upsert."""
        assert full.create(token()).returncode == 0

    def test_the_first_bad_document_stops_the_stream(self, tctl: Fake) -> None:
        """What stands before it stays, what stands after it is not tried."""
        done = tctl.create(role("x"), role("y", "v1"), role("z"))
        assert done.stdout == 'role "x" has been created\n'
        assert refused(done) == 'role version "v1" is not supported'
        assert {"x", "y", "z"} & set(tctl.names("roles")) == {"x"}

    def test_a_syntax_error_surfaces_when_it_is_reached(self, tctl: Fake) -> None:
        """Documents before a broken one are applied."""
        stream = "kind: role\nversion: v8\nmetadata: {name: x}\n---\nkind: role\nmetadata: a: b\n"
        done = tctl("create", stdin=stream)
        assert done.stdout == 'role "x" has been created\n'
        problem = "error converting YAML to JSON: yaml: line 2: mapping values are not allowed"
        assert refused(done).startswith(problem)

    def test_an_expired_document_is_created_and_gone(self, tctl: Fake) -> None:
        """Teleport takes what has expired, says so, and has it no more."""
        done = tctl.create(labelled(role(), expires="2020-01-01T00:00:00Z"))
        assert done.stdout == 'role "r" has been created\n'
        assert refused(tctl("get", "role/r", **OLD)) == "role r is not found"

    @pytest.mark.parametrize(
        "stream",
        [
            '{"kind": "role", "version": "v8", "metadata": {"name": "r"}}',
            '{"kind": "role", "version": "v8", "metadata": {"name": "r"}}\n' * 3,
            "\n---\n# nothing\n---\nkind: role\nversion: v8\nmetadata: {name: r}\n--- # end\n",
            "\ufeffkind: role\r\nversion: v8\r\nmetadata:\r\n  name: r\r\n",
            "kind: role\nversion: v8\nmetadata: {name: !foo r}\nkind: role\n...\n",
        ],
    )
    def test_streams(self, tctl: Fake, stream: str) -> None:
        """JSON objects in a row, YAML documents, comments, marks and duplicate keys are read."""
        assert (tctl("create", "-f", stdin=stream).returncode, len(tctl.get("role/r"))) == (0, 1)

    @pytest.mark.parametrize(
        ("stream", "problem"),
        [
            ("", "no resources found, empty input?"),
            ("# only a comment\n---\nnull\n", "no resources found, empty input?"),
            ("kind: roles", 'creating resources of type "roles" is not supported'),
            ("{}", 'creating resources of type "" is not supported'),
            ("- kind: role", "cannot unmarshal array into Go value of type types.ResourceHeader"),
            ("[]", "cannot unmarshal array into Go value of type types.ResourceHeader"),
            (
                "kind: role\nmetadata: {name: r, labels: {a: on}}",
                "json: cannot unmarshal bool into Go struct field Metadata.metadata.labels of type string",
            ),
            (
                "kind: role\nversion: 8\nmetadata: {name: r}",
                "json: cannot unmarshal number into Go struct field ResourceHeader.version of type string",
            ),
            (
                "kind: role\nmetadata: {name: r, expires: 2030-01-02}",
                'parsing time "2030-01-02" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"',
            ),
        ],
    )
    def test_bad_streams(self, tctl: Fake, stream: str, problem: str) -> None:
        """What is no resource is refused in Go's words."""
        assert refused(tctl("create", stdin=stream)).endswith(problem)

    def test_json_before_yaml_crashes(self, tctl: Fake) -> None:
        """A JSON document and then dashes: the first is applied, and tctl panics with exit 2."""
        stream = json.dumps(role()) + "\n---\n" + json.dumps(role("other"))
        done = tctl("create", stdin=stream)
        assert (done.stdout, done.returncode) == ('role "r" has been created\n', 2)
        assert done.stderr.startswith("panic: runtime error: slice bounds out of range")

    def test_a_message_has_at_most_four_mebibytes(self, tctl: Fake) -> None:
        """What gRPC does not carry is refused."""
        done = tctl.create(labelled(role(), description="x" * 2**22))
        assert refused(done).startswith("grpc: received message larger than max (")

    def test_a_file(self, tctl: Fake) -> None:
        """The positional argument is a file; -f is --force."""
        (tctl.directory / "role.json").write_text(json.dumps(role()))
        assert tctl("create", "--force", "role.json").stdout == 'role "r" has been created\n'
        problem = f"lstat {tctl.directory}/none: no such file or directory"
        assert refused(tctl("create", "none")) == problem


class TestRoles:
    def test_defaults(self, tctl: Fake) -> None:
        """The server fills in options, an empty deny, and the identity provider up to v7."""
        versions = ("v4", "v5", "v6", "v7", "v8")
        tctl.have(*(role(f"r-{version}", version) for version in versions))
        idp = {"idp": {"saml": {"enabled": True}}}
        for version, found in zip(versions, tctl.batch("role/r-"), strict=True):
            options = ROLE_DEFAULTS | ({} if version == "v8" else idp)
            assert found["spec"] == {"allow": {}, "deny": {}, "options": options}

    def test_v3_opens_what_it_does_not_name(self, tctl: Fake) -> None:
        """A v3 role without app labels reaches every app."""
        tctl.have(role("r", "v3"))
        assert tctl.one("role/r")["spec"]["allow"]["app_labels"] == {"*": "*"}

    def test_kubernetes_resources(self, tctl: Fake) -> None:
        """Where Kubernetes labels stand, the resources depend on the role's version."""
        all_of_it = {"kind": "*", "name": "*", "namespace": "*", "verbs": ["*"]}
        filled = {
            "v5": [all_of_it | {"kind": "pod"}],
            "v6": None,
            "v7": [all_of_it],
            "v8": [all_of_it | {"api_group": "*"}],
        }
        allow = {"kubernetes_labels": {"env": "dev"}}
        tctl.have(*(role(f"r-{version}", version, allow=allow) for version in filled))
        found = [d["spec"]["allow"].get("kubernetes_resources") for d in tctl.batch("role/r-")]
        assert found == list(filled.values())

    def test_label_lists(self, tctl: Fake) -> None:
        """A list of one is its text, longer ones stay, an empty one matches an empty label."""
        pairs: list[tuple[object, object]] = [
            ({"env": ["dev"]}, {"env": "dev"}),
            ({"env": ["dev", "dev", "a"]}, {"env": ["dev", "dev", "a"]}),
            ({"env": []}, {"env": ""}),
            ({"env": None}, {"env": ""}),
            ({}, None),
        ]
        written = [{"app_labels": labels} for labels, _ in pairs]
        tctl.have(*(role(f"r-{n}", allow=allow) for n, allow in enumerate(written)))
        found = [d["spec"]["allow"].get("app_labels") for d in tctl.batch("role/r-")]
        assert found == [labels for _, labels in pairs]

    def test_durations(self, tctl: Fake) -> None:
        """Durations come back in Go's form, and nothing or less is the default."""
        pairs = {
            "8h": "8h0m0s",
            "90m": "1h30m0s",
            "3600s": "1h0m0s",
            "1d12h": "36h0m0s",
            "1.5h": "1h30m0s",
            "500ms": "500ms",
            "1us": "1µs",
            "0": "30h0m0s",
            "never": "30h0m0s",
            "-1h": "30h0m0s",
        }
        options = [{"max_session_ttl": ttl} for ttl in pairs]
        tctl.have(*(role(f"r-{n}", options=option) for n, option in enumerate(options)))
        found = [d["spec"]["options"]["max_session_ttl"] for d in tctl.batch("role/r-")]
        assert found == list(pairs.values())

    @pytest.mark.parametrize(
        ("written", "problem"),
        [
            ("5", 'time: missing unit in duration "5"'),
            ("1w", 'time: unknown unit in duration "1w"'),
            ("PT8H", 'time: invalid duration "PT8H"'),
            ("9999999h", 'time: invalid duration "9999999h"'),
            (None, 'time: invalid duration ""'),
            (3600, "json: cannot unmarshal number into Go value of type string"),
        ],
    )
    def test_bad_durations(self, tctl: Fake, written: object, problem: str) -> None:
        """What is no duration is refused before anything is sent."""
        done = tctl.create(role(options={"max_session_ttl": written}))
        assert f"unmarshalerDecoder: {problem}, error found in #10 byte of" in refused(done)

    def test_given_options_stay(self, tctl: Fake) -> None:
        """Options that are given are kept, a block that is given is not completed."""
        options = {"forward_agent": "yes", "record_session": {"default": "strict"}, "lock": ""}
        tctl.have(role(options=options | {"port_forwarding": False, "max_connections": 0}))
        changed = {"forward_agent": True, "port_forwarding": False}
        block = {"record_session": {"default": "strict", "desktop": None}}
        assert tctl.one("role/r")["spec"]["options"] == ROLE_DEFAULTS | changed | block

    def test_pointers_stay_and_empty_values_go(self, tctl: Fake) -> None:
        """An empty mcp block stays, empty lists and maps vanish."""
        tctl.have(role(allow={"mcp": {"tools": []}, "logins": [], "node_labels": {}}))
        assert tctl.one("role/r")["spec"]["allow"] == {"mcp": {}}

    def test_field_names_in_any_case(self, tctl: Fake) -> None:
        """Go reads names whatever their case, and a grant written so is a grant."""
        tctl.have(role(Allow={"App_Labels": {"env": "dev"}}), VERSION="18.7.0")
        assert tctl.one("role/r")["spec"]["allow"] == {"app_labels": {"env": "dev"}}

    def test_unknown_fields_before_18_8(self, tctl: Fake) -> None:
        """A mistyped field is dropped without a word."""
        tctl.have(role(allow={"mcp": {"tool": ["x"]}, "nope": 1}), VERSION="18.7.9")
        assert tctl.one("role/r")["spec"]["allow"] == {"mcp": {}}

    def test_unknown_fields_from_18_8_0(self, tctl: Fake) -> None:
        """A mistyped field is refused by tctl, whatever the server."""
        done = tctl.create(role(allow={"mcp": {"tool": ["x"]}}), VERSION="18.8.0")
        assert refused(done) == 'json: unknown field "tool"'

    @pytest.mark.parametrize("old", ["VERSION", "SERVER_VERSION"])
    def test_mcp_is_lost_on_an_old_end(self, tctl: Fake, old: str) -> None:
        """Before 18.1 tctl and server drop mcp, both on the way in and on the way out."""
        new = role(allow={"app_labels": {"env": "dev"}, "mcp": {"tools": ["x"]}})
        tctl.have(new | {"metadata": {"name": "kept"}})
        tctl.have(new, **{old: "18.0.0"})
        assert "mcp" not in tctl.one("role/r")["spec"]["allow"]
        assert "mcp" not in tctl.one("role/kept", **{old: "18.0.0"})["spec"]["allow"]
        assert "mcp" in tctl.one("role/kept")["spec"]["allow"]

    def test_dropped_fields_by_name(self, tctl: Fake) -> None:
        """FAKE_TCTL_DROP takes a field away from one process."""
        tctl.have(role(allow={"mcp": {"tools": ["x"]}}), DROP="spec.allow.mcp")
        assert tctl.one("role/r")["spec"]["allow"] == {}

    def test_revisions_are_new_on_every_write(self, tctl: Fake) -> None:
        """The revision in a file is ignored, an identical write makes a new one."""
        revisions = []
        for _ in range(2):
            tctl.have(labelled(role(), revision="mine"))
            revisions.append(tctl.one("role/r")["metadata"]["revision"])
        assert len({*revisions, "mine"}) == 3

    @pytest.mark.parametrize(
        ("document", "problem"),
        [
            (role(""), "missing parameter Name"),
            (role("Bot"), "reserved role: Bot"),
            (role("r", "v9"), 'role version "v9" is not supported'),
            (labelled(role(), labels={"a b": "x"}), 'invalid label key: "a b"'),
            (
                labelled(role(), labels={"teleport.internal/downgraded": "why"}),
                (
                    "refusing to upsert role because teleport.internal/downgraded label is set "
                    'with reason "why"'
                ),
            ),
            (role(allow={"app_labels": {"*": "x"}}), "selector *:<val> is not supported"),
            (role(allow={"logins": ["*"]}), "wildcard matcher is not allowed in logins"),
            (role(options={"lock": "x"}), "invalid value for role option lock: x"),
            (
                role(options={"enhanced_recording": ["x"]}),
                "invalid value for role option enhanced_recording: x",
            ),
            (role(options={"idp": {}}), "idp option is only supported in role version 7 and below"),
            (
                role(allow={"rules": [{"resources": ["role"]}]}),
                "failed to process 'allow' rule 0: missing verbs",
            ),
        ],
    )
    def test_refusals(self, tctl: Fake, document: Body, problem: str) -> None:
        """Each thing that Teleport refuses at write time is refused in its words."""
        assert refused(tctl.create(document)) == problem

    @pytest.mark.parametrize("name", ["a/b", "a b", "ü", ".", 'a"b'])
    def test_names_that_are_no_keys(self, tctl: Fake, name: str) -> None:
        """The backend's rule names the key it could not make."""
        key = json.dumps(f"/roles/{name}/params", ensure_ascii=False)
        assert refused(tctl.create(role(name))).endswith(f"hyphens, dots, and plus signs: {key}")

    @pytest.mark.parametrize(
        ("allow", "cause"),
        [
            (
                {"app_labels": {"env": 1}},
                "json: cannot unmarshal number into Go value of type []string",
            ),
            (
                {"app_labels": {"env": ["a", True]}},
                "json: cannot unmarshal bool into Go value of type string",
            ),
            ({"app_labels": ["env"]}, "ReadMapCB: expect { or n, but found ["),
            ({"mcp": {"tools": "x"}}, '[]string: decode slice: expect [ or n, but found "'),
            ({"mcp": {"tools": [1]}}, 'ReadString: expects " or n, but found 1'),
        ],
    )
    def test_wrong_types(self, tctl: Fake, allow: object, cause: str) -> None:
        """Numbers, booleans and lists in the wrong place are refused by the decoder."""
        done = tctl.create(role(allow=allow), VERSION="18.7.0")
        assert f"{cause}, error found in #10 byte" in refused(done)

    def test_dynamic_labels_in_deny(self, tctl: Fake) -> None:
        """`create` refuses deny rules on labels that change by themselves."""
        done = tctl.create(role(deny={"app_labels": {"dynamic/x": "y"}}))
        assert refused(done).startswith('existing role "r" has labels with the "dynamic/" prefix')

    def test_rm(self, full: Fake) -> None:
        """`rm` says so, also for a role that a bot impersonates; in 18.0 only users hold roles."""
        assert full("rm", "role/r").stdout == 'role "r" has been deleted\n'
        assert refused(full("rm", "role/r", **OLD)) == 'role "r" is not found'
        assert refused(full("rm", "role/bot-b", **OLD)) == (
            "rpc error: code = Unknown desc = failed to delete a role that is still in use by a "
            "user, check the system server logs for more details"
        )

    def test_rm_reads_two_references_as_one(self, tctl: Fake) -> None:
        """`rm role/a,role/b` deletes b: the rest is taken for a sub kind."""
        tctl.have(role("a"), role("b"))
        tctl("rm", "role/a,role/b")
        assert {"a", "b"} & set(tctl.names("roles")) == {"a"}

    def test_rm_without_a_name(self, tctl: Fake) -> None:
        """A kind alone is not deleted."""
        problem = "provide a full resource name to delete, for example:\n$ tctl rm cluster/east\n"
        assert refused(tctl("rm", "role")) == problem


class TestApps:
    STDIO: Mapping[str, Any] = {"command": "docker", "args": ["run"], "run_as_host_user": "docker"}

    def test_an_mcp_server(self, tctl: Fake) -> None:
        """The server adds sub kind, uri, origin and the switch for certificates."""
        tctl.have(app(mcp=self.STDIO))
        found = tctl.one("app/a")
        assert (found["sub_kind"], found["version"]) == ("mcp", "v3")
        assert found["metadata"]["labels"] == {"teleport.dev/origin": "dynamic"}
        assert found["spec"] == {
            "uri": "mcp+stdio://",
            "insecure_skip_verify": False,
            "mcp": self.STDIO,
        }

    def test_18_0_knows_no_mcp(self, tctl: Fake) -> None:
        """Teleport 18.0 drops spec.mcp, and then misses the uri."""
        assert refused(tctl.create(app(mcp=self.STDIO), **OLD)) == 'app "a" URI is empty'

    @pytest.mark.parametrize(
        ("document", "problem"),
        [
            (app(), 'app "a" URI is empty'),
            (app(uri="http://x") | {"version": "v1"}, 'unsupported app resource version "v1"'),
            (
                app(uri="http://x", rewrite={"jwt_claims": "x"}),
                'app "a" has unexpected JWT rewrite value "x"',
            ),
        ],
    )
    def test_refusals(self, tctl: Fake, document: Body, problem: str) -> None:
        """What is no app is refused."""
        assert refused(tctl.create(document)) == problem

    @pytest.mark.parametrize(
        ("agent", "served"), [("*", ["a", "b"]), ("none", []), ("env=dev", ["b"])]
    )
    def test_agents_serve_apps(self, tctl: Fake, agent: str, served: list[str]) -> None:
        """An app that an agent's labels match has an app_server, which carries the app."""
        tctl.have(app(uri="http://x"), labelled(app("b", uri="http://y"), labels={"env": "dev"}))
        found = tctl.get("app_servers", AGENT=agent)
        assert [d["metadata"]["name"] for d in found] == served
        assert all(d["spec"]["app"]["kind"] == "app" for d in found)

    def test_rm(self, full: Fake) -> None:
        """`rm` of an app says application, of a missing one what the cache says."""
        assert full("rm", "app/a").stdout == 'application "a" has been deleted\n'
        assert refused(full("rm", "app/a", **OLD)) == '"app" "a" does not exist'


class TestTokens:
    def test_defaults(self, tctl: Fake) -> None:
        """Roles are spelled as Teleport spells them, join methods have defaults of their own."""
        kubernetes = {"allow": [{"service_account": "ns:name"}]}
        tctl.have(token(roles=["bot"], join_method="kubernetes", kubernetes=kubernetes))
        spec = tctl.one("token/t")["spec"]
        assert spec["roles"] == ["Bot"]
        assert spec["kubernetes"] == kubernetes | {"type": "in_cluster"}

    @pytest.mark.parametrize(
        ("spec", "problem"),
        [
            ({"roles": []}, "provisioning token is missing roles"),
            ({"roles": ["Foo"]}, "role Foo is not registered"),
            ({"bot_name": ""}, 'token with role "Bot" must set bot_name'),
            ({"roles": ["Node"]}, 'can only set bot_name on token with role "Bot"'),
            ({"join_method": "bogus"}, 'unknown join method "bogus"'),
            (
                {"allow": [{"aws_account": "1"}]},
                'allow rules are not compatible with the "token" join method',
            ),
            (
                {"join_method": "github"},
                '"github" configuration must be provided for join method "github"',
            ),
            (
                {"join_method": "github", "github": {"allow": []}},
                'the "github" join method requires at least one token allow rule',
            ),
            (
                {"join_method": "github", "github": {"allow": [{"ref": "x"}]}},
                (
                    'allow rule for "github" must include at least one of "repository", '
                    '"repository_owner" or "sub"'
                ),
            ),
            (
                {"join_method": "kubernetes", "kubernetes": {"allow": [{"service_account": "x"}]}},
                (
                    "spec.kubernetes:\n\tallow[0].service_account: name of service account should be "
                    'in format "namespace:service_account", got "x" instead'
                ),
            ),
            (
                {"join_method": "iam", "allow": [{}]},
                'allow rule for "ec2" join method must set "aws_account" or "aws_arn"',
            ),
        ],
    )
    def test_refusals(self, tctl: Fake, spec: Body, problem: str) -> None:
        """Each rule about tokens is refused in Teleport's words."""
        assert refused(tctl.create(token(**spec))) == problem

    def test_ls_hides_names_that_are_secrets(self, tctl: Fake) -> None:
        """`tokens ls` masks three quarters of a secret name, `get tokens` shows it."""
        github = {"join_method": "github", "github": {"allow": [{"repository": "a/b"}]}}
        tctl.have(token("hunter22"), token("shown", **github))
        assert tctl("tokens", "ls", "--format=text").stdout == "******22\nshown\n"
        assert tctl.names("tokens") == ["hunter22", "shown"]

    def test_rm_hides_the_name(self, full: Fake) -> None:
        """A token that is not there is named by its last quarter."""
        done = full("rm", "token/hunter22", **OLD)
        assert refused(done) == "provisioning token(******22) not found"
        assert full("rm", "token/t").stdout == 'token "t" has been deleted\n'


class TestBots:
    def test_read_back(self, tctl: Fake) -> None:
        """A bot has a status, twelve hours, and no revision."""
        tctl.have(bot(roles=["x", "x"], traits=[{"name": "t", "values": ["a"]}, {"name": "none"}]))
        assert tctl.one("bot/b") == {
            "kind": "bot",
            "version": "v1",
            "metadata": {"name": "b"},
            "spec": {
                "roles": ["x", "x"],
                "traits": [{"name": "t", "values": ["a"]}],
                "max_session_ttl": "43200s",
            },
            "status": {"role_name": "bot-b", "user_name": "bot-b"},
        }

    @pytest.mark.parametrize(
        ("version", "ttl", "expires"),
        [
            ("18.2.2", {"seconds": 5400, "nanos": 500000000}, {"seconds": 1893553445}),
            ("18.2.3", "5400.5s", "2030-01-02T03:04:05Z"),
        ],
    )
    def test_two_spellings_of_times(
        self, tctl: Fake, version: str, ttl: object, expires: object
    ) -> None:
        """Up to 18.2.2 tctl prints bare protobuf structs, then what can be fed back."""
        document = labelled(bot(max_session_ttl="5400.5s"), expires="2030-01-02T03:04:05Z")
        tctl.have(document)
        found = tctl.one("bot/b", VERSION=version)
        assert found["spec"]["max_session_ttl"] == ttl
        assert found["metadata"]["expires"] == expires

    def test_what_18_0_prints_cannot_be_fed_back(self, tctl: Fake) -> None:
        """The bare struct of a duration is refused, with its place."""
        tctl.have(bot(roles=["ra"]))
        done = tctl("create", "-f", stdin=tctl("get", "bot/b", **OLD).stdout, **OLD)
        assert refused(done).startswith("proto: syntax error (line 1:")
        assert refused(done).endswith(": unexpected token {")

    def test_session_lengths(self, tctl: Fake) -> None:
        """None is twelve hours, nothing or less is thirty, and nothing is capped."""
        pairs = {"0s": 108000, "-5s": 108000, "1000000s": 1000000, None: 43200}
        tctl.have(*(bot(f"b-{n}", max_session_ttl=ttl) for n, ttl in enumerate(pairs)))
        found = [d["spec"]["max_session_ttl"] for d in tctl.batch("bot/b-")]
        assert found == [f"{seconds}s" for seconds in pairs.values()]

    @pytest.mark.parametrize(
        ("spec", "problem"),
        [
            ({"roles": ["ra"], "rolez": ["rb"]}, '(line 1:64): unknown field "rolez"'),
            ({"roles": [1]}, "(line 1:58): invalid value for string field roles: 1"),
            ({"roles": "access"}, 'syntax error (line 1:57): unexpected token "access"'),
            ({"roles": ["ra"], "traits": {}}, "syntax error (line 1:73): unexpected token {"),
            (
                {"roles": ["ra"], "max_session_ttl": "12h"},
                '(line 1:67): invalid google.protobuf.Duration value "12h"',
            ),
            (
                {"roles": ["ra"], "max_session_ttl": 43200},
                "syntax error (line 1:67): unexpected token 43200",
            ),
            (
                {"roles": ["ra"], "maxSessionTtl": "60s", "max_session_ttl": "70s"},
                '(line 1:71): duplicate field "max_session_ttl"',
            ),
        ],
    )
    def test_protojson(self, tctl: Fake, spec: Body, problem: str) -> None:
        """Bots are read strictly by every release; an error names the place in sorted JSON."""
        yaml = f"# not JSON\n{json.dumps(bot('b-s', **spec))}"
        assert refused(tctl("create", stdin=yaml, **OLD)) == f"proto: {problem}"

    def test_camel_case(self, tctl: Fake) -> None:
        """protojson takes lowerCamelCase too."""
        tctl.have(bot(maxSessionTtl="60s"))
        assert tctl.one("bot/b")["spec"]["max_session_ttl"] == "60s"

    @pytest.mark.parametrize(
        ("document", "problem"),
        [
            ({"kind": "bot", "spec": {}}, "metadata: must be non-nil"),
            (bot(""), "metadata.name: must be non-empty"),
            ({"kind": "bot", "metadata": {"name": "b"}}, "spec: must be non-nil"),
            (bot(roles=[""]), "spec.roles: must not contain empty strings"),
        ],
    )
    def test_validation(self, tctl: Fake, document: Body, problem: str) -> None:
        """The server's checks come one tab deeper."""
        assert refused(tctl.create(document)) == f"validating bot\n\t{problem}"

    def test_a_bot_is_a_user_and_a_role(self, tctl: Fake) -> None:
        """The role impersonates, stands in role listings, and carries the bot's label."""
        tctl.have(labelled(bot(roles=["x"]), labels={"team": "ml"}))
        generated, user = tctl.one("role/bot-b"), tctl.one("user/bot-b")
        assert generated["metadata"]["labels"] == {"teleport.internal/bot": "b"}
        assert generated["spec"]["allow"]["impersonate"] == {"roles": ["x"]}
        assert user["metadata"]["labels"] == {
            "team": "ml",
            "teleport.internal/bot": "b",
            "teleport.internal/bot-generation": "0",
        }
        assert "bot-b" in tctl.names("roles")

    def test_an_upsert_replaces_everything(self, tctl: Fake) -> None:
        """Labels, traits and roles that a document does not name are gone."""
        tctl.have(
            labelled(bot(roles=["x"], traits=[{"name": "t", "values": ["a"]}]), labels={"a": "b"})
        )
        tctl.have(bot())
        found = tctl.one("bot/b")
        assert (found["metadata"], found["spec"]) == ({"name": "b"}, {"max_session_ttl": "43200s"})

    def test_descriptions_are_kept_from_18_2_3(self, tctl: Fake) -> None:
        """Older servers lose the description of a bot."""
        for version, kept in (("18.2.2", None), ("18.2.3", "text")):
            tctl.have(labelled(bot(), description="text"), SERVER_VERSION=version)
            assert tctl.one("bot/b")["metadata"].get("description") == kept

    def test_half_a_bot(self, tctl: Fake) -> None:
        """Where the role's name is taken the user stays, and cannot be removed with its role."""
        tctl.have(role("bot-half"))
        done = tctl.create(bot("half"), **OLD)
        assert refused(done).endswith("creating bot role\n\t\tUNIQUE constraint failed: kv.key")
        assert "bot-half" in tctl.names("users")
        assert refused(tctl("rm", "bot/half", **OLD)) == (
            "deleting bot role\n\t"
            "role missing bot label matching bot name; consider manually deleting role"
        )

    def test_a_foreign_user_in_the_way(self, tctl: Fake) -> None:
        """A user without the generation label is not taken over."""
        tctl.have({"kind": "user", "version": "v2", "metadata": {"name": "bot-b"}, "spec": {}})
        problem = "unable to determine existing generation for bot due to missing label"
        assert refused(tctl.create(bot(), force=True)) == problem

    def test_names_that_are_no_keys(self, tctl: Fake) -> None:
        """A bad name or label is found when the bot's user is written."""
        assert refused(tctl.create(bot("a/b"))).startswith(
            "creating bot user\n\tspecial characters"
        )
        done = tctl.create(labelled(bot(), labels={"a b": "x"}), force=True)
        assert refused(done) == 'upserting bot user\n\tinvalid label key: "a b"'

    def test_rm(self, tctl: Fake) -> None:
        """Both halves go, and both are missed afterwards."""
        tctl.have(bot(), bot("c"))
        assert tctl("rm", "bots/b").stdout == 'Bot "b" has been deleted\n'
        assert tctl("bots", "rm", "c").stdout == 'Bot "c" deleted successfully.\n'
        assert refused(tctl("bots", "rm", "b")) == (
            'deleting bot user\n\tfetching bot user\n\t\tuser "bot-b" not found, '
            "deleting bot role\n\tfetching bot role\n\t\trole bot-b is not found"
        )
        assert tctl("bots", "ls").stdout == "No bots found\n"

    def test_ls(self, tctl: Fake) -> None:
        """`bots ls` is a table, or JSON with bare durations in every release."""
        tctl.have(bot(roles=["x", "y"]))
        assert tctl("bots", "ls").stdout.startswith(
            "Bot  User  Roles \n---  ----- ----- \nb    bot-b x,y   \n\n\nTo view active instances"
        )
        found = json.loads(tctl("bots", "ls", "--format=json").stdout)
        assert found[0]["spec"]["max_session_ttl"] == {"seconds": 43200}

    def test_add_prints_a_secret(self, tctl: Fake) -> None:
        """`bots add` makes a single-use token that stands in its output."""
        done = tctl("bots", "add", "b", "--roles=x,nope", "--format=json")
        said = json.loads(done.stdout)
        assert (said["user_name"], said["token_ttl"]) == ("bot-b", 3599999999999)
        assert tctl.names("tokens") == [said["token_id"]]
        assert tctl.one("bot/b")["spec"]["roles"] == ["x", "nope"]

    def test_add_leaves_its_token_behind(self, tctl: Fake) -> None:
        """The token is made first, and stays when the bot is there already."""
        tctl.have(bot())
        done = tctl("bots", "add", "b", "--roles=x")
        assert refused(done) == 'creating bot user\n\tuser "bot-b" already registered'
        assert len(tctl.get("tokens")) == 1


class TestBotsUpdate:
    def test_roles(self, tctl: Fake) -> None:
        """Roles are added and set as flags say, in silence."""
        wanted = {
            ("--add-roles", "rb"): "ra rb",
            ("--add-roles=rb, ra,",): "ra rb",
            ("--set-roles", "rb"): "rb",
            ("--set-roles=rb", "--add-roles=rc"): "rb rc",
            ("--set-roles", ","): "",
            ("--set-roles", ""): "ra",
            ("--add-roles", "ra"): "ra",
            (): "ra",
        }
        bots = (bot(f"b-{n}", roles=["ra"]) for n in range(len(wanted)))
        tctl.have(*(role(name) for name in ("ra", "rb", "rc")), *bots)
        for n, flags in enumerate(wanted):
            done = tctl("bots", "update", f"b-{n}", *flags)
            assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
        found = [set(d["spec"].get("roles", [])) for d in tctl.batch("bot/b-")]
        assert found == [set(roles.split()) for roles in wanted.values()]

    @pytest.mark.parametrize("flag", ["--add-roles=nope", "--add-roles=ra", "--set-roles=nope"])
    def test_every_role_of_the_result_must_exist(self, tctl: Fake, flag: str) -> None:
        """A dangling role, new or old, stops the update."""
        tctl.have(role("ra"), bot(roles=["gone" if flag.endswith("ra") else "ra"]))
        missing = "gone" if flag.endswith("ra") else "nope"
        assert refused(tctl("bots", "update", "b", flag)) == f"role {missing} is not found"

    def test_an_unchanged_set_is_not_checked(self, tctl: Fake) -> None:
        """A dangling role may stay where nothing changes."""
        tctl.have(bot(roles=["gone"]))
        assert tctl("bots", "update", "b", "--set-roles=gone").returncode == 0

    def test_the_rest_stays(self, tctl: Fake) -> None:
        """Labels, traits and session length survive; logins and length can be set."""
        document = bot(traits=[{"name": "t", "values": ["a"]}], max_session_ttl="60s")
        tctl.have(role(), labelled(document, labels={"a": "b"}))
        tctl("bots", "update", "b", "--add-roles=r", "--add-logins=root")
        tctl("bots", "update", "b", "--set-max-session-ttl=1h")
        found = tctl.one("bot/b")
        traits = {trait["name"]: trait["values"] for trait in found["spec"]["traits"]}
        assert found["metadata"]["labels"] == {"a": "b"}
        assert traits == {"t": ["a"], "logins": ["root"]}
        assert found["spec"]["max_session_ttl"] == "3600s"

    def test_a_missing_bot(self, tctl: Fake) -> None:
        """An update of nobody says what was not there."""
        done = tctl("bots", "update", "nobody", "--add-roles=access")
        assert refused(done) == 'fetching bot user\n\t"user" "bot-nobody" does not exist'


class TestEdit:
    def edit(self, tctl: Fake, script: str, ref: str = "role/r", **switches: Any) -> Done:
        editor = tctl.directory / "editor"
        editor.write_text(f"#!/bin/sh\n{script}\n")
        editor.chmod(0o755)
        return tctl("edit", ref, env={"TELEPORT_EDITOR": str(editor)}, **switches)

    def test_an_unchanged_file(self, full: Fake) -> None:
        """Nothing is written where nothing was changed."""
        assert self.edit(full, ":").stdout == "edit canceled, no changes made\n"

    def test_a_changed_role(self, full: Fake) -> None:
        """A role is updated over the revision it was read at."""
        done = self.edit(full, 'sed -i "s/30h0m0s/8h/" "$1"')
        assert done.stdout == 'role "r" has been updated\n'
        assert full.one("role/r")["spec"]["options"]["max_session_ttl"] == "8h0m0s"

    @pytest.mark.parametrize(
        ("script", "problem"),
        [
            ('sed -i "s/revision: .*/revision: x/" "$1"', "resource revision does not match, it"),
            ('sed -i "/revision:/d" "$1"', "resource revision does not match, it may have been"),
            ('sed -i "s/name: r$/name: s/" "$1"', "renaming resources is not supported with tctl"),
            (
                "exit 3",
                "skipping resource update, editor did not complete successfully: exit status 3",
            ),
            (': > "$1"', "EOF"),
        ],
    )
    def test_refusals(self, full: Fake, script: str, problem: str) -> None:
        """A stale revision, a new name, an editor that fails: nothing is written."""
        assert refused(self.edit(full, script)).startswith(problem)

    def test_apps_are_not_compared(self, full: Fake) -> None:
        """Only roles have a revision check, an app is simply overwritten."""
        done = self.edit(full, 'sed -i "s/revision: .*/revision: x/; s,//x,//y," "$1"', "app/a")
        assert done.stdout == 'application "a" has been updated\n'


class TestSwitches:
    def test_log(self, tctl: Fake) -> None:
        """Each run adds a line: arguments, documents, and what the environment says to Teleport."""
        stream = "kind: role\nversion: v8\nmetadata: {name: x}\n---\nkind: role\nversion: bad\n"
        tctl("create", "-f", stdin=stream, env={"TELEPORT_TOOLS_VERSION": "off"})
        (call,) = tctl.calls
        assert (call["argv"], call["verb"], call["documents"]) == (["create", "-f"], "create", 2)
        assert call["env"] == {"TELEPORT_TOOLS_VERSION": "off"}
        (end,) = (tctl.directory / "log.ended").read_text().splitlines()
        assert json.loads(end)["pid"] == call["pid"]
        assert json.loads(end)["at"] >= call["at"]

    @pytest.mark.parametrize(
        "argv",
        [
            ["create"],
            ["rm", "role/r"],
            ["bots", "update", "b"],
            ["bots", "rm", "b"],
            ["edit", "role/r"],
        ],
    )
    def test_read_only(self, tctl: Fake, argv: list[str]) -> None:
        """FAKE_TCTL_READ_ONLY ends any write with 99, and the log shows who tried."""
        assert tctl(*argv, READ_ONLY=1).returncode == 99
        assert tctl.calls[0]["argv"] == argv
        assert tctl("get", "roles", READ_ONLY=1).returncode == 0

    @pytest.mark.parametrize(
        ("rule", "applied"),
        [
            ("create:2=boom", ["x"]),
            ("create:role=boom", []),
            ("create:role/y=boom", ["x"]),
            ("name:y=boom", ["x"]),
            ("*:z=boom", ["x", "y"]),
            ("create:y=>boom", ["x", "y"]),
            ("get:role=other;create:3=boom", ["x", "y"]),
        ],
    )
    def test_failures(self, tctl: Fake, rule: str, applied: list[str]) -> None:
        """A rule fails by place, kind or name; after `>` the work is done before it fails."""
        done = tctl.create(role("x"), role("y"), role("z"), FAIL=rule)
        assert refused(done) == "boom"
        assert [name for name in tctl.names("roles") if name in "xyz"] == applied

    def test_failures_that_end(self, tctl: Fake) -> None:
        """`2x:` fails twice, in whichever process."""
        codes = [tctl("get", "bots", FAIL="2x:get:bots=boom").returncode for _ in range(3)]
        assert codes == [1, 1, 0]

    def test_a_crash(self, tctl: Fake) -> None:
        """`exit N` ends the process without a word."""
        done = tctl("get", "bots", FAIL="get=exit 137")
        assert (done.returncode, done.stdout, done.stderr) == (137, "", "")

    def test_hang(self, tctl: Fake) -> None:
        """A process that hangs at a document has written those before it."""
        process = subprocess.Popen(
            tctl.command("create"),
            env=tctl.environment({"HANG": "create:2!"}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{json.dumps(role('x'))}\n{json.dumps(role('y'))}")
        process.stdin.close()
        assert process.stdout.readline() == 'role "x" has been created\n'
        time.sleep(0.2)
        process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        assert tctl.names("roles").count("x") == 1

    @pytest.mark.parametrize("kind", ["truncated", "html", "ansi", "binary", "empty", "scalar"])
    def test_garbage(self, tctl: Fake, kind: str) -> None:
        """What a get prints then is no JSON array, though it exits with 0."""
        done = subprocess.run(
            tctl.command("get", "roles", "--format=json"),
            env=tctl.environment({"GARBAGE": kind}),
            capture_output=True,
            check=True,
        )
        try:
            assert not isinstance(json.loads(done.stdout), list)
        except ValueError:
            assert done.returncode == 0

    def test_alerts(self, tctl: Fake) -> None:
        """Cluster alerts stand on stderr, after a success and before an error."""
        alert = "\x1b[33mfull disk\x1b[0m\n\n"
        done = tctl("get", "bots", ALERTS="full disk")
        assert (done.stderr, done.returncode) == (alert, 0)
        done = tctl("get", "role/x", ALERTS="full disk", **OLD)
        assert done.stderr == f"{alert}{RED}role x is not found\n\n"

    @pytest.mark.parametrize(
        ("deny", "argv", "problem"),
        [
            (
                "role:list+read",
                ["get", "roles"],
                (
                    'access denied to perform action "list" on "role", '
                    'access denied to perform action "read" on "role"'
                ),
            ),
            ("bot:list", ["get", "bots"], 'access denied to perform action "list" on "bot"'),
            ("bot:*", ["bots", "update", "b"], 'access denied to perform action "read" on "bot"'),
            ("role/r:read", ["get", "role/r"], 'access denied to perform action "read" on "role"'),
            (
                "app/a:read",
                ["get", "app/a"],
                "access to app denied. User does not have permissions. ",
            ),
            ("bot/b:read", ["get", "bot/b"], 'bot "b" not found'),
            ("role:delete", ["rm", "role/r"], 'access denied to perform action "delete" on "role"'),
        ],
    )
    def test_denials(self, full: Fake, deny: str, argv: list[str], problem: str) -> None:
        """FAKE_TCTL_DENY takes verbs from the caller, by kind or by name."""
        assert refused(full(*argv, DENY=deny, **OLD)) == problem

    def test_denied_writes(self, tctl: Fake) -> None:
        """An upsert of a bot needs two verbs, a new role one, after it was looked for."""
        done = tctl.create(bot(), force=True, DENY="bot:create+update")
        assert refused(done) == (
            'access denied to perform action "update" on "bot", '
            'access denied to perform action "create" on "bot"'
        )
        done = tctl.create(role(), DENY="role:read+create")
        assert refused(done) == 'access denied to perform action "read" on "role"'

    def test_partial_listings(self, full: Fake) -> None:
        """What the caller may not list is left out without a word."""
        assert "r" not in full.names("roles", DENY="role/r:list")
        assert full.names("role/r", DENY="role/r:list") == ["r"]
        assert full.get("apps", DENY="app/*:list+read") == []

    def test_expired_credentials(self, tctl: Fake) -> None:
        """An expired login says what to do."""
        done = tctl("status", EXPIRED=1)
        assert refused(done) == "your credentials have expired, please log in using `tsh login`"

    def test_an_unreachable_cluster(self, tctl: Fake) -> None:
        """A connection that fails is one line without colour."""
        done = tctl("--auth-server=p:443", "status", OFFLINE=1)
        line = 'ERROR: Cannot connect to the auth server. Is the auth server running on "p:443"?\n'
        assert (done.stderr, done.returncode) == (line, 1)

    def test_rate_limit(self, tctl: Fake) -> None:
        """The first calls are turned away, whichever they are."""
        results = [tctl("status", RATE_LIMIT=2) for _ in range(3)]
        assert [done.returncode for done in results] == [1, 1, 0]
        assert refused(results[0]) == "rate limit exceeded, try again in 1s"

    def test_mfa(self, tctl: Fake) -> None:
        """A write asks for a key and waits; a read does not."""
        start = time.monotonic()
        done = tctl.create(role(), MFA="0.2")
        assert time.monotonic() - start > 0.2
        assert "Tap any security key\n" in done.stderr
        assert done.stderr.endswith("admin-level API request requires MFA verification\n\n")
        assert tctl("get", "roles", MFA="forever").returncode == 0

    def test_delays(self, tctl: Fake) -> None:
        """A process takes its time, and each document takes some too."""
        start = time.monotonic()
        tctl.have(role("x"), role("y"), DELAY="0.1,0.2")
        assert time.monotonic() - start > 0.5

    def test_the_cache_lags(self, tctl: Fake) -> None:
        """Reads trail updates and deletes, listings trail everything, new items are found."""
        lag = {"CACHE_LAG": "60"}
        tctl.have(role(), role("new"), bot(roles=["r"]), **lag)
        assert "new" not in tctl.names("roles", **lag)
        assert tctl.names("role/new", **lag) == ["new"]
        assert "new" in tctl.names("roles")

    def test_two_updates_in_a_row_lose_a_role(self, tctl: Fake) -> None:
        """`bots update` counts on what the cache says, and silently undoes the last update."""
        tctl.have(role("ra"), role("rb"), bot())
        for name in ("ra", "rb"):
            assert tctl("bots", "update", "b", f"--add-roles={name}", CACHE_LAG=60).returncode == 0
        assert tctl.one("bot/b")["spec"]["roles"] == ["rb"]

    def test_parallel_processes(self, tctl: Fake) -> None:
        """Processes at once lose nothing of each other."""
        processes = [
            subprocess.Popen(
                tctl.command("create"),
                env=tctl.environment({}),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
            for _ in range(6)
        ]
        for number, process in enumerate(processes):
            stream = "".join(json.dumps(role(f"r{number}-{n}")) for n in range(10))
            process.communicate(stream.encode(), timeout=20)
        assert [process.returncode for process in processes] == [0] * 6
        assert len([name for name in tctl.names("roles") if name.startswith("r")]) == 60
