"""Ansible: a `template` task that loops over the documents, in check mode, on this machine."""

from __future__ import annotations

import json
import re
from pathlib import Path

from peers._base import Fleet, write_templates

PACKAGE = "ansible-core==2.19.14"
LARGEST = 200
NOTE = "a template loop with --check --diff; what it pays for each file buys remote hosts"

PLAY = """- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - template: {src: role.j2, dest: "live/{{ item.name }}", mode: "0644"}
      loop: "{{ roles_ }}"
    - template: {src: bot.j2, dest: "live/{{ item.name }}", mode: "0644"}
      loop: "{{ bots_ }}"
"""


def prepare(root: Path, fleet: Fleet) -> None:
    """Write the play, its variables, its templates, and the files as they are."""
    (root / "play.yml").write_text(PLAY)
    named = {
        f"{kind}_": [{"name": name, **facts} for name, facts in found.items()]
        for kind, found in (("roles", fleet.roles), ("bots", fleet.bots))
    }
    (root / "vars.json").write_text(json.dumps(named))
    write_templates(root, fleet)


def command(root: Path, programs: Path) -> list[str]:
    """Return the command."""
    play, variables = root / "play.yml", f"@{root / 'vars.json'}"
    python = f"ansible_python_interpreter={programs / 'python'}"
    flags = ("-i", "localhost,", "--check", "--diff", "-e", variables, "-e", python)
    return [str(programs / "ansible-playbook"), str(play), *flags]


def differences(output: str) -> int:
    """Return how many items were changed."""
    return len(re.findall(r"^changed: ", output, re.MULTILINE))
