"""Whatever a value holds, it comes back equal from the text that a template made of it."""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML as RUAMEL

from provisioner.errors import SiteError
from provisioner.templating.templates import Templates
from provisioner.values import Plain, canonical_json, freeze

FOLDER = Path(__file__).parents[2] / "templates"
OURS = Templates.load(
    {str(path.relative_to(FOLDER)): path.read_text() for path in FOLDER.rglob("*.yaml.j2")}
)

NASTY = (
    *("", " ", "a ", " a", "-", "- a", "?", "? a", ":", "a:", "a: b", "::", "#", "a #b", "#a"),
    *("y", "N", "yes", "No", "ON", "off", "True", "FALSE", "null", "Null", "~", "=", "<<", "!x"),
    *("0", "007", "0o7", "0x1F", "1_000", "1e3", "1.5", ".5", "+1", "-0", ".inf", "-.INF", ".NaN"),
    *("2026-12-31", "2026-12-31T00:00:00Z", "12:30", "12:30:45", "1:2", "8h", "43200s"),
    *("{{ x }}", "{% raw %}", "{#", "}}", "{{internal.mcp_tools}}", "{", "}", "[", "]", ","),
    *("'", '"', "''", '"""', "\\", "\\n", "\\x41", "a\\", "|", ">", "|-", "&a", "*a", "%a", "@a"),
    *("`a`", "\n", "a\nb: c", "\r\n", "\t", "\0", "\x1b[31m", "\x7f", "\x85", "\xa0", "\xad"),
    *("\u200b", "\u2028", "\u2029", "\u202e", "\ufeff", "\ufffe", "\uffff", "\U0001f600", "é"),
    *("---", "...", "--- a", "a/b:c", "mcp+https://h:8443/mcp", "http://h:1/?a=b&c", "a" * 1500),
    *("<b>", "&amp;", "</pre><script>", "${X}", "$(x)", "items", "values", "__class__"),
)
texts = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=30), st.text(alphabet="ab: -#\n'\"{}[],\\", max_size=9)
)
filled = texts.filter(bool)
keys = texts.filter(lambda text: len(text) < 100)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = texts | st.booleans() | numbers
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
labels = st.dictionaries(keys, texts, max_size=3)
mappings = st.dictionaries(keys, values, max_size=3)
maybe = st.none() | filled


def read(text: str) -> Plain:
    """Return what parsers of YAML 1.1 and of YAML 1.2 agree that a text says."""
    old = yaml.load(text, yaml.CSafeLoader)
    assert canonical_json(RUAMEL(typ="safe", pure=True).load(text)) == canonical_json(old)
    return old


def present(body: Mapping[str, Plain]) -> dict[str, Plain]:
    """Return `body` without what is empty, as the templates leave it out."""
    return {key: value for key, value in body.items() if value}


def render(name: str, context: Mapping[str, Plain]) -> Plain:
    return read(OURS.render(f"{name}.yaml.j2", freeze(context)))


def assert_same(found: Plain, wanted: Plain) -> None:
    """Compare as JSON, which tells true from 1 and 1 from 1.0."""
    assert canonical_json(found) == canonical_json(wanted)


EVERYWHERE = Templates.load(
    {
        "v.yaml.j2": "a: {{ x }}\nb:\n  - {{ x }}\n  - [{{ x }}, {{ x }}]\nc:\n  {{ {'d': x} | block(2) }}\n",
        "k.yaml.j2": "{{ k }}: {{ x }}\n",
        "v.json.j2": '{"a": {{ x }}, {{ k }}: [{{ x }}]}',
        "v.toml.j2": "a = {{ x }}\n[b.{{ k }}]\nc = [{{ x }}]\n",
        "v.py.j2": "{'a': {{ x }}, {{ k }}: ({{ x }},)}",
        "v.html.j2": '<p title="{{ x }}">{{ x }}</p>',
        "v.txt.j2": "{{ x }}\n",
    }
)


@settings(max_examples=60)
@given(values)
def test_yaml_says_the_value_and_nothing_else(value: Plain) -> None:
    """In block style, in a list, in flow style and below a key, YAML gives the value back."""
    found = read(EVERYWHERE.render("v.yaml.j2", {"x": freeze(value)}))
    assert_same(found, {"a": value, "b": [value, [value, value]], "c": {"d": value}})


@settings(max_examples=60)
@given(keys, values)
def test_a_key_is_one_key(key: str, value: Plain) -> None:
    """Whatever text stands as a key is that key, in YAML and in JSON."""
    context = {"k": key, "x": freeze(value)}
    assert_same(read(EVERYWHERE.render("k.yaml.j2", context)), {key: value})
    found = json.loads(EVERYWHERE.render("v.json.j2", context), object_pairs_hook=list)
    assert [pair[0] for pair in found] == ["a", key]
    assert_same(json.loads(json.dumps(found[0][1])), json.loads(json.dumps(found[1][1][0])))


@settings(max_examples=60)
@given(values)
def test_json_says_the_value(value: Plain) -> None:
    """JSON gives the value back."""
    found = json.loads(EVERYWHERE.render("v.json.j2", {"k": "b", "x": freeze(value)}))
    assert_same(found, {"a": value, "b": [value]})


@settings(max_examples=60)
@given(keys, values)
def test_toml_says_the_value(key: str, value: Plain) -> None:
    """TOML gives the value back, and the key of a table."""
    found = tomllib.loads(EVERYWHERE.render("v.toml.j2", {"k": key, "x": freeze(value)}))
    assert_same(found, {"a": value, "b": {key: {"c": [value]}}})


@settings(max_examples=60)
@given(values)
def test_python_says_the_value(value: Plain) -> None:
    """A Python literal gives the value back, and is a literal."""
    found = ast.literal_eval(EVERYWHERE.render("v.py.j2", {"k": "b", "x": freeze(value)}))
    assert_same(found, {"a": value, "b": [value]})


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(texts)
def test_html_shows_the_text_and_no_tag_of_it(text: str) -> None:
    """HTML gives the text back, and has no tag but the template's own."""
    page = Page(EVERYWHERE.render("v.html.j2", {"x": text}))
    assert page.tags == [("p", [("title", text)])]
    assert page.text == text


@given(texts)
def test_a_text_stays_on_its_line(text: str) -> None:
    """In text for people, a value is one line of visible characters."""
    written = EVERYWHERE.render("v.txt.j2", {"x": text})
    assert written.splitlines(keepends=True) == [written]
    assert written.removesuffix("\n").isprintable()


metadata = st.fixed_dictionaries(
    {"name": filled, "description": maybe, "labels": labels, "expires": maybe}
)
selectors = st.dictionaries(keys, st.lists(texts, min_size=1, max_size=3), max_size=3)
conditions = st.fixed_dictionaries(
    {
        "app_labels": st.none() | selectors,
        "app_labels_expression": maybe,
        "tools": st.none() | st.lists(texts, max_size=3),
    }
)


def allowed(
    rule: Mapping[str, Plain] | None, extra: Mapping[str, Plain], mcp: Mapping[str, Plain]
) -> Plain:
    """Return what Teleport calls the allow or the deny of a role."""
    rule = rule or {}
    labels = (rule.get("app_labels") or {}).items()
    return present(
        {
            "app_labels": {k: texts[0] if len(texts) == 1 else texts for k, texts in labels},
            "app_labels_expression": rule.get("app_labels_expression"),
            "mcp": present({"tools": rule.get("tools")}) | dict(mcp),
        }
    ) | dict(extra)


def head(kind: str, version: str, context: Mapping[str, Plain]) -> dict[str, Plain]:
    own = {key: context.get(key) for key in ("name", "description", "labels", "expires")}
    return {"kind": kind, "version": version, "metadata": present(own)}


# Further keys never repeat those that the template writes itself.
further = mappings.map(lambda extra: {f"x{key}": value for key, value in extra.items()})


@settings(max_examples=40)
@given(metadata, conditions, st.none() | conditions, mappings, st.tuples(*[further] * 5))
def test_a_role_says_what_it_was_told(
    meta: dict[str, Plain],
    allow: dict[str, Plain],
    deny: dict[str, Plain] | None,
    options: dict[str, Plain],
    extra: tuple[dict[str, Plain], ...],
) -> None:
    """Every value of a role comes back equal, and nothing else comes back."""
    names = ("extra_allow", "extra_allow_mcp", "extra_deny", "extra_deny_mcp", "extra_spec")
    named = dict(zip(names, extra, strict=True))
    context = {**meta, **allow, **named, "version": "v8", "deny": deny, "options": options}
    spec = present(
        {
            "allow": allowed(allow, *extra[:2]),
            "deny": allowed(deny, *extra[2:4]),
            "options": options,
        }
    )
    wanted = {**head("role", "v8", meta), "spec": spec | extra[4]}
    assert_same(render("teleport/role", context), wanted)


traits = st.fixed_dictionaries({"name": texts, "values": st.lists(texts, min_size=1, max_size=3)})


@settings(max_examples=40)
@given(metadata, st.lists(texts, max_size=3), st.lists(traits, max_size=3), maybe)
def test_a_bot_says_what_it_was_told(
    meta: dict[str, Plain], roles: list[str], held: list[dict[str, Plain]], ttl: str | None
) -> None:
    """Every value of a bot comes back equal, and nothing else comes back."""
    spec = {"roles": roles, "traits": held, "max_session_ttl": ttl}
    wanted = {**head("bot", "v1", meta), "spec": present(spec)}
    assert_same(render("teleport/bot", meta | spec), wanted)


headers = st.fixed_dictionaries({"name": texts, "value": texts})


@settings(max_examples=40)
@given(
    metadata,
    filled,
    maybe,
    st.lists(texts, max_size=3),
    maybe,
    st.lists(headers, max_size=2),
    st.booleans(),
    st.tuples(*[further] * 3),
)
def test_an_app_says_what_it_was_told(
    meta: dict[str, Plain],
    uri: str,
    command: str | None,
    args: list[str],
    user: str | None,
    sent: list[dict[str, str]],
    insecure: bool,
    extra: tuple[dict[str, Plain], ...],
) -> None:
    """Every value of an app comes back equal, and nothing else comes back."""
    process = {"command": command, "args": args, "run_as_host_user": user}
    spec = {
        "uri": uri,
        "mcp": (present(process) if command else {}) | extra[0],
        "insecure_skip_verify": insecure,
        "rewrite": present({"headers": sent}) | extra[1],
    }
    named = dict(zip(("extra_mcp", "extra_rewrite", "extra_spec"), extra, strict=True))
    known = {"uri": uri, "headers": sent, "insecure_skip_verify": insecure, **named}
    wanted = {**head("app", "v3", meta), "spec": present(spec) | extra[2]}
    assert_same(render("teleport/app", meta | process | known), wanted)


@settings(max_examples=40)
@given(metadata, filled, mappings, st.none() | st.lists(mappings.filter(bool), max_size=2))
def test_a_token_says_what_it_was_told(
    meta: dict[str, Plain], bot: str, config: dict[str, Plain], allow: list[Plain] | None
) -> None:
    """Every value of a token comes back equal, and nothing else comes back."""
    del meta["description"]
    method = {"join_method": "github", "bot_name": bot}
    wanted = {"roles": ["Bot"], **method, **present({"allow": allow, "github": config})}
    found = render("teleport/token", {**meta, **method, "config": config, "allow": allow})
    assert_same(found, {**head("token", "v2", meta), "spec": wanted})


services = st.fixed_dictionaries(
    {"type": texts, "destination": mappings.filter(bool), "allow_reissue": st.booleans()},
    optional={"name": filled, "credential_ttl": filled, "renewal_interval": filled},
)


@settings(max_examples=40)
@given(
    filled,
    st.none() | mappings,
    st.none() | mappings,
    st.lists(services, max_size=2),
    st.none() | st.booleans(),
    maybe,
    maybe,
)
def test_tbot_is_configured_as_told(
    proxy: str,
    onboarding: dict[str, Plain] | None,
    storage: dict[str, Plain] | None,
    listed: list[dict[str, Plain]],
    oneshot: bool | None,
    diag: str | None,
    ttl: str | None,
) -> None:
    """Every value of tbot.yaml comes back equal, and nothing else comes back."""
    context = {
        "onboarding": onboarding,
        "storage": storage,
        "credential_ttl": ttl,
        "renewal_interval": ttl,
        "diag_addr": diag,
        "services": listed,
    }
    wanted = {"version": "v2", "proxy_server": proxy, **present(context)}
    if oneshot is not None:
        wanted["oneshot"] = oneshot
    assert_same(render("tbot/tbot", {**context, "proxy": proxy, "oneshot": oneshot}), wanted)


pieces = st.sampled_from(
    (
        *("{{", "}}", "{%", "%}", "{#", "#}", "{{-", "-}}", "{%-", "-%}", " x ", " y ", "'", '"'),
        *("if x", "else", "endif", "for i in x", "endfor", "set x", "endset", "macro m()"),
        *("endmacro", "call m()", "endcall", 'include "t.yaml.j2"', "raw", "endraw", "| upper"),
        *(" is ", " not ", "~", "**", "*", "+", "1", "=", ",", ":", "(", ")", "[", "]", "{", "}"),
        *(
            "\n",
            "\r\n",
            "\x85",
            "\0",
            "\ud800",
            "\\",
            "- ",
            "a: ",
            "|",
            "#",
            "9" * 5000,
            "loop.last",
        ),
    )
)


@settings(max_examples=300)
@given(st.lists(pieces, max_size=12).map("".join), st.sampled_from(("yaml", "json", "py", "html")))
def test_any_text_is_a_template_or_a_list_of_problems(text: str, suffix: str) -> None:
    """Loading and rendering raise nothing but SiteError, and each problem has a place."""
    name = f"t.{suffix}.j2"
    try:
        Templates.load({name: text}).render(name, {"x": "1"})
    except SiteError as error:
        problems = error.problems
    else:
        problems = ()
    assert all(problem.at and problem.at.file == name for problem in problems)
