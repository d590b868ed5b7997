from __future__ import annotations

import shlex
from typing import Any, Final

import pytest
import yaml

from provisioner.change import Key
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Verb, Write
from provisioner.errors import Place, Problem, SiteError
from provisioner.rendering.render import Rendered, render
from provisioner.templating.templates import Templates
from provisioner.values import thaw
from tests.conftest import ROOT
from tests.sites import HEAD, TEMPLATES, document, site

TEXTS = {
    path.relative_to(ROOT / "templates").as_posix(): path.read_text()
    for path in (ROOT / "templates").rglob("*.j2")
}
ROLE = "roles: {dev: {app_labels: {env: dev}, tools: ['*']}}"

# What the onboarding of tbot has besides method and token. Source: lib/tbot/bot/onboarding.
TOLD: Final[tuple[tuple[str, dict[str, dict[str, str]]], ...]] = (
    (
        "method: gitlab, allow: [{project_path: a/b}], token_env_var_name: MY_JWT",
        {"gitlab": {"token_env_var_name": "MY_JWT"}},
    ),
    ("method: gitlab, allow: [{project_path: a/b}]", {}),
    (
        "method: kubernetes, allow: [{service_account: 'a:b'}], token_path: /var/t",
        {"kubernetes": {"token_path": "/var/t"}},
    ),
    (
        "method: azure, allow: [{subscription: a}], client_id: '1234'",
        {"azure": {"client_id": "1234"}},
    ),
    (
        "method: terraform_cloud, allow: [{organization_name: a, project_name: b}], audience_tag: T",
        {"terraform": {"audience_tag": "T"}},
    ),
)


def rendered(rest: str, **replaced: str) -> Rendered:
    """Render a site; `replaced` are texts of templates of ours, by kind."""
    texts = {f"teleport/{kind}.yaml.j2": text for kind, text in replaced.items()}
    templates = Templates.load({**TEXTS, **texts}) if texts else TEMPLATES
    return render(site(rest), templates, document(HEAD + rest).key_place)


def refusals(rest: str, **replaced: str) -> tuple[Problem, ...]:
    with pytest.raises(SiteError) as caught:
        rendered(rest, **replaced)
    return caught.value.problems


def body(rest: str) -> Any:
    (resource,) = rendered(rest).resources
    return thaw(resource.body)


def test_a_role() -> None:
    """A role says its labels, its tools and whose it is, and nothing else."""
    assert body("roles: {dev: {version: v6, app_labels: {env: dev}, tools: ['*', a]}}") == {
        "kind": "role",
        "version": "v6",
        "metadata": {"name": "dev", "labels": {"provisioner/site": "acme"}},
        "spec": {"allow": {"app_labels": {"env": "dev"}, "mcp": {"tools": ["*", "a"]}}},
    }


def test_everything_a_role_can_say() -> None:
    """Descriptions, labels, expiry, protection, deny and options all arrive."""
    found = body(
        "roles: {dev: {app_labels_expression: 'a == \"b\"', description: 'x: y', labels: {t: m},"
        " expires: '2999-01-01T00:00:00Z', protected: true, options: {max_session_ttl: 8h},"
        " deny: {tools: [d], app_labels: {env: [a, b]}, app_labels_expression: c}}}"
    )
    assert found["metadata"]["labels"] == {
        "t": "m",
        "provisioner/site": "acme",
        "provisioner/protected": "true",
    }
    assert found["metadata"]["description"] == "x: y"
    assert found["metadata"]["expires"] == "2999-01-01T00:00:00Z"
    assert found["spec"] == {
        "allow": {"app_labels_expression": 'a == "b"'},
        "deny": {
            "app_labels": {"env": ["a", "b"]},
            "app_labels_expression": "c",
            "mcp": {"tools": ["d"]},
        },
        "options": {"max_session_ttl": "8h"},
    }


def test_apps() -> None:
    """A server with `app` is registered, one without is somebody else's."""
    found = rendered(
        "mcp_servers: {a: {labels: {e: d}, app: {command: run, args: ['-i', 'a b'],"
        " run_as_host_user: u}}, b: {labels: {e: d}}}"
    )
    assert [str(each.key) for each in found.resources] == ["app/a"]
    assert thaw(found.resources[0].body)["spec"] == {
        "mcp": {"command": "run", "args": ["-i", "a b"], "run_as_host_user": "u"}
    }


def test_bots() -> None:
    """A bot's roles, traits and session arrive in the shapes that Teleport reads."""
    found = body("bots: {ci: {roles: [bots], traits: {t: [a, b]}, max_session_ttl: 90m}}")
    assert found["spec"] == {
        "roles": ["bots"],
        "traits": [{"name": "t", "values": ["a", "b"]}],
        "max_session_ttl": "5400s",
    }
    assert body("bots: {ci: {}}")["spec"] == {}


@pytest.mark.parametrize(
    "rest",
    [
        *(f"roles: {{dev: {{version: {v}, app_labels: {{a: b}}, tools: ['*']}}}}" for v in ("v6", "v7", "v8")),
        "roles: {dev: {deny: {tools: [x]}, options: {max_session_ttl: 8h, lock: strict}}}",
        "roles: {dev: {app_labels_expression: 'contains(user.spec.traits[\"a\"], \"b\")'}}",
        "roles: {dev: {description: \"'\\\" {{ }} \\n \\u20ac\", labels: {a: 'yes', b: '1'}}}",
        "roles: {dev: {tools: [a], spec: {allow: {logins: ['*x'], node_labels: {'*': '*'}}, deny: {logins: [y]}}}}",
        "roles: {dev: {spec: {deny: {rules: [{resources: [role], verbs: [list]}]}}}}",
        "mcp_servers: {a: {app: {uri: 'mcp+https://x/', spec: {rewrite: {jwt_claims: none}, cors: {max_age: 1}}}}}",
        "bots: {ci: {max_session_ttl: 12h, traits: {a: b}, labels: {a: 'no'}}}",
        "mcp_servers: {a: {app: {uri: 'mcp+https://x/', headers: [{name: A, value: '{{internal.jwt}}'}]}}}",
        "mcp_servers: {a: {app: {command: x, run_as_host_user: '1000'}}}",
        "bots: {ci: {join: {method: github, allow: [{repository: a/b, ref: 'on'}]}}}",
        *(f"bots: {{ci: {{join: {{{join}}}}}}}" for join, _ in TOLD),
    ],
)  # fmt: skip
def test_teleport_takes_what_is_rendered(rest: str) -> None:
    """Every document can be created as it stands."""
    cluster = MemoryCluster()
    for each in rendered(rest).resources:
        (outcome,) = cluster.write([Write(Verb.CREATE, each.key, each.body)])
        assert outcome.error is None


def test_files_are_what_is_applied() -> None:
    """The file of a resource, read by another YAML reader, is the body that is applied."""
    found = rendered(f"{ROLE}\nbots: {{ci: {{roles: [dev], labels: {{a: 'off', b: '1_0'}}}}}}")
    for each in found.resources:
        directory = {"role": "roles", "bot": "bots"}[each.key.kind]
        assert yaml.safe_load(found.files[f"{directory}/{each.key.name}.yaml"]) == thaw(each.body)


def test_resources_know_their_place() -> None:
    """A resource stands where its entry has its name."""
    (resource,) = rendered(ROLE).resources
    assert (resource.key, resource.at) == (Key("role", "dev"), Place("site.yaml", 4, 9, 12))


def test_a_command_line() -> None:
    """The command of a client entry is one that a shell reads back."""
    files = rendered(
        "mcp_servers: {a: {}}\nbots: {ci: {identity: {path: /opt/my id/},"
        " clients: [{format: command, servers: [a]}]}}"
    ).files
    (line,) = files["clients/ci/command.txt"].splitlines()
    assert shlex.split(line) == [
        *("tsh", "mcp", "connect", "-i", "/opt/my id/identity"),
        *("--proxy", "example.teleport.sh:443", "a"),
    ]


def test_tbot() -> None:
    """tbot.yaml has one identity service that may reissue, for tsh asks for app certificates."""
    files = rendered("bots: {ci: {identity: {path: /opt/machine-id}}, other: {}}").files
    assert yaml.safe_load(files["tbot/ci.yaml"]) == {
        "version": "v2",
        "proxy_server": "example.teleport.sh:443",
        "services": [
            {
                "type": "identity",
                "destination": {"type": "directory", "path": "/opt/machine-id"},
                "allow_reissue": True,
            }
        ],
    }
    assert "tbot/other.yaml" not in files


@pytest.mark.parametrize(("join", "told"), TOLD)
def test_what_tbot_alone_is_told(join: str, told: dict[str, dict[str, str]]) -> None:
    """Where tbot finds its proof stands in the onboarding of its method, and not in the token."""
    files = rendered(f"bots: {{ci: {{identity: {{path: /a}}, join: {{{join}}}}}}}").files
    (token,) = (text for name, text in files.items() if name.startswith("tokens/"))
    onboarding = yaml.safe_load(files["tbot/ci.yaml"])["onboarding"]
    said = yaml.safe_load(token)
    method = said["spec"]["join_method"]
    assert onboarding == {"join_method": method, "token": said["metadata"]["name"], **told}
    assert said["spec"][method].keys() == {"allow"}


def test_no_file_overwrites_another() -> None:
    """Two ways to join give two files, whatever other bots are called."""
    joins = (
        "[{method: gcp, allow: []}, {method: iam, allow: []}, {method: iam, name: x, allow: []}]"
    )
    files = rendered(
        f"bots: {{a: {{identity: {{path: /a}}, join: {joins}}}, a-iam: {{identity: {{path: /b}}}}}}"
    ).files
    assert {name for name in files if name.startswith("tbot/")} == {
        "tbot/a.yaml",
        "tbot/a.iam.yaml",
        "tbot/a.x.yaml",
        "tbot/a-iam.yaml",
    }
    twice = joins.replace("name: x, ", "name: iam, ")
    (problem,) = refusals(f"bots: {{a: {{identity: {{path: /a}}, join: {twice}}}}}")
    assert "tbot/a.iam.yaml" in problem.message


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("kind: bot\nmetadata: {name: dev}\nspec: {}\n", "kind is 'bot', not 'role'"),
        ("kind: role\nmetadata:\n  name: other\nspec: {}\n", "metadata.name is 'other', not 'dev'"),
        ("kind: role\nmetadata:\n  name: {{ name }}\nspec: {}\n", "provisioner/site is None"),
        ("kind: role\nmetadata: []\n", "metadata.name is None"),
        ("- 1\n", "kind is None"),
        ("", "kind is None"),
        (
            "kind: role\nmetadata:\n  name: dev\n  labels: {provisioner/site: acme}\nspec:\n",
            "spec is not a mapping",
        ),
    ],
)
def test_a_template_that_writes_something_else(template: str, said: str) -> None:
    """A template writes the document it is asked for; its file and the entry of the site are named."""
    (problem,) = refusals(ROLE, role=template)
    assert said in problem.message
    assert problem.at == Place("teleport/role.yaml.j2")
    assert problem.related == (Place("site.yaml", 4, 9, 12),)


def test_raw_specs() -> None:
    """A raw spec stands in the document beside what is said in words, in one mapping with it."""
    spec = body(
        "roles: {dev: {app_labels: {a: b}, tools: [x], deny: {tools: [y]}, options: {lock: strict}, "
        "spec: {allow: {logins: [root], mcp: {new: 1}}, deny: {mcp: {new: 2}, logins: [no]}, other: {z: [true]}}}}"
    )["spec"]
    assert spec == {
        "allow": {"app_labels": {"a": "b"}, "mcp": {"tools": ["x"], "new": 1}, "logins": ["root"]},
        "deny": {"mcp": {"tools": ["y"], "new": 2}, "logins": ["no"]},
        "options": {"lock": "strict"},
        "other": {"z": [True]},
    }
    spec = body(
        "mcp_servers: {a: {app: {command: x, run_as_host_user: y, headers: [{name: A, value: '{{internal.jwt}}'}], "
        "spec: {mcp: {new: 1}, rewrite: {redirect: [z]}, public_addr: p}}}}"
    )["spec"]
    assert spec == {
        "mcp": {"command": "x", "run_as_host_user": "y", "new": 1},
        "rewrite": {"headers": [{"name": "A", "value": "{{internal.jwt}}"}], "redirect": ["z"]},
        "public_addr": "p",
    }


def test_a_template_that_loses_a_raw_spec() -> None:
    """A template of one's own that does not know of raw specs is refused, with what it loses."""
    (problem,) = refusals(
        "roles: {dev: {spec: {allow: {logins: [root]}, deny: {}, other: 1}}}",
        role="kind: role\nversion: v8\nmetadata:\n  name: {{ name }}\n  labels: {{ labels }}\nspec: {}\n",
    )
    assert problem.message.endswith("spec.allow.logins is lost; spec.other is lost")


@pytest.mark.parametrize("template", ["kind: role\nkind: role\n", "a: [b\n", "a: *x\n"])
def test_a_template_that_writes_no_yaml(template: str) -> None:
    """What is wrong with a rendering is told by its line there, and names the entry."""
    (problem,) = refusals(ROLE, role=template)
    assert problem.at is not None
    assert problem.at.file == "teleport/role.yaml.j2 (as rendered for role/dev)"
    assert problem.related == (Place("site.yaml", 4, 9, 12),)


def test_every_failing_entry_is_told() -> None:
    """One template that fails for many entries is told for each of them."""
    rest = "roles: {a: {}, b: {}}\nbots: {c: {}}"
    found = refusals(rest, role="kind: {{ nothing }}\n", bot="kind: {{ nothing }}\n")
    assert [problem.related[0].column for problem in found] == [9, 16, 8]


FAILING = {**TEXTS, "tbot/tbot.yaml.j2": "version: {{ version }}\n"}
WITH_MACHINE = "bots: {ci: {identity: {path: /opt/machine-id}}, cd: {identity: {path: /opt/other}}}"


def test_a_machine_template_of_others_is_tried_at_once() -> None:
    """A plan finds that a machine file cannot be rendered, though it does not compare it."""
    with pytest.raises(SiteError) as caught:
        render(site(WITH_MACHINE), Templates.load(FAILING), document(HEAD + WITH_MACHINE).key_place)
    assert [problem.code for problem in caught.value.problems] == ["PV035", "PV035"]


def test_machine_files_of_ours_are_rendered_when_they_are_asked_for() -> None:
    """What our own templates write takes no time until somebody wants it; then all problems are told."""
    templates = Templates.load(FAILING, proven=FAILING)
    found = render(site(WITH_MACHINE), templates, document(HEAD + WITH_MACHINE).key_place)
    with pytest.raises(SiteError) as caught:
        _ = found.files
    assert [problem.code for problem in caught.value.problems] == ["PV035", "PV035"]


def test_a_template_in_place_of_ours_is_no_longer_ours() -> None:
    """Ours are those that nobody has put another in the place of, however many are added."""
    templates = Templates.load(TEXTS, proven=TEXTS)
    more = templates.also({"custom/own.json.j2": "{}", "tbot/tbot.yaml.j2": "version: v2\n"})
    assert more.is_ours("clients/cursor.json.j2")
    assert not more.is_ours("custom/own.json.j2")
    assert not more.is_ours("tbot/tbot.yaml.j2")


def test_what_a_template_of_others_wrote_is_read_back() -> None:
    """A file that another's template spoils is told with the file, the template and the entry."""
    rest = (
        "mcp_servers: {a: {}}\nbots: {ci: {identity: {path: /a},"
        " clients: [{format: {custom: x/own.json.j2}, servers: [a]}]}}"
    )
    spoiling = TEMPLATES.also(
        {"custom/x/own.json.j2": '{"a": {{ connections[0].name }}'},
        {"custom/x/own.json.j2": "sites/x/own.json.j2"},
    )
    with pytest.raises(SiteError) as caught:
        render(site(rest), spoiling, document(HEAD + rest).key_place)
    (problem,) = caught.value.problems
    assert (problem.code, problem.at) == ("PV038", Place("sites/x/own.json.j2"))
    assert (
        "wrote into clients/ci/own.json cannot be read: this is no JSON: line 1" in problem.message
    )
    assert problem.related == (Place("site.yaml", 5, 35, 42),)


def test_problems_of_a_template_beside_the_site_name_its_file() -> None:
    """What is wrong in a template is told where the file is, not under the name that we give it."""
    texts, paths = {"custom/own.json.j2": "{{ nobody }}"}, {"custom/own.json.j2": "a/own.json.j2"}
    rest = (
        "mcp_servers: {a: {}}\nbots: {ci: {identity: {path: /a},"
        " clients: [{format: {custom: own.json.j2}, servers: [a]}]}}"
    )
    with pytest.raises(SiteError) as caught:
        render(site(rest), TEMPLATES.also(texts, paths), document(HEAD + rest).key_place)
    assert [str(problem.at) for problem in caught.value.problems] == ["a/own.json.j2:1:4"]
    with pytest.raises(SiteError) as caught:
        TEMPLATES.also({"custom/own.ini.j2": "x"}, {"custom/own.ini.j2": "a/own.ini.j2"})
    assert "by the ending of `a/own.ini.j2`" in caught.value.problems[0].message
