"""Secrets of headers: by reference in the site, in the cluster as they are, and in no output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioner.cluster.local import LocalCluster
from provisioner.cluster.port import Scope
from provisioner.values import Secret
from tests.unit.cli.conftest import Ran, Run

FIRST, SECOND, INSIDE = "hunter2-first", "hunter3-second", "hunter4-in-a-file"
APP = """\
version: 1
site: acme
teleport: {proxy: example.teleport.sh:443}
mcp_servers:
  files:
    labels: {env: dev}
    app:
      uri: mcp+https://h/mcp
      headers:
        - {name: Authorization, value: {env: TOKEN, prefix: "Bearer "}}
        - {name: X-Key, value: {file: %s}}
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a site with two secret headers, whose values are to be had."""
    monkeypatch.setenv("TOKEN", FIRST)
    (tmp_path / "key").write_text(f"{INSIDE}\n")
    path = tmp_path / "site.yaml"
    path.write_text(APP % (tmp_path / "key"))
    return path


def values(cluster: str) -> list[object]:
    live = LocalCluster(Path(cluster.removeprefix("local:")))
    (app,) = live.read(Scope(("app",)))
    found = [header["value"] for header in app["spec"]["rewrite"]["headers"]]
    return [value.reveal() if isinstance(value, Secret) else value for value in found]


def clean(ran: Ran, tmp_path: Path) -> Ran:
    """Return a run after a look for secrets in all that it said and in every file but the cluster's."""
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    texts = [ran.out, ran.err] + [
        path.read_text()
        for path in files
        if not path.name.startswith("cluster.db") and path.name != "key"
    ]
    for secret in (FIRST, SECOND, INSIDE):
        assert not any(secret in text for text in texts), secret
    return ran


def test_the_whole_way(
    run: Run, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values are written as they are, compared as they are, and followed when they change."""
    at = ("--cluster", cluster)
    assert clean(run("apply", *at, "--yes", "--report", "report.json"), tmp_path).code == 0
    assert values(cluster) == [f"Bearer {FIRST}", INSIDE]
    assert "No changes." in clean(run("plan", *at), tmp_path).out
    monkeypatch.setenv("TOKEN", SECOND)
    planned = clean(run("plan", *at, "-o", "plan.json"), tmp_path)
    assert "1 to update" in planned.out
    assert "moved" not in planned.out  # the variable or the cluster: nobody can tell
    assert clean(run("drift", *at), tmp_path).code == 0
    assert clean(run("apply", *at, "--plan", "plan.json", "--yes"), tmp_path).code == 0
    assert values(cluster) == [f"Bearer {SECOND}", INSIDE]
    assert "No changes." in run("plan", *at).out


def test_in_no_output(
    run: Run, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No layout of a plan, no report, no rendered file, no snapshot and no report of failure has a value."""
    at = ("--cluster", cluster)
    assert run("apply", *at, "--yes").code == 0
    monkeypatch.setenv("TOKEN", SECOND)
    for words in (
        *(("plan", *at, "--format", layout) for layout in ("text", "json", "markdown", "html")),
        ("plan", *at, "-o", "plan.json"),
        ("render", "-o", "out"),
        ("check", "--format", "json"),
        ("snapshot", "-o", "live.json", *at),
        ("plan", "--cluster", "file:live.json", "--format", "json"),
        ("import", *at),
        ("drift", *at, "--format", "json"),
        ("apply", *at, "--yes", "--report", "report.json", "-o", "out", "--verbose"),
        ("access", "matrix"),
    ):
        assert clean(run(*words), tmp_path).code in (0, 2), words
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["changes"][0]["before"]["spec"]["rewrite"]["headers"][0]["value"] == "<secret>"
    assert "value: {env: TOKEN, prefix: " in (tmp_path / "out/apps/files.yaml").read_text()


def test_without_the_values(
    run: Run, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where values are not to be had a plan says so, and an apply that would write them does nothing."""
    at = ("--cluster", cluster)
    monkeypatch.delenv("TOKEN")
    planned = run("plan", *at)
    assert "PV206" in planned.out + planned.err
    refused = run("apply", *at, "--yes")
    assert refused.code == 1
    assert "header Authorization of app/files: environment variable TOKEN is not set" in refused.err
    assert "1 to create" in run("plan", *at).out  # nothing was written
    monkeypatch.setenv("TOKEN", FIRST)
    assert run("apply", *at, "--yes").code == 0
    monkeypatch.delenv("TOKEN")
    known = clean(run("plan", *at, "--detailed-exitcode"), tmp_path)
    assert (known.code, "PV205" in known.out + known.err) == (0, True)
    assert "it was written from there, and is taken for the same" in known.out + known.err


def test_another_reference(
    run: Run, cluster: str, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site that refers to somewhere else is a change, unless the value is known to be the same."""
    at = ("--cluster", cluster)
    assert run("apply", *at, "--yes").code == 0
    site.write_text(site.read_text().replace("env: TOKEN", "env: OTHER"))
    assert "1 to update" in run("plan", *at).out
    monkeypatch.setenv("OTHER", FIRST)
    assert "No changes." in run("plan", *at).out


def test_what_was_imported(
    run: Run, cluster: str, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A literal value in the cluster is imported as a reference, and with the value plans to nothing."""
    at = ("--cluster", cluster)
    assert run("apply", *at, "--yes").code == 0
    site.unlink()
    made = run("import", "app/files", "-o", "site.yaml", "--site", "acme", *at)
    assert made.code == 0
    assert "a secret: header X-Key of app/files is read from FILES_X_KEY" in made.err
    text = site.read_text()
    assert "env: FILES_AUTHORIZATION" in text
    monkeypatch.setenv("FILES_AUTHORIZATION", f"Bearer {FIRST}")
    monkeypatch.setenv("FILES_X_KEY", INSIDE)
    assert "No changes." in run("plan", *at).out


@pytest.mark.parametrize(
    "value",
    [
        "{env: sk-live-hunter2}", "{value: hunter2}", "{env: TOKEN, prefix: 'hunter2'}", "hunter2",
        "{text: hunter2}", "{env: [hunter2]}", "{file: hunter2}", "'hunter2 {{internal.jwt}}'",
        "{env: TOKEN, file: /x, prefix: 'hunter2 '}",
    ],
)  # fmt: skip
def test_mistakes_show_nothing(run: Run, site: Path, value: str) -> None:
    """A value that stands where a reference should is refused, and blanked in the line that is shown."""
    site.write_text((APP % "/x").replace('{env: TOKEN, prefix: "Bearer "}', value))
    ran = run("check")
    assert ran.code == 1
    if "prefix: 'hunter2 '" not in value:  # which is a scheme like any other
        assert "hunter2" not in ran.out + ran.err


def test_an_adoption_needs_the_values(
    run: Run, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can say whether a live value is the one that is meant, nothing is marked as ours."""
    cluster = f"local:{tmp_path / 'cluster.db'}"
    assert run("local", "init", tmp_path / "cluster.db").code == 0
    assert run("apply", site, "--yes", "--cluster", cluster).code == 0
    other = tmp_path / "other.yaml"
    other.write_text(site.read_text().replace("site: acme", "site: other"))
    adopt = ("adopt", "--all", "--from-site", "acme", other, "--yes", "--cluster", cluster)
    monkeypatch.delenv("TOKEN")
    ran = clean(run(*adopt), tmp_path)
    assert (ran.code, "header Authorization of app/files: " in ran.err) == (1, True)
    assert run("drift", site, "--cluster", cluster).code == 0
    monkeypatch.setenv("TOKEN", FIRST)
    assert clean(run(*adopt), tmp_path).code == 0
    monkeypatch.delenv("TOKEN")
    assert run("drift", other, "--cluster", cluster).code == 0
