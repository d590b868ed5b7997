"""Calling tctl: its arguments, its environment, and what its failures mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from itertools import count
from random import SystemRandom
from typing import Final

from msgspec import Struct

from provisioner.cluster.teleport.caller import APPS_HINT, RULES_HINT
from provisioner.effort import Call, Called
from provisioner.errors import (
    ClusterError,
    Denied,
    Exists,
    Missing,
    Moved,
    NotLoggedIn,
    ProvisionError,
    Rejected,
    Throttled,
    Unreachable,
)
from provisioner.events import Event, Note
from provisioner.system.process import Command, Result, run_all, strip_ansi
from provisioner.text.terminal import visible
from provisioner.values import EMPTY


class TctlOptions(Struct, frozen=True):
    """How tctl is called.

    `path` is a path or a name on PATH. Without `auth_server` (of a proxy or auth server,
    host:port) and `identity` (a file), tctl finds cluster and credentials by itself: the local
    auth server's, TELEPORT_AUTH_SERVER and TELEPORT_IDENTITY_FILE, or the profile of tsh.
    `timeout` is in seconds for one call; each document of a stream adds `per_document`.
    `patience` is how often a call that met a rate limit is repeated. With `conditional`, roles are
    updated by `tctl edit`, where Teleport itself compares revisions: a call for each.
    """

    path: str = "tctl"
    auth_server: str | None = None
    identity: str | None = None
    timeout: float = 60.0
    per_document: float = 2.0
    patience: int = 5
    conditional: bool = False


class Tool:
    """tctl as a function from arguments to answers."""

    def __init__(
        self,
        options: TctlOptions,
        notify: Callable[[Event], None],
        sleep: Callable[[float], None],
    ) -> None:
        self.options = options
        self.sleep = sleep
        self._notify = notify
        self._base = (
            options.path,
            *([f"--auth-server={options.auth_server}"] if options.auth_server else []),
            *([f"--identity={options.identity}"] if options.identity else []),
        )

    @property
    def via(self) -> str:
        """The words that reach the cluster, for people."""
        return " ".join(self._base)

    def command(
        self,
        *words: str,
        stdin: bytes | None = None,
        documents: int = 0,
        env: Mapping[str, str] = EMPTY,
    ) -> Command:
        """Return a call of tctl; `documents` is how many `stdin` holds, and gives it more time."""
        timeout = self.options.timeout + documents * self.options.per_document
        # Otherwise tctl may download and become another version of itself.
        known = {"TELEPORT_TOOLS_VERSION": "off", **env}
        argv = (*self._base, *words)
        return Command(argv, stdin=stdin, timeout=timeout, env=known, hopeless=_PROMPTS)

    def run(
        self, commands: Iterable[Command], width: int
    ) -> Generator[tuple[int, Result], None, None]:
        """Run calls, at most `width` at a time; yield (index, result) in the order they end.

        Who stops before the end must close it, so that nothing runs on. Raises Unreachable when
        there is no tctl to call.
        """
        try:
            with closing(run_all(commands, width=width, notify=self._started)) as results:
                for index, result in results:
                    self._notify(Called(result.argv, result.seconds, result.code, result.timed_out))
                    yield index, result
        except ProvisionError as error:
            raise Unreachable(error.message, hint=error.hint) from error

    def ask(self, commands: Sequence[Command], width: int) -> list[Result | ClusterError]:
        """Run calls that change nothing; return each one's answer or failure, in their order.

        Calls that meet a rate limit are repeated.
        """
        answers: dict[int, Result | ClusterError] = {}
        pending = list(range(len(commands)))
        for attempt in count(1):
            with closing(self.run([commands[n] for n in pending], width)) as results:
                for index, result in results:
                    answers[pending[index]] = result if succeeded(result) else failure(result)
            pending = [n for n in pending if isinstance(answers[n], Throttled)]
            if not pending or attempt > self.options.patience:
                break
            self.back_off(attempt)
        return [answers[n] for n in range(len(commands))]

    def back_off(self, attempt: int) -> None:
        """Wait before attempt number `attempt` + 1: about 1 s, 2 s, 4 s..., never the same."""
        seconds = min(30.0, 2.0 ** (attempt - 1)) * SystemRandom().uniform(0.5, 1.5)
        self._notify(Note(f"the cluster limits the rate of requests; waiting {seconds:.0f} s"))
        self.sleep(seconds)

    def _started(self, argv: tuple[str, ...]) -> None:
        self._notify(Call(argv))


def succeeded(result: Result) -> bool:
    """Say whether a call did what it should: the exit code tells, never what stands on stderr."""
    return result.code == 0 and not result.timed_out


def failure(
    result: Result,
    otherwise: type[ClusterError] = ClusterError,
    secrets: Iterable[str] = (),
) -> ClusterError:
    """Return what a failed call means, as an error with its cure.

    tctl has one exit code for all failures, so that the class comes from the words; `otherwise` is
    for words that nobody knows. `secrets` are blanked in the text.
    """
    text = _words(result.stderr)
    for secret in filter(None, secrets):
        text = text.replace(secret, "<secret>")
    call = " ".join(word for word in result.argv[1:] if not word.startswith(_GLOBAL))
    for pattern, kind, hint in _TABLE:
        if pattern.search(text):
            return kind(f"tctl {call}: {text}", hint=hint)
    if result.timed_out:
        end = f" after {text}" if text else ""
        return Unreachable(f"tctl {call}: no answer within {result.seconds:.0f} s{end}", hint=_SLOW)
    if result.code < 0:
        text = f"ended by signal {-result.code}{': ' if text else ''}{text}"
    silent = f"exit code {result.code}, and not a word why"
    return otherwise(
        f"tctl {call}: {text or silent}", hint=_SITE if otherwise is Rejected else _BY_HAND
    )


def _words(stderr: str) -> str:
    """Return the error on one line: causes after colons, no colours, alerts or stack traces."""
    lines = [line.strip() for line in strip_ansi(stderr).split("\ngoroutine ")[0].splitlines()]
    first = next((n for n, line in enumerate(lines) if line.startswith("ERROR:")), 0)
    said = (line.removeprefix("ERROR:").strip() for line in lines[first:])
    # This cure is for people who type the command themselves.
    text = ": ".join(word.rstrip(":") for word in said if word and word != _FORCE)
    return visible(text[:_LONGEST])


_GLOBAL: Final = ("--auth-server=", "--identity=")
_FORCE: Final = "use -f or --force flag to overwrite"
_LONGEST: Final = 2000

_BOT: Final = (
    "use the identity file of a bot, which is not asked for a second factor: "
    "--identity FILE --auth-server HOST:PORT"
)
_LOG_IN: Final = (
    "log in with `tsh login`, or name an identity file: --identity FILE --auth-server HOST:PORT"
)
_ADDRESS: Final = "name the proxy or the auth server too: --auth-server HOST:PORT"
_WAIT: Final = "wait a moment and run it again: what is done stays done"
_NETWORK: Final = "check the address (--auth-server HOST:PORT) and the network, then run it again"
_ADOPT: Final = "look at what is there with `tctl get`, then take it over with `provision adopt`"
_MOVED: Final = "plan again, and look at what somebody else has done"
_GONE: Final = "somebody may have deleted it: plan again"
_SITE: Final = "correct it in the site; a field that is unknown needs a newer tctl or cluster"
_SLOW: Final = "see whether the cluster is well and the network fast, then run it again"
_BY_HAND: Final = "run the command by hand; with -d tctl says more"

# What tctl asks at a terminal, and would wait for (api/mfa, lib/client/mfa and lib/auth/webauthncli
# in github.com/gravitational/teleport, release 18).
_PROMPTS: Final = re.compile(
    r"tap any security key|enter (?:an|your) otp|enter a code from an? otp device|"
    r"enter password for teleport user",
    re.IGNORECASE,
)

# The first row with a text that occurs wins. Texts: lib/utils/cli.go, lib/auth, tool/tctl/common
# and api/mfa in github.com/gravitational/teleport, release 18.
_ROWS: Final[tuple[tuple[type[ClusterError], str, tuple[str, ...]], ...]] = (
    (
        Moved,
        _MOVED,
        ("revision does not match", r"editor did not complete successfully: exit status 4\b"),
    ),
    (
        NotLoggedIn,
        _BOT,
        ("requires MFA", "MFA is required", "re-authentication with MFA", _PROMPTS.pattern),
    ),
    (NotLoggedIn, _ADDRESS, ("also requires --auth-server",)),
    (
        NotLoggedIn,
        _LOG_IN,
        (
            "credentials have expired",
            "certificate has expired",
            "tsh login",
            "not logged in",
            "must be used on an Auth Service host",
            "host UUID file",
            r"^open \S+: (?:no such file|permission denied)",
        ),
    ),
    (Throttled, _WAIT, ("rate limit exceeded", "too many requests", "ResourceExhausted")),
    (Denied, APPS_HINT, (r"access to \S+ denied",)),
    (Denied, RULES_HINT, ("access denied", "AccessDenied", "PermissionDenied", "not authorized")),
    (
        Unreachable,
        _NETWORK,
        (
            "cannot connect",
            "connection refused",
            "connection reset",
            "deadline exceeded",
            "no such host",
            "i/o timeout",
            "network is unreachable",
            "no route to host",
            "broken pipe",
            "unexpected EOF",
            "code = Unavailable",
            "transport is closing",
            "failed to dial",
            "x509:",
        ),
    ),
    (Exists, _ADOPT, ("already exists", "already registered")),
    (Missing, _GONE, ("not found", "doesn't exist", "does not exist")),
    (
        Rejected,
        _SITE,
        ("is not supported", "unsupported", "unknown field", "cannot unmarshal"),
    ),
)
_TABLE: Final = tuple(
    (re.compile("|".join(texts), re.IGNORECASE), kind, hint) for kind, hint, texts in _ROWS
)
