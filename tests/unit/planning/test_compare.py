from __future__ import annotations

from typing import Any

import pytest

from provisioner.change import Op
from provisioner.planning.plan import plan
from tests.bodies import CLUSTER, app, desired, live


def server(name: str, **labels: str) -> dict[str, Any]:
    inner = app(name, labels=labels)
    return {"kind": "app_server", "metadata": {"name": name}, "spec": {"app": inner}}


@pytest.mark.parametrize(
    ("served", "op"),
    [
        (server("files", env="dev"), Op.CONFLICT),
        (server("files", **{"teleport.dev/origin": "config-file"}), Op.CONFLICT),
        (server("files", **{"teleport.dev/origin": "dynamic"}), Op.CREATE),
        (server("other", env="dev"), Op.CREATE),
    ],
)
def test_an_app_that_an_agent_brings_along(served: dict[str, Any], op: Op) -> None:
    """An app of an agent's own configuration is not doubled by one of the same name."""
    made = plan(desired(app("files")), live(served), CLUSTER)
    (line,) = (*made.changes, *made.notes)
    assert (line.op, str(line.key)) == (op, "app/files")


def test_an_app_of_ours_that_is_served() -> None:
    """An app that is registered and served by an agent is no conflict with itself."""
    served = server("files", **{"teleport.dev/origin": "dynamic"})
    made = plan(desired(app("files")), live(app("files"), served), CLUSTER)
    assert (made.changes, made.notes) == ((), ())
