"""What `init` begins with: a small site that checks, plans and applies as it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from provisioner.site.schema import site_schema
from provisioner.templating.templates import Templates

COMMON: Final = "common"
"""Files of every variant, unless it has its own."""

VARIANTS: Final[Mapping[str, str]] = {
    "minimal": "one file",
    "team": "a file for each team",
    "fleet": "a site for each environment, on a common base",
}
SCHEMA: Final = "site.schema.json"
PROXY: Final = "example.teleport.sh:443"

_LONGEST: Final = 58  # a site's name has 63 characters, and a fleet adds which environment
_SUFFIX: Final = ".j2"
_DEFAULT: Final = "mcp-access"


def render(texts: Mapping[str, str], site: str, proxy: str) -> dict[str, str]:
    """Return the files of a new site by their names, given the texts of a variant by theirs.

    Those that end in `.j2` are templates, the others are taken as they are; the schema, by which
    editors complete the site file, is added. Raises SiteError where a template is wrong.
    """
    templates = {name: text for name, text in texts.items() if name.endswith(_SUFFIX)}
    loaded = Templates.load(templates)
    made = {
        name.removesuffix(_SUFFIX): loaded.render(name, {"site": site, "proxy": proxy})
        if name in templates
        else text
        for name, text in texts.items()
    }
    return {**made, SCHEMA: json.dumps(site_schema(), indent=2) + "\n"}


def site_name(text: str) -> str:
    """Return what is most like `text` and can be the name of a site."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower())[:_LONGEST].strip("-")
    return name or _DEFAULT
