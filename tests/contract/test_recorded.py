"""Pairs of what was written and what was read back, recorded from Teleport, hold everywhere."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.change import Key
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Verb, Write
from provisioner.cluster.tctl import Tctl
from provisioner.errors import Rejected
from provisioner.text import units
from provisioner.values import Secret

if TYPE_CHECKING:
    from tests.contract.conftest import Contract

RECORDED = Path(__file__).parent / "recorded"
SOURCES = {"documentation", "source code", "real Teleport 18.0.0"}
PLACE = re.compile(r" \(line 1:\d+\)")
# What `provision` never writes, the stand-in for tctl does not normalise as Teleport does.
NOT_STOOD_IN_FOR = {
    "v8-allow-request-max-duration",
    "v8-allow-require-session-join",
    "v8-options-create-host-user-mode-drop",
    "v8-options-require-session-mfa-off",
    "v8-options-require-session-mfa-yes",
    "aws-uri",
    "dynamic-labels",
    "github-unknown-rule-field",
}
SAMPLE = 16  # through tctl, each refusal costs several processes: every 16th is asked for


def pairs(contract: Contract, outcome: str) -> list[dict[str, Any]]:
    """Return the pairs of one outcome that this release should show, under names of their own."""
    found = []
    for file in sorted(RECORDED.glob("*.json")):
        recorded = json.loads(file.read_text())
        assert recorded["source"] in SOURCES
        found += [pair for pair in recorded["pairs"] if outcome in pair and applies(pair, contract)]
    for number, pair in enumerate(found):
        pair["written"]["metadata"]["name"] = f"{contract.prefix}{number}"
    return found


def applies(pair: dict[str, Any], contract: Contract) -> bool:
    since, before = pair.get("since", "0.0.0"), pair.get("before", "99.0.0")
    return units.version(since) <= contract.version < units.version(before)


def comparable(body: dict[str, Any]) -> dict[str, Any]:
    """Take away what may differ: names, hidden headers, spellings of time, the order of traits."""
    del body["metadata"]["name"]
    body["metadata"].get("labels", {}).pop("teleport.internal/app-sub-kind", None)
    for header in body["spec"].get("rewrite", {}).get("headers", ()):
        value = header["value"]
        header["value"] = value.reveal() if isinstance(value, Secret) else value
    if body["kind"] == "bot":
        del body["status"]
        ttl = body["spec"]["max_session_ttl"]
        if isinstance(ttl, dict):
            length = ttl.get("seconds", 0) * 10**9 + ttl.get("nanos", 0)
            body["spec"]["max_session_ttl"] = units.proto_duration(length)
        body["spec"].get("traits", []).sort(key=str)
    return body


def replay(contract: Contract) -> None:
    taken = pairs(contract, "read_back")
    if "FAKE_TCTL_STATE" in os.environ:
        taken = [pair for pair in taken if pair["name"] not in NOT_STOOD_IN_FOR]
    writes = [contract.document(Verb.UPDATE, pair["written"]) for pair in taken]
    outcomes = contract.write(*writes)
    assert not {key: error for key, error in outcomes.items() if error}
    live = contract.read("role", "bot", "app", "token")
    differing = {}
    for pair, write in zip(taken, writes, strict=True):
        read, expected = comparable(live[write.key]), comparable(pair["read_back"])
        if read != expected:
            differing[f"{write.key.kind} {pair['name']}"] = (read, expected)
    assert not differing, sorted(differing)


def test_what_teleport_took(contract: Contract) -> None:
    """What Teleport took is taken by the newest release, and read back as it was recorded."""
    replay(contract)


def test_what_teleport_18_0_took(contract_of_18_0: Contract) -> None:
    """What Teleport 18.0.0 took, and what it dropped, is taken and dropped by every 18.0.0."""
    replay(contract_of_18_0)


def test_what_teleport_refused(contract_of_18_0: Contract) -> None:
    """What Teleport 18.0.0 refused is rejected, and nothing of it is there."""
    contract = contract_of_18_0
    refused = pairs(contract, "refused")
    refused = refused[::SAMPLE] if isinstance(contract.cluster, Tctl) else refused
    writes = [contract.document(Verb.UPDATE, pair["written"]) for pair in refused]
    outcomes = contract.write(*writes)
    taken = [
        f"{write.key.kind} {pair['name']}: {outcomes[write.key]!r}"
        for pair, write in zip(refused, writes, strict=True)
        if not isinstance(outcomes[write.key], Rejected)
    ]
    assert not taken
    assert contract.read("role", "bot", "app", "token") == {}


# These name Go's types, bytes of the stream or (a slip) join methods; they need not be told alike.
UNEQUAL = (
    "error found in #",
    "error unmarshaling JSON",
    "syntax error",
    "value out of range",
    "type: must be one of",
)


@pytest.mark.parametrize("kind", ["role", "bot", "app", "token"])
def test_refusals_in_teleports_words(kind: str) -> None:
    """The embedded clusters refuse in the words of Teleport 18.0.0, but for places in the stream."""
    cluster = MemoryCluster(version="18.0.0")
    for pair in json.loads((RECORDED / f"{kind}.json").read_text())["pairs"]:
        words = pair.get("refused", "")
        if words and not any(part in words for part in UNEQUAL):
            write = Write(Verb.UPDATE, Key(kind, "x"), pair["written"])
            (outcome,) = cluster.write([write])
            assert PLACE.sub("", str(outcome.error)) == PLACE.sub("", words), pair["name"]
