"""Where a live document can hold somebody's secret in clear, and how it is hidden and shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from provisioner.values import Body, Plain, Secret, freeze, thaw

_TEMPLATE: Final = re.compile(r"\{\{[^{}]*\}\}")
_SCHEME: Final = re.compile(r"\s*(?:Bearer|Basic|Token)?\s*", re.IGNORECASE)
_HEADERS: Final = ("spec", "rewrite", "headers", "*", "value")
_PATHS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "app": (_HEADERS,),
    "app_server": (("spec", "app", *_HEADERS),),
    "token": (
        ("spec", "bound_keypair", "onboarding", "registration_secret"),
        ("spec", "bound_keypair", "onboarding", "initial_join_secret"),
        ("status", "bound_keypair", "registration_secret"),
    ),
}


def concealed(body: Body) -> Body:
    """Return a live document, frozen, with what may be a secret in it as `Secret`."""
    paths = _PATHS.get(body["kind"], ())
    if not paths:
        return body
    document = thaw(body)
    for path in paths:
        _conceal(document, path)
    hidden: Body = freeze(document)
    return hidden


def revealed(value: Plain) -> Plain:
    """Return `value` with the text of every `Secret` in its place."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {name: revealed(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [revealed(item) for item in value]
    return value


def _is_template(value: str) -> bool:
    """Whether Teleport fills in all of a value but the name of a scheme, so that it is no secret."""
    rest = _TEMPLATE.sub("", value)
    return rest != value and _SCHEME.fullmatch(rest) is not None


def _conceal(value: Plain, path: tuple[str, ...]) -> Plain:
    """Hide the text at `path` inside `value`; `*` is every item of a list."""
    if not path:
        return Secret(value) if isinstance(value, str) and not _is_template(value) else value
    if path[0] == "*" and isinstance(value, list):
        return [_conceal(item, path[1:]) for item in value]
    if isinstance(value, dict) and path[0] in value:
        value[path[0]] = _conceal(value[path[0]], path[1:])
    return value


def masked(name: str) -> str:
    """Return a token's name as errors show it: three quarters of it are starred out."""
    hidden = len(name) * 3 // 4
    return "*" * hidden + name[hidden:]
