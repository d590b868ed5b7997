"""The recipes of docs/machines.md agree with the files that are rendered for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from provisioner import workflow
from tests.sites import TEMPLATES

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = (ROOT / "docs" / "machines.md").read_text()


@pytest.fixture(scope="module")
def files() -> Mapping[str, str]:
    """Return what is rendered of the site that the recipes show."""
    prepared = workflow.prepare(ROOT / "examples" / "team" / "site.yaml", TEMPLATES)
    return prepared.rendered.files


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def documents(title: str) -> list[Any]:
    (text,) = re.findall(r"```yaml other\n(.*?)```", section(title), re.DOTALL)
    return list(yaml.safe_load_all(text))


def tbot(files: Mapping[str, str], bot: str) -> Any:
    return yaml.safe_load(files[f"tbot/{bot}.yaml"])


def cluster(files: Mapping[str, str], bot: str) -> str:
    """Return the name of the Teleport cluster, which a proven token is for."""
    return str(tbot(files, bot)["proxy_server"]).partition(":")[0]


def words(text: str, pattern: str) -> Iterator[str]:
    return (match[1] for match in re.finditer(pattern, text))


def test_systemd(files: Mapping[str, str]) -> None:
    """The commands make the token's file, the directories and the user that tbot.yaml speaks of."""
    said, recipe = tbot(files, "dba"), section("systemd")
    token, directory = Path(said["onboarding"]["token"]), said["services"][0]["destination"]
    assert f"install -d -m 0700 {token.parent}" in recipe
    assert f"install -m 0600 /dev/stdin {token}" in recipe
    assert f"chown -R tbot:tbot {token.parent}" in recipe
    assert f"install -d -o tbot -g tbot {directory['path']} /var/lib/teleport/bot" in recipe
    assert [reader["group"] for reader in directory["readers"]] == ["dba"]
    assert "useradd --system --home-dir /var/lib/teleport/bot tbot" in recipe
    assert "-c /etc/tbot.yaml --user tbot --group tbot" in recipe


def test_kubernetes(files: Mapping[str, str]) -> None:
    """Account, secret, ports, audience and files of the manifests are those of token and tbot.yaml."""
    account, role, binding, deployment = documents("Kubernetes")
    said, token = (
        tbot(files, "docs-agent"),
        yaml.safe_load(files["tokens/docs-agent-kubernetes.yaml"]),
    )
    (allowed,) = token["spec"]["kubernetes"]["allow"]
    name = f"{account['metadata']['namespace']}:{account['metadata']['name']}"
    assert allowed["service_account"] == name
    secret = said["services"][0]["destination"]["name"]
    assert [rule.get("resourceNames") for rule in role["rules"]] == [None, [secret]]
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {
        "create",
        "get",
        "update",
        "patch",
    }
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"][0]["name"] == account["metadata"]["name"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == account["metadata"]["name"]
    assert_pod(pod, said, cluster(files, "docs-agent"))
    made = dict(
        re.findall(r"create configmap (\S+) --from-file=files/(\S+)", section("Kubernetes"))
    )
    assert set(made.values()) <= set(files)
    assert pod["volumes"][0]["configMap"]["name"] in made


def assert_pod(pod: Any, said: Any, audience: str) -> None:
    """Hold that the container starts tbot with its file, token and namespace, and is asked how it is."""
    (container,), (config, join) = pod["containers"], pod["volumes"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert container["args"] == ["start", "-c", f"{mounts[config['name']]}/docs-agent.yaml"]
    env = {each["name"]: each.get("value") for each in container["env"]}
    projected = join["projected"]["sources"][0]["serviceAccountToken"]
    assert env["KUBERNETES_TOKEN_PATH"] == f"{mounts[join['name']]}/{projected['path']}"
    assert "POD_NAMESPACE" in env
    assert projected["audience"] == audience
    port = int(said["diag_addr"].rpartition(":")[2])
    assert {container[f"{kind}Probe"]["httpGet"]["port"] for kind in ("liveness", "readiness")} == {
        port
    }


def test_github(files: Mapping[str, str]) -> None:
    """The job may ask for a token, makes the directory, starts tbot once and the client after it."""
    (workflow_,) = documents("GitHub Actions")
    assert workflow_["permissions"]["id-token"] == "write"
    steps = [step["run"] for step in workflow_["jobs"]["triage"]["steps"] if "run" in step]
    said = tbot(files, "triage")
    directory = said["services"][0]["destination"]["path"]
    assert steps[-3:-1] == [
        f'sudo install -d -o "$USER" {directory}',
        "tbot start -c files/tbot/triage.yaml",
    ]
    assert said["oneshot"] is True
    assert set(words(steps[-1], r"files/(\S+)")) <= set(files)
    assert_reads(files["clients/triage/.mcp.json"], directory)


def test_gitlab(files: Mapping[str, str]) -> None:
    """The job has the variable that tbot looks for, made for this cluster, and files that there are."""
    (pipeline,) = documents("GitLab")
    job, said = pipeline["review"], tbot(files, "reviewer")
    assert job["id_tokens"] == {"TBOT_GITLAB_JWT": {"aud": cluster(files, "reviewer")}}
    directory = said["services"][0]["destination"]["path"]
    assert job["script"][:2] == [f"mkdir -p {directory}", "tbot start -c files/tbot/reviewer.yaml"]
    assert said["oneshot"] is True
    assert set(words("\n".join(job["script"]), r"files/(\S+)")) <= set(files)
    assert_reads(files["clients/reviewer/mcp.json"], directory)


def assert_reads(text: str, directory: str) -> None:
    """Hold that a client reads the identity where tbot writes it."""
    assert set(words(text, r'"-i", "([^"]+)"')) == {f"{directory}/identity"}
