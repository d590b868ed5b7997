from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from provisioner.change import Key
from provisioner.cluster.local import APPLICATION_ID, LocalCluster, create
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Outcome, Scope, Verb, Write
from provisioner.errors import ClusterError, Exists, FileError, Garbled, Rejected, Unreachable
from provisioner.values import Body

ROLES = Scope(("role",))
KINDS = ("role", "bot", "app", "app_server", "token")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dev.cluster"


@pytest.fixture
def cluster(path: Path) -> LocalCluster:
    return create(path, name="dev", version="18.8.3", documents=())


def role(name: str, **labels: str) -> Body:
    metadata = {"name": name, "labels": labels}
    return {"kind": "role", "version": "v8", "metadata": metadata, "spec": {}}


def bot(name: str, *roles: str) -> Body:
    metadata = {"name": name, "labels": {"team": "ml"}}
    return {"kind": "bot", "version": "v1", "metadata": metadata, "spec": {"roles": roles}}


def write(cluster: LocalCluster, *bodies: Body, verb: Verb = Verb.CREATE) -> list[Outcome]:
    return list(
        cluster.write([Write(verb, Key(b["kind"], b["metadata"]["name"]), b) for b in bodies])
    )


def names(cluster: LocalCluster, scope: Scope = ROLES) -> list[str]:
    return [body["metadata"]["name"] for body in cluster.read(scope)]


def query(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)


# ----------------------------------------------------------------------------------------- making one


def test_a_new_cluster_has_presets(path: Path) -> None:
    """A new cluster holds Teleport's preset roles, filled in, under its own name and release."""
    cluster = create(path, name="dev", version="18.2.1")
    assert cluster.info().name == "dev"
    assert cluster.info().version == "18.2.1"
    assert cluster.info().via == f"local:{path}"
    assert {"access", "editor", "mcp-user"} <= set(names(cluster))
    assert all("revision" in body["metadata"] for body in cluster.read(ROLES))


def test_a_cluster_from_listings(path: Path) -> None:
    """A cluster made from another one's listings lists the same."""
    other = MemoryCluster([role("r"), bot("b", "r")])
    bodies = other.read(Scope(KINDS))
    cluster = create(path, name="copy", version="18.8.3", documents=bodies)
    assert cluster.read(Scope(KINDS)) == bodies


def test_the_file_is_ours_and_private(path: Path, cluster: LocalCluster) -> None:
    """One file, marked as ours, that nobody else may read; no others stay beside it."""
    write(cluster, role("r"))
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600
    assert int.from_bytes(path.read_bytes()[68:72], "big") == APPLICATION_ID


def test_nothing_is_overwritten(path: Path) -> None:
    """A file that is there already is not touched."""
    path.write_text("precious")
    with pytest.raises(FileError, match="already exists"):
        create(path, name="dev", version="18.8.3")
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("version", "documents", "error", "text"),
    [
        ("newest", None, FileError, "is not a version"),
        ("18.8.3", [{**bot("b"), "nonsense": 1}], Rejected, "unknown field"),
    ],
)
def test_a_cluster_that_cannot_be_leaves_nothing(
    path: Path, version: str, documents: list[Body] | None, error: type[Exception], text: str
) -> None:
    """When a cluster cannot be made, no file is left behind."""
    with pytest.raises(error, match=text):
        create(path, name="dev", version=version, documents=documents)
    assert not path.exists()


def test_a_directory_that_is_not_there(path: Path) -> None:
    """A place that does not exist is an error of the file."""
    with pytest.raises(FileError, match="cannot make: there is no such file"):
        create(path / "below", name="dev", version="18.8.3")


# ----------------------------------------------------------------------------------------- opening one


def test_a_missing_file_names_the_cure(path: Path) -> None:
    """A missing file says how to make one, and is not made by looking at it."""
    with pytest.raises(FileError, match="no embedded cluster here") as missing:
        LocalCluster(path)
    assert missing.value.hint == f"make one with `provision local init {path}`"
    assert not path.exists()


def _sqlite(path: Path) -> None:
    query(path, "CREATE TABLE cluster (name, version)", "INSERT INTO cluster VALUES ('x', '18')")


def _newer(path: Path) -> None:
    create(path, name="dev", version="18.8.3", documents=())
    query(path, "PRAGMA user_version = 2")


def _cut(path: Path) -> None:
    create(path, name="dev", version="18.8.3", documents=())
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda path: path.write_text("# a site\n" * 200), FileError, "not an embedded cluster"),
        (lambda path: path.write_bytes(b""), FileError, "not an embedded cluster"),
        (lambda path: path.write_bytes(os.urandom(5000)), FileError, "not an embedded cluster"),
        (_sqlite, FileError, "not an embedded cluster"),
        (_newer, FileError, r"another release of provision \(schema 2, not 1\)"),
        (_cut, Unreachable, "malformed"),
        (lambda path: path.mkdir(), FileError, "no embedded cluster here"),
    ],
)
def test_foreign_files_are_refused(
    path: Path, make: Callable[[Path], object], error: type[Exception], text: str
) -> None:
    """A file that is not ours, or no longer whole, is refused and named."""
    make(path)
    with pytest.raises(error, match=text) as refused:
        LocalCluster(path)
    assert str(path) in str(refused.value)


def test_rows_that_are_no_documents(path: Path, cluster: LocalCluster) -> None:
    """A damaged document is named; it is no traceback."""
    query(path, "INSERT INTO document VALUES ('role', 'r', '{')")
    with pytest.raises(Garbled, match="role/r cannot be read"):
        cluster.read(ROLES)


def test_awkward_paths(tmp_path: Path) -> None:
    """A path may hold what means something in a URI."""
    path = tmp_path / "a?mode=ro#50%.db"
    write(create(path, name="dev", version="18.8.3", documents=()), role("r"))
    assert names(LocalCluster(path)) == ["r"]


# ------------------------------------------------------------------------------------ reading, writing


def test_writes_outlive_the_process(path: Path, cluster: LocalCluster) -> None:
    """What was written is there for whoever opens the file next."""
    write(cluster, role("r", team="ml"), bot("b", "r"))
    again = LocalCluster(path)
    assert again.read(Scope(("role", "bot"))) == cluster.read(Scope(("role", "bot")))
    assert names(again, Scope(("bot",))) == ["b"]


def test_a_refused_write_leaves_no_trace(cluster: LocalCluster) -> None:
    """Each write stands or falls by itself, and a bot is never half there."""
    outcomes = write(cluster, role("r"), role("r"), role("Bot"), bot("b"))
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None),
        Exists,
        Rejected,
        type(None),
    ]
    grant = Write(Verb.ADD_ROLES, Key("bot", "b"), roles=("r", "nope"))
    (outcome,) = cluster.write([grant])
    assert isinstance(outcome.error, ClusterError)
    assert names(cluster) == ["r"]
    assert "roles" not in cluster.read(Scope(("bot",)))[0]["spec"]


def test_each_outcome_is_on_disk(path: Path, cluster: LocalCluster) -> None:
    """An outcome is only yielded once another process could read it."""
    outcomes = cluster.write([Write(Verb.CREATE, Key("role", n), role(n)) for n in ("a", "b")])
    next(outcomes)
    assert names(LocalCluster(path)) == ["a"]
    del outcomes
    assert names(LocalCluster(path)) == ["a"]


def test_a_write_begun_elsewhere_is_not_read(path: Path, cluster: LocalCluster) -> None:
    """A plan reads the last whole state while another process is writing."""
    write(cluster, role("r"))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM document")
        assert names(cluster) == ["r"]
        db.execute("ROLLBACK")


def test_a_file_that_is_gone(path: Path, cluster: LocalCluster) -> None:
    """A cluster whose file was removed cannot be read or written, and says why."""
    path.unlink()
    with pytest.raises(FileError, match="no embedded cluster here"):
        cluster.read(ROLES)
    with pytest.raises(FileError, match="no embedded cluster here"):
        write(cluster, role("r"))


CHILD = """
import sys
from pathlib import Path
from provisioner.change import Key
from provisioner.cluster.port import Verb, Write
from provisioner.cluster.local import LocalCluster

cluster = LocalCluster(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    name = f"{sys.argv[2]}-{number}"
    role = {"kind": "role", "version": "v8", "metadata": {"name": name}, "spec": {}}
    writes = [
        Write(Verb.CREATE, Key("role", name), role),
        Write(Verb.ADD_ROLES, Key("bot", "b"), roles=(name,)),
    ]
    errors = [outcome.error for outcome in cluster.write(writes) if outcome.error]
    assert not errors, errors
"""


def test_two_processes_at_once(path: Path, cluster: LocalCluster) -> None:
    """Two processes that read, change and write one bot at once lose nothing of each other."""
    write(cluster, bot("b"))
    count = 40
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), name, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for name in ("left", "right")
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.communicate("go\n", timeout=60)
        assert child.returncode == 0
    assert len(names(cluster)) == 2 * count
    (found,) = cluster.read(Scope(("bot",)))
    assert sorted(found["spec"]["roles"]) == sorted(names(cluster))
