"""The floor: the same no-op plan written by hand, with nothing that makes it safe or readable.

The C YAML loader for the site, Jinja for every document, the C loader again for what was rendered,
and a comparison of dictionaries that happens to know the server's defaults. No places, no schema,
no ownership, no errors worth reading. Usage: floor.py SITE LIVE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jinja2
import yaml

ROLE = """kind: role
version: v8
metadata:
  name: {{ name }}
  description: {{ role.description }}
  labels: {provisioner/site: {{ site }}}
spec:
  allow:
    app_labels:
    {%- for key, value in role.app_labels.items() %}
      {{ key }}: {{ value }}
    {%- endfor %}
    mcp:
      tools:
      {%- for tool in role.tools %}
      - '{{ tool }}'
      {%- endfor %}
  options:
    max_session_ttl: {{ role.options.max_session_ttl }}
"""

BOT = """kind: bot
version: v1
metadata:
  name: {{ name }}
  labels: {provisioner/site: {{ site }}}
spec:
  roles: {{ bot.roles }}
  traits:
  {%- for name, value in bot.traits.items() %}
  - name: {{ name }}
    values: [{{ value }}]
  {%- endfor %}
  max_session_ttl: 43200s
"""

DEFAULTS = {
    "cert_format": "standard",
    "create_db_user": False,
    "create_desktop_user": False,
    "desktop_clipboard": True,
    "desktop_directory_sharing": True,
    "enhanced_recording": ["command", "network"],
    "forward_agent": False,
    "pin_source_ip": False,
    "record_session": {"default": "best_effort", "desktop": True},
    "ssh_file_copy": True,
}


def main(site_file: str, live_file: str, *, quiet: bool = False) -> int:
    """Print how many documents differ, and return it."""
    site = yaml.load(Path(site_file).read_text(), Loader=yaml.CSafeLoader)
    live = json.loads(Path(live_file).read_text())["documents"]
    known = {(kind, body["metadata"]["name"]): body for kind in live for body in live[kind]}
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701
    role, bot = environment.from_string(ROLE), environment.from_string(BOT)
    texts = [role.render(name=n, role=r, site=site["site"]) for n, r in site["roles"].items()]
    texts += [bot.render(name=n, bot=b, site=site["site"]) for n, b in site["bots"].items()]
    different = 0
    for text in texts:
        body = yaml.load(text, Loader=yaml.CSafeLoader)
        different += not equal(body, known[body["kind"], body["metadata"]["name"]])
    if not quiet:
        print(f"{different} of {len(texts)} differ")
    return different


def equal(body: dict, other: dict) -> bool:
    """Compare a rendered document with a live one."""
    metadata = {key: value for key, value in other["metadata"].items() if key != "revision"}
    metadata["labels"] = {k: v for k, v in metadata["labels"].items() if k != "provisioner/applied"}
    spec = dict(other["spec"])
    if body["kind"] == "role":
        spec.pop("deny", None)
        spec["options"] = {k: v for k, v in spec["options"].items() if DEFAULTS.get(k) != v}
        spec["options"]["max_session_ttl"] = spec["options"]["max_session_ttl"].removesuffix("0m0s")
    return body["metadata"] == metadata and body["spec"] == spec


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
