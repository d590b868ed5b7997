from __future__ import annotations

from typing import Any

import pytest

from provisioner.cluster.resource import resource
from provisioner.planning.impact import is_mcp, served_app
from tests.bodies import app


@pytest.mark.parametrize("odd", [None, {}, "text"])
def test_an_app_is_itself_whatever_its_spec_holds(odd: Any) -> None:
    """Only what an agent serves wraps an app; one with a field `app` of its own is still what it is."""
    body = app("files")
    found = served_app(resource({**body, "spec": {**body["spec"], "app": odd}}))
    assert found["metadata"]["name"] == "files"
    assert is_mcp(found)


@pytest.mark.parametrize("spec", [None, {}, {"app": None}])
def test_an_agent_that_serves_nothing(spec: Any) -> None:
    """Null, which Go writes for what is empty, is no app."""
    served = {"kind": "app_server", "version": "v3", "metadata": {"name": "x"}, "spec": spec}
    assert not is_mcp(served_app(resource(served)))
