from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

import anyio
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import TextContent

from provisioner.proxy import DENIED
from tests.conftest import ROOT
from tests.unit.cli.conftest import Run

PROVISION = (sys.executable, "-m", "provisioner")
SMALL = (sys.executable, str(ROOT / "tests/servers/small.py"))
SITE = """\
version: 1
site: acme
teleport: {proxy: example.teleport.sh:443}
external_roles: [access]
mcp_servers:
  small: {labels: {env: dev}}
  far: {labels: {env: prod}}
roles:
  dev: {app_labels: {env: dev}, tools: ['read_*']}
bots:
  ci: {roles: [dev]}
  more: {roles: [dev, access]}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a site in which the bot `ci` may call `read_*` on the server `small`."""
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.mark.parametrize("era", ["legacy", "auto"])
def test_a_real_client_feels_the_policy(small: Path, era: Literal["legacy", "auto"]) -> None:
    """With a server and a client made with the SDK, in both eras, the roles hold and all else works."""
    command, *args = (*PROVISION, "try", "ci", "small", str(small), "--", *SMALL)

    async def use() -> None:
        async with Client(StdioServerParameters(command=command, args=args), mode=era) as client:
            assert (client.protocol_version >= "2026") is (era == "auto")
            listed = await client.list_tools()
            assert [tool.name for tool in listed.tools] == ["read_file", "read_slowly"]
            read = await client.call_tool("read_file", {"path": "x" * 1_000_000})
            assert isinstance(read.content[0], TextContent)
            assert len(read.content[0].text) > 1_000_000
            with pytest.raises(MCPError, match=DENIED.partition(".")[0]) as caught:
                await client.call_tool("delete_repo", {"name": "x"})
            assert caught.value.code == -32602
            assert [str(each.uri) for each in (await client.list_resources()).resources] == [
                "notes://today"
            ]
            assert [each.name for each in (await client.list_prompts()).prompts] == ["greeting"]
            with anyio.move_on_after(0.3) as scope:
                await client.call_tool("read_slowly", {})
            assert scope.cancelled_caught
            assert (await client.call_tool("read_file", {"path": "y"})).content

    anyio.run(use)


def test_the_exit_code_and_the_reasons_come_through(small: Path) -> None:
    """stdout is the client's alone; what is kept from it, and roles of others, are told on stderr."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "drop"}}
    server = (sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit(7)")
    ran = subprocess.run(
        [*PROVISION, "try", "more", "small", small, "--", *server],
        input=json.dumps(call) + "\n", capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert ran.returncode == 7
    assert json.loads(ran.stdout)["error"]["message"] == DENIED
    assert ran.stderr.splitlines() == [
        "provision try: role access is not in this site: what it says counts for nothing here",
        "provision try: refused a call of drop",
    ]


def test_ending_it_ends_the_server(small: Path, tmp_path: Path) -> None:
    """Clients end servers with SIGTERM: the server behind does not outlive that."""
    pid = tmp_path / "pid"
    server = ("sh", "-c", f"trap '' TERM; echo $$ > {pid}; echo '{{}}'; while :; do sleep 1; done")
    with subprocess.Popen(
        [*PROVISION, "try", "ci", "small", small, "--", *server],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as proxy:  # fmt: skip
        assert proxy.stdout
        assert proxy.stdout.readline() == b"{}\n"
        proxy.send_signal(signal.SIGTERM)
        assert proxy.wait(20) == 143
    assert not Path(f"/proc/{pid.read_text().strip()}/exe").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("mor", "small", "--", "cat"), "mor is no bot of this site\n  = did you mean more?"),
        (("ci", "x", "--", "cat"), "x is no MCP server of this site\n  = there are: far, small"),
        (("ci", "far", "--", "cat"), "bot ci cannot connect to far: no role reaches the server"),
        (("ci", "small", "--", "/no/such/server"), "/no/such/server: there is no such command"),
    ],
)
def test_a_session_that_cannot_be_says_why(
    run: Run, small: Path, words: tuple[str, ...], says: str
) -> None:
    """Unknown names, a bot without access and a missing command are errors before any message."""
    assert small.exists()
    bot, server, *rest = words
    ran = run("try", bot, server, *rest)
    assert (ran.code, ran.out) == (1, "")
    assert says in ran.err


def test_a_server_must_be_named(run: Run, small: Path) -> None:
    """Without a command there is nothing to run."""
    assert small.exists()
    ran = run("try", "ci", "small")
    assert (ran.code, "say how the server is started: -- COMMAND..." in ran.err) == (64, True)
