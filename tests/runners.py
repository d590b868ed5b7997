"""What runs the steps of ready-made CI in tests: as much of GitHub's and GitLab's runners as they use.

Sources: https://docs.github.com/actions/reference/workflow-syntax-for-github-actions,
https://docs.gitlab.com/ci/yaml.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

OURS: Final = Path(sys.executable).parent
_OURS: Final = "OWNER/REPOSITORY@"
_EXPRESSION: Final = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class Result:
    """What a job came to."""

    code: int = 0
    log: str = ""
    ran: list[str] = field(default_factory=list)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    summary: str = ""
    made: dict[str, str] = field(default_factory=dict)


@dataclass
class Actions:
    """A runner of GitHub Actions: `facts` are contexts by their dotted names, such as `github.sha`.

    Of the actions that steps use, only our own is run.
    """

    folder: Path
    work: Path
    facts: dict[str, str]
    environment: dict[str, str]
    path: str

    def composite(self, action: Path, inputs: Mapping[str, str]) -> Result:
        """Run the steps of a composite action."""
        document = yaml.safe_load(action.read_text())
        unknown = inputs.keys() - document["inputs"].keys()
        assert not unknown
        given = {
            name: self.text(str(each.get("default", "")))
            for name, each in document["inputs"].items()
        }
        self.facts |= {f"inputs.{name}": text for name, text in {**given, **inputs}.items()}
        result = self.steps(document["runs"]["steps"])
        result.made = {
            name: self.text(str(each["value"])) for name, each in document["outputs"].items()
        }
        return result

    def job(self, job: Mapping[str, Any]) -> Result:
        """Run a job of a workflow, with its own variables."""
        for name, text in job.get("env", {}).items():
            self.environment[name] = self.facts[f"env.{name}"] = self.text(str(text))
        return self.steps(job["steps"])

    def steps(self, steps: Iterable[Mapping[str, Any]]) -> Result:
        """Run steps until one fails; those that use an action of others are passed over."""
        result = Result()
        for step in steps:
            condition = step.get("if", "true")
            if result.code and not re.match(r"(failure|always)\(\)", condition):
                continue
            self.facts |= {"failure()": "yes" if result.code else "", "always()": "yes"}
            if not self.value(condition):
                continue
            if step.get("uses", "").startswith(_OURS):
                self._ours(step, result)
            elif "run" in step:
                result.ran.append(step["name"])
                self._step(step, result)
        summary = self.folder / "summary"
        result.summary = summary.read_text() if summary.exists() else ""
        return result

    def _ours(self, step: Mapping[str, Any], result: Result) -> None:
        inside = self.composite(
            Path(__file__).parent.parent / "action.yml",
            {name: self.text(str(text)) for name, text in step.get("with", {}).items()},
        )
        result.ran += inside.ran
        result.log += inside.log
        result.code = result.code or inside.code
        self.facts |= {
            f"steps.{step.get('id')}.outputs.{name}": text for name, text in inside.made.items()
        }

    def _step(self, step: Mapping[str, Any], result: Result) -> None:
        assert step["shell"] == "bash"
        number = len([*self.folder.glob("output-*")])
        output = self.folder / f"output-{number}"
        output.touch()
        added = self.folder / "path"
        added.touch()
        environment = {
            **self.environment,
            "PATH": ":".join([*added.read_text().split(), self.path]),
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_PATH": str(added),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            **{name: self.text(str(text)) for name, text in step.get("env", {}).items()},
        }
        script = self.folder / f"step-{number}.sh"
        script.write_text(self.text(step["run"]))
        run = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        done = subprocess.run(
            run,
            cwd=self.work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        result.code = result.code or done.returncode
        result.log += done.stdout + done.stderr
        made = dict(line.split("=", 1) for line in output.read_text().splitlines())
        result.outputs[step.get("id", step["name"])] = made
        self.facts |= {
            f"steps.{step.get('id')}.outputs.{name}": text for name, text in made.items()
        }

    def text(self, text: str) -> str:
        """Put values in the place of expressions."""
        return _EXPRESSION.sub(lambda match: str(self.value(match[1])), text)

    def value(self, expression: str) -> str | bool:
        """Return the value of an expression: names, texts, `==`, `!=`, `&&` and `||`."""
        if " || " in expression:
            parts = [self.value(part) for part in expression.split(" || ")]
            return next((part for part in parts if part), "")
        if " && " in expression:
            return all(self.value(part) for part in expression.split(" && "))
        compared = re.fullmatch(r"(\S+) (==|!=) '(.*)'", expression)
        if compared:
            is_equal = self.value(compared[1]) == compared[3]
            return is_equal if compared[2] == "==" else not is_equal
        assert re.fullmatch(r"[a-z_-]+(\.[\w-]+)*|(failure|always)\(\)", expression), expression
        return expression == "true" or self.facts.get(expression, "")


def gitlab(
    template: Path, name: str, work: Path, environment: Mapping[str, str], shell: str = "sh"
) -> Result:
    """Run a job of a GitLab template as its runner does: all lines in one shell, which stops at errors."""
    document = yaml.safe_load(template.read_text())
    job = document[name]
    base = document[job["extends"]]
    variables = {**base.get("variables", {}), **job.get("variables", {})}
    lines = [*base["before_script"], *job["script"]]
    script = work / "job.sh"
    script.write_text("set -e\n" + "\n".join(lines) + "\n")
    done = subprocess.run(
        [shell, str(script)],
        cwd=work, env={**variables, **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return Result(done.returncode, done.stdout + done.stderr)
