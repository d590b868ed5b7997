"""What is said about templates with faults, and how our own documents look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from provisioner.errors import Place, Problem, SiteError
from provisioner.templating.templates import Templates
from provisioner.values import Plain

FOLDER = Path(__file__).parents[3] / "templates"
OURS = Templates.load(
    {str(path.relative_to(FOLDER)): path.read_text() for path in FOLDER.rglob("*.yaml.j2")}
)


def problems(texts: Mapping[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(SiteError) as caught:
        Templates.load(texts)
    return caught.value.problems


def problem(text: str) -> Problem:
    (found,) = problems({"t.yaml.j2": text})
    return found


def failure(text: str, context: Mapping[str, Plain], **others: str) -> Problem:
    templates = Templates.load(
        {"t.yaml.j2": text, **{f"{n}.yaml.j2": t for n, t in others.items()}}
    )
    with pytest.raises(SiteError) as caught:
        templates.render("t.yaml.j2", context, entry=Place("site.yaml", 7, 3, 9))
    (found,) = caught.value.problems
    return found


@pytest.mark.parametrize(
    ("text", "code", "at", "message"),
    [
        ("a: 1\nb: {{ x\n", "PV030", (2, 1), "unexpected end of template"),
        ("a: 1\n{% if x %}\n", "PV030", (2, 1), "Unexpected end of template"),
        ("a: {{ }}", "PV030", (1, 1), "Expected an expression"),
        ("a: {{ 'x }}", "PV030", (1, 1), "unexpected char"),
        ("a: {{ " + "9" * 5000 + " }}", "PV030", (1, 1), "this cannot be compiled: Exceeds"),
        (
            "a: {{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
            "PV030",
            (1, 1),
            "this cannot be compiled: maximum rec",
        ),
        ("a: 1\nb: foo-{{ x }}\n", "PV031", (2, 8), "this one stands after other text"),
        ("{% if x %}\n  a: '{{ x }}'\n{% endif %}", "PV031", (2, 7), "inside quotes"),
        ("a: {{ x -}} b", "PV031", (1, 4), "right before other text"),
        ('"{% include "t.yaml.j2" %}"', "PV031", (1, 1), "inside quotes"),
        ("a: {{ x | uper }}", "PV032", (1, 11), "no filter `uper`"),
        ("a: {{ x | safe }}", "PV032", (1, 11), "no filter `safe`"),
        ("a: {{ x | attr('y') }}", "PV032", (1, 11), "no filter `attr`"),
        ("a: {{ x | xmlattr }}", "PV032", (1, 11), "no filter `xmlattr`"),
        ("{% set y | forceescape %}{% endset %}", "PV032", (1, 12), "no filter `forceescape`"),
        ("a: {{ 1 if x is calable }}", "PV032", (1, 17), "no test `calable`"),
        ("a: {{ 1 if x is not escaped }}", "PV032", (1, 21), "no test `escaped`"),
        ("{% autoescape true %}{% endautoescape %}", "PV033", (1, 4), "no statement `autoescape`"),
        ("{% filter upper %}{% endfilter %}", "PV033", (1, 4), "no statement `filter`"),
        ("\n  {%- print x %}", "PV033", (2, 7), "no statement `print`"),
        ("{% extends 't.yaml.j2' %}", "PV033", (1, 4), "no statement `extends`"),
        ("{% for i in x recursive %}{% endfor %}", "PV033", (1, 15), "cannot be recursive"),
        ("a: 1\n{% include 'u.yaml.j2' %}", "PV034", (2, 13), "no template `u.yaml.j2`"),
        ("{% import 'u.html.j2' as u %}", "PV034", (1, 12), "no template `u.html.j2`"),
        ("{% from 'u.yaml.j2' import u %}", "PV034", (1, 10), "no template `u.yaml.j2`"),
    ],
)
def test_a_fault_is_found_where_it_is(
    text: str, code: str, at: tuple[int, int], message: str
) -> None:
    """Each fault has its code, its line and column, and the line itself."""
    found, *_ = problems({"t.yaml.j2": text, "u.txt.j2": ""})
    assert found.code == code
    assert message in found.message
    assert found.at
    assert (found.at.line, found.at.column) == at
    assert found.excerpt == text.split("\n")[at[0] - 1]


def test_the_end_of_a_fault_is_known() -> None:
    """A place spans the word that is wrong."""
    at = problem("a: {{ x | uper }}").at
    assert at == Place("t.yaml.j2", 1, 11, 15)


def test_what_was_meant_is_proposed() -> None:
    """A misspelt word has the nearest one in its hint; nothing internal is proposed."""
    assert problem("a: {{ x | uper }}").hint == "did you mean `upper`?"
    assert problem("{% iff x %}").hint == "did you mean `if`?"
    assert problem("{% include 's.yaml.j2' %}").hint == "did you mean `t.yaml.j2`?"
    assert "·" not in problem("a: {{ x | zzz }}").hint


def test_all_faults_of_all_templates_come_at_once() -> None:
    """Whoever corrects templates sees everything that is wrong, in order."""
    found = problems(
        {
            "b.yaml.j2": "a: {{ x | safe }}-{{ y }}\nb: '{{ z }}'\n",
            "a.yaml.j2": "a: {{ x",
            "c.cfg.j2": "",
            "d.yaml.j2": "a: {{ x }}",
        }
    )
    assert [(p.code, str(p.at)) for p in found] == [
        ("PV030", "a.yaml.j2:1:1"),
        ("PV031", "b.yaml.j2:1:4"),
        ("PV032", "b.yaml.j2:1:11"),
        ("PV031", "b.yaml.j2:1:19"),
        ("PV031", "b.yaml.j2:2:5"),
        ("PV034", "c.cfg.j2:1:1"),
    ]
    assert "a template ends in .yaml.j2" in found[-1].hint


def test_line_ends_do_not_move_a_place() -> None:
    """Carriage returns count as line ends, as in any editor."""
    at = problem("a: 1\r\nb: 2\rc: x{{ x }}\r\n").at
    assert at
    assert (at.line, at.column) == (3, 5)


@pytest.mark.parametrize(
    ("text", "code", "place", "message", "hint"),
    [
        (
            "a: 1\nb: {{ nmae }}",
            "PV035",
            (2, 7, 11),
            "`nmae` is not defined",
            "did you mean `name`?",
        ),
        ("a: {{ row.q }}", "PV035", (1, 11, 12), "a value of type dict has no `q`", "known are: k"),
        ("a: {{ name.q }}", "PV035", (1, 12, 13), "a value of type str has no `q`", ""),
        (
            "a: {{ name.__class__ }}",
            "PV036",
            (1, 1, 24),
            "access to attribute '__class__' of 'str' object is unsafe.",
            "",
        ),
        (
            "{% for i in row %}\n- {{ i.upper() }}\n{% endfor %}",
            "PV036",
            (2, 8, 13),
            "`upper` cannot be called here",
            "a filter may do: `x | upper`",
        ),
        ("\n\na: {{ 1 / 0 }}", "PV037", (3, 1, 15), "division by zero", ""),
        (
            "{% include name %}",
            "PV034",
            (1, 1, 19),
            "there is no template `dev`",
            "known are: t.yaml.j2",
        ),
    ],
)
def test_a_failure_names_the_template_and_the_site(
    text: str, code: str, place: tuple[int, int, int], message: str, hint: str
) -> None:
    """What fails while rendering has template:line, the cure, and the entry it was rendered for."""
    found = failure(text, {"name": "dev", "row": {"k": 1}})
    assert found == Problem(
        code,
        "error",
        message,
        hint,
        Place("t.yaml.j2", *place),
        (Place("site.yaml", 7, 3, 9),),
        text.split("\n")[place[0] - 1],
    )


def test_a_failure_is_shown_in_the_file_it_is_in() -> None:
    """A failure inside an included template or a macro is placed there."""
    found = failure("a: 1\n{% include 'u.yaml.j2' %}", {}, u="b: 1\nc: {{ x }}\n")
    assert str(found.at) == "u.yaml.j2:2:7"
    found = failure("{% macro m() %}\n- {{ x }}\n{% endmacro %}\n{{ m() }}", {})
    assert str(found.at) == "t.yaml.j2:2:6"


def test_a_template_that_is_not_there() -> None:
    """Asking for an unknown template is said at the site's entry."""
    with pytest.raises(SiteError) as caught:
        OURS.render("teleport/rol.yaml.j2", {}, entry=Place("site.yaml", 2))
    (found,) = caught.value.problems
    assert (found.code, found.at) == ("PV034", Place("site.yaml", 2))
    assert found.hint == "did you mean `teleport/role.yaml.j2`?"


def test_templates_share_what_they_import() -> None:
    """A template includes and imports those of its language by their names."""
    templates = Templates.load(
        {
            "lib/m.yaml.j2": "{% macro pair(k, v) %}{{ k }}: {{ v }}{% endmacro %}",
            "lib/part.yaml.j2": "b: {{ x }}\n",
            "t.yaml.j2": (
                "{% from 'lib/m.yaml.j2' import pair %}\n{{ pair('a', x) }}\n"
                "{% include 'lib/part.yaml.j2' %}\nc: 1\n"
            ),
        }
    )
    assert templates.render("t.yaml.j2", {"x": "1"}) == 'a: "1"\nb: "1"\nc: 1\n'


def test_a_language_includes_its_own_only() -> None:
    """A name that only data decides on is held to the language as well."""
    templates = Templates.load({"t.yaml.j2": "{% include x %}", "u.txt.j2": "a\nb"})
    with pytest.raises(SiteError, match="1 problem"):
        templates.render("t.yaml.j2", {"x": "u.txt.j2"})


def test_more_templates() -> None:
    """Templates can be had together with others; those given later win."""
    more = Templates.load({"a.yaml.j2": "a", "b.yaml.j2": "b"}).also({"b.yaml.j2": "c"})
    assert (more.render("a.yaml.j2", {}), more.render("b.yaml.j2", {})) == ("a", "c")


META: Mapping[str, Plain] = {"description": None, "expires": None, "labels": {}}
ROLE: Mapping[str, Plain] = {
    **META,
    "name": "example-role",
    "version": "v6",
    "app_labels": {"env": ["dev"]},
    "app_labels_expression": None,
    "tools": ["*"],
    "deny": None,
    "options": None,
    "extra_allow": {},
    "extra_allow_mcp": {},
    "extra_deny": {},
    "extra_deny_mcp": {},
    "extra_spec": {},
}
APP: Mapping[str, Plain] = {
    **META,
    "name": "everything",
    "uri": None,
    "command": None,
    "args": [],
    "run_as_host_user": None,
    "headers": [],
    "insecure_skip_verify": False,
    "extra_mcp": {},
    "extra_rewrite": {},
    "extra_spec": {},
}
TBOT: Mapping[str, Plain] = {
    "proxy": "example.teleport.sh:443",
    "onboarding": None,
    "storage": None,
    "services": [],
    "oneshot": None,
    "diag_addr": None,
    "credential_ttl": None,
    "renewal_interval": None,
}
DOCUMENTS: tuple[tuple[str, Mapping[str, Plain], str], ...] = (
    (
        "teleport/role",
        ROLE,
        """\
        kind: role
        version: v6
        metadata:
          name: example-role
        spec:
          allow:
            app_labels:
              env: dev
            mcp:
              tools:
                - "*"
        """,
    ),
    (
        "teleport/role",
        {**ROLE, "app_labels": None, "tools": []},
        """\
        kind: role
        version: v6
        metadata:
          name: example-role
        spec: {}
        """,
    ),
    (
        "teleport/role",
        {
            **ROLE,
            "version": "v8",
            "description": "Read only",
            "labels": {"team": "ml", "provisioner/site": "acme-dev"},
            "expires": "2027-01-01T00:00:00Z",
            "app_labels": {"env": ["dev", "staging"], "no": ["1"]},
            "app_labels_expression": 'labels["env"] == "dev"',
            "tools": ["search_files", "read_*", "^(get|list)$", "{{internal.mcp_tools}}"],
            "deny": {
                "app_labels": {"env": ["prod"]},
                "app_labels_expression": None,
                "tools": ["delete_*"],
            },
            "options": {"max_session_ttl": "8h", "record_session": {"default": "strict"}},
            "extra_allow": {
                "logins": ["root", "ubuntu"],
                "rules": [{"resources": ["role", "bot"], "verbs": ["list", "read"]}],
            },
            "extra_deny": {"logins": ["guest"]},
            "extra_spec": {"more": True},
        },
        """\
        kind: role
        version: v8
        metadata:
          name: example-role
          description: "Read only"
          expires: "2027-01-01T00:00:00Z"
          labels:
            team: ml
            provisioner/site: acme-dev
        spec:
          allow:
            app_labels:
              env: [dev, staging]
              "no": "1"
            app_labels_expression: "labels[\\"env\\"] == \\"dev\\""
            mcp:
              tools:
                - search_files
                - read_*
                - "^(get|list)$"
                - "{{internal.mcp_tools}}"
            logins: [root, ubuntu]
            rules:
              - resources: [role, bot]
                verbs: [list, read]
          deny:
            app_labels:
              env: prod
            mcp:
              tools:
                - delete_*
            logins: [guest]
          options:
            max_session_ttl: "8h"
            record_session:
              default: strict
          more: true
        """,
    ),
    (
        "teleport/bot",
        {
            **META,
            "name": "claude-ci",
            "labels": {"team": "ml"},
            "roles": ["mcp-dev", "reader"],
            "traits": [{"name": "mcp_tools", "values": ["search-files"]}],
            "max_session_ttl": "43200s",
        },
        """\
        kind: bot
        version: v1
        metadata:
          name: claude-ci
          labels:
            team: ml
        spec:
          roles:
            - mcp-dev
            - reader
          traits:
            - name: mcp_tools
              values:
                - search-files
          max_session_ttl: "43200s"
        """,
    ),
    (
        "teleport/bot",
        {**META, "name": "idle", "roles": [], "traits": [], "max_session_ttl": None},
        """\
        kind: bot
        version: v1
        metadata:
          name: idle
        spec: {}
        """,
    ),
    (
        "teleport/app",
        {
            **APP,
            "command": "docker",
            "args": ["run", "-i", "--rm", "mcp/everything"],
            "run_as_host_user": "docker",
        },
        """\
        kind: app
        version: v3
        metadata:
          name: everything
        spec:
          mcp:
            command: docker
            args: [run, "-i", "--rm", mcp/everything]
            run_as_host_user: docker
        """,
    ),
    (
        "teleport/app",
        {
            **APP,
            "uri": "mcp+https://mcp.internal:8443/mcp",
            "headers": [{"name": "Authorization", "value": "Bearer {{internal.id_token}}"}],
            "insecure_skip_verify": True,
            "extra_spec": {"public_addr": "mcp.example.com"},
        },
        """\
        kind: app
        version: v3
        metadata:
          name: everything
        spec:
          uri: mcp+https://mcp.internal:8443/mcp
          insecure_skip_verify: true
          rewrite:
            headers:
              - name: Authorization
                value: "Bearer {{internal.id_token}}"
          public_addr: mcp.example.com
        """,
    ),
    (
        "teleport/token",
        {
            **META,
            "name": "claude-ci-github",
            "join_method": "github",
            "bot_name": "claude-ci",
            "allow": None,
            "config": {"allow": [{"repository": "acme/agents", "ref": "refs/heads/main"}]},
        },
        """\
        kind: token
        version: v2
        metadata:
          name: claude-ci-github
        spec:
          roles: [Bot]
          join_method: github
          bot_name: claude-ci
          github:
            allow:
              - repository: acme/agents
                ref: refs/heads/main
        """,
    ),
    (
        "teleport/token",
        {
            **META,
            "name": "claude-ci-iam",
            "expires": "2027-01-01T00:00:00Z",
            "join_method": "iam",
            "bot_name": "claude-ci",
            "allow": [{"aws_account": "123456789012"}],
            "config": {},
        },
        """\
        kind: token
        version: v2
        metadata:
          name: claude-ci-iam
          expires: "2027-01-01T00:00:00Z"
        spec:
          roles: [Bot]
          join_method: iam
          bot_name: claude-ci
          allow:
            - aws_account: "123456789012"
        """,
    ),
    (
        "tbot/tbot",
        TBOT,
        """\
        version: v2
        proxy_server: example.teleport.sh:443
        """,
    ),
    (
        "tbot/tbot",
        {
            **TBOT,
            "onboarding": {"join_method": "github", "token": "claude-ci-github"},
            "storage": {"type": "memory"},
            "oneshot": False,
            "diag_addr": "127.0.0.1:3001",
            "services": [
                {
                    "type": "identity",
                    "name": "mcp",
                    "destination": {
                        "type": "directory",
                        "path": "/opt/machine-id",
                        "readers": [{"user": "mcp"}],
                    },
                    "allow_reissue": True,
                    "credential_ttl": "30m",
                    "renewal_interval": "10m",
                }
            ],
        },
        """\
        version: v2
        proxy_server: example.teleport.sh:443
        onboarding:
          join_method: github
          token: claude-ci-github
        storage:
          type: memory
        oneshot: false
        diag_addr: "127.0.0.1:3001"
        services:
          - type: identity
            name: mcp
            destination:
              type: directory
              path: /opt/machine-id
              readers:
                - user: mcp
            allow_reissue: true
            credential_ttl: "30m"
            renewal_interval: "10m"
        """,
    ),
)


@pytest.mark.parametrize(("name", "context", "text"), DOCUMENTS)
def test_documents_look_typed_by_hand(name: str, context: Mapping[str, Plain], text: str) -> None:
    """Our templates write what an engineer would: block style, nothing empty, no blank lines."""
    assert OURS.render(f"{name}.yaml.j2", context) == dedent(text)
