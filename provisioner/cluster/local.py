"""The embedded cluster: one SQLite file that behaves as Teleport does.

Each write is a transaction of its own, begun with the right to write, so two processes can apply
at once. The file is in WAL mode: a plan reads one consistent state while another process writes.
SQLite keeps its `-wal` and `-shm` files beside it only while somebody has it open.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from provisioner.change import ClusterInfo, Key
from provisioner.cluster.port import Outcome, Scope, Write
from provisioner.cluster.teleport import Server, Teleport, concealed, presets
from provisioner.cluster.unmoved import moved
from provisioner.errors import ClusterError, FileError, Garbled, Unreachable
from provisioner.system import files
from provisioner.system.remains import sweep, unfinished
from provisioner.text import units
from provisioner.values import Body, canonical_json, freeze

APPLICATION_ID: Final = 0x50525649  # "PRVI", in the header of every file of ours
SCHEMA_VERSION: Final = 1
_BUSY_SECONDS: Final = 30.0
_SCHEMA: Final = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE cluster (name TEXT NOT NULL, version TEXT NOT NULL);
CREATE TABLE document (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
"""


class LocalCluster:
    """A writable cluster in the SQLite file at `path`, made by `create`.

    `server` (version, clock and revisions) is for tests; otherwise the file says which Teleport
    release it behaves as. `acting` are roles, live in it, that bound what may be done; None bounds
    nothing. Raises FileError when the file is missing or is not ours; when it is used, Missing for
    a role that is not there.
    """

    def __init__(
        self, path: Path, *, server: Server | None = None, acting: tuple[str, ...] | None = None
    ) -> None:
        self._path = path
        self._acting = acting
        with self._open() as db:
            name, version = _one(db, "SELECT name, version FROM cluster")
        who = "" if acting is None else f"?as={','.join(acting)}"
        self._info = ClusterInfo(name=name, version=version, via=f"local:{path}{who}")
        self._server = server or Server(units.version(version))

    def info(self) -> ClusterInfo:
        """Name the cluster and its version."""
        return self._info

    def read(self, scope: Scope) -> tuple[Body, ...]:
        """Return every live document of the scope, all as of one moment. Raises Unreachable."""
        with self._open() as db, _transaction(db, "DEFERRED"):
            teleport = Teleport(_Documents(db), self._server, self._acting)
            found = (body for kind in scope.kinds for body in teleport.listing(kind))
            return tuple(concealed(body) for body in found if scope.shows(body))

    def write(self, batch: Sequence[Write]) -> Generator[Outcome, None, None]:
        """Carry out the writes one after the other; an outcome is yielded once it is on disk.

        Raises Unreachable when the file cannot be written at all.
        """
        with self._open() as db:
            teleport = Teleport(_Documents(db), self._server, self._acting)
            for each in batch:
                yield Outcome(each.key, _carry_out(db, teleport, each))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with files.explained(self._path, "read"):
            is_there = self._path.is_file()
        if not is_there:
            raise FileError(
                f"{self._path}: no embedded cluster here",
                hint=f"make one with `provision local init {self._path}`",
            )
        try:
            with closing(_connect(self._path)) as db:
                _recognise(db, self._path)
                yield db
        except sqlite3.Error as error:
            raise Unreachable(f"{self._path}: {error}") from error


def create(
    path: Path, *, name: str, version: str, documents: Iterable[Body] | None = None
) -> LocalCluster:
    """Make a new embedded cluster and return it.

    It holds `documents`, as a listing shows them (from a snapshot), or Teleport's preset roles.
    Raises FileError when something is at `path` already or the file cannot be made, and Rejected
    when a document or the version cannot be.
    """
    server = Server(_version(version))
    with files.explained(path, "make"):
        if not os.path.lexists(path):
            sweep(path.parent)
            with unfinished(path, files.PRIVATE) as (temporary, _):
                _fill(temporary, name, version, server, documents)
                if files.place(temporary, path):
                    return LocalCluster(path)
    raise FileError(f"{path}: already exists", hint="name a file that does not exist yet")


def _fill(
    path: Path, name: str, version: str, server: Server, documents: Iterable[Body] | None
) -> None:
    try:
        with closing(_connect(path)) as db:
            with _transaction(db, "EXCLUSIVE"):
                for statement in _SCHEMA.split(";")[:-1]:
                    db.execute(statement)
                db.execute("INSERT INTO cluster VALUES (?, ?)", (name, version))
                _seed(Teleport(_Documents(db), server), server, documents)
            # Not before: what is still in the log when it is closed would not get the file's name.
            db.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise FileError(f"{path}: {error}") from error


def _seed(teleport: Teleport, server: Server, documents: Iterable[Body] | None) -> None:
    if documents is None:
        for role in presets(server.version):
            teleport.perform("create", Key("role", role["metadata"]["name"]), role)
    else:
        for body in documents:
            teleport.restore(body)


def _version(text: str) -> tuple[int, int, int]:
    try:
        return units.version(text)
    except ValueError as error:
        raise FileError(str(error), hint="name a Teleport release such as 18.8.3") from error


def _connect(path: Path) -> sqlite3.Connection:
    """Open an existing file; transactions are begun by hand."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
    )


def _recognise(db: sqlite3.Connection, path: Path) -> None:
    """Raise FileError unless the file is an embedded cluster that this release understands."""
    try:
        (application,) = _one(db, "PRAGMA application_id")
        (schema,) = _one(db, "PRAGMA user_version")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        application, schema = 0, 0
    if application != APPLICATION_ID:
        raise FileError(
            f"{path}: not an embedded cluster",
            hint="name a file that `provision local init` has made",
        )
    if schema != SCHEMA_VERSION:
        raise FileError(
            f"{path}: made by another release of provision (schema {schema}, not {SCHEMA_VERSION})",
            hint="make a new one from a snapshot: `provision local init NEW --from live.json`",
        )


def _one(db: sqlite3.Connection, query: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = db.execute(query).fetchone()
    if row is None:
        raise sqlite3.DatabaseError("the table `cluster` is empty")
    return row


@contextmanager
def _transaction(db: sqlite3.Connection, kind: str) -> Iterator[None]:
    db.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _carry_out(db: sqlite3.Connection, teleport: Teleport, write: Write) -> ClusterError | None:
    try:
        with _transaction(db, "IMMEDIATE"):
            if error := moved(write, teleport.show(write.key)):
                return error
            teleport.perform(write.verb, write.key, write.body, write.roles)
    except ClusterError as error:
        return error
    return None


class _Documents:
    """A `teleport.Store` in the table `document`, inside whatever transaction is open."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def get(self, key: Key) -> Body | None:
        query = "SELECT body FROM document WHERE kind = ? AND name = ?"
        row = self._db.execute(query, (key.kind, key.name)).fetchone()
        return None if row is None else _body(row[0], str(key))

    def put(self, key: Key, body: Body) -> None:
        row = (key.kind, key.name, canonical_json(body))
        self._db.execute("INSERT OR REPLACE INTO document VALUES (?, ?, ?)", row)

    def remove(self, key: Key) -> None:
        where = (key.kind, key.name)
        self._db.execute("DELETE FROM document WHERE kind = ? AND name = ?", where)

    def of_kind(self, kind: str) -> Iterable[Body]:
        query = "SELECT body, name FROM document WHERE kind = ? ORDER BY name"
        rows = self._db.execute(query, (kind,)).fetchall()
        return (_body(body, f"{kind}/{name}") for body, name in rows)


def _body(text: str, key: str) -> Body:
    try:
        body: Body = freeze(json.loads(text))
    except ValueError as error:
        raise Garbled(f"the embedded cluster's {key} cannot be read: {error}") from error
    return body
