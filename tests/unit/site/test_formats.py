from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.errors import SiteError
from provisioner.site import formats
from provisioner.site.formats import Formats
from tests.sites import HEAD, document, shown, site

CLIENT = "{format: {custom: %s}, servers: reachable}"


def read(directory: Path, *paths: str) -> Formats:
    """Read the templates of a site whose two bots have a client for each of `paths`."""
    clients = f"[{', '.join(CLIENT % path for path in paths)}, {{format: codex, servers: [a]}}]"
    rest = f"bots:\n  ci: {{clients: {clients}}}\n  other: {{clients: {clients}}}\n"
    return formats.read(site(rest), document(HEAD + rest), directory)


def test_templates_beside_the_site(tmp_path: Path) -> None:
    """Each template that a client names is read once, and known by a name that none of ours has."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/own.json.j2").write_text("{}")
    assert read(tmp_path, "a/own.json.j2") == Formats(
        {"custom/a/own.json.j2": "{}"}, {"custom/a/own.json.j2": str(tmp_path / "a/own.json.j2")}
    )


def test_all_that_cannot_be_read(tmp_path: Path) -> None:
    """Every template that is not there or leads away is told at once, where the site names it."""
    (tmp_path / "below").mkdir()
    (tmp_path / "below/out.json.j2").symlink_to("/etc/passwd")
    with pytest.raises(SiteError) as caught:
        read(tmp_path / "below", "none.json.j2", "out.json.j2")
    found = [(code, line) for code, line, _ in shown(caught.value.problems)]
    assert found == [("PV050", 2), ("PV050", 2), ("PV050", 3), ("PV050", 3)]
    first, second, *_ = caught.value.problems
    assert "none.json.j2: cannot read: there is no such file" in first.message
    assert "leads out of" in second.message
    assert first.excerpt
