"""These tests run the clients themselves: `make test-clients`, or `pytest --clients DIR`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.clients.shelf import Shelf

SHELF = pytest.StashKey[Shelf]()


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave these tests alone unless there is a directory to install clients to."""
    return None if config.getoption("--clients") else True


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which versions were used."""
    if SHELF in config.stash:
        terminalreporter.section("clients")
        for name, version in sorted(config.stash[SHELF].versions.items()):
            terminalreporter.write_line(f"{name} {version}")


@pytest.fixture(scope="session")
def shelf(pytestconfig: pytest.Config) -> Shelf:
    found = Shelf(Path(pytestconfig.getoption("--clients")).absolute())
    found.root.mkdir(parents=True, exist_ok=True)
    pytestconfig.stash[SHELF] = found
    return found
