"""The ready-made CI does what it says: its own steps, against an embedded cluster and a stand-in code host."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from provisioner.change import Key
from provisioner.cluster import local
from provisioner.cluster.port import Scope, Verb, Write
from provisioner.values import thaw
from tests.conftest import ROOT
from tests.forge import STATE, Forge, comment
from tests.published import published
from tests.runners import OURS, Actions, Result, gitlab

SHA = "5e1f" * 10
SITE = """\
version: 1
site: acme
teleport: {proxy: example.teleport.sh:443}
mcp_servers:
  files: {labels: {env: dev}, tools: [read_file], app: {command: x, run_as_host_user: u}}
roles:
  dev: {app_labels: {env: dev}, tools: ['read_*']}
bots:
  ci: {roles: [dev]}
"""
HOSTILE = "`touch pwned`$(touch pwned)';touch pwned;'\"@team"
MARKER = "<!-- provision:plan v1 site=acme cluster=cluster -->"
SOMEBODY = {"login": "somebody", "id": 8}
SYSTEM = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class Desk:
    """A repository with a site, its cluster, and its code host."""

    work: Path
    temporary: Path
    forge: Forge

    @property
    def site(self) -> Path:
        return self.work / "site.yaml"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.temporary),
            STATE: str(self.forge.path),
            "PROVISION_CLUSTER": f"local:{self.work / 'cluster.db'}",
        }

    @property
    def path(self) -> str:
        return f"{self.forge.bin}:{OURS}:{SYSTEM}"

    def provision(self, *words: str) -> str:
        done = subprocess.run(
            [str(OURS / "provision"), *words],
            cwd=self.work, env={**self.environment, "PATH": self.path},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout

    def change(self, old: str, new: str) -> None:
        self.site.write_text(self.site.read_text().replace(old, new))

    def tamper(self) -> None:
        """Change a role in the cluster as somebody with tctl would."""
        live = local.LocalCluster(self.work / "cluster.db")
        bodies = (thaw(body) for body in live.read(Scope(("role",))))
        body = next(body for body in bodies if body["metadata"]["name"] == "dev")
        body["spec"]["allow"]["logins"] = ["root"]
        (outcome,) = live.write([Write(Verb.UPDATE, Key("role", "dev"), body)])
        assert outcome.error is None

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was written to the cluster."""
        return (self.work / "cluster.db").read_bytes() == (self.work / "before.db").read_bytes()

    def github(self, event: str = "pull_request", **inputs: str) -> Result:
        """Run the action as a job of its own."""
        folder = self.temporary / f"job-{len(list(self.temporary.iterdir()))}"
        folder.mkdir()
        runner = self._runner(folder)
        runner.facts["github.event_name"] = event
        named = {name.replace("_", "-"): text for name, text in inputs.items()}
        return runner.composite(ROOT / "action.yml", named)

    def _runner(self, folder: Path) -> Actions:
        facts = {
            "github.event_name": "push",
            "github.event.pull_request.number": "5",
            "github.token": "secret",
            "github.action_path": str(ROOT),
            "env.PROVISION_CLUSTER": self.environment["PROVISION_CLUSTER"],
        }
        known = {
            "GITHUB_REPOSITORY": "acme/sites",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_RUN_ID": "77",
            "GITHUB_SHA": SHA,
        }
        return Actions(folder, self.work, facts, {**self.environment, **known}, self.path)

    def workflow(self, name: str, job: str, **facts: str) -> Result:
        """Run a job of a workflow that docs/gitops.md tells to copy."""
        folder = self.temporary / f"job-{len(list(self.temporary.iterdir()))}"
        folder.mkdir()
        runner = self._runner(folder)
        runner.facts |= {
            "vars.TELEPORT_VERSION": "18.8.3",
            "vars.TELEPORT_SHA256": hashlib.sha256(self.archive.read_bytes()).hexdigest(),
            "vars.TELEPORT_PROXY": "example.teleport.sh:443",
            "secrets.WEBHOOK": "https://chat.example/hook",
            **{key.replace("__", "."): text for key, text in facts.items()},
        }
        workflow = yaml.safe_load((ROOT / "ci" / "github" / name).read_text())
        return runner.job(workflow["jobs"][job])

    @property
    def archive(self) -> Path:
        """What can be downloaded: an archive of Teleport's tools, which are none."""
        path = self.work.parent / "archive.tar.gz"
        if not path.exists():
            with tarfile.open(path, "w:gz") as made:
                for name in ("tctl", "tbot"):
                    made.add(self.forge.bin / "tbot", f"teleport/{name}")
            self.forge.hold(archive=str(path))
        return path

    def gitlab(self, job: str, shell: str = "sh", **variables: str) -> Result:
        """Run a job of the template."""
        known = {
            "PATH": self.path,
            "PROVISION_TOKEN": "glpat-secret",
            "CI_API_V4_URL": "https://gitlab.example/api/v4",
            "CI_PROJECT_ID": "3",
            "CI_MERGE_REQUEST_IID": "5",
            "CI_COMMIT_SHA": SHA,
            "CI_JOB_URL": "https://gitlab.example/acme/sites/-/jobs/77",
        }
        environment = {**self.environment, **known, **variables}
        return gitlab(ROOT / "ci" / "gitlab.yml", f"provision:{job}", self.work, environment, shell)

    def merge(self) -> None:
        merged = {
            "number": 5,
            "iid": 5,
            "merged_at": "now",
            "merge_commit_sha": SHA,
            "state": "merged",
        }
        self.forge.hold(merged=[{**merged, "number": 4, "merged_at": None}, merged])


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new embedded cluster, to be copied."""
    path = tmp_path_factory.mktemp("cluster") / "cluster.db"
    local.create(path, name="cluster", version="18.8.3")
    return path


@pytest.fixture
def desk(tmp_path: Path, cluster: Path) -> Desk:
    """Return a new repository with a site, an embedded cluster and a code host."""
    work, temporary = tmp_path / "work", tmp_path / "temporary"
    work.mkdir()
    temporary.mkdir()
    made = Desk(work, temporary, Forge(tmp_path))
    made.site.write_text(SITE)
    for name in ("cluster.db", "before.db"):
        shutil.copy(cluster, work / name)
    return made


# --- GitHub ----------------------------------------------------------------------------------------


def test_a_pull_request_is_planned_and_told_in_one_comment(desk: Desk) -> None:
    """The plan is made a comment once, and written anew when the pull request moves."""
    first = desk.github()
    assert (first.code, first.ran) == (0, ["Install", "Check", "Plan", "Comment", "Verdict"])
    assert desk.forge.writes == ["POST repos/acme/sites/issues/5/comments"]
    assert desk.forge.bodies[0].startswith(
        f"{MARKER}\n<!-- digest={first.outputs['plan']['digest']} -->\n"
    )
    assert first.outputs["plan"]["code"] == "2"
    assert "3 to create" in first.summary
    desk.change("read_*", "list_*")
    second = desk.github()
    assert second.code == 0
    assert desk.forge.writes[1:] == ["PATCH repos/acme/sites/issues/comments/1"]
    assert second.outputs["plan"]["digest"] in desk.forge.bodies[0]
    assert second.outputs["plan"]["digest"] != first.outputs["plan"]["digest"]


def test_comments_of_others_and_of_other_sites_are_left_alone(desk: Desk) -> None:
    """A comment is ours by its author and its first line; any other is left as it is."""
    theirs = [comment(f"{MARKER}\nforged", SOMEBODY, 1), comment("hello", number=2)]
    other = comment(MARKER.replace("site=acme", "site=globex") + "\nplan", number=3)
    many = [comment("x", SOMEBODY, number) for number in range(4, 150)]
    desk.forge.hold(comments=[*theirs, other, *many, comment(f"{MARKER}\nold", number=150)])
    assert desk.github().code == 0
    assert desk.forge.writes == ["PATCH repos/acme/sites/issues/comments/150"]
    assert desk.forge.bodies[:3] == [f"{MARKER}\nforged", "hello", other["body"]]


def test_text_of_a_site_never_reaches_a_shell(desk: Desk) -> None:
    """Names that would be commands are in files only: no command line has them, and none is run."""
    desk.change("read_file", HOSTILE.replace('"', '\\"').join('""'))
    desk.change("'read_*'", "'*'")
    assert desk.github().code == 0
    assert "touch pwned" in desk.forge.bodies[0]
    assert not any("pwned" in word for call in desk.forge["calls"] for word in call["argv"])
    assert not list(desk.work.parent.rglob("pwned"))


def test_a_site_with_errors_is_annotated(desk: Desk) -> None:
    """What is wrong stands beside the line, the job fails, and there is neither plan nor comment."""
    desk.change("tools: ['read_*']", "tool: ['read_*']")
    ran = desk.github()
    assert (ran.code, ran.ran) == (1, ["Install", "Check"])
    assert "::error file=site.yaml,line=7," in ran.log
    assert desk.forge["calls"] == []


def test_a_failing_test_is_told_and_fails_the_job(desk: Desk) -> None:
    """The comment is written though the plan is refused; then the job fails with its exit code."""
    theirs = SITE.replace("site: acme", "site: globex").replace("read_", "").replace("dev:", "all:")
    theirs = theirs.replace("[dev]", "[all]").replace("ci:", "cd:").replace("files:", "db:")
    (desk.work / "theirs.yaml").write_text(theirs)
    desk.provision("apply", "theirs.yaml", "--yes")
    desk.site.write_text(SITE + "tests: {t: {bots: '*', server: files, deny: ['write_*']}}\n")
    desk.change("[read_file]", "[read_file, write_file]")
    ran = desk.github()
    assert (ran.code, ran.ran[-1]) == (3, "Verdict")
    assert "cannot be applied: 1 broken access test" in desk.forge.bodies[0]
    assert ran.outputs["plan"]["digest"] == ""


def test_a_token_that_may_not_write(desk: Desk) -> None:
    """Where a comment cannot be written, as from a fork, the summary has the plan and the job goes on."""
    desk.forge.hold(denied=True)
    ran = desk.github()
    assert ran.code == 0
    assert "::warning title=provision::the plan is in the summary of this job" in ran.log
    assert MARKER in ran.summary


def test_check_alone_asks_nobody(desk: Desk) -> None:
    """Mode `check` looks at neither the cluster nor the code host."""
    ran = desk.github(mode="check", cluster="local:nowhere.db")
    assert (ran.code, ran.ran) == (0, ["Install", "Check"])
    assert desk.forge["calls"] == []


def test_a_push_is_not_a_pull_request(desk: Desk) -> None:
    """Without a pull request, or without being asked to, no comment is written."""
    assert desk.github(event="push").ran == ["Install", "Check", "Plan", "Verdict"]
    assert desk.github(comment="false").ran == ["Install", "Check", "Plan", "Verdict"]


def test_what_was_reviewed_is_applied(desk: Desk) -> None:
    """After the merge, the plan in the comment is applied, and reported; then there is nothing to do."""
    digest = desk.github().outputs["plan"]["digest"]
    desk.merge()
    ran = desk.github(event="push", mode="apply")
    assert ran.code == 0, ran.log
    assert ran.outputs["reviewed"]["digest"] == digest
    assert "3 of 3 changes made." in ran.log
    assert json.loads(Path(ran.outputs["apply"]["report"]).read_text())
    again = desk.github(event="push", mode="apply")
    assert again.code == 0
    assert "No changes." in again.log


def test_what_moved_since_is_not_applied(desk: Desk) -> None:
    """A site or a cluster that moved after the review has another digest: exit 4, nothing written."""
    desk.github()
    desk.merge()
    desk.change("read_*", "*")
    ran = desk.github(event="push", mode="apply")
    assert ran.code == 4
    assert "this is not the plan that was approved" in ran.log
    assert desk.is_untouched


def test_without_a_review_nothing_is_applied(desk: Desk) -> None:
    """Without a merged pull request, or with a plan on it that is not ours, the job is refused."""
    assert desk.github(event="push", mode="apply").code == 3
    digest = desk.github(comment="false").outputs["plan"]["digest"]
    desk.forge.hold(comments=[comment(f"{MARKER}\n<!-- digest={digest} -->", SOMEBODY)])
    desk.merge()
    ran = desk.github(event="push", mode="apply")
    assert ran.code == 3
    assert "pull request 5 has no plan of this site and cluster that could be applied" in ran.log
    assert desk.is_untouched


def test_a_digest_can_be_given(desk: Desk) -> None:
    """A digest that was reviewed elsewhere is applied without a look at pull requests."""
    digest = desk.github(comment="false").outputs["plan"]["digest"]
    ran = desk.github(event="workflow_dispatch", mode="apply", digest=digest)
    assert ran.code == 0
    assert desk.forge["calls"] == []


def test_pruning_and_limits_are_passed_on(desk: Desk) -> None:
    """Pruning is planned and applied where asked for, and within the limit that is given."""
    desk.provision("apply", "--yes")
    desk.change("  ci: {roles: [dev]}", "  {}")
    ran = desk.github(prune="true")
    assert "deletes 1" in desk.forge.bodies[0]
    digest = ran.outputs["plan"]["digest"]
    assert desk.github("push", mode="apply", prune="true", digest=digest, max_deletes="0").code == 3
    ran = desk.github("push", mode="apply", prune="true", digest=digest)
    assert "- bot/ci  deleted" in ran.log


def test_an_old_record_is_not_planned_against(desk: Desk) -> None:
    """A snapshot that is older than the action is told to take fails the job, with a cure."""
    desk.provision("snapshot", "site.yaml", "-o", "live.json")
    assert desk.github(cluster="file:live.json", max_age="1d").code == 0
    path = desk.work / "live.json"
    path.write_text(re.sub(r'"taken": "\d+', '"taken": "2025', path.read_text()))
    ran = desk.github(cluster="file:live.json", max_age="1d")
    assert ran.code == 4
    assert "recorded 2025-" in ran.log


def test_drift_fails_the_job(desk: Desk) -> None:
    """What somebody changed is in the summary and in one line; where nobody did, the job is green."""
    desk.provision("apply", "--yes")
    ran = desk.github(event="schedule", mode="drift")
    assert (ran.code, ran.ran, ran.made["code"], ran.made["line"]) == (
        0, ["Install", "Drift"], "0", "",
    )  # fmt: skip
    desk.tamper()
    ran = desk.github(event="schedule", mode="drift")
    assert (ran.code, ran.made["code"]) == (2, "2")
    assert ran.made["line"] == "acme on cluster: drift in 1 resource (role/dev)"
    assert "spec.allow.logins" in ran.summary


def test_the_tool_is_installed_from_the_action(desk: Desk) -> None:
    """Where there is no `provision`, the action's own version is installed, away from all others."""
    bare = desk.temporary / "bare"
    bare.mkdir()
    for name in ("bash", "mkdir", "chmod", "cat"):
        (bare / name).symlink_to(shutil.which(name) or "")
    python = bare / "python3"
    python.write_text(
        '#!/bin/bash\nmkdir -p "$3/bin"\n'
        'printf \'#!/bin/bash\\necho "pip $*"\\n\' > "$3/bin/pip"\nchmod +x "$3/bin/pip"\n'
    )
    python.chmod(0o755)
    step = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"][0]
    facts = {"github.action_path": "/action"}
    ran = Actions(desk.temporary, desk.work, facts, {}, str(bare)).steps([step])
    assert (ran.code, ran.log) == (0, "pip install --quiet --disable-pip-version-check /action\n")
    assert (desk.temporary / "path").read_text() == f"{desk.temporary}/provision/bin\n"


def test_the_action_keeps_to_itself() -> None:
    """It uses no action of others, and no step has an expression in its script."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    for step in action["runs"]["steps"]:
        assert "uses" not in step
        assert "${{" not in step["run"]
        assert ("GH_TOKEN" in step.get("env", {})) is (
            step["name"] in ("Comment", "Reviewed digest")
        )


# --- workflows that docs/gitops.md tells to copy -----------------------------------------------------


@pytest.fixture
def pipeline(desk: Desk) -> Desk:
    """Return a repository with the tbot files of its pipeline, and a record of its cluster."""
    shutil.copy(ROOT / "examples/pipeline/site.yaml", desk.work / "pipeline.yaml")
    desk.provision("render", "pipeline.yaml", "-o", "pipeline")
    desk.provision("snapshot", "site.yaml", "-o", "live.json")
    return desk


def test_a_pull_request_and_its_merge(pipeline: Desk) -> None:
    """A plan without credentials is what is applied after the merge, by a bot that joined for it."""
    planned = pipeline.workflow(
        "access.yml", "plan", github__event_name="pull_request", env__PROVISION_CLUSTER=""
    )
    assert planned.code == 0, planned.log
    assert pipeline.forge.writes == ["POST repos/acme/sites/issues/5/comments"]
    pipeline.merge()
    applied = pipeline.workflow("access.yml", "apply")
    assert applied.code == 0, applied.log
    assert pipeline.forge.said("tbot") == [["start", "-c", "pipeline/tbot/provision-apply.yaml"]]
    assert "3 of 3 changes made." in applied.log
    assert pipeline.workflow("access.yml", "apply").code == 0


def test_tools_that_are_not_those(pipeline: Desk) -> None:
    """An archive with another checksum is not unpacked, and nothing joins."""
    ran = pipeline.workflow("access.yml", "apply", vars__TELEPORT_SHA256="0" * 64)
    assert (ran.code, ran.ran) == (1, ["Install tctl and tbot"])
    assert pipeline.forge.said("tbot") == []


def git(desk: Desk, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@y", *words],
        cwd=desk.work, capture_output=True, text=True, check=True, env={"PATH": SYSTEM, "HOME": "/nowhere"},
    )  # fmt: skip
    return done.stdout


@pytest.fixture
def scheduled(pipeline: Desk) -> Desk:
    """Return a repository with an origin, of which the site is applied."""
    pipeline.provision("apply", "--yes")
    subprocess.run(
        ["git", "init", "--quiet", "--bare", str(pipeline.temporary / "origin")], check=True
    )
    git(pipeline, "init", "--quiet", "--initial-branch=main")
    git(pipeline, "remote", "add", "origin", str(pipeline.temporary / "origin"))
    git(pipeline, "add", "site.yaml", "live.json")
    git(pipeline, "commit", "--quiet", "--message", "x")
    return pipeline


def test_drift_is_told_on_schedule(scheduled: Desk) -> None:
    """Drift fails the job and is told to a webhook as text; the cluster is recorded all the same."""
    scheduled.tamper()
    ran = scheduled.workflow("drift.yml", "drift")
    assert (ran.code, ran.ran) == (
        2, ["Install tctl and tbot", "Join", "Install", "Drift", "Notify", "Record"],
    )  # fmt: skip
    (told,) = [call for call in scheduled.forge["calls"] if "chat.example" in call["path"]]
    assert json.loads(told["body"]) == {"text": "acme on cluster: drift in 1 resource (role/dev)"}
    assert "root" in git(scheduled, "show", "origin/provision-record:live.json")


def test_no_drift_is_no_news(scheduled: Desk) -> None:
    """Without drift nobody is told; the record is pushed, and becomes one pull request."""
    ran = scheduled.workflow("drift.yml", "drift")
    assert ran.code == 0, ran.log
    assert "Notify" not in ran.ran
    assert "provisioner/site" in git(scheduled, "show", "origin/provision-record:live.json")
    assert ["pr", "create"] in [words[:2] for words in scheduled.forge.said("gh")]


@pytest.mark.parametrize("name", ["access.yml", "drift.yml"])
def test_workflows_are_careful(name: str) -> None:
    """Actions of others are pinned by their whole commit, rights are given job by job, scripts are plain."""
    text = (ROOT / "ci" / "github" / name).read_text()
    for used in re.findall(r"uses: (\S+)", text):
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}|OWNER/REPOSITORY@COMMIT", used)
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert "permissions" in job
        assert not any("${{" in step.get("run", "") for step in job["steps"])


# --- workflows that `init` writes ------------------------------------------------------------------


@pytest.mark.parametrize(("variant", "sites"), [("team", ["site"]), ("fleet", ["dev", "prod"])])
def test_the_workflow_of_a_new_site(desk: Desk, variant: str, sites: list[str]) -> None:
    """The workflow that `init` writes checks, says how to record a cluster, and then plans."""
    desk.provision("init", "new", "--variant", variant)
    work = desk.work / "new"
    workflow = yaml.safe_load((work / ".github/workflows/provision.yml").read_text())
    (job,) = workflow["jobs"].values()
    named = job["strategy"]["matrix"]["environment"] if variant == "fleet" else sites
    assert (named, workflow["permissions"]) == (sites, {"contents": "read"})
    for site in sites[:1]:
        snapshot = "live.json" if variant == "team" else f"live-{site}.json"
        for number in (1, 2):
            folder = desk.temporary / f"{site}-{number}"
            folder.mkdir()
            environment = {"HOME": str(folder), "ENVIRONMENT": site}
            runner = Actions(folder, work, {}, environment, f"{OURS}:{SYSTEM}")
            ran = runner.steps([step for step in job["steps"] if step.get("name") != "Install"])
            assert ran.code == 0, ran.log
            assert ("to create, 0 unchanged" in ran.summary) is (number == 2)
            assert (f"snapshot {site}.yaml -o {snapshot}" in ran.log) is (number == 1)
            desk.provision("snapshot", f"new/{site}.yaml", "-o", f"new/{snapshot}")


def test_the_workflow_wants_to_be_told_what_to_install(desk: Desk) -> None:
    """No package of some name is taken from anywhere: without a source the job fails, and says why."""
    desk.provision("init", "new")
    workflow = yaml.safe_load((desk.work / "new/.github/workflows/provision.yml").read_text())
    steps = [step for step in workflow["jobs"]["check"]["steps"] if step.get("name") == "Install"]
    ran = Actions(desk.temporary, desk.work, {}, {}, SYSTEM).steps(steps)
    assert ran.code == 1
    assert "::error::set the repository variable PROVISION_SOURCE" in ran.log


# --- GitLab ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_merge_request_is_planned_and_told_in_one_note(desk: Desk, shell: str) -> None:
    """The plan is made a note once and then written anew; the token is on no command line."""
    theirs = [comment(f"{MARKER}\nforged", SOMEBODY, 1)]
    desk.forge.hold(comments=[*theirs, *(comment("x", SOMEBODY, n) for n in range(2, 121))])
    assert desk.gitlab("plan", shell).code == 0
    desk.change("read_*", "list_*")
    assert desk.gitlab("plan", shell).code == 0
    notes = "projects/3/merge_requests/5/notes"
    assert desk.forge.writes == [f"POST {notes}", f"PUT {notes}/121"]
    assert desk.forge.bodies[0] == f"{MARKER}\nforged"
    assert desk.forge.bodies[-1] == (desk.work / "provision-plan.md").read_text()
    assert not any("secret" in word for call in desk.forge["calls"] for word in call["argv"])


def test_what_was_reviewed_on_gitlab_is_applied(desk: Desk) -> None:
    """After the merge, the plan in the note is applied; then there is nothing to do or to look for."""
    desk.gitlab("plan")
    desk.merge()
    ran = desk.gitlab("apply")
    assert ran.code == 0, ran.log
    assert "3 of 3 changes made." in ran.log
    assert json.loads((desk.work / "provision-report.json").read_text())
    desk.forge.hold(calls=[])
    assert desk.gitlab("apply").code == 0
    assert desk.forge["calls"] == []


def test_what_was_not_reviewed_on_gitlab_is_not_applied(desk: Desk) -> None:
    """No merge request, no note of ours, or a plan that moved: refused or stale, nothing written."""
    assert desk.gitlab("apply").code == 3
    desk.merge()
    digest = re.search(r"Digest: (\S+)", desk.provision("plan"))
    assert digest
    desk.forge.hold(comments=[comment(f"{MARKER}\n<!-- digest={digest[1]} -->", SOMEBODY)])
    assert desk.gitlab("apply").code == 3
    desk.gitlab("plan")
    desk.change("read_*", "*")
    assert desk.gitlab("apply").code == 4
    assert desk.is_untouched


def test_gitlab_on_schedule(desk: Desk) -> None:
    """Drift fails the job and is told to a webhook, if there is one; without drift there is no news."""
    desk.provision("apply", "--yes")
    hook = "https://chat.example/hook"
    assert desk.gitlab("drift", PROVISION_WEBHOOK=hook).code == 0
    assert desk.forge.said(hook) == []
    desk.tamper()
    assert desk.gitlab("drift").code == 2
    ran = desk.gitlab("drift", PROVISION_WEBHOOK=hook)
    assert (ran.code, ran.log) == (2, "acme on cluster: drift in 1 resource (role/dev)\n")
    (told,) = [call["body"] for call in desk.forge["calls"] if call["path"] == hook]
    assert json.loads(told) == {"text": "acme on cluster: drift in 1 resource (role/dev)"}
    assert "spec.allow.logins" in (desk.work / "provision-drift.md").read_text()


def test_gitlab_without_a_token_or_with_errors(desk: Desk) -> None:
    """Without a token the plan is an artifact; with errors it is told, and the job fails."""
    assert desk.gitlab("plan", PROVISION_TOKEN="").code == 0
    assert desk.forge["calls"] == []
    desk.forge.hold(denied=True)
    refused = desk.gitlab("plan")
    assert refused.code == 0
    assert "it could not be made a note" in refused.log
    desk.forge.hold(denied=False)
    desk.site.write_text(SITE + "external_roles: [nowhere]\n")
    assert desk.gitlab("plan").code == 1
    assert "cannot be applied: 1 error" in desk.forge.bodies[-1]


def test_gitlab_checks(desk: Desk) -> None:
    """A site is judged alone; GitLab gets the result as test cases, people as text."""
    assert desk.gitlab("check").code == 0
    desk.change("tools: ['read_*']", "tool: ['read_*']")
    ran = desk.gitlab("check")
    assert ran.code == 1
    assert "site.yaml:7:" in ran.log
    assert "<testsuites" in (desk.work / "provision-check.xml").read_text()


# --- what the forges say of these files --------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("vendor.github-actions", "action.yml"),
        ("vendor.github-workflows", "ci/github/access.yml"),
        ("vendor.github-workflows", "ci/github/drift.yml"),
        ("vendor.github-workflows", "templates/init/common/.github/workflows/provision.yml"),
        ("vendor.github-workflows", "templates/init/fleet/.github/workflows/provision.yml"),
        ("vendor.gitlab-ci", "ci/gitlab.yml"),
    ],
)
def test_ready_made_ci_is_well_formed(schema: str, name: str) -> None:
    """Each file is what its forge reads, by the schema that editors check it with."""
    command = [str(OURS / "check-jsonschema"), "--builtin-schema", schema, str(ROOT / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hooks_are_well_formed() -> None:
    """The hooks are what pre-commit reads, by its schema."""
    schema = published("pre-commit-hooks.json")
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    jsonschema.validate(hooks, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{**hooks[0], "language": "cobol"}], schema)


# --- pre-commit ------------------------------------------------------------------------------------


def hook(name: str) -> dict[str, Any]:
    hooks = {
        each["id"]: each for each in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    }
    found: dict[str, Any] = hooks[name]
    assert {"id", "name", "entry", "language"} <= found.keys()
    return found


def committed(desk: Desk, name: str, *arguments: str) -> int:
    """Run a hook as pre-commit does: its entry, then its arguments or those of the user."""
    found = hook(name)
    words = [*found["entry"].split(), *(arguments or found.get("args", []))]
    return subprocess.run(
        words, cwd=desk.work, env={"PATH": desk.path}, capture_output=True, check=False
    ).returncode


def test_the_hook_that_checks(desk: Desk) -> None:
    """A site with errors is not committed; the file can be another one."""
    assert committed(desk, "provision-check") == 0
    desk.change("tools", "tool")
    assert committed(desk, "provision-check") == 1
    (desk.work / "other.yaml").write_text(SITE)
    assert committed(desk, "provision-check", "other.yaml") == 0


def test_the_hook_that_compares_rendered_files(desk: Desk) -> None:
    """Rendered files that do not say what the site says are not committed."""
    desk.provision("render", "site.yaml", "-o", "rendered")
    assert committed(desk, "provision-render") == 0
    desk.change("read_*", "list_*")
    assert committed(desk, "provision-render") == 2


@pytest.mark.parametrize("name", ["provision-check", "provision-render"])
def test_hooks_run_for_what_concerns_them(name: str) -> None:
    """Hooks run when YAML or a template is committed, and get no file names."""
    found = hook(name)
    for path in ("site.yaml", "teams/a.yml", "own/teleport/role.yaml.j2"):
        assert re.search(found["files"], path)
    assert not re.search(found["files"], "main.py")
    assert found["pass_filenames"] is False
