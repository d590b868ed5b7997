from __future__ import annotations

from pathlib import Path

import pytest

from provisioner import workflow
from provisioner.site import sitefile
from provisioner.text.source import Document

HEAD = "version: 1\nsite: acme\nteleport: {proxy: e.x:443}\n"


def write(root: Path, **texts: str) -> Path:
    """Write files given by name (`__` for a slash) and return the path of the site."""
    (root / ".git").mkdir(exist_ok=True)
    for name, text in texts.items():
        path = root / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root / "site.yaml"


def codes(path: Path) -> list[str]:
    return [problem.code for problem in sitefile.load(path)[1]]


def loaded(path: Path) -> Document:
    document, problems = sitefile.load(path)
    assert problems == ()
    assert document is not None
    return document


def test_collections_of_included_files(tmp_path: Path) -> None:
    """What is included counts as if it stood in the site, and keeps the place where it stands."""
    site = write(tmp_path, site=HEAD + "include: [teams/*.yaml]\n", teams__ml="roles:\n  ml: {}\n")
    document = loaded(site)
    assert document.value["roles"] == {"ml": {}}
    assert str(document.key_place(("roles", "ml"))) == f"{tmp_path}/teams/ml.yaml:2:3"


@pytest.mark.parametrize("where", ["site", "a", "c"])
def test_null_takes_nothing_away_from_other_files(where: str, tmp_path: Path) -> None:
    """A section that was emptied is null, which must not erase what the other files say under it."""
    texts = {
        "site": HEAD + "include: [a.yaml, b.yaml, c.yaml]\n",
        "a": "bots: {x: {}}\n",
        "b": "roles:\n  r: {}\n",
        "c": "bots: {y: {}}\n",
    }
    texts[where] += "roles:\n"
    site = write(tmp_path, **texts)
    assert codes(site) == ["PV042"]
    (problem,) = sitefile.load(site)[1]
    assert problem.at is not None
    assert problem.at.file == str(tmp_path / f"{where}.yaml")


def test_an_overlay(tmp_path: Path) -> None:
    """Maps merge deep, lists and scalars replace, null removes an entry of the base."""
    base = HEAD + "roles:\n  a: {tools: [x], app_labels: {env: dev}}\n  b: {}\n"
    site = write(
        tmp_path, base=base, site="extends: base.yaml\nroles: {a: {tools: [y]}, b: null}\n"
    )
    assert loaded(site).value["roles"] == {"a": {"tools": ["y"], "app_labels": {"env": "dev"}}}


def test_presence_is_judged_on_the_result(tmp_path: Path) -> None:
    """A collection that only the base has is in scope."""
    site = write(tmp_path, base=HEAD + "roles: {}\n", site="extends: base.yaml\nsite: other\n")
    checked = workflow.check(site)
    assert checked.site is not None
    assert (checked.site.site, checked.site.manages("roles")) == ("other", True)


def test_the_base_includes_too(tmp_path: Path) -> None:
    """Paths are taken from the file that names them."""
    site = write(
        tmp_path,
        common__base=HEAD + "include: [more.yaml]\n",
        common__more="bots: {b: {}}\n",
        site="extends: common/base.yaml\n",
    )
    assert loaded(site).value["bots"] == {"b": {}}


def test_one_name_in_two_files(tmp_path: Path) -> None:
    """A name that stands in two files is an error that shows both places."""
    site = write(
        tmp_path,
        site=HEAD + "include: [a.yaml, b.yaml]\n",
        a="roles: {r: {}}\n",
        b="roles: {r: {}}\n",
    )
    (problem,) = sitefile.load(site)[1]
    assert (problem.code, problem.at and problem.at.file) == ("PV053", f"{tmp_path}/b.yaml")
    assert problem.related[0].file == f"{tmp_path}/a.yaml"


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ({"site": HEAD + "include: [none.yaml]\n"}, "PV051"),
        ({"site": HEAD + "include: [a.yaml]\n", "a": "site: x\n"}, "PV052"),
        ({"site": HEAD + "include: [a.yaml]\n", "a": "- x\n"}, "PV052"),
        ({"site": "extends: site.yaml\n"}, "PV054"),
        ({"site": "extends: a.yaml\n", "a": "extends: site.yaml\n"}, "PV054"),
        ({"site": "extends: none.yaml\n"}, "PV050"),
        ({"site": "extends: ../outside.yaml\n"}, "PV055"),
        ({"site": HEAD + "include: [../*.yaml]\n"}, "PV055"),
        ({"site": HEAD + "include: [a.yaml]\n", "a": "roles: {r: [}\n"}, "PV004"),
    ],
)
def test_what_cannot_be_put_together(tmp_path: Path, texts: dict[str, str], code: str) -> None:
    """Whatever is wrong with another file is a problem, not an end."""
    (tmp_path / "outside.yaml").write_text(HEAD)
    root = tmp_path / "repository"
    root.mkdir()
    assert code in codes(write(root, **texts))


def test_a_link_out_of_the_repository(tmp_path: Path) -> None:
    """A symbolic link does not lead out of the repository either."""
    (tmp_path / "secret.yaml").write_text("roles: {}\n")
    root = tmp_path / "repository"
    root.mkdir()
    site = write(root, site=HEAD + "include: [link.yaml]\n")
    (root / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    assert codes(site) == ["PV055"]


def test_an_error_points_into_the_file_that_has_it(tmp_path: Path) -> None:
    """A problem of an included entry stands at its own file and line, with that line."""
    site = write(tmp_path, site=HEAD + "include: [a.yaml]\n", a="roles:\n  r: {tool: []}\n")
    (problem,) = workflow.check(site).problems
    assert str(problem.at) == f"{tmp_path}/a.yaml:2:7"
    assert "r: {tool" in problem.excerpt
