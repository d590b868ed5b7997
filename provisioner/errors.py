"""What can go wrong, as values and as exceptions; nothing here prints, logs or exits.

ProvisionError                exit 1   something the user must read
├── SiteError                      1   problems in the site, its templates or its lock
├── FileError                      1   a file could not be read or written
│   └── FileErrors                 1   several could not
├── SpliceError                    1   a file of others cannot be edited safely (in `splice`)
├── ClusterError                   1   the cluster, or the way to it
│   ├── Unreachable                1   no connection, or no answer in time
│   ├── NotLoggedIn                1   no credentials, expired ones, or MFA wanted
│   ├── Denied                     1   the identity may not do this
│   ├── Missing                    1   the object is not there
│   ├── Exists                     1   the object is there already
│   ├── Rejected                   1   the cluster does not take this document
│   ├── Throttled                  1   rate limit
│   ├── Garbled                    1   an answer that cannot be understood
│   ├── Moved                      4   the object is not what it was when this was planned
│   └── WrongVersion               1   tctl or cluster too old, too far apart, or not as promised
├── Unresolved                     1   a value that the site refers to is not to be had here
├── NotApplied                     1   an apply that did not reach its end
├── Refused                        3   a limit, a conflict, a protected object, a failing test
└── Stale                          4   the live state is not what was approved
"""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct

Severity = Literal["error", "warning", "info"]


class Place(Struct, frozen=True, order=True):
    """Where something stands in a file.

    `line` and `column` count from 1, columns in characters; `end` is the column after the last
    character on the same line (at least `column`). `file` is the path as the user gave it.
    """

    file: str
    line: int = 1
    column: int = 1
    end: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(Struct, frozen=True):
    """One finding, complete in itself.

    `excerpt` is the source line at `at` with secret values blanked, or "" where there is none.
    `related` are other places that belong to it, such as the first of two duplicates. `entry` is
    what the place is called under `rules.suppress.at`, as in `roles.dev`, where that is known.
    """

    code: str
    severity: Severity
    message: str
    hint: str = ""
    at: Place | None = None
    related: tuple[Place, ...] = ()
    excerpt: str = ""
    entry: str = ""


class ProvisionError(Exception):
    """Base of all expected failures: the text is for the user, `hint` says the cure."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SiteError(ProvisionError):
    """The site cannot be used as it is; `problems` holds every finding, errors first or not."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        errors = sum(p.severity == "error" for p in problems)
        super().__init__(f"{errors} problem{'s' if errors != 1 else ''} in the site")
        self.problems = problems


class FileError(ProvisionError):
    """A file could not be read or written."""


class FileErrors(FileError):
    """Several files could not be read or written; `errors` has what is wrong with each."""

    def __init__(self, errors: tuple[FileError, ...]) -> None:
        hints = dict.fromkeys(error.hint for error in errors if error.hint)
        super().__init__("\n".join(error.message for error in errors), hint="\n".join(hints))
        self.errors = errors


class ClusterError(ProvisionError):
    """The cluster said no, or could not be asked."""


class Unreachable(ClusterError):
    """No connection, or no answer in time."""


class NotLoggedIn(ClusterError):
    """No credentials, expired credentials, or a second factor is wanted."""


class Denied(ClusterError):
    """The identity in use may not do this."""


class Missing(ClusterError):
    """The object is not there."""


class Exists(ClusterError):
    """The object is there already."""


class Rejected(ClusterError):
    """The cluster does not take this document."""


class Throttled(ClusterError):
    """Rate limit exceeded."""


class Garbled(ClusterError):
    """An answer that cannot be understood."""


class Moved(ClusterError):
    """The object is not what it was when the write was planned; it was not written."""

    exit_code = 4


class WrongVersion(ClusterError):
    """tctl or the cluster is too old, too far apart, or not what the site says."""


class Unresolved(ProvisionError):
    """A value that the site refers to is not to be had on this machine."""


class NotApplied(ProvisionError):
    """An apply that did not reach its end; the report before it says what was done."""


class Refused(ProvisionError):
    """A rule of safety said no; nothing was written."""

    exit_code = 3


class Stale(ProvisionError):
    """The live state is not what was approved; what moved was not written."""

    exit_code = 4
