"""MCP servers that a site registers, as typed values: a command on the agent, or a remote address."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from provisioner.site.fields import Directory, EnvironmentName, Filled, Many, Map, Strict, Text
from provisioner.values import Plain, nothing


def _as_text(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


class HeaderValue(Strict):
    """What a header holds: a template of Teleport, or where its value is found when it is applied.

    The value is in an environment variable or in a file, and `prefix` is what stands before it.
    """

    text: Filled | None = None
    env: EnvironmentName | None = None
    file: Directory | None = None
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,19} $")] | None = (
        None
    )


class Header(Strict):
    """One HTTP header that Teleport adds on the way to a remote MCP server."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$")]
    value: Annotated[
        HeaderValue, BeforeValidator(_as_text, json_schema_input_type=Filled | HeaderValue)
    ]


class App(Strict):
    """An MCP server that we register in Teleport: a command on the agent, or a remote address.

    `spec` is the rest of the document's spec, as it is.
    """

    command: Filled | None = None
    args: Many[Text] = ()
    run_as_host_user: Filled | None = None
    uri: Filled | None = None
    headers: Many[Header] = ()
    insecure_skip_verify: bool = False
    spec: Map[str, Plain] = Field(default_factory=nothing)
