"""What all tests from end to end share: servers that run before any client asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.stand_in.machine import running_servers


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the socket at which the servers run."""
    with running_servers(tmp_path_factory.mktemp("servers") / "socket") as place:
        yield place
