from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from pydantic_core import PydanticCustomError

from provisioner.errors import Problem
from provisioner.site.decode import decode
from provisioner.site.model import Site
from provisioner.site.wording import _PATTERNS, CODES, TEXTS, called, dotted
from tests.sites import HEAD, document

# What each part of pydantic's schema can find wrong; the keys that say how it is put together.
FINDS: Final = {
    "any": (),
    "bool": ("bool_type",),
    "default": (),
    "definition-ref": (),
    "definitions": (),
    "dict": ("dict_type",),
    "function-after": (),
    "function-before": (),
    "int": ("int_type",),
    "literal": ("literal_error",),
    "model": ("model_type",),
    "model-field": (),
    "model-fields": ("missing", "extra_forbidden", "model_attributes_type"),
    "no-info": (),
    "nullable": (),
    "str": ("string_type",),
    "tagged-union": ("union_tag_invalid", "union_tag_not_found", "model_attributes_type"),
    "tuple": ("tuple_type",),
}
LIMITS: Final = {
    "ge": "greater_than_equal",
    "max_length": "string_too_long",
    "min_length": "string_too_short",
    "pattern": "string_pattern_mismatch",
}
SHAPE: Final = {"type", "metadata", "strict", "items_schema", "variadic_item_index"}


def schemas(part: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every part of a pydantic core schema."""
    if isinstance(part, Mapping):
        if isinstance(part.get("type"), str):
            yield part
        for key, child in part.items():
            if key != "json_schema_input_schema":  # what the JSON Schema shows instead
                yield from schemas(child)
    elif isinstance(part, list | tuple):
        for child in part:
            yield from schemas(child)


MODEL: Final = tuple(schemas(Site.__pydantic_core_schema__))


def problem(rest: str) -> Problem:
    (found,) = decode(document(HEAD + rest)).problems
    return found


def test_every_type_of_error_has_a_text() -> None:
    """Whatever pydantic can find wrong with the model is said in words of our own."""
    types = {error for schema in MODEL for error in FINDS[schema["type"]]}
    limits = {
        LIMITS[key]
        for schema in MODEL
        if schema["type"] in ("str", "int", "tuple")
        for key in schema.keys() - SHAPE
    }
    assert types | limits <= TEXTS.keys()


def raised(check: Any) -> Iterator[str]:
    """Yield the types of the errors that a validator of ours raises."""
    takes_text = inspect.signature(check).parameters.keys() == {"text"}
    wrong = ["", "\0", "a/../b", "nothing like it", []]
    for value in wrong if takes_text else [*wrong, None, 5, True]:
        try:
            check(value)
        except PydanticCustomError as error:
            yield error.type
        except (AttributeError, TypeError):
            assert not isinstance(value, str)


def test_every_check_of_ours_has_a_text() -> None:
    """The checks that the model adds to pydantic's own all have their text, and no text is left over."""
    checks = [schema["function"] for schema in MODEL if schema["type"] == "no-info"]
    found = {error for check in checks for error in raised(check)}
    known = {name for name, text in TEXTS.items() if text is TEXTS["duration"]}
    assert found == known


def test_every_pattern_has_a_text() -> None:
    """A name that does not match is told what names are made of, not a regular expression."""
    patterns = {schema["pattern"] for schema in MODEL if "pattern" in schema}
    assert patterns == _PATTERNS.keys()


@pytest.mark.parametrize(
    ("rest", "message", "hint"),
    [
        ("roles: {dev: {tool: 1}}", "unknown key `tool` in roles.dev", "did you mean `tools`?"),
        ("zzz: {}", "unknown key `zzz`", "known keys: version, site, teleport"),
        (
            "roles: {dev: {deny: {tols: []}}}",
            "unknown key `tols` in roles.dev.deny",
            "did you mean `tools`?",
        ),
        (
            "bots: {ci: {join: {method: iam, allow: [{aws_acount: '1'}]}}}",
            "unknown key `aws_acount` in bots.ci.join.allow[0]",
            "did you mean `aws_account`?",
        ),
        (
            "roles: {dev: {tools: [yes, 18.8]}}",
            "roles.dev.tools[1]: expected text, found the number 18.8",
            'quote it: "18.8"',
        ),
        (
            "roles: {dev: {tools: [true]}}",
            "roles.dev.tools[0]: expected text, found the boolean true",
            'quote it: "true"',
        ),
        (
            "bots: {ci: {max_session_ttl: 3600}}",
            "bots.ci.max_session_ttl: expected text, found the number 3600",
            "with a unit, such as 12h",
        ),
        ("roles:", "roles: expected a mapping, found null", "`{}` or `[]` means none"),
        (
            "roles: {dev: {version: v9}}",
            "role version v9 is not supported: it needs Teleport 19",
            "write v8",
        ),
        (
            "roles: {dev: {version: v5}}",
            "role version must be v6, v7 or v8, found the text `v5`",
            "v8 is the default",
        ),
        ("roles: {dev: {description: [a]}}", "expected text, found a list", ""),
        ("roles: {dev: {tools: [{a: b}]}}", "expected text, found a mapping", ""),
        ("roles: {dev: {tools: ['']}}", "roles.dev.tools[0]: must not be empty", "fill it"),
        (f"roles: {{dev: {{description: {'x' * 65537}}}}}", "longer than 65536 characters", ""),
        (
            "bots: {ci: {join: {method: terraform_cloud, allow: [], audience_tag: a-b}}}",
            "a tag is letters, digits and underscores",
            "TFC_WORKLOAD_IDENTITY_AUDIENCE_TAG",
        ),
        (
            "bots: {ci: {join: {method: gcp, allow: [], client_id: x}}}",
            "unknown key `client_id` in bots.ci.join",
            "known keys: name, method, allow, config",
        ),
        ("bots: {ci: {join: {method: githb}}}", "no join method `githb`", "`github`"),
        ("bots: {ci: {join: {allow: []}}}", "`method` is missing in bots.ci.join", "add method"),
    ],
)
def test_messages(rest: str, message: str, hint: str) -> None:
    """A message names the entry and what was found; the hint is a cure."""
    found = problem(rest)
    assert message in found.message
    assert hint in found.hint


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_given(code: str) -> None:
    """Every code in the table that the documentation is made of is given by some text."""
    wrong = (
        "x: 1",
        "bots: {a: {clients: [{format: command}]}}",
        "roles: 1",
        "roles: {A: {}}",
        "roles: {a: {tools: ['']}}",
        "roles: {a: {version: v9}}",
    )
    assert code in {problem(rest).code for rest in wrong}


def test_headers_are_not_repeated() -> None:
    """What stands in the wrong place of a header is not told: it may be the secret."""
    for value in ("Bearer hunter2", "{Authorization: hunter2}", "[{name: a, value: 772}]", "[772]"):
        rest = f"mcp_servers: {{a: {{app: {{headers: {value}}}}}}}"
        said = [f"{found.message} {found.hint}" for found in decode(document(HEAD + rest)).problems]
        assert said
        assert not any("hunter2" in text or "772" in text for text in said)


def test_long_words_are_cut() -> None:
    """A key of a thousand characters does not fill the screen."""
    assert len(problem(f"{'k' * 1000}: 1").message) < 120
    assert len(dotted(("roles", "r" * 1000, "tools"))) < 120


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (False, "the boolean false"),
        (18.8, "the number 18.8"),
        ("a", "the text `a`"),
        ("a" * 41, "text"),
        ((), "a list"),
        ({}, "a mapping"),
    ],
)
def test_what_a_value_is_called(value: object, words: str) -> None:
    """A value is called what a person would call it."""
    assert called(value) == words


def test_paths_are_dotted() -> None:
    """A path is written with dots and, for lists, with indices from 0."""
    assert dotted(("roles", "dev", "tools", 2)) == "roles.dev.tools[2]"
    assert dotted(()) == "the site file"
