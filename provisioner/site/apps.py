"""MCP servers that a site registers, as typed values: a command on the agent, or a remote address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from provisioner.schema.kinds import Matching
from provisioner.schema.records import Written
from provisioner.site.fields import Directory, EnvironmentName, Filled, Strict, Text
from provisioner.values import EMPTY, Plain


def _as_text(value: Plain) -> Plain:
    return {"text": value} if isinstance(value, str) else value


class HeaderValue(Strict, frozen=True):
    """What a header holds: a template of Teleport, or where its value is found when it is applied.

    The value is in an environment variable or in a file, and `prefix` is what stands before it.
    """

    text: Filled | None = None
    env: EnvironmentName | None = None
    file: Directory | None = None
    prefix: (
        Annotated[
            str,
            Matching(
                r"^[A-Za-z][A-Za-z0-9-]{0,19} $",
                "a prefix is the name of a scheme and a space",
                'write "Bearer "; the value itself is in the variable or in the file',
            ),
        ]
        | None
    ) = None


class Header(Strict, frozen=True):
    """One HTTP header that Teleport adds on the way to a remote MCP server."""

    name: Annotated[
        str,
        Matching(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$", "this is not an HTTP header name"),
    ]
    value: Annotated[HeaderValue, Written(_as_text, (Filled, HeaderValue))]


class App(Strict, frozen=True):
    """An MCP server that we register in Teleport: a command on the agent, or a remote address.

    `spec` is the rest of the document's spec, as it is.
    """

    command: Filled | None = None
    args: tuple[Text, ...] = ()
    run_as_host_user: Filled | None = None
    uri: Filled | None = None
    headers: tuple[Header, ...] = ()
    insecure_skip_verify: bool = False
    spec: Mapping[str, Plain] = EMPTY
