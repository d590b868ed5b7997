"""octoDNS: one zone, a TXT record a document, from YAML to YAML."""

from __future__ import annotations

import json
import re
from pathlib import Path

from peers._base import Fleet

PACKAGE = "octodns==1.22.0"
LARGEST = 2_000
NOTE = "YAML to YAML, a TXT record with three facts for each document; renders no templates"

CONFIG = """providers:
  config: {class: octodns.provider.yaml.YamlProvider, directory: ./site, escaped_semicolons: false, enforce_order: false}
  live: {class: octodns.provider.yaml.YamlProvider, directory: ./live, escaped_semicolons: false, enforce_order: false}
zones:
  example.com.: {sources: [config], targets: [live]}
"""


def prepare(root: Path, fleet: Fleet) -> None:
    """Write both zones; the records say what the documents are made of."""
    (root / "octodns.yaml").write_text(CONFIG)
    for name, of in (("site", fleet), ("live", Fleet(fleet.count))):
        (root / name).mkdir()
        facts = {**of.roles, **of.bots}
        zone = {
            key: {"ttl": 300, "type": "TXT", "values": sorted(facts[key].values())}
            for key in sorted(facts)
        }
        (root / name / "example.com.yaml").write_text(json.dumps(zone, indent=1))


def command(root: Path, programs: Path) -> list[str]:
    """Return the command: without --doit it plans."""
    return [str(programs / "octodns-sync"), "--config-file", str(root / "octodns.yaml")]


def differences(output: str) -> int:
    """Return the sum of the plan's last line."""
    found = re.search(r"Creates=(\d+), Updates=(\d+), Deletes=(\d+)", output)
    return sum(map(int, found.groups())) if found else 0
