"""Rules about what roles match by: label selectors, tool patterns, and templates in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from provisioner.checks.rules._base import SYNTAX, Finding, Path, Rule
from provisioner.rbac import patterns
from provisioner.rbac.expressions import ExpressionError
from provisioner.rbac.traits import INTERNAL, label_expression
from provisioner.site.model import Site

_WILDCARD: Final = ("*",)
_TEMPLATE: Final = re.compile(r"\{\{\s*(internal|external)\.([^}\s]*)\s*\}\}")


def _half_wildcard(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        values = role.app_labels.get("*")
        if values is not None and values != _WILDCARD:
            yield Finding(
                ("roles", name, "app_labels", "*"),
                f"role {name}: the key * goes only with the value '*': Teleport refuses this role",
                "write the key of a label, or '*': '*'",
                on_key=True,
            )


def _bad_pattern(site: Site) -> Iterator[Finding]:
    for path, pattern in _patterns(site):
        try:
            patterns.compile_pattern(pattern)
        except patterns.PatternError as error:
            yield Finding(
                path,
                f"{error.message}; Teleport stores it and then refuses every call that has to "
                "evaluate it",
                error.hint or SYNTAX,
            )


def _bad_expression(site: Site) -> Iterator[Finding]:
    for path, text in _expressions(site):
        try:
            label_expression(text)
        except ExpressionError as error:
            yield Finding(
                path,
                f"{error.message}; Teleport stores it with no more than a line in its log, and then "
                "refuses whoever holds the role",
                'compare with labels["env"] == "dev", or contains(user.spec.traits["teams"], '
                'labels["team"])',
            )


def _half_anchored(site: Site) -> Iterator[Finding]:
    for path, text in _trapped(site, "half anchored"):
        yield Finding(
            path,
            f"`{text}` is no regular expression for Teleport but this very text: that takes both "
            "^ and $",
            f"write ^{text.removeprefix('^').removesuffix('$')}$, or leave both out",
        )


def _loosely_anchored(site: Site) -> Iterator[Finding]:
    for path, text in _trapped(site, "loosely anchored"):
        yield Finding(
            path,
            f"`{text}` is not tied to both ends in all of its alternatives: it matches longer "
            "names as well",
            f"write ^({text[1:-1]})$",
        )


def _trapped(site: Site, trap: patterns.Trap) -> Iterator[tuple[Path, str]]:
    for path, text in _patterns(site):
        if not text.startswith("^") and not text.endswith("$"):
            continue
        try:
            found = patterns.traps(patterns.compile_pattern(text))
        except patterns.PatternError:
            continue  # a rule of its own says so
        if trap in found:
            yield path, text


def _template_in_deny(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        for index, tool in enumerate(role.deny.tools if role.deny else ()):
            if "{{" in tool:
                yield Finding(
                    ("roles", name, "deny", "tools", index),
                    f"role {name}: for an identity without this trait the entry is dropped, and "
                    "nothing is denied",
                    "deny literal names or patterns",
                )


def _unknown_trait(site: Site) -> Iterator[Finding]:
    for path, pattern in _texts(site):
        for kind, trait in _TEMPLATE.findall(pattern):
            if kind == "internal" and trait not in INTERNAL:
                yield Finding(
                    path,
                    f"Teleport knows no trait internal.{trait}: it drops this entry",
                    "traits of your own are external.NAME",
                    word=f"internal.{trait}",
                    known=[f"internal.{known}" for known in sorted(INTERNAL)],
                )


def _expressions(site: Site) -> Iterator[tuple[Path, str]]:
    for name, role in site.roles.items():
        if role.app_labels_expression:
            yield ("roles", name, "app_labels_expression"), role.app_labels_expression
        if role.deny and role.deny.app_labels_expression:
            yield ("roles", name, "deny", "app_labels_expression"), role.deny.app_labels_expression


def _patterns(site: Site) -> Iterator[tuple[Path, str]]:
    """Yield every text that is a pattern as it stands: with a trait in it, nobody knows yet."""
    return ((path, text) for path, text in _texts(site) if "{{" not in text)


def _texts(site: Site) -> Iterator[tuple[Path, str]]:
    """Yield every text that Teleport evaluates as a pattern, in the end."""
    for name, role in site.roles.items():
        yield from _listed(("roles", name, "tools"), role.tools)
        yield from _listed(("roles", name, "except_tools"), role.except_tools)
        yield from _of_selector(("roles", name, "app_labels"), role.app_labels)
        if role.deny:
            yield from _listed(("roles", name, "deny", "tools"), role.deny.tools)
            yield from _of_selector(("roles", name, "deny", "app_labels"), role.deny.app_labels)


def _of_selector(path: Path, selector: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[Path, str]]:
    for label, values in selector.items():
        yield from _listed((*path, label), values)


def _listed(path: Path, texts: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    for index, text in enumerate(texts):
        yield (*path, index), text


RULES: Final = (
    Rule("PV103", "error", "wildcard key with another value", _half_wildcard, firm=True),
    Rule("PV106", "error", "pattern that Teleport cannot compile", _bad_pattern),
    Rule("PV107", "error", "half-anchored pattern", _half_anchored),
    Rule("PV108", "error", "alternatives outside of a group", _loosely_anchored),
    Rule("PV109", "error", "template in a deny list", _template_in_deny),
    Rule("PV110", "error", "unknown internal trait", _unknown_trait),
    Rule("PV123", "error", "label expression that Teleport cannot parse", _bad_expression),
)
