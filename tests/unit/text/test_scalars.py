"""How values are written; tests/property/test_templates.py proves that they come back."""

from __future__ import annotations

import ast
import json
import tomllib
from types import MappingProxyType

import pytest

from provisioner.text import source
from provisioner.text.scalars import HTML, JSON, PYTHON, TOML, YAML, Language, scalar
from provisioner.values import Plain, Secret


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "dev",
        "_x",
        "/opt/machine-id",
        "refs/heads/main",
        "example.teleport.sh:443",
        "mcp+https://mcp.internal:8443/mcp",
        "search_files",
        "delete_*",
        "user@host",
        "a" * 1000,
        "nothing",
        "Yes-men",
    ],
)
def test_plain_where_all_parsers_agree(text: str) -> None:
    """Text that every YAML reads as this text stands without quotes."""
    assert scalar(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", " a", "a ", "a b", "a,b", "a#b", "a: b", "a:", "a::b", "é", "*", "-x", ".x", "@x"),
        *("1", "0x1", "1e3", "12:30", "2026-12-31", "8h", "~", "a" * 1001, "[a]", "{a}", "a'b"),
        *("y", "Y", "n", "yes", "No", "ON", "off", "true", "False", "NULL", "null"),
    ],
)
def test_quoted_where_some_parser_might_not(text: str) -> None:
    """Text that some YAML could take for something else stands in double quotes."""
    assert scalar(text) == f'"{text}"'


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('"', r'"\""'),
        ("\\", r'"\\"'),
        ("a\nb\tc\r", r'"a\nb\tc\r"'),
        ("\x00\x1b", r'"\u0000\u001b"'),
        ("\x7f\x80\x85\x9f", r'"\x7f\x80\x85\x9f"'),
        ("\xa0\xad", r'"\xa0\xad"'),
        ("\u200b\u200e\u202e\u2066", r'"\u200b\u200e\u202e\u2066"'),
        ("\u2028\u2029", r'"\u2028\u2029"'),
        ("\ufeff\ufffe\uffff", r'"\ufeff\ufffe\uffff"'),
        ("é中😀", '"é中😀"'),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text: str, written: str) -> None:
    """Control and invisible characters are escapes that YAML knows; letters of all scripts stay."""
    assert scalar(text) == written


@pytest.mark.parametrize("language", [JSON, TOML, PYTHON])
def test_other_languages_know_no_short_escape(language: Language) -> None:
    r"""Outside YAML, `\x85` is not an escape that all know: it is `\u0085`."""
    assert language.write("\x7f\x85\u2028é") == r'"\u007f\u0085\u2028é"'
    assert language.write("plain") == '"plain"'


@pytest.mark.parametrize("language", [YAML, JSON, TOML, PYTHON])
def test_half_a_character_is_refused(language: Language) -> None:
    """No language can say half a surrogate pair, so nobody writes one."""
    with pytest.raises(ValueError, match=r"half a surrogate pair \(U\+DC80\)"):
        language.write("\udc80")


@pytest.mark.parametrize(
    ("value", "yaml", "python"),
    [
        (None, "null", "None"),
        (True, "true", "True"),
        (False, "false", "False"),
        (0, "0", "0"),
        (-(10**20), "-100000000000000000000", "-100000000000000000000"),
        (1.5, "1.5", "1.5"),
        (1.0, "1.0", "1.0"),
        (1e20, "1.0e+20", "1.0e+20"),
        (1.5e-7, "1.5e-07", "1.5e-07"),
        ([], "[]", "[]"),
        ({}, "{}", "{}"),
        ((1, "a", None), "[1, a, null]", '[1, "a", None]'),
        ({"a": "b", "n": ["no"]}, '{a: b, "n": ["no"]}', '{"a": "b", "n": ["no"]}'),
        (MappingProxyType({"a": ()}), "{a: []}", '{"a": []}'),
    ],
)
def test_every_plain_value_fits_on_a_line(value: Plain, yaml: str, python: str) -> None:
    """Each kind of plain value has one way to be written, frozen or not."""
    assert scalar(value) == yaml
    assert PYTHON.write(value) == python


def test_toml_pairs_are_equations() -> None:
    """TOML writes mappings as inline tables."""
    assert TOML.write({"a b": [1, True]}) == '{"a b" = [1, true]}'


def test_toml_has_no_null() -> None:
    """What is missing in TOML is left out by the template, never written."""
    with pytest.raises(TypeError, match="NoneType cannot be written in TOML"):
        TOML.write([None])


@pytest.mark.parametrize("value", [Secret("s"), b"x", {1}, object(), len])
def test_what_is_not_plain_is_refused(value: object) -> None:
    """Secrets, functions and other objects have no text that a file should hold."""
    with pytest.raises(TypeError, match=rf"type {type(value).__name__} cannot be written in YAML"):
        scalar([value])


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_refused(number: float) -> None:
    """Infinity and not-a-number are spelled differently everywhere, so nowhere by us."""
    with pytest.raises(ValueError, match="is not a number that can be written"):
        scalar(number)


@pytest.mark.parametrize("key", [None, True, 1, 1.5, ["a"], {}])
def test_keys_are_text(key: object) -> None:
    """A number or a list as a key would be read as something else by some parser."""
    with pytest.raises(TypeError, match="cannot be a key"):
        YAML.key(key)


def test_a_key_must_fit_where_yaml_looks_for_its_colon() -> None:
    """A key that YAML would give up on is refused; JSON takes any."""
    assert YAML.key("k" * 1000) == "k" * 1000
    with pytest.raises(ValueError, match="a key of 999 characters is too long for YAML"):
        YAML.key(" " * 999)
    assert JSON.key(" " * 999) == f'"{" " * 999}"'


def test_html_leaves_text_to_be_escaped() -> None:
    """HTML shows nothing for null and leaves escaping to whoever joins it with tags."""
    assert HTML.write(None) == ""
    assert HTML.write("<b>") == "<b>"


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ("a b", ['"a b"']),
        ([], ["[]"]),
        ({}, ["{}"]),
        ({"a": 1, "b": None}, ["a: 1", "b: null"]),
        ({"a": {"b": {"c": 1}}}, ["a:", "  b:", "    c: 1"]),
        ({"a": [], "b": {}}, ["a: []", "b: {}"]),
        ({"a": ["x", "z"]}, ["a: [x, z]"]),
        ({"a": ["x" * 40, "y" * 40]}, ["a:", f"  - {'x' * 40}", f"  - {'y' * 40}"]),
        ([{"a": 1, "b": 2}, {"c": 3}], ["- a: 1", "  b: 2", "- c: 3"]),
        ({"a": [{"b": ["c"]}]}, ["a:", "  - b: [c]"]),
        (["a", ["b", "c"], {}], ["- a", "- [b, c]", "- {}"]),
        ({"no": "x" * 100}, [f'"no": {"x" * 100}']),
    ],
)
def test_blocks_look_typed_by_hand(value: Plain, lines: list[str]) -> None:
    """Mappings stand below each other, short lists of scalars on one line, long ones below."""
    assert YAML.lines(value) == lines


def test_other_languages_have_one_line() -> None:
    """Only YAML has a block style."""
    assert JSON.lines({"a": [1]}) == ['{"a": [1]}']


@pytest.mark.parametrize("char", ["\u034f", "\u3164", "\ufe0f", "\U000e0041", "\U0001d173"])
def test_what_a_site_must_escape_is_escaped(char: str) -> None:
    """A character that a site may hold only as an escape is written as one, in every language."""
    written = [language.write(char) for language in (YAML, JSON, TOML, PYTHON)]
    assert all(text.isascii() for text in written)
    assert [json.loads(written[1]), ast.literal_eval(written[3])] == [char, char]
    assert tomllib.loads(f"a = {written[2]}")["a"] == char
    document, problems = source.load(written[0].encode(), "site.yaml")
    assert document is not None
    assert (document.value, problems) == (char, ())
