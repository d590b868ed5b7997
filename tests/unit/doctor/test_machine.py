from __future__ import annotations

import errno
import grp
import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from provisioner.doctor import machine
from provisioner.doctor.certificate import Certificate, parse
from provisioner.doctor.diagnosis import Diagnosis
from provisioner.doctor.machine import Expected, User
from provisioner.doctor.permissions import READ, WRITE, obstacle
from provisioner.errors import ProvisionError
from provisioner.machine.bundle import Bundle, choose
from tests.machines import (
    CERTIFICATE,
    IDENTITY,
    LONG_CERTIFICATE,
    bundle_with,
    fake_tsh,
    listing,
    rendered,
    site_text,
)
from tests.users import open_up, unprivileged

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ONE = NOON + timedelta(hours=1)
ROOT = User("root", 0, frozenset({0}))
MCP = User("mcp", 5001, frozenset({6001, 6002}))


class TestCertificates:
    def test_whose_and_how_long(self) -> None:
        """Name, times and roles are read as openssl wrote them."""
        assert parse(CERTIFICATE) == Certificate("bot-example", NOON, ONE, ("example-role",))
        assert parse(CERTIFICATE).lifetime == timedelta(hours=1)

    def test_years_of_two_and_of_four_digits(self) -> None:
        """Times before 2050 are written short, with 99 for 1999, and others in full."""
        found = parse(LONG_CERTIFICATE)
        assert found.not_before == datetime(1999, 11, 22, 12, tzinfo=UTC)
        assert found.not_after == datetime(2060, 1, 1, tzinfo=UTC)

    def test_the_first_one_counts(self) -> None:
        """An identity file holds the certificates of authorities after its own."""
        assert parse(IDENTITY).not_after == ONE

    @pytest.mark.parametrize(
        "bad",
        [
            "",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
            IDENTITY[: IDENTITY.index("BEGIN CERT")],
            CERTIFICATE.replace("END", "BEGIN"),
        ],
    )
    def test_files_without_one(self, bad: str) -> None:
        """What is no identity file is told so."""
        with pytest.raises(ValueError, match="there is no TLS certificate in it"):
            parse(bad)

    def test_any_other_bytes_are_refused(self) -> None:
        """A certificate that is cut, or has a byte changed, is read or refused, nothing else."""
        head, *lines, tail = CERTIFICATE.splitlines()
        good = "".join(lines)
        refused = 0
        for at in range(0, len(good), 4):
            for body in (good[:at], f"{good[:at]}/{good[at + 1 :]}", f"{good[:at]}AAAA"):
                try:
                    found = parse(f"{head}\n{body}\n{tail}")
                except ValueError:
                    refused += 1
                else:
                    assert found.not_before.tzinfo is UTC
        assert refused > len(good) / 4


def acl(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


USER, OWNER, GROUP_OWNER, GROUP, MASK, OTHER, NOBODY = 2, 1, 4, 8, 16, 32, 0xFFFFFFFF


class TestPermissions:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Return a file whose directories anybody may search."""
        open_up(tmp_path / "d")
        (tmp_path / "d").mkdir(mode=0o755)
        (tmp_path / "d/f").touch()
        return tmp_path / "d/f"

    def may(self, user: User, path: Path, wanted: int = READ) -> bool:
        return obstacle(user, path, wanted) is None

    @pytest.mark.parametrize(
        ("mode", "owner", "group", "readable"),
        [
            (0o400, 5001, 0, True),
            (0o077, 5001, 0, False),
            (0o040, 0, 6001, True),
            (0o707, 0, 6001, False),
            (0o004, 0, 0, True),
            (0o770, 0, 0, False),
        ],
    )
    @pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
    def test_mode_bits(self, mode: int, owner: int, group: int, readable: bool, path: Path) -> None:
        """The first of owner, group and others that is the user's decides."""
        os.chown(path, owner, group)
        path.chmod(mode)
        assert self.may(MCP, path) is readable
        assert self.may(ROOT, path)

    def test_the_way_counts(self, path: Path) -> None:
        """A directory that cannot be searched keeps a user from what is in it, and is named."""
        path.chmod(0o644)
        path.parent.chmod(0o700)
        assert obstacle(MCP, path, READ) == path.parent
        path.parent.chmod(0o711)
        assert obstacle(MCP, path, READ) is None

    def test_writing_to_a_directory(self, path: Path) -> None:
        """Files can be made where one may write and search."""
        for mode, may in ((0o755, False), (0o776, False), (0o777, True)):
            path.parent.chmod(mode)
            assert self.may(MCP, path.parent, WRITE) is may

    def test_what_is_not_there_is_no_obstacle(self, path: Path) -> None:
        """What does not exist keeps nobody out."""
        assert self.may(MCP, path.parent / "x")
        assert self.may(MCP, path.parent / "x/y", WRITE)

    def test_links_are_followed(self, path: Path) -> None:
        """What counts is where a link leads."""
        path.chmod(0o600)
        path.with_name("link").symlink_to(path)
        assert obstacle(MCP, path.with_name("link"), READ) == path

    def test_links_in_a_circle_lead_nowhere(self, path: Path) -> None:
        """What nobody can reach keeps nobody out of it: reading it says what is wrong."""
        path.with_name("circle").symlink_to("circle")
        assert self.may(MCP, path.with_name("circle"))

    @pytest.mark.parametrize(
        ("entries", "readable"),
        [
            ([(USER, 4, 5001), (MASK, 4, NOBODY)], True),
            ([(USER, 4, 5001), (MASK, 0, NOBODY)], False),
            ([(USER, 0, 5001), (GROUP, 4, 6001), (MASK, 7, NOBODY)], False),
            ([(USER, 4, 9999), (MASK, 7, NOBODY)], False),
            ([(GROUP, 0, 6001), (GROUP, 4, 6002), (MASK, 4, NOBODY)], True),
            ([(GROUP, 4, 9999), (MASK, 4, NOBODY)], False),
        ],
    )
    def test_lists(self, entries: list[tuple[int, int, int]], readable: bool, path: Path) -> None:
        """tbot's readers are entries of a list: users before groups, all within the mask."""
        path.chmod(0o600)
        fixed = [(OWNER, 6, NOBODY), (GROUP_OWNER, 0, NOBODY), (OTHER, 0, NOBODY)]
        order = sorted([*fixed, *entries])
        try:
            os.setxattr(path, "system.posix_acl_access", acl(*order))
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM):
                raise
            pytest.skip("this file system has no access lists")
        assert self.may(MCP, path) is readable

    def test_users_of_this_machine(self) -> None:
        """Users are found by name, with all their groups; others are not found."""
        me = machine.this_user()
        assert me.uid == os.geteuid()
        found = machine.user_named("root")
        assert found is not None
        assert found.uid == 0
        assert machine.user_named("nobody-of-that-name") is None


class TestExpectations:
    def test_what_clients_and_tbot_say(self, tmp_path: Path) -> None:
        """The identity, the proxy, tsh and the servers are those of the bot's client entries."""
        assert machine.expected(
            bundle_with(tmp_path, "cursor", "{format: codex, servers: [files]}")
        ) == (
            Expected(
                "ci",
                Path("/opt/machine-id/identity"),
                "example.teleport.sh:443",
                "tsh",
                ("search", "files"),
                ({"user": "mcp"},),
            )
        )

    def test_a_bot_without_clients(self, tmp_path: Path) -> None:
        """Without a client the identity is where tbot writes it."""
        text = site_text("cursor").replace("clients: [{format: cursor, servers: [search]}]", "")
        found = machine.expected(choose("ci", rendered(tmp_path, text)))
        assert (found.identity, found.servers) == (Path("/opt/machine-id/identity"), ())
        assert found.proxy == "example.teleport.sh:443"

    def test_nothing_to_go_by(self) -> None:
        """A secret of Kubernetes is mounted somewhere that only a client's entry tells."""
        with pytest.raises(ProvisionError, match="nothing says where the identity of bot ci is"):
            machine.expected(Bundle("ci", {"tbot/ci.yaml": "services: []"}, {"command": "tsh"}))


class TestDoctor:
    @pytest.fixture
    def wanted(self, tmp_path: Path) -> Expected:
        """Return a machine on which all is well."""
        (tmp_path / "identity").write_text(IDENTITY)
        tsh = fake_tsh(tmp_path, listing(search=["find", "read_*"], files=["*"]))
        return Expected(
            "example", tmp_path / "identity", "example:443", str(tsh), ("search", "files")
        )

    def told(
        self, wanted: Expected, at: datetime = NOON + timedelta(minutes=10)
    ) -> list[Diagnosis]:
        return list(machine.examine(wanted, machine.this_user(), at))

    def ill(self, wanted: Expected, **when: Any) -> Diagnosis:
        """Return the one diagnosis that is not well; every such has a cure."""
        (found,) = [each for each in self.told(wanted, **when) if not each.well]
        assert found.hint
        return found

    def test_all_is_well(self, wanted: Expected) -> None:
        """Who may read the identity, whose it is, until when, and what it may call is told."""
        found = self.told(wanted)
        assert [each.what for each in found] == [
            "reader", "identity", "fresh", "tsh mcp ls", "server search", "server files",
        ]  # fmt: skip
        assert all(each.well and not each.hint for each in found)
        assert found[2].found == "valid for 0:50:00, until 2026-11-22T13:00:00Z"
        assert found[4].found == "may call find, read_*"

    def test_tsh_is_asked_as_the_bot(self, wanted: Expected) -> None:
        """The identity and the proxy are the bot's, and tsh prints what programs read."""
        self.told(wanted)
        argv = (wanted.identity.parent / "argv").read_text().split("\n")
        assert argv == [
            "-i", str(wanted.identity), "--proxy", "example:443", "mcp", "ls", "--format", "json", "",
        ]  # fmt: skip

    def test_no_identity(self, wanted: Expected) -> None:
        """Without an identity file tbot is where to look; nothing else is looked at."""
        wanted.identity.unlink()
        (found,) = self.told(wanted)
        assert "there is no such file" in found.found
        assert "systemctl status tbot" in found.hint

    def test_no_identity_file(self, wanted: Expected) -> None:
        """Another file in its place is told."""
        wanted.identity.write_text("hello")
        assert "is not an identity file: there is no TLS certificate" in self.ill(wanted).found

    def test_another_bots_identity(self, wanted: Expected) -> None:
        """An identity of another bot has other roles: that is told, with where to look."""
        wanted.identity.write_text(IDENTITY.replace(CERTIFICATE, ""))
        other = Expected(
            "ci", *[getattr(wanted, name) for name in ("identity", "proxy", "tsh", "servers")]
        )
        found = self.ill(other)
        assert found.found == "is of user bot-example, not bot-ci"
        assert "onboarding" in found.hint

    @pytest.mark.parametrize(
        ("minutes", "message"),
        [
            (61, "expired 0:01:00 ago, at 2026-11-22T13:00:00Z"),
            (-1, "is valid only from 2026-11-22"),
        ],
    )
    def test_out_of_its_time(self, minutes: int, message: str, wanted: Expected) -> None:
        """An expired identity, or a clock that is wrong, is told; Teleport is not asked then."""
        at = NOON + timedelta(minutes=minutes)
        assert message in self.ill(wanted, at=at).found
        assert self.told(wanted, at)[-1].what == "fresh"

    def test_an_old_one(self, wanted: Expected) -> None:
        """An identity that should have been renewed by now is well, with a hint."""
        found = self.told(wanted, NOON + timedelta(minutes=45))[2]
        assert (found.well, "tbot renews earlier" in found.hint) == (True, True)

    def test_a_user_who_may_not_read_it(self, wanted: Expected) -> None:
        """The first directory or file that keeps the clients' user out is named, with the cure."""
        open_up(wanted.identity)
        wanted.identity.chmod(0o600)
        found = next(machine.examine(wanted, MCP, NOON))
        assert (found.well, found.what) == (False, "reader")
        assert f"mcp may not read {wanted.identity}: {wanted.identity} does not" in found.found
        assert "readers: [{user: mcp}]" in found.hint

    def test_a_reader_who_may_not_read_it_yet(self, wanted: Expected) -> None:
        """Who is a reader already, by name or group, is not told to become one."""
        open_up(wanted.identity)
        wanted.identity.chmod(0o600)
        grouped = User("mcp", 5001, frozenset({grp.getgrgid(0).gr_gid}))
        theirs = {"group": grp.getgrgid(0).gr_name}
        for user, reader in ((MCP, {"user": "mcp"}), (grouped, theirs)):
            said = replace(wanted, readers=({"group": "no-such-group"}, reader))
            found = next(machine.examine(said, user, NOON))
            assert "tbot.yaml names mcp as a reader" in found.hint
        assert (
            "readers: [{user: mcp}]"
            in next(machine.examine(replace(wanted, readers=(theirs,)), MCP, NOON)).hint
        )

    def test_a_closed_directory_above(self, wanted: Expected) -> None:
        """No reader of tbot gets through a directory that is above that of the identity."""
        directory = wanted.identity.parent / "above" / "id"
        directory.mkdir(parents=True)
        open_up(directory)
        (directory / "identity").write_text(IDENTITY)
        directory.parent.chmod(0o700)
        said = replace(wanted, identity=directory / "identity", readers=({"user": "mcp"},))
        found = next(machine.examine(said, MCP, NOON))
        assert found.hint.startswith(f"let others search {directory.parent}: chmod o+x")

    @pytest.mark.parametrize(
        ("tools", "found"),
        [
            ({"files": ["*"]}, "is not there for this bot"),
            ({"files": ["*"], "search": []}, "is there, without any tool"),
        ],
    )
    def test_a_server_out_of_reach(
        self, tools: dict[str, Any], found: str, wanted: Expected
    ) -> None:
        """A server that a client names, and the bot cannot use, is told."""
        fake_tsh(wanted.identity.parent, listing(**tools))
        assert self.ill(wanted).found == found

    def test_denied_tools_and_old_tsh(self, wanted: Expected) -> None:
        """What is never allowed is told; a tsh that does not say tools leaves them open."""
        printed = listing(search=["*"], files=None).replace('"denied": []', '"denied": ["rm"]')
        fake_tsh(wanted.identity.parent, printed)
        *_, search, files = self.told(wanted)
        assert search.found == "may call *, never rm"
        assert (files.well, files.found) == (True, "is there; this tsh does not tell its tools")

    @pytest.mark.parametrize(
        "printed", ["hello", "[1]", "{}x", '[{"metadata": {}}]', '"x"', "[" * 9999]
    )
    def test_a_tsh_that_cannot_be_understood(self, printed: str, wanted: Expected) -> None:
        """Whatever tsh prints, nothing is raised."""
        fake_tsh(wanted.identity.parent, printed)
        assert "printed something else than MCP servers" in self.ill(wanted).found

    @pytest.mark.parametrize("printed", ["", "null", "[]"])
    def test_no_servers_at_all(self, printed: str, wanted: Expected) -> None:
        """A bot that reaches nothing is told for each server that it should reach."""
        fake_tsh(wanted.identity.parent, printed)
        ill = [each.what for each in self.told(wanted) if not each.well]
        assert ill == ["server search", "server files"]

    def test_a_tsh_that_fails(self, wanted: Expected) -> None:
        """What tsh says is told without its colours; the way to the proxy is the hint."""
        fake_tsh(wanted.identity.parent, "", code=1, says="\x1b[31mERROR: \x1b[0mno route\nmore")
        found = self.ill(wanted)
        assert found.found.endswith("failed with exit code 1: ERROR: no route")

    def test_no_tsh(self, wanted: Expected) -> None:
        """A machine without tsh is told so."""
        Path(wanted.tsh).unlink()
        assert "there is no such command" in self.ill(wanted).found


class TestPreparation:
    def told(self, directory: Path, tbot: User | None = None) -> list[tuple[bool, str, str]]:
        found = machine.prepare(directory, tbot, machine.this_user())
        return [(each.well, each.what, each.found) for each in found]

    def test_a_directory_that_is_not_there(self, tmp_path: Path) -> None:
        """tbot makes the directory; who installs is told what that takes."""
        directory = tmp_path / "a/b"
        assert self.told(directory) == [
            (True, "directory", f"{directory} is not there yet: tbot makes it if it may write to {tmp_path}")
        ]  # fmt: skip

    def test_a_directory_that_cannot_be_seen(self, tmp_path: Path) -> None:
        """What lies behind a closed directory, or cannot be a path, is told, and ends nothing."""
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        with unprivileged(tmp_path):
            for directory in (tmp_path / ("x" * 300), *([closed / "id"] if os.geteuid() else [])):
                ((well, what, found),) = self.told(directory, MCP)
                assert (well, what) == (False, "directory")
                assert "cannot be looked at" in found

    def test_a_user_of_tbot(self, tmp_path: Path) -> None:
        """Where tbot's user is known it is told whether it may write there, and the cure."""
        assert self.told(tmp_path, ROOT) == [
            (True, "tbot", f"tbot's user root may write to {tmp_path}")
        ]
        tmp_path.chmod(0o755)
        (found,) = [each for each in machine.prepare(tmp_path, MCP, ROOT) if not each.well]
        assert found.found == f"tbot's user mcp may not write to {tmp_path}"
        assert found.hint == f"install -d -o mcp -m 0700 {tmp_path}"

    def test_an_identity_that_is_there(self, tmp_path: Path) -> None:
        """An identity that is there already is looked at for its reader."""
        (tmp_path / "identity").touch()
        assert [what for _, what, _ in self.told(tmp_path)] == ["reader"]
