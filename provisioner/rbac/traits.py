"""What the texts of a role become for one user: templates filled in, label expressions evaluated.

Teleport fills in `{{...}}` when it fetches a role, and drops what cannot be filled in without a
word: in an allow list that means fewer tools, in a deny list no denial. Here every drop is told.
Source: Teleport lib/services/role.go (ApplyValueTraits, applyLabelsTraits),
lib/utils/parse/parse.go and lib/services/label_expressions.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct

from provisioner.rbac.expressions import (
    Dialect,
    Env,
    ExpressionError,
    Function,
    Table,
    Typed,
    compile_expression,
    library,
)
from provisioner.rbac.patterns import compile_pattern

INTERNAL: Final = frozenset(
    [
        "aws_role_arns",
        "azure_identities",
        "db_names",
        "db_roles",
        "db_users",
        "gcp_service_accounts",
        "github_orgs",
        "jwt",
        "kubernetes_groups",
        "kubernetes_users",
        "logins",
        "mcp_tools",
        "windows_logins",
    ]
)
"""The traits that `internal.` may name; `external.` may name any."""

_TEMPLATE: Final = re.compile(r"([^}{]*)\{\{([^}{]*)\}\}([^}{]*)")


class Filled(Struct, frozen=True):
    """What became of one text: its values, and why there is none where it was dropped."""

    source: str
    values: tuple[str, ...]
    dropped: str = ""


def is_template(text: str) -> bool:
    """Say whether Teleport would try to fill in `text`."""
    return "{{" in text or "}}" in text


def fill(text: str, env: Env) -> Filled:
    """Fill in one text of a role as Teleport does for this user."""
    try:
        values = tuple(_values(text, env))
    except ExpressionError as error:
        return Filled(text, (), str(error))
    return Filled(text, values, "" if values else "it comes out empty")


def fill_labels(
    labels: Mapping[str, str | Sequence[str]], env: Env
) -> tuple[dict[str, tuple[str, ...]], tuple[Filled, ...]]:
    """Fill in a label selector; return it, and what could not be filled in.

    A key stands for its first value only. What cannot be filled in becomes an empty text, which
    as a key matches no label.
    """
    filled: dict[str, tuple[str, ...]] = {}
    dropped: list[Filled] = []
    for key, values in labels.items():
        one_key = fill(key, env)
        several = [fill(value, env) for value in _listed(values)]
        dropped += [part for part in (one_key, *several) if part.dropped and part.source]
        texts = [text for part in several for text in part.values or ("",)]
        filled[(one_key.values or ("",))[0]] = tuple(dict.fromkeys(texts))
    return filled, tuple(dropped)


@lru_cache(maxsize=2_000)
def label_expression(text: str) -> Callable[[Env], bool]:
    """Return what says whether an environment fulfils an `app_labels_expression`.

    Raises ExpressionError if Teleport cannot parse it; the result raises ExpressionError or
    PatternError where it has no value.
    """
    return compile_expression(_LABELS, text)


def _listed(values: str | Sequence[str] | None) -> Iterable[str]:
    """Return the values of a label; Go reads null as it reads no text."""
    return (values or "",) if isinstance(values, str | None) else values


def _values(text: str, env: Env) -> Iterable[str]:
    template = _TEMPLATE.fullmatch(text)
    if template is None:
        if is_template(text):
            raise ExpressionError(f"{text!r} is not a template of the form {{{{expression}}}}")
        return (text,) if text else ()
    prefix, expression, suffix = template[1].lstrip(), template[2], template[3].rstrip()
    found = _template_expression(expression)(env)
    return (prefix + value + suffix for value in found if value)


def _trait(space: str) -> Table:
    def at(env: Env, name: str) -> tuple[str, ...]:
        if space == "internal" and name not in INTERNAL:
            raise ExpressionError(f"internal.{name} is not a trait that Teleport knows")
        if name not in env.traits:
            raise ExpressionError(f"the user has no trait {name}")
        return env.traits[name]

    return Table("texts", at)


def _user(env: Env) -> str:
    if not env.user:
        raise ExpressionError("the name of the user is not known here")
    return env.user


def _regexp_match(texts: tuple[str, ...], text: str) -> bool:
    pattern = compile_pattern(text)
    return any(pattern.matches(item) for item in texts)


def _labels_matching(env: Env, text: str) -> tuple[str, ...]:
    return tuple(v for key, v in env.labels.items() if compile_pattern(text).matches(key))


_NAME: Final = {"user.metadata.name": Typed("text", _user)}
_SHARED: Final = {
    "email.local": Function(("texts",), "texts", library.email_local),
    "regexp.replace": Function(("texts", "text", "text"), "texts", library.regexp_replace),
}
_TEMPLATES: Final = Dialect(
    result="texts",
    variables={**_NAME, "external": _trait("external"), "internal": _trait("internal")},
    functions=_SHARED,
    other=_trait("external"),  # any unknown word means external, for the sake of old typos
)
_LABELS: Final = Dialect(
    result="bool",
    variables={
        **_NAME,
        "user.spec.traits": Table("texts", lambda env, name: env.traits.get(name, ())),
        "labels": Table("text", lambda env, key: env.labels.get(key, "")),
    },
    functions={
        **_SHARED,
        "contains": Function(("texts", "text"), "bool", library.contains),
        "contains_all": Function(("texts", "texts"), "bool", library.contains_all),
        "contains_any": Function(("texts", "texts"), "bool", library.contains_any),
        "labels_matching": Function(("text",), "texts", _labels_matching, needs_env=True),
        "regexp.match": Function(("texts", "text"), "bool", _regexp_match),
        "set": Function(("text",), "texts", lambda *texts: texts, rest=True),
        "strings.lower": Function(("texts",), "texts", library.lower),
        "strings.upper": Function(("texts",), "texts", library.upper),
    },
)


@lru_cache(maxsize=2_000)
def _template_expression(text: str) -> Callable[[Env], tuple[str, ...]]:
    return compile_expression(_TEMPLATES, text)
