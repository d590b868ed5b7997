"""A bot's machine for tests: what is rendered for it, its identity file, a tsh that answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provisioner import workflow
from provisioner.machine.bundle import Bundle, choose
from tests.sites import TEMPLATES, write

SITE = """\
mcp_servers: {search: {labels: {env: dev}}, files: {labels: {env: dev}}}
roles: {dev: {app_labels: {env: dev}, tools: ['*']}}
bots:
  ci:
    roles: [dev]
    join: {method: kubernetes, allow: [{service_account: "agents:ci"}]}
    identity: {path: /opt/machine-id, readers: [{user: mcp}]}
    clients: [CLIENTS]
"""
EVERY_FORMAT = (
    "claude-desktop", "claude-code", "cursor", "vscode", "codex", "copilot", "opencode", "gemini",
    "antigravity", "langgraph", "mcpservers", "goose", "command",
)  # fmt: skip

# Made by openssl for CN=bot-example, O=example-role; valid on 2026-11-22 from 12:00 to 13:00 UTC.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBtzCCAV2gAwIBAgIBAzAKBggqhkjOPQQDAjBBMRUwEwYDVQQKDAxleGFtcGxl
LXJvbGUxFDASBgNVBAMMC2JvdC1leGFtcGxlMRIwEAYDVQQHDAktdGVsZXBvcnQw
HhcNMjYxMTIyMTIwMDAwWhcNMjYxMTIyMTMwMDAwWjBBMRUwEwYDVQQKDAxleGFt
cGxlLXJvbGUxFDASBgNVBAMMC2JvdC1leGFtcGxlMRIwEAYDVQQHDAktdGVsZXBv
cnQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ37g+yO0w2827Xpa20QIvU9AO8
t1ShZ1r/OqutxdhWWUQfZv7wLDUwLPL0NNNPYCf54xxXWLjbWeghE916GDJho0Yw
RDAOBgNVHQ8BAf8EBAMCBaAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0OBBYE
FESrxc2WUY/3clx6Sjf+aOb8X7RgMAoGCCqGSM49BAMCA0gAMEUCIGqgdtrpghZE
hjLpEAxbSk8RQZXzqyDcIUiFLAX5N5NoAiEAw8iS9bmGzeubik4UvyhaAi3x75WK
xI7dnpcsC6V+BAo=
-----END CERTIFICATE-----
"""
# The same, valid from 1999-11-22T12:00:00Z, written with two digits, to 2060-01-01T00:00:00Z.
LONG_CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBuDCCAV+gAwIBAgIBBDAKBggqhkjOPQQDAjBBMRUwEwYDVQQKDAxleGFtcGxl
LXJvbGUxFDASBgNVBAMMC2JvdC1leGFtcGxlMRIwEAYDVQQHDAktdGVsZXBvcnQw
IBcNOTkxMTIyMTIwMDAwWhgPMjA2MDAxMDEwMDAwMDBaMEExFTATBgNVBAoMDGV4
YW1wbGUtcm9sZTEUMBIGA1UEAwwLYm90LWV4YW1wbGUxEjAQBgNVBAcMCS10ZWxl
cG9ydDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDfuD7I7TDbzbtelrbRAi9T0
A7y3VKFnWv86q63F2FZZRB9m/vAsNTAs8vQ0009gJ/njHFdYuNtZ6CET3XoYMmGj
RjBEMA4GA1UdDwEB/wQEAwIFoDATBgNVHSUEDDAKBggrBgEFBQcDAjAdBgNVHQ4E
FgQURKvFzZZRj/dyXHpKN/5o5vxftGAwCgYIKoZIzj0EAwIDRwAwRAIgWCy8rPO/
8K0fkSiRiw8RQRC5QXciI663BN6gFAQJP7kCIGf0UPIDPAwvbvL04OsOcvYIzWsp
Sr5lslGiCpp5dY/V
-----END CERTIFICATE-----
"""
# What is before and after the certificate in an identity file, as tbot writes it.
IDENTITY = f"""\
-----BEGIN PRIVATE KEY-----
bm90IGEga2V5
-----END PRIVATE KEY-----
ecdsa-sha2-nistp256-cert-v01@openssh.com bm90IGEgY2VydGlmaWNhdGU=
{CERTIFICATE}{LONG_CERTIFICATE}@cert-authority example,*.example ecdsa-sha2-nistp256 bm90aGluZw==
"""


def site_text(*clients: str) -> str:
    """Return a site whose one bot has these clients, each a format or the whole of an entry."""
    entries = (
        client if client.startswith("{") else f"{{format: {client}, servers: [search]}}"
        for client in clients
    )
    return SITE.replace("CLIENTS", ", ".join(entries))


def rendered(directory: Path, rest: str) -> Mapping[str, str]:
    """Return every file that a site comes to."""
    return workflow.prepare(write(directory, rest), TEMPLATES).rendered.files


def bundle_with(directory: Path, *clients: str) -> Bundle:
    """Return what the bot of `site_text` needs on its machine."""
    return choose("ci", rendered(directory, site_text(*clients)))


def listing(**tools: Any) -> str:
    """Return what `tsh mcp ls --format json` prints for servers and the tools allowed on them."""
    return json.dumps(
        [
            {
                "kind": "app",
                "metadata": {"name": name},
                **(
                    {}
                    if allowed is None
                    else {"permissions": {"mcp": {"tools": {"allowed": allowed, "denied": []}}}}
                ),
            }
            for name, allowed in tools.items()
        ]
    )


def fake_tsh(directory: Path, prints: str, *, code: int = 0, says: str = "") -> Path:
    """Make a tsh that notes its arguments in `argv`, prints, complains and exits with `code`."""
    path = directory / "tsh"
    (directory / "prints").write_text(prints)
    (directory / "says").write_text(says)
    path.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > "{directory}/argv"\ncat "{directory}/prints"\n'
        f'cat "{directory}/says" >&2\nexit {code}\n'
    )
    path.chmod(0o755)
    return path
