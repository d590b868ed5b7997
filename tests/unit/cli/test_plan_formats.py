from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import SITE, Run

OTHER = SITE.replace("site: acme", "site: globex").replace(" dev:", " prod:").replace("ci:", "cd:")


@pytest.fixture
def other(site: Path) -> Path:
    """Return a second site, with a role and a bot of its own."""
    path = site.with_name("other.yaml")
    path.write_text(OTHER.replace("[dev]", "[prod]"))
    return path


@pytest.mark.usefixtures("site")
def test_markdown(run: Run, cluster: str) -> None:
    """Markdown goes to stdout alone, with the command that reaches the same cluster again."""
    ran = run("plan", "--cluster", cluster, "--format", "markdown")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("<!-- provision:plan v1 site=acme cluster=cluster -->\n<!-- digest=")
    assert f"provision apply site.yaml --cluster {cluster} --expect " in ran.out


def test_markdown_says_where_all_of_it_is(run: Run, site: Path, cluster: str) -> None:
    """What a comment has no room for is in the summary, and the comment names where that is."""
    many = "".join(f"  r{n}: {{app_labels: {{env: dev}}, tools: [t{n}]}}\n" for n in range(400))
    site.write_text(SITE.replace("roles:\n  dev", f"roles:\n{many}  dev"))
    options = ("--format", "markdown", "--summary", "summary.md", "--whole-at", "https://ci/1")
    ran = run("plan", "--cluster", cluster, *options)
    assert "> Cut for length." in ran.out
    assert "> The whole plan: <https://ci/1>.\n" in ran.out
    summary = site.with_name("summary.md").read_text()
    assert len(ran.out.encode()) < 60_000 < len(summary.encode())
    assert "Cut for length" not in summary


@pytest.mark.usefixtures("site")
def test_html(run: Run, cluster: str) -> None:
    """HTML is one page, with the templates that the user has for it."""
    ran = run("plan", "--cluster", cluster, "--format", "html")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("<!doctype html>\n")
    assert ran.out.endswith("</html>\n")
    own = Path("own/report")
    own.mkdir(parents=True)
    (own / "plan.html.j2").write_text("<p>{{ site }}</p>\n")
    assert run("plan", "--cluster", cluster, "--format", "html", "--templates", "own").out == (
        "<p>acme</p>\n"
    )


def test_several_sites(run: Run, site: Path, other: Path, cluster: str) -> None:
    """Several sites are planned in their order, and told in a line each at the end."""
    ran = run("plan", site.name, other.name, "--cluster", cluster)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.index("Plan for site.yaml") < ran.out.index("Plan for other.yaml")
    assert ran.out.endswith(
        "\n\nSITES  2 of 2 sites planned, 4 changes\n"
        "  site.yaml   cluster  2 changes: does not touch access (2 to create, 0 unchanged)\n"
        "  other.yaml  cluster  2 changes: does not touch access (2 to create, 0 unchanged)\n"
    )


def test_several_sites_as_data(run: Run, site: Path, other: Path, cluster: str) -> None:
    """Several plans are a list under `plans`; one is a document as ever."""
    alone = json.loads(run("plan", site.name, "--cluster", cluster, "--format", "json").out)
    both = json.loads(
        run("plan", site.name, other.name, "--cluster", cluster, "--format", "json").out
    )
    assert alone["site"] == "acme"
    assert both["format_version"] == "1.0"
    assert [each["site"] for each in both["plans"]] == ["acme", "globex"]
    assert both["plans"][0] == {**alone, "created_at": both["plans"][0]["created_at"]}
    assert both["failed"] == []


def test_several_sites_as_markdown(run: Run, site: Path, other: Path, cluster: str) -> None:
    """In Markdown each plan has its own marker, and what could not be planned is told as well."""
    ran = run(
        "plan", site.name, "none.yaml", other.name, "--cluster", cluster, "--format", "markdown"
    )
    assert ran.code == 1
    assert "site=acme cluster=cluster -->" in ran.out
    assert "\n### `none.yaml` · cannot be planned\n\n- none.yaml: cannot read" in ran.out
    assert "site=globex cluster=cluster -->" in ran.out


def test_one_that_fails_does_not_hide_the_others(
    run: Run, site: Path, other: Path, cluster: str
) -> None:
    """An error of one site is told on stderr, counted in the overview, and the others are planned."""
    other.write_text(OTHER.replace("tools", "tool"))
    ran = run("plan", other.name, site.name, "--cluster", cluster, "--detailed-exitcode")
    assert ran.code == 1
    assert "other.yaml:5:" in ran.err
    assert "Plan for site.yaml" in ran.out
    assert "SITES  1 of 2 sites planned, 2 changes\n  other.yaml  -        not planned: " in ran.out
    data = run("plan", other.name, site.name, "--cluster", cluster, "--format", "json").out
    assert [each["file"] for each in json.loads(data)["failed"]] == ["other.yaml"]


FAILING = "tests: {t: {bot: ci, servers: {a: b}, connect: true}}\n"
BROKEN = "external_roles: [nowhere]\n"


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [("", "", 2), (FAILING, "", 3), (BROKEN, "", 1), (FAILING, BROKEN, 1)],
)
def test_the_worst_exit_code_counts(
    run: Run, site: Path, other: Path, cluster: str, first: str, second: str, code: int
) -> None:
    """Of several exit codes the worst counts: errors before failing tests before changes."""
    site.write_text(SITE + first)
    other.write_text(other.read_text() + second)
    for order in ((site, other), (other, site)):
        ran = run("plan", *order, "--cluster", cluster, "--detailed-exitcode")
        assert ran.code == code, ran.out


def test_an_environment_for_one_site(
    run: Run, site: Path, other: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PROVISION_SITE counts where no site is named, and only there."""
    monkeypatch.setenv("PROVISION_SITE", other.name)
    assert "Plan for other.yaml" in run("plan", "--cluster", cluster).out
    assert "Plan for site.yaml" in run("plan", site.name, "--cluster", cluster).out


@pytest.mark.parametrize("options", [("-o", "plan.json"), ("--format", "html")])
@pytest.mark.usefixtures("site", "other")
def test_what_is_of_one_site(run: Run, cluster: str, options: tuple[str, str]) -> None:
    """A plan file and a page are of one site: for several they are refused, and nothing is written."""
    ran = run("plan", "site.yaml", "other.yaml", "--cluster", cluster, *options)
    assert (ran.code, ran.out) == (64, "")
    assert "-o, --only and --format html take the plan of one SITE" in ran.err
    assert not Path("plan.json").exists()
