"""What a template can do, what it cannot, and that it comes to an end."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from provisioner.errors import Problem, SiteError
from provisioner.templating.sandbox import LIMIT, meant
from provisioner.templating.templates import Templates
from provisioner.values import Plain, Secret, freeze
from tests.counting import calls

CONTEXT: Mapping[str, Plain] = freeze(
    {
        "name": "dev",
        "text": "a\nb: c",
        "none": None,
        "number": 8,
        "yes": True,
        "list": ["b", "a"],
        "one": ["x"],
        "map": {"items": "i", "keys": ["k"], "z": {"values": [1]}},
        "rows": [{"name": "r", "values": ["v"]}, {"name": "s", "values": ["a", "w"]}],
    }
)


def written(text: str, suffix: str = "yaml") -> str:
    name = f"t.{suffix}.j2"
    return Templates.load({name: text}).render(name, CONTEXT)


def refused(text: str, suffix: str = "yaml") -> Problem:
    with pytest.raises(SiteError) as caught:
        written(text, suffix)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("text", '"a\\nb: c"'),
        ("none", "null"),
        ("list", "[b, a]"),
        ("map", "{items: i, keys: [k], z: {values: [1]}}"),
        ('"mcp-" ~ name ~ "-" ~ number ~ yes', "mcp-dev-8true"),
        ('name + "-" + name', "dev-dev"),
        ("number + 1 - 2", "7"),
        ("number % 3", "2"),
        ("list + one", "[b, a, x]"),
        ("list | sort | first", "a"),
        ("list | length", "2"),
        ('list | join("-")', "b-a"),
        ("one | one_or_many", "x"),
        ("list | one_or_many", "[b, a]"),
        ('"a" | one_or_many', "a"),
        ("name | upper", "DEV"),
        ('" a " | trim | lower', "a"),
        ('name | replace("d", "n")', "nev"),
        ("number | string", '"8"'),
        ("yes | string", '"true"'),
        ("map | tojson", "{items: i, keys: [k], z: {values: [1]}}"),
        ('nothing | default("d")', "d"),
        ("map.z | items", "[[values, [1]]]"),
        ("map.items", "i"),
        ('map["keys"]', "[k]"),
        ("map.z.values", "[1]"),
        ('map.get("nothing")', "null"),
        ('rows | map(attribute="name") | list', "[r, s]"),
        ('rows | selectattr("name", "eq", "s") | map(attribute="values") | first', "[a, w]"),
        ('name.startswith("d") and name is string', "true"),
        ("name if none is none else number", "dev"),
        ("range(3) | list", "[0, 1, 2]"),
        ("list[0]", "b"),
        ("name[1:]", "ev"),
        ('"{{ x }}"', '"{{ x }}"'),
        ("'<b>'", '"<b>"'),
    ],
)
def test_an_expression_is_one_value(expression: str, result: str) -> None:
    """Whatever is computed is written as one value of the language."""
    assert written(f"a: {{{{ {expression} }}}}\n") == f"a: {result}\n"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{% macro m(x) %}[{{ x }}]{% endmacro %}a: {{ m(text) }}\n", 'a: ["a\\nb: c"]\n'),
        ("{% set s %}[{{ text }}]{% endset %}a: {{ s }}\n", 'a: ["a\\nb: c"]\n'),
        ("{% set s = text %}a: {{ s }}\n", 'a: "a\\nb: c"\n'),
        (
            "{% macro m() %}\n- {{ caller() }}\n{% endmacro %}\n{% call m() %}{{ text }}{% endcall %}",
            '- "a\\nb: c"\n',
        ),
        ("{% macro m() %}\na: 1\n{% endmacro %}\n{{ m() }}\nb: 2\n", "a: 1\nb: 2\n"),
        (
            "{% set s %}\na: 1\nb: 2\n{% endset %}\nc:\n  {{ s | indent(2) }}\n",
            "c:\n  a: 1\n  b: 2\n",
        ),
        (
            "a:\n  {{ rows | block(2) }}\n",
            "a:\n  - name: r\n    values: [v]\n  - name: s\n    values: [a, w]\n",
        ),
    ],
)
def test_what_a_template_wrote_is_not_written_again(text: str, result: str) -> None:
    """What macros, set blocks and `call` wrote stands as it is, its values quoted once."""
    assert written(text) == result


@pytest.mark.parametrize(
    "expression",
    [
        "m() ~ text",
        "m() + text",
        "[m(), text] | join",
        'm() | replace("k", text)',
        "m() | upper ~ text",
        "m()[:1] ~ text",
        "(m() ~ text) | trim",
    ],
)
def test_what_is_made_of_written_text_is_a_value_again(expression: str) -> None:
    """Joined with a value, a macro's text is ordinary text: a line break in it stays inside quotes."""
    macro = "{% macro m() %}k{% endmacro %}"
    assert written(f"{macro}a: {{{{ {expression} }}}}\n").count("\n") == 1
    assert written(f"{macro}{{% set s = {expression} %}}a: {{{{ s }}}}\n").count("\n") == 1


def test_a_filter_on_a_set_block_makes_text() -> None:
    """A set block that passes a filter is a value."""
    assert written("{% set s | upper %}a: b{% endset %}a: {{ s }}\n") == 'a: "A: B"\n'


def test_what_a_template_wrote_can_be_a_key_only_as_text() -> None:
    """As a key, a macro's text is quoted like any other."""
    assert written("{% set s %}[a]{% endset %}{{ s }}: 1\n") == '"[a]": 1\n'


@pytest.mark.parametrize("value", ["list", "none", "number", "map"])
def test_a_key_is_text(value: str) -> None:
    """A list as a key would be structure: it is refused."""
    problem = refused(f"{{{{ {value} }}}}: 1\n")
    assert problem.code == "PV037"
    assert "cannot be a key" in problem.message


@pytest.mark.parametrize(
    ("text", "suffix", "result"),
    [
        ("{{ text }} & {{ none }}", "html", "a\nb: c & "),
        ('{{ "<b>" }}{{ yes }}', "html", "&lt;b&gt;true"),
        ("{% macro m(x) %}<b>{{ x }}</b>{% endmacro %}{{ m('<') }}", "html", "<b>&lt;</b>"),
        ("{% set s %}<b>{% endset %}{{ s }}", "html", "<b>"),
        ('<a b="{{ \'"\' }}">', "html", '<a b="&#34;">'),
        ("{{ map.z | tojson }}", "html", '{"values": [1]}'),
        ("# {{ name }}: {{ text }}", "md", "# dev: a\\x0ab: c"),
        ('{{ "\\x1b[31m" }}', "txt", "\\x1b[31m"),
        ("a = {{ text }}\nb = [{{ yes }}]", "toml", 'a = "a\\nb: c"\nb = [true]'),
        ("x = {{ [none, yes, text] }}", "py", 'x = [None, True, "a\\nb: c"]'),
        (
            '{"a": {{ map.z }}, {{ name }}: {{ none }}}',
            "json",
            '{"a": {"values": [1]}, "dev": null}',
        ),
    ],
)
def test_each_language_has_its_own_values(text: str, suffix: str, result: str) -> None:
    """The same value is written as the language of the file says it."""
    assert written(text, suffix) == result


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        *(("''.__class__", "PV036"), ("''['__class__']", "PV036"), ("list.__len__()", "PV036")),
        *(("range.__globals__", "PV036"), ("loop", "PV035"), ("self", "PV037"), ("m", "PV035")),
        *(("name.format(1)", "PV036"), ("'{0.__class__}'.format(name)", "PV036")),
        *(("'{a.__class__}'.format_map({'a': 1})", "PV036"), ("name.encode()", "PV036")),
        *(
            ("name.center(9999)", "PV036"),
            ("name.join(list)", "PV036"),
            ("list.count('a')", "PV036"),
        ),
        *(("[1].append(1)", "PV036"), ("{}.update({})", "PV036"), ("name()", "PV036")),
        *(
            ("rows | map(attribute='__class__') | list", "PV036"),
            ("rows | map('attr', 'x') | list", "PV037"),
        ),
        *(("lipsum()", "PV035"), ("cycler('a')", "PV035"), ("joiner()", "PV035")),
        *(("namespace(a=1)", "PV035"), ("dict(a=1)", "PV035"), ("config", "PV035")),
        *(
            ("name ** 2", "PV036"),
            ("2 ** 2", "PV036"),
            ("name * 2", "PV036"),
            ("'%s' % 1", "PV036"),
        ),
        *(("name ~ none", "PV037"), ("name ~ list", "PV037"), ("list | upper", "PV037")),
        *(("range", "PV037"), ("map.z.items", "PV037"), ("rows | map('upper')", "PV037")),
        *(("1 / 0", "PV037"), ("none + 1", "PV037"), ("list[9]", "PV035"), ("1e999", "PV037")),
        *(
            ("nothing", "PV035"),
            ("map.nothing", "PV035"),
            ("nothing.a", "PV035"),
            ("nothing()", "PV035"),
        ),
        *(("nothing | items", "PV035"), ("nothing | upper", "PV035"), ("nothing ~ ''", "PV035")),
        *(("nothing | length", "PV035"), ("[nothing]", "PV035"), ("{'a': nothing}", "PV035")),
        *(("nothing | block", "PV035"), ("nothing + 1", "PV035"), ("nothing * 2", "PV035")),
    ],
)
def test_what_an_expression_cannot_do(expression: str, code: str) -> None:
    """No way leads out of the sandbox, and nothing that is missing or no value is written."""
    assert refused(f"a: {{{{ {expression} }}}}\n").code == code


def test_a_secret_is_not_written() -> None:
    """A secret in a template's context is an error, not `<secret>` in a file."""
    templates = Templates.load({"t.yaml.j2": "a: {{ x }}"})
    with pytest.raises(SiteError) as caught:
        templates.render("t.yaml.j2", {"x": Secret("hunter2")})
    assert "hunter2" not in str(caught.value.problems)


def doubled(start: str, twice: str, end: str = "a") -> str:
    """Return a template that makes `a` twice as large sixty times."""
    return f"{{% set a = {start} %}}{f'{{% set a = {twice} %}}' * 60}a: {{{{ {end} }}}}"


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}\n- {{ range(99999) | list | sort | first }}\n{% endfor %}",
        "{% macro f(n) %}\n{{ f(n) }}\n{% endmacro %}{{ f(1) }}",
        "{% macro f(n) %}{% if n %}\n{{ f(n - 1) }}\n{{ f(n - 1) }}\n{% endif %}{% endmacro %}{{ f(60) }}",
        "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}",
        "{% include 't.yaml.j2' %}",
        "{% import 't.yaml.j2' as t %}a: {{ t.x }}",
        doubled("'x'", "a ~ a"),
        doubled("'x'", "a + a"),
        doubled("['x']", "a + a"),
        doubled("['x']", "[a, a]"),
        doubled("{'k': 'x'}", "{'k': a, 'l': a}", "a | block"),
        doubled("'xx'", "a | replace('x', a)"),
        doubled("'xx'", "a | join(a)"),
        "{% set a = 'x' %}" + "{% set a %}{{ a }}\n{{ a }}{% endset %}" * 60,
        "a: {{ text | indent(99999999999999) }}",
        "a: {{ rows | block(99999999999999) }}",
        "{% macro f() %}"
        + "x" * 9999
        + "{% endmacro %}{% for i in range(9999) %}\n{{ f() }}\n{% endfor %}",
        "{% for i in range(9999) %}\n" + "x" * 9999 + "\n{% endfor %}",
    ],
)
def test_every_rendering_ends(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would take forever, or all memory, is stopped by the budget or by Python's own depth."""
    monkeypatch.setattr("provisioner.templating.sandbox._base.LIMIT", 2**20)
    assert refused(text).code == "PV039"


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("map", ".z"),
        ("map", "['z']"),
        ("name", "|lower"),
        ("name", " ~ name"),
        ("number", " + 1"),
        ("number", " - 1"),
        ("number", " < 1"),
        ("yes", " and yes"),
        ("yes", " or yes"),
        ("name", " if yes else name"),
    ],
)
def test_a_long_expression_takes_what_it_is_long(first: str, again: str) -> None:
    """To compile a chain of four times as many steps takes about four times as many calls."""

    def compiled(count: int) -> int:
        return calls(
            lambda: Templates.load({"t.yaml.j2": f"a: {{{{ {first}{again * count} }}}}\n"})
        )

    assert compiled(80) < 5 * compiled(20)


def test_a_text_is_bounded() -> None:
    """Template text counts too: no document is longer than the limit."""
    templates = Templates.load({"t.txt.j2": "a: {{ x }}"})
    with pytest.raises(SiteError) as caught:
        templates.render("t.txt.j2", {"x": "x" * LIMIT})
    (problem,) = caught.value.problems
    assert problem.message == "the text is longer than 16,777,216 characters"


def test_the_budget_is_for_each_rendering() -> None:
    """A template that spends nearly all can be rendered again."""
    templates = Templates.load({"t.txt.j2": "{{ x }}"})
    long = "x" * (LIMIT - 9)
    assert [templates.render("t.txt.j2", {"x": long}) for _ in range(2)] == [long, long]


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("nmae", ["name", "labels"], "did you mean `name`?"),
        ("zzz", ["name", "labels"], "known are: labels, name"),
        ("zzz", [], ""),
    ],
)
def test_the_nearest_name_is_proposed(word: str, known: list[str], said: str) -> None:
    """Someone who misspelt a name is told the nearest one, or all."""
    assert meant(word, known) == said
