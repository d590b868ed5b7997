from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import SITE, Run


def test_a_sound_site(run: Run, site: Path) -> None:
    """A site without problems is said to have none, with exit code 0."""
    ran = run("check")
    assert (ran.code, ran.out, ran.err) == (0, "site.yaml: no problems\n", "")
    assert site.read_text() == SITE


def test_text(run: Run, site: Path) -> None:
    """Errors are told with place, line and caret on stdout, then counted; the exit code is 1."""
    site.write_text(SITE.replace("tools", "tool"))
    ran = run("check", site.name)
    assert ran.code == 1
    assert "site.yaml:5:33: error PV040: unknown key `tool` in roles.dev\n    5 | " in ran.out
    assert ran.out.endswith("\nsite.yaml: 1 error\n")


def test_warnings_are_no_failure(run: Run, site: Path) -> None:
    """A site with warnings alone passes."""
    site.write_text(SITE.replace("app_labels: {env: dev}, ", ""))
    ran = run("check")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "site.yaml: 1 warning")


def test_json(run: Run, site: Path) -> None:
    """JSON on stdout is one document, whatever is found, and nothing else."""
    sound = run("check", "--format", "json")
    assert json.loads(sound.out)["problems"] == []
    site.write_text(SITE.replace("tools", "tool"))
    ran = run("check", "--format", "json")
    (problem,) = json.loads(ran.out)["problems"]
    assert (ran.code, problem["code"], problem["line"], ran.err) == (1, "PV040", 5, "")


def test_github(run: Run, site: Path) -> None:
    """For GitHub each problem is one annotation; without problems there is nothing to say."""
    assert run("check", "--format", "github").out == ""
    site.write_text(SITE.replace("tools", "tool"))
    ran = run("check", "--format", "github")
    assert (ran.code, ran.out.count("\n")) == (1, 1)
    assert ran.out.startswith("::error file=site.yaml,line=5,col=33,")


@pytest.mark.parametrize("layout", ["text", "json", "github"])
@pytest.mark.parametrize("data", [b"", b"\xff", b"\0", b"[", b"!!x {}", b"a: b: c", b"- 1"])
def test_any_bytes(data: bytes, layout: str, run: Run, site: Path) -> None:
    """Any bytes give problems and exit code 1, no traceback, and nothing is written."""
    site.write_bytes(data)
    ran = run("check", "--format", layout)
    assert (ran.code, ran.err) == (1, "")
    assert "PV0" in ran.out
    assert sorted(path.name for path in site.parent.iterdir()) == ["site.yaml"]


def test_no_file(run: Run) -> None:
    """A site that is not there is an error that says where it was looked for."""
    ran = run("check", "nowhere.yaml")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "error: nowhere.yaml: cannot read: there is no such file\n  = check the path\n"
    )


def test_the_environment_names_the_site(
    run: Run, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PROVISION_SITE is the site where none is given, and the argument wins."""
    other = site.with_name("other.yaml")
    other.write_text(SITE)
    monkeypatch.setenv("PROVISION_SITE", "other.yaml")
    assert run("check").out == "other.yaml: no problems\n"
    assert run("check", "site.yaml").out == "site.yaml: no problems\n"


@pytest.mark.parametrize(
    ("options", "environment", "colored"),
    [
        ((), {}, False),
        (("--color", "always"), {}, True),
        ((), {"FORCE_COLOR": "1"}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
    ],
)
def test_colors(
    options: tuple[str, ...],
    environment: dict[str, str],
    colored: bool,
    run: Run,
    site: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Colours are for terminals, unless they are asked for."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    site.write_text("a")
    assert ("\x1b[" in run("check", *options).out) is colored


TESTED = """\
mcp_servers: {files: {labels: {env: dev}, tools: [read_file]}}
tests:
  reads: {bot: ci, server: files, allow: [read_file]}
  nobody reads: {bots: '*', server: files, deny: ['read_*']}
"""


def test_junit(run: Run, site: Path) -> None:
    """Access tests are cases of a JUnit report; a failed one fails the command as well."""
    site.write_text(site.read_text() + TESTED)
    ran = run("check", "--format", "junit")
    assert ran.code == 1
    assert ran.out.count("<testcase") == 3
    assert ran.out.count("<failure") == 1
    assert 'name="nobody reads" file="site.yaml" line="11"' in ran.out


def test_sarif(run: Run, site: Path) -> None:
    """Problems are results of a SARIF document, on stdout and alone."""
    site.write_text(site.read_text() + "nonsense: 1\n")
    ran = run("check", "--format", "sarif")
    assert (ran.code, ran.err) == (1, "")
    assert [result["ruleId"] for result in json.loads(ran.out)["runs"][0]["results"]] == ["PV040"]


def test_explain(run: Run, site: Path) -> None:
    """Where a value comes from is told as text and as data, for a sound site and for another."""
    site.with_name("base.yaml").write_text(SITE.replace("read_*", "*"))
    site.write_text("extends: base.yaml\nroles: {dev: {tools: ['read_*']}}\n")
    ran = run("check", "--explain", "roles.dev.tools")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        'roles.dev.tools: ["read_*"]\n  site.yaml:2:15  counts\n'
        '  base.yaml:5:33  replaced: ["*"] (extended at site.yaml:1:10)\n'
    )
    data = json.loads(run("check", "--explain", "roles", "--format", "json").out)
    assert [each["key"] for each in data["values"]][:2] == [
        "roles.dev.tools",
        "roles.dev.app_labels.env",
    ]
    site.write_text("extends: base.yaml\nrolls: {}\n")
    ran = run("check", "--explain", "site")
    assert (ran.code, ran.out, ran.err) == (
        0, "site: acme\n  base.yaml:2:1  counts (extended at site.yaml:1:10)\n", "site.yaml: 1 error\n",
    )  # fmt: skip


def test_explain_what_cannot_be(run: Run, site: Path) -> None:
    """A key that leads nowhere, a file that cannot be read and a format that does not fit are refused."""
    ran = run("check", "--explain", "roles.dve")
    assert (ran.code, ran.out) == (1, "")
    assert "did you mean dev?" in ran.err
    assert run("check", "--explain", "roles", "--format", "sarif").code == 64
    site.write_text("a: [")
    ran = run("check", "--explain", "roles")
    assert (ran.code, "PV004" in ran.err) == (1, True)


def test_several_sites(run: Run, site: Path) -> None:
    """Each site is judged by itself; one with errors does not hide the others, and fails them all."""
    other = site.with_name("other.yaml")
    other.write_text(SITE.replace("tools", "tool"))
    ran = run("check", "other.yaml", "site.yaml")
    assert (ran.code, ran.err) == (1, "")
    assert "other.yaml:5:33: error PV040" in ran.out
    assert ran.out.endswith("\nother.yaml: 1 error\nsite.yaml: no problems\n")
    (problem,) = json.loads(run("check", "site.yaml", "other.yaml", "--format", "json").out)[
        "problems"
    ]
    assert problem["file"] == "other.yaml"
    assert run("check", "site.yaml", "other.yaml", "--format", "github").out.count("::error ") == 1
    assert run("check", "site.yaml", "other.yaml", "--explain", "site").code == 64


@pytest.mark.parametrize("layout", ["text", "json", "github", "sarif", "junit"])
def test_a_site_that_is_not_there(run: Run, site: Path, layout: str) -> None:
    """Of several sites, one that cannot be read is a finding in every format, and hides no other."""
    site.write_text(SITE.replace("tools", "tool"))
    ran = run("check", "none.yaml", "site.yaml", "--format", layout)
    assert ran.code == 1
    assert "cannot read: there is no such file" in ran.out
    assert "did you mean" in ran.out
    assert run("check", "none.yaml", "--format", layout).out == ""
