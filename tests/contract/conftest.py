"""The clusters that the contract holds for, and what a test does to one of them."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from provisioner.change import Key
from provisioner.cluster.local import create
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Scope, Verb, WritableCluster, Write
from provisioner.cluster.tctl import Tctl, TctlOptions
from provisioner.errors import ClusterError
from provisioner.text import units
from provisioner.values import Body, thaw

FAKE = Path(__file__).parent.parent / "fake_tctl" / "tctl"
REAL = os.environ.get("PROVISION_REAL_TCTL", "")
# The tests hide what the developer's shell says about Teleport; the real tctl needs it.
CREDENTIALS = {name: value for name, value in os.environ.items() if name.startswith("TELEPORT_")}
SETTLED = 2.0  # seconds; a real Teleport answers reads from a cache that trails its backend by one

KINDS = ("role", "bot", "app", "token")
NAMES = ("memory", "local", "fake tctl", "real tctl")


@dataclass
class Contract:
    """One cluster, seen through the names that begin with `prefix`."""

    cluster: WritableCluster
    settle: float = 0.0
    prefix: str = field(default_factory=lambda: f"pv-contract-{uuid.uuid4().hex[:8]}-")
    touched: set[Key] = field(default_factory=set)

    @cached_property
    def version(self) -> tuple[int, int, int]:
        return units.version(self.cluster.info().version)

    def key(self, kind: str, name: str) -> Key:
        return Key(kind, self.prefix + name)

    def write(self, *writes: Write) -> dict[Key, ClusterError | None]:
        """Carry out writes, wait until they can be read, and return the outcome of each."""
        self.touched |= {write.key for write in writes}
        outcomes = list(self.cluster.write(writes))
        assert len(outcomes) == len(writes), "one outcome for each write"
        time.sleep(self.settle)
        return {outcome.key: outcome.error for outcome in outcomes}

    def outcome(self, verb: Verb, body: Body) -> ClusterError | None:
        """Write one document and return what the cluster says to it."""
        write = self.document(verb, body)
        return self.write(write)[write.key]

    def document(self, verb: Verb, body: Body) -> Write:
        return Write(verb, Key(body["kind"], body["metadata"]["name"]), body)

    def create(self, *bodies: Body) -> None:
        outcomes = self.write(*(self.document(Verb.CREATE, body) for body in bodies))
        assert not any(outcomes.values()), outcomes

    def read(self, *kinds: str) -> dict[Key, dict[str, Any]]:
        """Return the documents of this test, by key, without revisions."""
        tokens = frozenset(key.name for key in self.touched if key.kind == "token")
        found = {}
        for body in map(thaw, self.cluster.read(Scope(kinds, tokens=tokens))):
            if body["metadata"]["name"].startswith(self.prefix):
                body["metadata"].pop("revision", None)
                found[Key(body["kind"], body["metadata"]["name"])] = body
        return found

    def taken(self, body: Body) -> dict[str, Any]:
        """Create a document and return it as it is read back."""
        self.create(body)
        return self.read(body["kind"])[Key(body["kind"], body["metadata"]["name"])]

    def clean(self) -> None:
        """Remove what the test has written, bots before the roles that stand behind them."""
        for kinds in (("bot", "token"), ("app", "role")):
            keys = [key for key in self.touched if key.kind in kinds]
            list(self.cluster.write([Write(Verb.DELETE, key) for key in sorted(keys)]))

    def role(self, name: str, allow: object = None, **spec: object) -> dict[str, Any]:
        version = spec.pop("version", "v8")
        metadata = spec.pop("metadata", {})
        assert isinstance(metadata, dict)
        return {
            "kind": "role",
            "version": version,
            "metadata": {"name": self.prefix + name, **metadata},
            "spec": {**({} if allow is None else {"allow": allow}), **spec},
        }

    def bot(self, name: str, *roles: str, **spec: object) -> dict[str, Any]:
        """Return a bot; `roles` are names of this test's roles."""
        metadata = spec.pop("metadata", {})
        assert isinstance(metadata, dict)
        return {
            "kind": "bot",
            "version": "v1",
            "metadata": {"name": self.prefix + name, **metadata},
            "spec": {"roles": [self.prefix + role for role in roles], **spec},
        }

    def app(self, name: str, uri: str = "https://localhost:1", **labels: str) -> dict[str, Any]:
        metadata = {"name": self.prefix + name, "labels": labels}
        return {"kind": "app", "version": "v3", "metadata": metadata, "spec": {"uri": uri}}

    def token(self, name: str, **labels: str) -> dict[str, Any]:
        return {
            "kind": "token",
            "version": "v2",
            "metadata": {"name": self.prefix + name, "labels": labels},
            "spec": {
                "roles": ["Bot"],
                "bot_name": "somebody",
                "join_method": "github",
                "github": {"allow": [{"repository": "acme/agents"}]},
            },
        }


def make(
    kind: str, version: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[WritableCluster, float]:
    """Return a cluster of one kind, and how long its reads trail its writes, in seconds."""
    if kind == "memory":
        return MemoryCluster(version=version), 0.0
    if kind == "local":
        return create(directory / "cluster", name="local", version=version), 0.0
    if kind == "fake tctl":
        monkeypatch.setenv("FAKE_TCTL_STATE", str(directory / "state.json"))
        monkeypatch.setenv("FAKE_TCTL_VERSION", version)
        return Tctl(TctlOptions(path=str(FAKE))), 0.0
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return Tctl(TctlOptions(path=REAL)), SETTLED


def _held(
    kind: str, version: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Contract]:
    """Lend one cluster; what a test has written to one that stays is removed after it."""
    contract = Contract(*make(kind, version, directory, monkeypatch))
    yield contract
    if kind == "real tctl":
        contract.clean()


def params() -> list[Any]:
    unset = pytest.mark.skipif(not REAL, reason="PROVISION_REAL_TCTL is not set")
    marks = {"real tctl": (pytest.mark.real, unset)}
    return [pytest.param(name, marks=marks.get(name, ())) for name in NAMES]


@pytest.fixture(params=params())
def contract(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Contract]:
    """Each cluster in turn, as the newest release where that can be chosen."""
    yield from _held(request.param, "18.8.3", tmp_path, monkeypatch)


@pytest.fixture(params=params())
def contract_of_18_0(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Contract]:
    """Each cluster in turn, as release 18.0.0 where that can be chosen."""
    yield from _held(request.param, "18.0.0", tmp_path, monkeypatch)
