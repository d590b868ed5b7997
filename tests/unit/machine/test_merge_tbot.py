from __future__ import annotations

import textwrap

import pytest
import yaml

from provisioner.errors import FileError
from provisioner.machine.merge import Change, Existing, Merged, merge_tbot
from provisioner.machine.sidecar import Ledger
from provisioner.text.splice import SpliceError

OURS = """\
version: v2
proxy_server: example.teleport.sh:443
onboarding:
  join_method: kubernetes
  token: ci-kubernetes
services:
  - type: identity
    destination:
      type: directory
      path: /opt/machine-id
      readers: [{user: mcp}]
    allow_reissue: true
"""
SECRET = OURS.replace(
    "      type: directory\n      path: /opt/machine-id\n      readers: [{user: mcp}]\n",
    "      type: kubernetes_secret\n      name: ci-identity\n",
)
HEAD = "version: v2\nproxy_server: example.teleport.sh:443\n"
JOIN = "onboarding: {join_method: kubernetes, token: ci-kubernetes}\n"
NAME = "the identity service for /opt/machine-id"


def merged(
    text: str | None, wanted: str | None = OURS, ledger: Ledger | None = None, bot: str = "ci"
) -> Merged:
    return merge_tbot(Existing(text, ledger or Ledger(), bot), wanted)


def with_services(block: str, key: str = "services") -> str:
    return f"{HEAD}{JOIN}{key}:\n{textwrap.indent(textwrap.dedent(block), '  ')}"


THEIRS = with_services(
    """\
    # a web application
    - type: application
      app_name: wiki
      destination: {type: directory, path: /opt/wiki}
    """
)
BY_HAND = """\
- type: identity # by hand
  destination: {path: /opt/machine-id/, type: directory, readers: [{user: bob}]}
  ssh_config: off
"""


class TestOurService:
    def test_a_new_file_is_the_rendering(self) -> None:
        """Where there is no tbot.yaml, or an empty one, it is written whole."""
        assert merged(None).text == OURS
        assert merged("\n").text == OURS
        assert merged(None).changes == (Change("add", NAME),)

    def test_it_is_added_to_a_file_of_others(self) -> None:
        """A service is put after the others, and goes again without a trace."""
        result = merged(THEIRS)
        assert (result.text or "").startswith(THEIRS)
        services = yaml.safe_load(result.text or "")["services"]
        assert services[1] == yaml.safe_load(OURS)["services"][0]
        assert (result.changes, result.warnings) == ((Change("add", NAME),), ())
        assert merged(result.text, None, result.ledger).text == THEIRS

    def test_the_list_is_made_where_there_is_none(self) -> None:
        """A file without services gets them, and loses them again."""
        text = HEAD + JOIN + "storage: {type: memory} # ours\n"
        result = merged(text)
        assert len(yaml.safe_load(result.text or "")["services"]) == 1
        assert merged(result.text, None, result.ledger).text == text

    def test_it_is_updated(self) -> None:
        """What we wrote becomes what is rendered now; nothing else in the file changes."""
        first = merged(THEIRS)
        wanted = OURS + "    credential_ttl: 1h\n    renewal_interval: 20m\n"
        second = merged(first.text, wanted, first.ledger)
        assert second.changes == (Change("update", NAME),)
        assert yaml.safe_load(second.text or "")["services"][1]["credential_ttl"] == "1h"
        assert merged(second.text, OURS, second.ledger).text == first.text

    def test_an_edited_one_is_told(self) -> None:
        """A service of ours that somebody has changed is overwritten, and said to be edited."""
        first = merged(THEIRS)
        edited = (first.text or "").replace("allow_reissue: true", "allow_reissue: false")
        result = merged(edited, OURS, first.ledger)
        assert result.changes == (Change("update", NAME, edited=True),)
        assert result.text == first.text

    def test_it_moves_with_its_path(self) -> None:
        """A bot whose identity has another path now has one service there, and none at the old."""
        first = merged(THEIRS)
        result = merged(first.text, OURS.replace("/opt/machine-id", "/opt/new"), first.ledger)
        assert [change.op for change in result.changes] == ["add", "remove"]
        assert result.text == (first.text or "").replace("/opt/machine-id", "/opt/new")

    def test_a_file_of_ours_follows_the_rendering(self) -> None:
        """A tbot.yaml that we alone wrote is written whole again, onboarding and all."""
        first = merged(None)
        wanted = OURS.replace("ci-kubernetes", "another")
        result = merged(first.text, wanted, first.ledger)
        assert (result.text, result.conflicts, result.warnings) == (wanted, (), ())
        assert merged(wanted, None, result.ledger).text is None

    def test_a_file_of_ours_that_others_use_is_merged(self) -> None:
        """Once somebody has added to it, only our service goes."""
        first = merged(None)
        result = merged(f"{first.text}debug: true\n", None, first.ledger)
        assert yaml.safe_load(result.text or "").keys() == {
            "version", "proxy_server", "onboarding", "debug"
        }  # fmt: skip

    def test_kubernetes_secrets(self) -> None:
        """A service that writes a secret is known by the secret's name."""
        first = merged(THEIRS, SECRET)
        assert first.changes[0].name.endswith("kubernetes-secret:///ci-identity")
        assert merged(first.text, SECRET, first.ledger).changes == ()
        assert merged(first.text, None, first.ledger).text == THEIRS

    def test_two_bots_in_one_file(self) -> None:
        """Another bot's service is another service; one destination for two bots is a conflict."""
        first = merged(THEIRS)
        other = merged(first.text, OURS.replace("machine-id", "other"), first.ledger, "other")
        assert [change.op for change in other.changes] == ["add"]
        (conflict,) = merged(first.text, OURS, first.ledger, "other").conflicts
        assert conflict.message == f"{NAME} is there already, for bot ci"


class TestAServiceOfSomebodyElse:
    @pytest.mark.parametrize("key", ["services", "outputs"])
    def test_it_gets_what_it_lacks(self, key: str) -> None:
        """A service at our destination is set as the site wants it and keeps all else it says."""
        text = with_services(BY_HAND, key)
        result = merged(text)
        assert result.text == text.replace(
            "readers: [{user: bob}]}", "readers: [{user: bob}, {user: mcp}]}"
        ).replace("ssh_config: off\n", "ssh_config: off\n    allow_reissue: true\n")
        assert result.changes == (Change("update", f"{NAME}, written by somebody else"),)
        assert not result.ledger

    def test_it_is_left_once_it_has_it(self) -> None:
        """A second merge finds nothing to do, and a removal nothing of ours."""
        first = merged(with_services(BY_HAND))
        second = merged(first.text)
        assert (second.text, second.changes) == (first.text, ())
        assert merged(first.text, None).text == first.text

    def test_an_equal_one_is_taken_over(self) -> None:
        """A service that says exactly what ours would is ours from then on."""
        text = OURS + "debug: true\n"
        result = merged(text)
        assert (result.text, result.changes) == (text, (Change("take", NAME),))

    def test_readers_and_modes(self) -> None:
        """Readers that are there already are not doubled, and modes follow the site."""
        text = with_services(BY_HAND.replace("{user: bob}", "{user: mcp}, {group: g}"))
        wanted = OURS.replace("readers:", "symlinks: secure\n      readers:")
        found = yaml.safe_load(merged(text, wanted).text or "")["services"][0]["destination"]
        assert found["readers"] == [{"user": "mcp"}, {"group": "g"}]
        assert found["symlinks"] == "secure"


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "message", "hint"),
        [
            ("debug: true\n", "no `version`: tbot reads it as v1, the legacy", "tbot migrate"),
            ("version: v1\n", "it is of version v1, the legacy format", "tbot migrate"),
            ("version: v3\n", "of version v3, and provision writes v2", "a tbot of its own"),
            (
                "version: v2\nproxy_server: other.example:443\n",
                "talks to proxy_server other.example:443, the site to example.teleport.sh:443",
                "its own storage",
            ),
            ("- a\n", "this is not a tbot.yaml", "whole file"),
            ("# nothing but a comment\n", "this is not a tbot.yaml", "whole file"),
            (
                with_services(BY_HAND.replace("type: identity", "type: kubernetes")),
                "a service of type kubernetes writes to /opt/machine-id already",
                "another path",
            ),
            (
                with_services(BY_HAND.replace("ssh_config: off", "roles: [dev]")),
                "the service for /opt/machine-id has `roles`",
                "remove `roles`",
            ),
            (
                with_services(BY_HAND.replace("[{user: bob}]", "bob")),
                "the service for /opt/machine-id has `readers` that are no list",
                "[{user: agent}]",
            ),
            (
                with_services(BY_HAND + BY_HAND),
                "two services write to /opt/machine-id",
                "remove one of them",
            ),
        ],
    )
    def test_a_file_that_cannot_take_it(self, text: str, message: str, hint: str) -> None:
        """A tbot that is another's, too old, or in two minds is left alone, with the reason."""
        result = merged(text)
        (conflict,) = result.conflicts
        assert message in conflict.message
        assert hint in conflict.hint
        assert (result.text, result.changes, result.ledger) == (text, (), Ledger())

    def test_the_proxys_case_is_no_difference(self) -> None:
        """Host names are the same in any case."""
        assert not merged(THEIRS.replace("example.teleport", "Example.Teleport")).conflicts

    def test_services_that_are_no_list(self) -> None:
        """Where services should be a list and is not, the file is not edited."""
        with pytest.raises(SpliceError):
            merged(HEAD + "services: {type: identity}\n")

    def test_a_broken_rendering(self) -> None:
        """A template of the user's own that is no YAML is named, not the machine's file."""
        with pytest.raises(FileError, match=r"tbot\.yaml:1:\d+: not YAML.*, as it is rendered"):
            merged(THEIRS, "services: [")

    def test_broken_yaml(self) -> None:
        """A file that is not YAML is told, with the place."""
        with pytest.raises(SpliceError, match="line 3"):
            merged(HEAD + "services: [\n")


class TestWarnings:
    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            (THEIRS, []),
            (
                THEIRS.replace("join_method: kubernetes, token: ci-kubernetes", "token: hush"),
                ["its onboarding differs from the site's in join_method and token"],
            ),
            (THEIRS.replace(JOIN, ""), ["it has no onboarding"]),
            (
                THEIRS.replace("proxy_server", "auth_server"),
                ["it has no proxy_server"],
            ),
            (
                THEIRS.replace("app_name: wiki", "roles: [wiki]"),
                ["a service has `roles`, and tbot 19 does not start with it"],
            ),
        ],
    )
    def test_what_the_user_should_look_at(self, text: str, wanted: list[str]) -> None:
        """What may make the identity another bot's, or tbot fail later, is told without values."""
        result = merged(text)
        assert not result.conflicts
        assert [
            warning[: len(start)] for warning, start in zip(result.warnings, wanted, strict=True)
        ] == wanted
        assert "hush" not in "".join(result.warnings)

    def test_a_site_without_join_compares_none(self) -> None:
        """Where the site does not say how the bot joins, any onboarding will do."""
        without = OURS[: OURS.index("onboarding")] + OURS[OURS.index("services") :]
        assert merged(THEIRS, without).warnings == ()


MANY = "".join(
    f"  - type: identity\n    destination: {{type: directory, path: /opt/other-{number}}}\n"
    for number in range(400)
)


@pytest.mark.parametrize("destination", ["/opt/machine-id", "/opt/2000", "/opt/true"])
@pytest.mark.parametrize(
    "path",
    [
        "DEST",
        "DEST/",
        "/opt//LAST",
        '"DEST"',
        "'DEST'",
        '"/opt/\\x6DLAST"',
        "/opt/x/../LAST",
        "1e3",
    ],
)
@pytest.mark.parametrize("key", ["services", "outputs"])
def test_a_service_is_found_among_many(destination: str, path: str, key: str) -> None:
    """However our destination is written, it is found in a long file as in a short one."""
    last = destination.rpartition("/")[2]
    written = path.replace("DEST", destination).replace(
        "LAST", last.removeprefix("m") if "6D" in path else last
    )
    head = f"{HEAD}{JOIN}{key}:\n  - type: identity\n    destination: {{type: directory, path: {written}}}\n"
    wanted = OURS.replace("/opt/machine-id", destination)
    short, long = merged(head, wanted), merged(head + MANY, wanted)
    assert (long.changes, long.conflicts) == (short.changes, short.conflicts)
    assert merged(long.text, None, long.ledger).text is not None
    assert yaml.safe_load(long.text or "")[key][0] == yaml.safe_load(short.text or "")[key][0]


@pytest.mark.parametrize("roles", ["roles: [a]", '"roles": [a]', '"rol\\x65s": [a]'])
def test_roles_are_found_among_many(roles: str) -> None:
    """A service of others with roles is warned of, wherever it stands in a long file."""
    text = f"{HEAD}{JOIN}services:\n{MANY}  - {{type: identity, {roles}}}\n{MANY}"
    assert "tbot 19 does not start" in "".join(merged(text).warnings)
    assert merged(f"{HEAD}{JOIN}services:\n{MANY}").warnings == ()


@pytest.mark.parametrize("text", ["- a\n", "a\n", "&a [b]\n"])
def test_a_file_that_is_no_mapping_is_told(text: str) -> None:
    """What cannot be a tbot.yaml is a conflict, of whatever length."""
    assert [one.message for one in merged(text).conflicts] == ["this is not a tbot.yaml"]
    long = "".join(f"- item-{number}: {{}}\n" for number in range(2_000))
    assert [one.message for one in merged(long).conflicts] == ["this is not a tbot.yaml"]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n"])
def test_an_empty_file_of_others_is_not_removed(text: str) -> None:
    """A file in which nothing is ours stays as it is, even if nothing is in it."""
    removed = merged(text, None)
    assert (removed.text, removed.changes) == (text, ())
