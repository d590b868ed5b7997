from __future__ import annotations

from typing import Any

import pytest

from provisioner.change import Key
from provisioner.cluster.canonical import canonical
from provisioner.cluster.resource import (
    Resource,
    applied_hash,
    equal,
    labels,
    resource,
    with_label,
)
from provisioner.errors import Place
from provisioner.values import freeze, thaw
from tests.bodies import bot, filled, role


def same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return equal(canonical(one), canonical(two))


def options(version: str = "v8", **options: Any) -> dict[str, Any]:
    return {**role(options=options), "version": version}


def test_server_defaults_are_no_difference() -> None:
    """What Teleport fills in where the site is silent means the same as silence."""
    assert same(role(), filled(role()))


@pytest.mark.parametrize(
    ("site", "live"),
    [
        ({"max_session_ttl": "8h"}, {"max_session_ttl": "8h0m0s"}),
        ({"max_session_ttl": "1d"}, {"max_session_ttl": "24h0m0s"}),
        ({"max_session_ttl": "never"}, {"max_session_ttl": "30h0m0s"}),
        ({"client_idle_timeout": "90m"}, {"client_idle_timeout": "1h30m0s"}),
        ({"enhanced_recording": []}, {"enhanced_recording": ["command", "network"]}),
        (
            {"record_session": {"default": "strict"}},
            {"record_session": {"default": "strict", "desktop": None}},
        ),
        ({}, {"lock": "", "max_sessions": 0, "request_prompt": "", "require_session_mfa": False}),
        ({"desktop_clipboard": False}, {"desktop_clipboard": False}),
    ],
)
def test_spellings_of_options(site: dict[str, Any], live: dict[str, Any]) -> None:
    """An option reads back in Teleport's own spelling and still means what was written."""
    assert same(options(**site), filled(options(**live)))


@pytest.mark.parametrize(
    ("site", "live"),
    [
        ({}, {"desktop_clipboard": False}),
        ({}, {"max_session_ttl": "8h0m0s"}),
        ({}, {"record_session": {"default": "strict", "desktop": None}}),
        ({}, {"record_session": {"default": "best_effort", "desktop": False}}),
        ({}, {"require_session_mfa": True}),
        ({"forward_agent": True}, {}),
    ],
)
def test_other_values_are_differences(site: dict[str, Any], live: dict[str, Any]) -> None:
    """A live value that is not the default differs from silence, so removing an option resets it."""
    assert not same(options(**site), filled(options(**live)))


@pytest.mark.parametrize(("version", "is_default"), [("v6", True), ("v7", True), ("v8", False)])
def test_idp_defaults_by_role_version(version: str, is_default: bool) -> None:
    """Role versions up to v7 get `idp: {saml: {enabled: true}}`; v8 does not."""
    assert same(options(version), options(version, idp={"saml": {"enabled": True}})) is is_default


@pytest.mark.parametrize(
    ("version", "resources"),
    [
        ("v7", [{"kind": "*", "name": "*", "namespace": "*", "verbs": ["*"]}]),
        ("v8", [{"kind": "*", "name": "*", "namespace": "*", "verbs": ["*"], "api_group": "*"}]),
    ],
)
def test_kubernetes_resources_default_with_their_labels(version: str, resources: list[Any]) -> None:
    """Teleport fills in kubernetes_resources only where Kubernetes labels are matched."""
    matched = {"kubernetes_labels": {"env": "dev"}}
    written = {**role(allow=matched), "version": version}
    stored = {**role(allow={**matched, "kubernetes_resources": resources}), "version": version}
    assert same(written, stored)
    without = {**role(), "version": version}
    assert not same(
        without, {**role(allow={"kubernetes_resources": resources}), "version": version}
    )


def test_one_element_lists() -> None:
    """A list of one label value reads back as text, and order means nothing in it."""
    assert same(
        role(allow={"app_labels": {"env": ["dev"]}}), role(allow={"app_labels": {"env": "dev"}})
    )
    assert same(
        role(allow={"app_labels": {"env": ["a", "b"]}}),
        role(allow={"app_labels": {"env": ["b", "a"]}}),
    )


def test_an_empty_text_is_silence() -> None:
    """An option that Teleport lists as an empty text says no more than one that it does not list."""
    assert same(options(), options(cert_format=""))
    assert not same(options(), options(cert_format="oldssh"))


def test_items_of_mixed_lists() -> None:
    """In a list of several sorts the mappings are compared without what says nothing."""
    assert same(options(brand_new=[{"a": "", "b": 1}, "x"]), options(brand_new=[{"b": 1}, "x"]))
    assert not same(options(brand_new=[{"b": 1}, "x"]), options(brand_new=[{"b": 1}, "y"]))


def test_an_empty_label_is_a_label() -> None:
    """A label with an empty value is not the same as no label."""
    assert not same(role(labels={"a": ""}), role(labels={}))


def test_what_the_server_owns_is_left_out() -> None:
    """Revisions, ids, status and Teleport's own labels are no difference."""
    stored = bot(labels={"teleport.internal/x": "y", "teleport.dev/origin": "dynamic"})
    stored["status"] = {"user_name": "bot-ci"}
    stored["metadata"]["revision"] = "1"
    assert same(bot(labels={}), stored)


def test_bot_spellings() -> None:
    """Bots read back with a default session, durations in seconds, and traits in random order."""
    traits = [{"name": "a", "values": ["2", "1"]}, {"name": "b", "values": []}]
    written = bot(roles=["x", "y"], traits=traits)
    stored = bot(
        roles=["y", "x"], traits=[{"name": "a", "values": ["1", "2"]}], max_session_ttl="43200s"
    )
    assert same(written, stored)
    assert same(bot(max_session_ttl="8h"), bot(max_session_ttl="28800s"))
    assert not same(bot(), bot(max_session_ttl="28800s"))


def test_expiry_is_a_moment() -> None:
    """Two spellings of one moment are equal."""
    one, two = bot(), bot()
    one["metadata"]["expires"] = "2027-01-01T02:00:00+02:00"
    two["metadata"]["expires"] = "2027-01-01T00:00:00Z"
    assert same(one, two)


def test_a_removed_block_is_a_difference() -> None:
    """A block that is live and not in the site is seen, whether or not the site has a word for it."""
    assert not same(role(), role(allow={"logins": ["root"]}))
    assert not same(role(), role(deny={"mcp": {"tools": ["x"]}}))


def test_odd_live_values_do_not_break_reading() -> None:
    """A live value of a type nobody expects is compared as it is."""
    odd = options(max_session_ttl=5, enhanced_recording=[1, None])
    assert thaw(canonical(odd))["spec"]["options"]["max_session_ttl"] == 5
    assert canonical(bot(traits="none"))["spec"]["traits"] == "none"


def test_the_applied_hash_is_of_the_meaning() -> None:
    """The hash covers what a body means and not the label that carries it."""
    before = applied_hash(resource(role()).form)
    stored = with_label(filled(role()), "provisioner/applied", before)
    assert applied_hash(resource(stored).form) == before
    assert applied_hash(resource(role(allow={"mcp": {"tools": ["*"]}})).form) != before


@pytest.mark.parametrize(
    ("site", "live"),
    [
        (
            {"require_session_join": [{"name": "a", "count": 1}]},
            {"require_session_join": [{"name": "a", "count": 1, "on_leave": "", "kinds": None}]},
        ),
        ({"spiffe": [{"path": "/x", "dns_sans": []}]}, {"spiffe": [{"path": "/x"}]}),
        ({"rules": [{"verbs": ["a"], "where": ""}]}, {"rules": [{"verbs": ["a"]}]}),
    ],
)
def test_items_of_lists(site: dict[str, Any], live: dict[str, Any]) -> None:
    """What Teleport prints for nothing inside of a list's item is no difference either."""
    assert same(role(allow=site), role(allow=live))
    assert not same(role(allow=site), role(allow={}))


def test_items_keep_what_they_say() -> None:
    """Order and values of items count, and false is no silence where it can also be not set."""
    one, two = {"resources": ["a"]}, {"resources": ["b"]}
    assert not same(role(allow={"rules": [one, two]}), role(allow={"rules": [two, one]}))
    gitlab = [{"project_path": "a", "ref_protected": False}]
    assert canonical({"kind": "token", "metadata": {}, "spec": {"gitlab": {"allow": gitlab}}})[
        "spec"
    ] == {"gitlab": {"allow": gitlab}}


@pytest.mark.parametrize(("version", "is_same"), [("v6", True), ("v7", False), ("v8", False)])
def test_verbs_on_kubernetes_resources(version: str, is_same: bool) -> None:
    """Up to v6 Teleport fills in all verbs for each resource; later they are what was written."""
    one, two = (
        {**role(allow={"kubernetes_resources": [{"kind": "pod", **verbs}]}), "version": version}
        for verbs in ({}, {"verbs": ["*"]})
    )
    assert same(one, two) is is_same


def test_extensions_of_certificates() -> None:
    """Type and mode of a certificate's extension have one value each, which goes without saying."""
    bare, full = {"name": "a"}, {"name": "a", "type": "ssh", "mode": "extension", "value": ""}
    assert same(options(cert_extensions=[bare]), options(cert_extensions=[full]))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("43200s", {"seconds": 43200}),
        ("5400s", {"seconds": 5400}),
        ("1.5s", {"seconds": 1, "nanos": 500000000}),
        ("43200s", None),
    ],
)
def test_lifetimes_in_both_spellings(one: str, two: Any) -> None:
    """Before 18.2.3 tctl prints a bot's lifetime as a Go struct: that is the same lifetime."""
    assert same(bot(max_session_ttl=one), bot(max_session_ttl=two))
    assert not same(bot(max_session_ttl="60s"), bot(max_session_ttl=two))


def test_ends_in_both_spellings() -> None:
    """And so it is with the time at which a bot ends; what is no time stays what it is."""
    ends: Any = (
        "2027-01-01T01:00:00+01:00",
        {"seconds": 1798761600},
        {"seconds": 1 << 60},
        {"seconds": "x"},
    )
    one, two, three, four = ({**bot(), "metadata": {"name": "ci", "expires": end}} for end in ends)
    assert same(one, two)
    assert not same(one, three)
    assert not same(three, four)


def test_where_a_document_stands() -> None:
    """A document has its place in the site, given or found when asked; a live one has none."""
    key, body, there = Key("role", "dev"), freeze(role()), Place("site.yaml", 7)
    assert Resource(key, body, there).at == there
    assert Resource(key, body, lambda: there).at == there
    assert Resource(key, body).at is None


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ({"labels": {"a": "b", "c": None}}, {"a": "b", "c": ""}),
        ({"labels": {"a": "b"}}, {"a": "b"}),
        ({"labels": None}, {}),
        (None, {}),
    ],
)
def test_labels_of_a_live_document(metadata: Any, found: dict[str, str]) -> None:
    """Null, which Go reads as no text, is one; where there are no labels, there are none."""
    assert labels({"kind": "app", "metadata": metadata}) == found
