"""What all tests share: no environment of the developer, and the things a test is made of."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent

settings.register_profile(
    "provision",
    deadline=None,
    derandomize="PROVISION_EXAMPLES" not in os.environ,  # what CI runs today it runs tomorrow
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("provision")

# A shell has its background jobs ignore these, and what is started inherits that: here they count.
for _number, _default in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _default)


@pytest.fixture(autouse=True)
def _clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Hide what the developer's shell says about Teleport, colours and this tool, and what it keeps."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
    for name in list(os.environ):
        if name.startswith(("PROVISION_", "TELEPORT_", "FAKE_TCTL_")) and name not in KEPT:
            monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", *MOVING):
        monkeypatch.delenv(name, raising=False)


MOVING = ("CODEX_HOME", "COPILOT_HOME", "GEMINI_CLI_HOME", "XDG_CONFIG_HOME")
"""Where clients of the developer keep their files, which are none of our business."""
KEPT = ("PROVISION_REAL_TCTL", "PROVISION_EXAMPLES", "PROVISION_FUZZ")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --rewrite-golden, which makes what is produced what is expected, and --clients."""
    parser.addoption("--rewrite-golden", action="store_true", help="rewrite tests/golden")
    parser.addoption("--clients", metavar="DIR", help="run MCP clients too, installed below DIR")
