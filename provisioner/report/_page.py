"""What every page for a browser has: a policy under which nothing of a site or a server can run."""

from __future__ import annotations

import base64
import hashlib


def policy(style: str, script: str = "") -> str:
    """Return a Content-Security-Policy that loads nothing and runs nothing but what is given here.

    Source: https://www.w3.org/TR/CSP3/#grammardef-hash-source.
    """
    scripts = _hash(script) if script else "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
