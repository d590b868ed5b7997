"""Templates and label expressions: what the texts of a role become for one user."""

from __future__ import annotations

import pytest

from provisioner.errors import ProvisionError
from provisioner.rbac.expressions import Env, ExpressionError
from provisioner.rbac.traits import Filled, fill, fill_labels, is_template, label_expression

TRAITS = {
    "logins": ("root", "ubuntu"),
    "mcp_tools": ("read_*", "^get_.*$"),
    "email": ("Alice <alice@example.com>", "bob@example.com"),
    "bad email": ("alice",),
    "empty": (),
    "blank": ("", "x", ""),
    "teams": ("team-a", "other"),
}
ENV = Env("bot-example", TRAITS)

FILLED = [
    ("plain", ("plain",)),
    (" plain ", (" plain ",)),
    ("^a{2}$", ("^a{2}$",)),
    ("{{internal.logins}}", ("root", "ubuntu")),
    ("{{external.logins}}", ("root", "ubuntu")),
    ("{{internal.mcp_tools}}", ("read_*", "^get_.*$")),
    ('{{internal["logins"]}}', ("root", "ubuntu")),
    ('{{external["bad email"]}}', ("alice",)),
    ("{{external.teams}}", ("team-a", "other")),
    ("{{typo.teams}}", ("team-a", "other")),
    (" {{  internal.logins  }} ", ("root", "ubuntu")),
    ("  x-{{internal.logins}}-y  ", ("x-root-y", "x-ubuntu-y")),
    ("x {{internal.logins}} y", ("x root y", "x ubuntu y")),
    ("{{email.local(external.email)}}", ("alice", "bob")),
    ('{{regexp.replace(external.teams, "^team-(.*)$", "$1")}}', ("a",)),
    ('{{regexp.replace("abc", "c", "z")}}', ("abz",)),
    ('{{"literal"}}', ("literal",)),
    ("{{external.blank}}", ("x",)),
    ("{{user.metadata.name}}", ("bot-example",)),
]


@pytest.mark.parametrize(("text", "values"), FILLED)
def test_filled(text: str, values: tuple[str, ...]) -> None:
    """A template becomes one value for each value of the trait, prefix and suffix around it."""
    assert fill(text, ENV) == Filled(text, values)


DROPPED = [
    ("", "empty"),
    ("{{external.missing}}", "no trait missing"),
    ("{{internal.missing}}", "internal.missing"),
    ("{{internal.teams}}", "internal.teams"),
    ("{{external.empty}}", "empty"),
    ("{{email.local(external.teams)}}", "email"),
    ('{{regexp.replace(external.teams, "x", "y")}}', "empty"),
    ('{{regexp.replace(external.teams, "^[", "y")}}', "RE2"),
    ("{{regexp.replace(external.teams, external.teams, external.teams)}}", "text"),
    ('{{regexp.match("a")}}', "regexp.match"),
    ("{{internal}}", "table"),
    ("{{internal.logins.x}}", "internal.logins.x"),
    ("{{}}", "empty"),
    ("{{1}}", "number"),
    ("{{internal.logins", "template"),
    ("internal.logins}}", "template"),
    ("{{internal.logins}}{{internal.logins}}", "template"),
    ("{{{internal.logins}}}", "template"),
    ("a}{{internal.logins}}", "template"),
    ('{{regexp.replace(external.teams, "^a{2}$", "")}}', "template"),
]


@pytest.mark.parametrize(("text", "reason"), DROPPED)
def test_dropped(text: str, reason: str) -> None:
    """What Teleport drops in silence is dropped, and the reason told."""
    filled = fill(text, ENV)
    assert filled.values == ()
    assert reason in filled.dropped


def test_the_name_of_a_user_may_be_unknown() -> None:
    """Without a name, what asks for it is dropped."""
    assert "not known" in fill("{{user.metadata.name}}", Env()).dropped


def test_a_value_of_a_trait_is_not_filled_in_again() -> None:
    """Templates inside the values of traits stay as they are."""
    env = Env("", {"t": ("{{internal.logins}}",)})
    assert fill("{{external.t}}", env).values == ("{{internal.logins}}",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{{a}}", True), ("a}}", True), ("{{", True), ("{a}", False), ("", False)],
)
def test_is_template(text: str, expected: bool) -> None:
    """Double braces anywhere make Teleport look for a template."""
    assert is_template(text) is expected


def test_labels_are_filled_in() -> None:
    """Values of labels become all values of their traits, each once."""
    labels = {"env": ["{{internal.logins}}", "root", "dev"], "team": "{{external.teams}}"}
    filled, dropped = fill_labels(labels, ENV)
    assert filled == {"env": ("root", "ubuntu", "dev"), "team": ("team-a", "other")}
    assert dropped == ()


def test_a_label_key_becomes_the_first_value() -> None:
    """A key stands for one value only, the first."""
    assert fill_labels({"{{internal.logins}}": "*"}, ENV)[0] == {"root": ("*",)}


def test_label_templates_that_fail_become_empty_texts() -> None:
    """A value or key that cannot be filled in becomes an empty text instead of nothing."""
    filled, dropped = fill_labels({"env": "{{external.no}}", "{{external.no}}": "x"}, ENV)
    assert filled == {"env": ("",), "": ("x",)}
    assert [one.source for one in dropped] == ["{{external.no}}", "{{external.no}}"]


def test_an_empty_label_value_is_not_a_drop() -> None:
    """A value that is empty in the role stays empty without a word."""
    assert fill_labels({"env": ""}, ENV) == ({"env": ("",)}, ())


LABELS = {"env": "staging", "team": "a", "project-name": "skunk", "project-label": "secret"}
EXPRESSIONS = [
    ('labels["env"] == "staging"', True),
    ('labels["env"] != "staging"', False),
    ('labels["missing"] == ""', True),
    ('contains(user.spec.traits["logins"], "root")', True),
    ('contains(user.spec.traits["missing"], "root")', False),
    (
        'contains(regexp.replace(user.spec.traits["teams"], "^team-(.*)$", "$1"), labels["team"])',
        True,
    ),
    ('regexp.match(labels["env"], "stag*") && !regexp.match(labels["env"], "^prod.*$")', True),
    ('regexp.match(labels["env"], "stag")', False),
    ('regexp.match(user.spec.traits["logins"], "^ubu.*$")', True),
    ('contains(email.local(user.spec.traits["email"]), "alice")', True),
    ('contains(strings.upper(labels["env"]), "STAGING")', True),
    ('contains(strings.lower("ROOT"), "root")', True),
    ('contains(labels_matching("^project-(name|label)$"), "secret")', True),
    ('contains(labels_matching("project-*"), "skunk")', True),
    ('contains(labels_matching("team-*"), "a")', False),
    ('contains_any(set("a", "skunk"), labels_matching("project-*"))', True),
    ('contains_any(user.spec.traits["missing"], labels_matching("project-*"))', False),
    ('contains_all(set("skunk", "secret", "x"), labels_matching("project-*"))', True),
    ('contains_all(set("skunk"), labels_matching("project-*"))', False),
    ('contains_all(set("skunk"), labels_matching("nothing-*"))', False),
    ('user.metadata.name == "bot-example"', True),
]


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS)
def test_label_expression(text: str, expected: bool) -> None:
    """Label expressions ask for labels, traits and the name of the user."""
    assert label_expression(text)(Env("bot-example", TRAITS, LABELS)) is expected


@pytest.mark.parametrize(
    "text",
    [
        'contains(labels, "env")',
        'user.spec.traits["a"] == "b"',
        'external.logins == "a"',
        'labels["env"]',
        'regexp.match(labels["env"])',
    ],
)
def test_label_expression_is_checked_first(text: str) -> None:
    """What is wrong in itself is an error without any server."""
    with pytest.raises(ExpressionError):
        label_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        'contains(email.local(user.spec.traits["bad email"]), "a")',
        'regexp.match(labels["env"], "^[$")',
        'regexp.match(user.spec.traits["missing"], "^[$")',
        'contains(labels_matching("^[$"), "a")',
        'contains(regexp.replace(labels["env"], "[", ""), "a")',
    ],
)
def test_label_expression_may_have_no_value(text: str) -> None:
    """What goes wrong on the way is an error of the evaluation."""
    evaluate = label_expression(text)
    with pytest.raises(ProvisionError):
        evaluate(Env("bot-example", TRAITS, LABELS))


def test_what_is_not_reached_does_not_fail() -> None:
    """`||` stops at the first truth, and labels_matching asks nothing where there are no labels."""
    evaluate = label_expression('labels["env"] == "a" || contains(labels_matching("^[$"), "a")')
    assert evaluate(Env(labels={"env": "a"})) is True
    assert evaluate(Env()) is False
