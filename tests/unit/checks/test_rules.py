from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from provisioner.checks.rules import RULES, findings
from provisioner.errors import Place
from tests.sites import HEAD, problems, shown, site

APP = "mcp_servers: {a: {labels: {env: dev}, app: {%s}}}"
BOT = "bots: {ci: {%s}}"
ID = "bots: {ci: {identity: {%s}}}"
JOIN = "bots: {ci: {join: [{%s}]}}"
ROLE = "roles: {dev: {%s}}"
CLIENT = "bots: {ci: {identity: {path: /m}, clients: [{%s}]}}"
LONG = "mcp_servers: {a: {labels: {env: dev}, tools: [x, %s%s]}}\n"
SERVER = "mcp_servers: {a: {labels: {env: dev}, tools: [x, y]}}\n"

UNLIMITED: Final = (
    "roles: {dev: {app_labels: {a: b}, tools: [x]}}\nbots: {ci: {roles: [%s], identity: {%s}}}"
)
ONCE: Final = (
    "roles: {dev: {app_labels: {a: b}, tools: [x], options: {max_session_ttl: 2h}}}\n"
    "bots: {ci: {roles: [dev], identity: {path: /a, %s}, tbot: {oneshot: true}}}"
)
SHORT: Final = (
    "roles: {dev: {app_labels: {a: b}, tools: [x], options: {max_session_ttl: %s}}}\n"
    "bots: {ci: {roles: [%s], identity: {%s}}}"
)

# Each breaks one rule; ▸ stands right before the place that is pointed at.
BROKEN: Final[tuple[tuple[str, str], ...]] = (
    (
        "PV101",
        ROLE % 'app_labels: {a: b}, ▸app_labels_expression: \'labels["a"] == "b"\', tools: [x]',
    ),
    ("PV102", ROLE % "app_labels: {▸'*': '*'}, tools: [x]"),
    ("PV103", ROLE % "app_labels: {▸'*': dev}, tools: [x]"),
    ("PV103", ROLE % "app_labels: {▸'*': ['*', dev]}, tools: [x]"),
    ("PV104", ROLE % "▸tools: [x]"),
    ("PV105", "roles: {▸dev: {app_labels: {a: b}}}"),
    ("PV106", ROLE % "app_labels: {a: b}, tools: [▸'^(?=x)$']"),
    ("PV106", ROLE % "app_labels: {a: ▸'^[$'}, tools: [x]"),
    ("PV106", ROLE % "deny: {app_labels: {a: [b, ▸'^($']}}"),
    ("PV107", ROLE % "app_labels: {a: b}, tools: [▸'^read']"),
    ("PV107", ROLE % "app_labels: {a: b}, tools: [x], deny: {tools: [▸'write$']}"),
    ("PV108", ROLE % "app_labels: {a: b}, tools: [▸'^a|b$']"),
    ("PV109", ROLE % "deny: {tools: [a, ▸'{{internal.mcp_tools}}']}"),
    ("PV110", ROLE % "app_labels: {a: b}, tools: [▸'{{internal.mcp_tool}}']"),
    ("PV111", ROLE % "▸deny: {tools: [a], app_labels: {env: prod}}"),
    ("PV112", "roles: {▸editor: {tools: [a], app_labels: {a: b}}}"),
    ("PV112", "roles: {▸bot-ci: {tools: [a], app_labels: {a: b}}}"),
    ("PV113", ROLE % "▸expires: '2999-01-01T00:00:00Z'" + "\n" + BOT % "roles: [dev]"),
    ("PV114", ROLE % "expires: ▸'2001-01-01T00:00:00Z'"),
    ("PV114", BOT % "expires: ▸'2001-01-01T00:00:00+14:00'"),
    ("PV115", ROLE % "options: {▸require_session_mfa: true}"),
    ("PV116", ROLE % "options: {▸idp: {saml: {enabled: true}}}"),
    ("PV117", ROLE % "options: {▸brand_new: 1}"),
    ("PV118", ROLE % "options: {max_session_ttl: ▸8 hours}"),
    ("PV118", ROLE % "options: {client_idle_timeout: ▸300}"),
    ("PV119", ROLE % "options: {max_sessions: ▸'3'}"),
    ("PV119", ROLE % "options: {record_session: {default: strict, desktop: ▸[x]}}"),
    (
        "PV120",
        SERVER
        + ROLE
        % "app_labels_expression: 'labels[\"a\"] == \"b\"', tools: ['*'], ▸except_tools: [x]",
    ),
    (
        "PV121",
        "mcp_servers: {a: {labels: {env: dev}}}\n"
        + ROLE % "app_labels: {env: dev}, tools: ['*'], ▸except_tools: [x]",
    ),
    ("PV122", SERVER + ROLE % "app_labels: {env: dev}, tools: ['*'], ▸except_tools: ['*']"),
    ("PV123", ROLE % "app_labels_expression: ▸'labels[\"env\"] == ', tools: [x]"),
    ("PV123", ROLE % "app_labels_expression: ▸'label(\"env\")', tools: [x]"),
    ("PV123", ROLE % "app_labels: {a: b}, tools: [x], deny: {app_labels_expression: ▸'!x'}"),
    ("PV130", BOT % "roles: [▸nowhere]"),
    ("PV131", BOT % "identity: {path: /a}, clients: [{format: command, servers: [▸nowhere]}]"),
    ("PV132", BOT % "roles: [▸bot-ci]"),
    ("PV133", "bots: {▸bot-ci: {}}"),
    ("PV134", "external_roles: [a]\n" + BOT % "roles: [a, ▸a]"),
    ("PV135", BOT % "max_session_ttl: ▸169h"),
    ("PV136", BOT % "max_session_ttl: ▸0s"),
    ("PV137", BOT % "traits: {▸mcp_tools: []}"),
    ("PV138", SERVER + BOT % "▸clients: [{format: command, servers: [a]}]"),
    (
        "PV139",
        SERVER + BOT % "identity: {path: /a}, clients: [{format: ▸no-such-thing, servers: [a]}]",
    ),
    ("PV139", CLIENT % "format: ▸{}, servers: reachable"),
    ("PV139", CLIENT % "format: ▸{name: codex, custom: a.json.j2}, servers: reachable"),
    ("PV139", CLIENT % "format: ▸Claude Code, servers: reachable"),
    (
        "PV140",
        "mcp_servers: {a: {}, b: {}}\n"
        + BOT % "identity: {path: /a}, clients: [{format: command, servers: [a, b], name: ▸x}]",
    ),
    ("PV141", LONG % ("▸", "y" * 47) + CLIENT % "format: goose, servers: [a], name: b-long-name"),
    ("PV141", LONG % ("▸", "y" * 57) + CLIENT % "format: goose, servers: reachable"),
    ("PV142", SERVER + CLIENT % "format: claude-code, servers: [a], name: ▸workspace"),
    (
        "PV142",
        "mcp_servers: {computer-use: {}}\n" + CLIENT % "format: claude-code, servers: ▸reachable",
    ),
    ("PV143", SERVER + CLIENT % "format: goose, servers: [a], env: {OK: a, ▸Temp: b}"),
    ("PV143", SERVER + CLIENT % "format: command, servers: [a], env: {▸TELEPORT_HOME: b}"),
    ("PV144", SERVER + CLIENT % "format: codex, servers: [a], timeout: ▸0s"),
    ("PV144", SERVER + CLIENT % "format: codex, servers: [a], timeout: ▸600h"),
    ("PV145", SERVER + CLIENT % "format: ▸claude-desktop, servers: [a]"),
    ("PV150", "mcp_servers: {a: {▸app: {}}}"),
    ("PV150", "mcp_servers: {a: {▸app: {command: x, run_as_host_user: y, uri: 'mcp+http://z'}}}"),
    ("PV151", "mcp_servers: {a: {▸app: {command: x}}}"),
    ("PV152", APP % "uri: 'mcp+https://x/', ▸args: [a]"),
    ("PV153", APP % "uri: ▸'https://x/'"),
    ("PV154", APP % "uri: 'mcp+https://x/', headers: [{name: ▸A, value: 'Bearer x'}]"),
    ("PV154", APP % "uri: 'mcp+http://x', headers: [{name: ▸A, value: 'x {{external.y}}'}]"),
    ("PV195", APP % "uri: 'mcp+https://x/', headers: [{name: ▸A, value: {}}]"),
    ("PV195", APP % "uri: 'mcp+https://x/', headers: [{name: ▸A, value: {env: B, file: /c}}]"),
    (
        "PV195",
        APP
        % "uri: 'mcp+https://x/', headers: [{name: ▸A, value: {text: '{{internal.jwt}}', prefix: 'Bearer '}}]",
    ),
    ("PV155", APP % "uri: 'mcp+https://x/', ▸insecure_skip_verify: true"),
    ("PV156", ROLE % "labels: {▸provisioner/site: mine}"),
    ("PV156", BOT % "labels: {▸teleport.internal/x: y}"),
    ("PV157", "mcp_servers: {a: {▸description: x}}"),
    ("PV157", "mcp_servers: {a: {▸description: ''}}"),
    ("PV170", "bots: {ci: {▸identity: {}}}"),
    ("PV170", "bots: {ci: {▸identity: {path: /a, kubernetes_secret: {name: x, mount_path: /y}}}}"),
    ("PV171", ID % "path: /a, readers: [▸{}]"),
    ("PV172", ID % "kubernetes_secret: {name: x, mount_path: /y}, ▸acls: off"),
    ("PV173", ID % "path: /a, ▸credential_ttl: 1h"),
    ("PV174", ID % "path: /a, credential_ttl: ▸1h, renewal_interval: 2h"),
    ("PV175", "bots: {a: {identity: {path: /m}}, b: {identity: {path: ▸/m/}}}"),
    ("PV176", ID % "path: ▸/var/lib/teleport/bot"),
    ("PV177", JOIN % "method: github, allow: [▸{ref: main}]"),
    ("PV177", JOIN % "method: github, allow: [▸{repository: null}]"),
    ("PV177", JOIN % "method: azure, allow: [▸{subscription: null}]"),
    ("PV178", JOIN % "method: gitlab, allow: ▸[]"),
    (
        "PV179",
        JOIN % "method: github, allow: [{sub: x}], enterprise_server_host: h, ▸enterprise_slug: s",
    ),
    (
        "PV180",
        "bots: {ci: {join: [▸{method: kubernetes, allow: [{service_account: 'a:b'}], type: static_jwks}]}}",
    ),
    (
        "PV181",
        JOIN % "method: tpm, allow: [{ek_public_hash: x}], config: {▸registration_secret: x}",
    ),
    (
        "PV182",
        "bots: {ci: {join: [▸{method: gcp, allow: [{project_ids: [x]}]}, {method: gcp, allow: [{project_ids: [y]}]}]}}",
    ),
    ("PV183", BOT % "join: {method: token, token_path: /t}, tbot: {storage: ▸memory}"),
    ("PV184", JOIN % "method: gcp, allow: [{project_ids: [x], ▸service_account: y}]"),
    (
        "PV184",
        JOIN % "method: tpm, allow: [{ek_public_hash: x}], config: {▸ekcert_allowed_ca: [y]}",
    ),
    ("PV185", SHORT % ("10m", "▸dev", "path: /a")),
    ("PV185", SHORT % ("1h", "▸dev", "path: /a, credential_ttl: 4h, renewal_interval: 2h")),
    ("PV185", UNLIMITED % ("▸dev", "path: /a, credential_ttl: 72h, renewal_interval: 36h")),
    ("PV186", ID % "path: /a, credential_ttl: ▸169h, renewal_interval: 1h"),
    ("PV187", SHORT % ("2h", "dev", "path: /a, credential_ttl: ▸4h, renewal_interval: 1h")),
    ("PV187", UNLIMITED % ("dev", "path: /a, credential_ttl: ▸31h, renewal_interval: 1h")),
    ("PV187", ONCE % "credential_ttl: ▸3h, renewal_interval: 3h"),
    ("PV188", JOIN % "method: kubernetes, allow: [{service_account: 'a:b'}], ▸token_path: /t"),
    ("PV190", ROLE % "spec: {allow: {▸app_labels: {a: b}}}"),
    ("PV190", ROLE % "spec: {deny: {mcp: {▸tools: [x]}}}"),
    ("PV190", ROLE % "spec: {▸options: {max_session_ttl: 8h}}"),
    ("PV190", APP % "uri: 'mcp+https://x/', spec: {rewrite: {▸headers: [{name: A, value: x}]}}"),
    ("PV190", APP % "uri: 'mcp+https://x/', spec: {▸insecure_skip_verify: false}"),
    ("PV191", ROLE % "spec: {allow: {logins: [root, ▸5]}}"),
    ("PV191", ROLE % "spec: {allow: {node_labels: {a.b: ▸4}}}"),
    ("PV191", ROLE % "spec: {allow: ▸text}"),
    ("PV191", ROLE % "spec: {allow: {logins: [root, ▸null]}}"),
    ("PV191", ROLE % "spec: {allow: {rules: [▸null]}}"),
    ("PV119", ROLE % "options: {forward_agent: ▸yes}"),
    ("PV119", ROLE % "options: {create_host_user_mode: ▸drop}"),
    ("PV191", ROLE % "spec: {allow: {request: {roles: [x], max_duration: ▸4d}}}"),
    ("PV191", ROLE % "spec: {allow: {node_labels: {a: ▸[]}}}"),
    (
        "PV191",
        APP % "uri: 'mcp+https://x/', spec: {dynamic_labels: {a: {command: [x], period: ▸1m}}}",
    ),
    ("PV191", ROLE % "version: v6, spec: {allow: {kubernetes_resources: [▸null]}}"),
    ("PV191", ROLE % "spec: {allow: {node_labels: {a: ▸null}}}"),
    ("PV191", ROLE % "spec: {allow: {rules: [{resources: ▸true, verbs: [create]}]}}"),
    ("PV191", ROLE % "spec: {allow: {rules: [{resources: [role], verbs: ▸5}]}}"),
    ("PV191", ROLE % "spec: {allow: {request: ▸{max_duration: soon}}}"),
    ("PV191", ROLE % "spec: ▸{allow: {rules: [{resources: [role]}]}}"),
    ("PV191", APP % "uri: 'mcp+https://x/', spec: {tcp_ports: [{port: ▸http}]}"),
    ("PV192", ROLE % "spec: {allow: {▸login: [root]}}"),
    ("PV192", ROLE % "spec: {▸alow: {logins: [root]}}"),
    ("PV192", ROLE % "spec: {allow: {rules: [{resources: [x], ▸verb: [y], verbs: [z]}]}}"),
    ("PV193", ROLE % "spec: {allow: {rules: [▸{resources: [role], verbs: [read, update]}]}}"),
    ("PV193", ROLE % "spec: {allow: {rules: [▸{resources: ['*'], verbs: ['*']}]}}"),
    (
        "PV194",
        APP % "uri: 'mcp+https://x/', spec: {▸dynamic_labels: {a: {command: [x], period: 1m}}}",
    ),
    ("PV302", "tests: {▸t: {server: a, allow: [x]}}"),
    ("PV303", "tests: {▸t: {bot: a, allow: [x]}}"),
    ("PV304", "tests: {▸t: {bot: a, server: a}}"),
    ("PV305", "tests: {t: {bot: a, server: a, allow: [▸'^($']}}"),
)

# Near misses: each breaks none of the rules named.
SOUND: Final[tuple[tuple[str, str], ...]] = (
    ("PV101 PV104 PV105", ROLE % "app_labels_expression: 'labels[\"a\"] == \"b\"', tools: [x]"),
    ("PV102 PV103", ROLE % "app_labels: {env: '*'}, tools: [x]"),
    ("PV104 PV105 PV111", ROLE % "deny: {tools: [x]}"),
    ("PV106 PV107 PV108 PV110", ROLE % "app_labels: {a: b}, tools: ['^(a|b)$', 'x*', '*']"),
    ("PV106 PV107", ROLE % "app_labels: {a: b}, tools: ['{{external.no_such}}', 'a^b', '(']"),
    ("PV109", ROLE % "deny: {tools: ['read_*']}"),
    ("PV112", "roles: {editors: {}, robot: {}}"),
    ("PV113 PV114", ROLE % "expires: '2999-01-01T00:00:00Z'"),
    ("PV116", ROLE % "version: v7, options: {idp: {saml: {enabled: true}}}"),
    ("PV115 PV117 PV118", ROLE % "options: {max_session_ttl: 1d, lock: strict, require_session_mfa: false}"),
    ("PV130 PV132 PV134", "external_roles: [bots]\n" + ROLE % "" + "\n" + BOT % "roles: [dev, bots]"),
    ("PV184", JOIN % "method: tpm, allow: [{ek_public_hash: x}], config: {ekcert_allowed_cas: [y]}"),
    ("PV185 PV187", SHORT % ("20m", "dev", "path: /a")),
    ("PV185 PV187", SHORT % ("4h", "dev", "path: /a, credential_ttl: 4h, renewal_interval: 1h")),
    ("PV187", SHORT % ("1h", "dev", "path: /a, credential_ttl: 4h, renewal_interval: 2h")),
    ("PV185 PV187", UNLIMITED % ("dev", "path: /a, credential_ttl: 30h, renewal_interval: 20h")),
    ("PV185", ONCE % "credential_ttl: 3h, renewal_interval: 3h"),
    ("PV185 PV187", "external_roles: [a]\n" + BOT % "roles: [a], identity: {path: /a, credential_ttl: 72h, renewal_interval: 48h}"),
    ("PV186", ID % "path: /a, credential_ttl: 168h, renewal_interval: 1h"),
    ("PV188", JOIN % "method: kubernetes, allow: [{service_account: 'a:b'}]"),
    ("PV135 PV136", BOT % "max_session_ttl: 168h"),
    ("PV137", BOT % "traits: {mcp_tools: [a]}"),
    ("PV141", LONG % ("", "y" * 56) + CLIENT % "format: goose, servers: [a], name: b"),
    ("PV141", LONG % ("", "y" * 56) + CLIENT % "format: goose, servers: reachable"),
    ("PV142", SERVER + CLIENT % "format: codex, servers: [a], name: workspace"),
    ("PV143", SERVER + CLIENT % "format: goose, servers: [a], env: {TELEPORT_HOME: b}"),
    ("PV143", SERVER + CLIENT % "format: codex, servers: [a], env: {PATH: b}"),
    ("PV144", SERVER + CLIENT % "format: codex, servers: [a], timeout: 1s"),
    ("PV144", SERVER + CLIENT % "format: codex, servers: [a], timeout: 576h"),
    ("PV145", SERVER + CLIENT % "format: claude-code, servers: [a]"),
    ("PV150 PV151 PV152", APP % "command: x, run_as_host_user: y, args: [z]"),
    ("PV150 PV153", APP % "uri: 'mcp+sse+https://x/'"),
    ("PV154", APP % "uri: 'mcp+https://x/', headers: [{name: A, value: 'Bearer {{ internal.id_token }}'}]"),
    ("PV154 PV195", APP % "uri: 'mcp+https://x/', headers: [{name: A, value: {env: B, prefix: 'Bearer '}}]"),
    ("PV156", ROLE % "labels: {team: a, example.com/provisioner: b}"),
    ("PV157", APP % "uri: 'mcp+https://x/'"),
    ("PV170 PV171 PV173 PV174", ID % "path: /a, readers: [{user: x}], credential_ttl: 2h, renewal_interval: 1h"),
    ("PV175 PV176", "bots: {a: {identity: {path: /m}}, b: {identity: {path: /n}}}"),
    ("PV177 PV178 PV179", JOIN % "method: github, allow: [{repository: a/b}]"),
    ("PV182", JOIN % "method: token, token_path: /a}, {method: token, token_path: /b"),
    ("PV119", ROLE % "options: {max_sessions: 3, idp: {saml: {enabled: true}}, brand_new: [1]}"),
    ("PV191", ROLE % "spec: {allow: {login: [root], request: {roles: [x], brand: 1}, rules: [{resources: [x], verb: [y], verbs: [z]}]}, foo: 1}"),
    ("PV191", APP % "uri: 'mcp+https://x/', spec: {brand_new: {a: 1}, public_addr: x}"),
    ("PV190 PV191 PV192 PV193", ROLE % "spec: {allow: {mcp: {}, logins: [x], node_labels: {a: [b]}}}"),
    ("PV191 PV193", ROLE % "spec: {allow: {rules: [{resources: [role, session], verbs: [list, read]}]}}"),
    ("PV190 PV191 PV192", APP % "uri: 'mcp+http://x', spec: {rewrite: {jwt_claims: none}, public_addr: x}"),
    ("PV302 PV303 PV304 PV305", "tests: {t: {bots: '*', servers: {env: prod}, connect: false}}"),
)  # fmt: skip


@pytest.mark.parametrize(("code", "text"), BROKEN)
def test_a_broken_rule_is_found_at_its_place(code: str, text: str, tmp_path: Path) -> None:
    """Each rule finds what it is about, and points at it."""
    line = text[: text.index("▸")].count("\n") + 1
    column = text.index("▸") - text.rfind("\n", 0, text.index("▸"))
    assert (code, line, column) in shown(problems(tmp_path, text.replace("▸", "")))


@pytest.mark.parametrize(("code", "text"), BROKEN)
def test_a_finding_says_the_cure(code: str, text: str) -> None:
    """A finding has a message that names the entry, and a cure."""
    found = [each for rule, each in findings(site(text.replace("▸", ""))) if rule.code == code]
    assert found
    assert all(each.message and each.cure for each in found)


@pytest.mark.parametrize(("codes", "text"), SOUND)
def test_near_misses_are_sound(codes: str, text: str) -> None:
    """What is nearly broken, and is not, is left alone."""
    found = {rule.code for rule, _ in findings(site(text))}
    assert not found & set(codes.split())


def test_every_rule_is_tried() -> None:
    """No rule stands without a case that breaks it."""
    assert {rule.code for rule in RULES} == {code for code, _ in BROKEN}


def test_the_word_that_was_meant(tmp_path: Path) -> None:
    """Where a known word was nearly written, the cure names it."""
    text = ROLE % "app_labels: {a: b}, tools: [x]" + "\n" + BOT % "roles: [dve]"
    (problem,) = problems(tmp_path, text)
    assert problem.hint == "did you mean dev?"


@pytest.mark.parametrize(("version", "told"), [("18.9.3", True), ("19.0", False), ("20", False)])
def test_a_release_that_knows_token_path(version: str, told: bool, tmp_path: Path) -> None:
    """Where the site says that its Teleport is new enough, tbot knows the key."""
    head = HEAD.replace("443}", f'443, version: "{version}"}}')
    text = JOIN % "method: kubernetes, allow: [{service_account: 'a:b'}], token_path: /t"
    assert [p.code for p in problems(tmp_path, text, head=head)] == (["PV188"] if told else [])


def test_related_places(tmp_path: Path) -> None:
    """A finding about two places shows the other one as well."""
    text = "external_roles: [a]\nbots: {ci: {roles: [a, a]}}"
    (problem,) = problems(tmp_path, text)
    assert problem.related == (Place(str(tmp_path / "site.yaml"), 5, 21, 22),)


def test_warnings_about_broken_entries_wait(tmp_path: Path) -> None:
    """What a role seems to lack may be what could not be read: no warning then, but errors."""
    text = "roles: {dev: {app_labels: {a: b}, tool: [x]}, editor: {tool: [x]}}"
    codes = [code for code, _, _ in shown(problems(tmp_path, text))]
    assert codes == ["PV040", "PV112", "PV040"]


def test_thousands_of_findings_are_quick(tmp_path: Path) -> None:
    """The search for the word that was meant is made for what is shown, and for nothing else."""
    roles = "".join(f"  role-{n}: {{tools: [a], app_labels: {{a: b}}}}\n" for n in range(300))
    bots = "".join(f"  bot{n}: {{roles: [rule-{n}]}}\n" for n in range(1500))
    found = problems(tmp_path, f"roles:\n{roles}bots:\n{bots}")
    assert len(found) == 101
    assert found[-1].message == "and 1,400 more like the last of these"
