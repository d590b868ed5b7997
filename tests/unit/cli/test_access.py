from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

SITE = """\
version: 1
site: acme
teleport: {proxy: example.teleport.sh:443}
mcp_servers:
  files: {labels: {env: dev}, tools: [read_file, drop_file]}
  db: {labels: {env: prod}, tools: [select]}
roles:
  dev: {app_labels: {env: dev}, tools: ['read_*']}
bots:
  ci: {roles: [dev]}
  idle: {}
"""
LIVE = {
    "format_version": 1,
    "cluster": {"name": "example", "version": "18.8.3"},
    "taken": "2026-06-30T12:00:00Z",
    "documents": {
        "role": [
            {
                "kind": "role", "version": "v8", "metadata": {"name": "theirs"},
                "spec": {"allow": {"app_labels": {"env": "dev"}, "mcp": {"tools": ["drop_*"]}}},
            }
        ],
        "bot": [
            {"kind": "bot", "version": "v1", "metadata": {"name": "ci"}, "spec": {"roles": ["theirs"]}}
        ],
        "app": [
            {
                "kind": "app", "version": "v3",
                "metadata": {"name": name, "labels": {"env": env}},
                "spec": {"uri": "mcp+stdio://", "mcp": {"command": "x", "run_as_host_user": "y"}},
            }
            for name, env in (("files", "dev"), ("db", "prod"))
        ],
        "app_server": [],
        "token": [],
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "live.json").write_text(json.dumps(LIVE))


ON_LIVE = ("--live", "--cluster", "file:live.json")


def test_matrix_of_the_site(run: Run) -> None:
    """Without --live, the site alone is judged, and says so."""
    ran = run("access", "matrix")
    assert ran.code == 0
    assert "ci    read_file  -" in ran.out
    assert "Judged on the site alone" in ran.out
    assert ran.err == ""


def test_matrix_of_the_cluster(run: Run) -> None:
    """With --live, the cluster is judged, with the tools that the site beside it lists."""
    ran = run("access", "matrix", *ON_LIVE)
    assert (
        "ACCESS  example (Teleport 18.8.3, file:live.json, recorded 2026-06-30T12:00:00Z): 1 bot"
        in ran.out
    )
    assert "ci  -   drop_file" in ran.out


@pytest.mark.parametrize(("text", "why"), [(None, "does not exist"), ("a: [", "has errors")])
def test_the_cluster_without_a_site(run: Run, tmp_path: Path, text: str | None, why: str) -> None:
    """The cluster can be judged without a sound site: then patterns are shown, and that is said."""
    (tmp_path / "site.yaml").unlink()
    if text is not None:
        (tmp_path / "site.yaml").write_text(text)
    ran = run("access", "matrix", *ON_LIVE)
    assert ran.code == 0
    assert f"site.yaml {why}" in ran.err
    assert "drop_*" in ran.out


def test_matrix_of_the_difference(run: Run) -> None:
    """With --live and SITE, what an apply would give and take is shown, and nothing else."""
    ran = run("access", "matrix", "site.yaml", *ON_LIVE)
    assert "+ bot ci  may call  files/read_file" in ran.out
    assert "drop_file" not in ran.out


def test_a_site_from_the_environment_is_not_a_difference(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a SITE on the command line asks for the difference; the environment says where tools are."""
    (tmp_path / "site.yaml").rename(tmp_path / "other.yaml")
    monkeypatch.setenv("PROVISION_SITE", "other.yaml")
    assert "other.yaml alone" in run("access", "matrix").out
    ran = run("access", "matrix", *ON_LIVE)
    assert "drop_file" in ran.out
    assert ran.err == ""


@pytest.mark.parametrize("site", [(), ("site.yaml", *ON_LIVE)])
def test_formats(run: Run, site: tuple[str, ...]) -> None:
    """Each format is what it says, on stdout, with nothing mixed in."""
    found = {each: run("access", "matrix", *site, "--format", each)
             for each in ("json", "csv", "markdown", "html")}  # fmt: skip
    assert {ran.code for ran in found.values()} == {0}
    assert json.loads(found["json"].out)["format_version"] == "1.0"
    assert len(list(csv.DictReader(found["csv"].out.splitlines()))) == 1
    assert found["markdown"].out.startswith("### Access: ")
    assert found["html"].out.startswith("<!doctype html>")
    assert "Judged on the site alone" not in found["csv"].out
    assert ("Judged on the site alone" in found["csv"].err) == (not site)


def test_matrix_narrowed(run: Run) -> None:
    """--bot and --server leave out all others; a name that is not there is an error with a cure."""
    document = json.loads(
        run("access", "matrix", "--format", "json", "--bot", "ci", "--server", "db").out
    )
    assert (document["bots"], document["sessions"]) == (["ci"], [])
    ran = run("access", "matrix", "--bot", "cii")
    assert (ran.code, ran.out) == (1, "")
    assert "there is no bot `cii` in site.yaml alone" in ran.err
    assert "did you mean ci?" in ran.err


def test_who(run: Run) -> None:
    """`who` answers for a server, or for one tool of it; a single .yaml after it is the site."""
    assert "  role dev by read_*: read_file" in run("access", "who", "files").out
    assert "  ci  role dev  by read_*" in run("access", "who", "files", "read_file").out
    assert "1 of 2 bots" in run("access", "who", "files", "site.yaml").out
    assert "0 of 2 bots" in run("access", "who", "files", "drop_file", "site.yaml").out
    ran = run("access", "who", "files", "read_fil")
    assert ran.code == 1
    assert "did you mean read_file?" in ran.err


def test_who_live(run: Run) -> None:
    """`who` asks the cluster, or what an apply would change about one tool."""
    assert (
        "  ci  role theirs  by drop_*" in run("access", "who", "files", "drop_file", *ON_LIVE).out
    )
    rows = json.loads(
        run("access", "who", "files", "read_file", "site.yaml", *ON_LIVE, "--format", "json").out
    )
    assert [(row["bot"], row["name"]) for row in rows["gained"]] == [("ci", "read_file")]
    document = json.loads(run("access", "who", "files", "--format", "json").out)
    assert document["asked"]["servers"] == ["files"]


def test_explain(run: Run) -> None:
    """`explain` exits with 0 whether a call is allowed or not, and says which in JSON."""
    for tool, allowed in (("read_file", True), ("drop_file", False)):
        ran = run("access", "explain", "ci", "files", tool, "--format", "json")
        assert ran.code == 0
        assert json.loads(ran.out)["allowed"] is allowed
    assert (
        "bot ci may not call drop_file on files"
        in run("access", "explain", "ci", "files", "drop_file").out
    )
    assert run("access", "explain", "ci", "fils", "drop_file").code == 1


def test_explain_before_and_after(run: Run) -> None:
    """With --live and SITE, the answer of now stands beside the one after an apply."""
    words = ("access", "explain", "ci", "files", "read_file", "site.yaml", *ON_LIVE)
    document = json.loads(run(*words, "--format", "json").out)
    assert (document["live"]["allowed"], document["allowed"]) == (False, True)
    new = run("access", "explain", "idle", "files", "read_file", "site.yaml", *ON_LIVE)
    assert "no such bot, or no such MCP server" in new.out


def test_a_broken_site_is_told(run: Run, tmp_path: Path) -> None:
    """A site with errors is not judged: its problems are told instead."""
    (tmp_path / "site.yaml").write_text(SITE + "nonsense: 1\n")
    ran = run("access", "matrix")
    assert (ran.code, ran.out) == (1, "")
    assert "PV040" in ran.err


def test_explain_where_agents_differ(run: Run, tmp_path: Path) -> None:
    """Each of several sets of labels under one name is explained, first where the call is let through."""
    inner = LIVE["documents"]["app"][0]  # type: ignore[index]
    agents = [
        {"kind": "app_server", "version": "v3", "metadata": {"name": "files"},
         "spec": {"app": {**inner, "metadata": {"name": "files", "labels": {"env": env}}}}}
        for env in ("other", "dev")
    ]  # fmt: skip
    for some in (agents, agents[::-1]):
        documents = {**LIVE["documents"], "app": [], "app_server": some}  # type: ignore[dict-item]
        (tmp_path / "live.json").write_text(json.dumps({**LIVE, "documents": documents}))
        ran = run("access", "explain", "ci", "files", "drop_file", *ON_LIVE)
        may = ran.out.index(
            "bot ci may call drop_file on files, where its labels are env: dev: role"
        )
        assert may < ran.out.index(
            "bot ci may not call drop_file on files, where its labels are env: "
        )
        assert ran.out.index("labels       match env: dev") > may
        assert ran.out.count("When a change counts") == 1
        answer = json.loads(
            run("access", "explain", "ci", "files", "drop_file", "--format", "json", *ON_LIVE).out
        )
        assert answer["allowed"] is True
        assert [(side["labels"], side["allowed"]) for side in answer["sides"]] == [
            ("env: dev", True),
            ("env: other", False),
        ]
        servers = json.loads(run("access", "matrix", "--format", "json", *ON_LIVE).out)["servers"]
        assert servers[0]["labels"] == {"env": "dev"}
        assert servers[0]["other_labels"] == [{"env": "other"}]
        assert "Agents serve files with different labels" in ran.out
