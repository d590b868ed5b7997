from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from provisioner.cli._base import starter_texts
from provisioner.site import starter
from provisioner.text import source

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,57}")


def made(variant: str, site: str = "acme", proxy: str = starter.PROXY) -> dict[str, str]:
    return starter.render(starter_texts(starter.COMMON, variant), site, proxy)


def sites(files: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in files.items() if "$schema=" in text.partition("\n")[0]}


@pytest.mark.parametrize("variant", starter.VARIANTS)
def test_editors_are_told_the_schema(variant: str) -> None:
    """Each site file names the schema beside it, which accepts what it says without its overlay."""
    files = made(variant)
    schema = json.loads(files[starter.SCHEMA])
    Draft202012Validator.check_schema(schema)
    assert sites(files)
    for text in sites(files).values():
        assert text.startswith(f"# yaml-language-server: $schema={starter.SCHEMA}\n")
    if variant != "fleet":
        document, problems = source.load(files["site.yaml"].encode(), "site.yaml")
        assert not problems
        assert document
        assert not list(Draft202012Validator(schema).iter_errors(document.value))


@pytest.mark.parametrize("variant", starter.VARIANTS)
def test_every_site_has_the_name_and_the_address(variant: str) -> None:
    """Name and proxy are written as what they are, even where YAML would take them for a number."""
    files = made(variant, "007", "a.example:443")
    texts = "".join(sites(files).values())
    assert re.search(r'site: "?007("|-dev)', texts)
    assert "a.example:443" in "".join(files.values())
    assert starter.PROXY not in "".join(files.values())


@pytest.mark.parametrize("variant", starter.VARIANTS)
def test_a_readme_has_three_lines(variant: str) -> None:
    """What a newcomer has to know takes three lines."""
    assert len(made(variant)["README.md"].splitlines()) == 3


@pytest.mark.parametrize("variant", starter.VARIANTS)
def test_actions_are_pinned_and_may_only_read(variant: str) -> None:
    """The workflow uses actions by their whole commit, and has no right but to read."""
    workflow = made(variant)[".github/workflows/provision.yml"]
    used = re.findall(r"uses: (\S+)", workflow)
    assert used
    assert all(re.fullmatch(r"actions/\w+@[0-9a-f]{40}", each) for each in used)
    assert "permissions:\n  contents: read\n\n" in workflow
    assert "write" not in workflow
    assert not re.findall(r"run: .*\$\{\{", workflow)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Acme Platform", "acme-platform"),
        ("--x--", "x"),
        ("", "mcp-access"),
        ("界", "mcp-access"),
        ("a" * 57 + "-b", "a" * 57),
    ],
)
def test_names_of_directories_become_names_of_sites(text: str, name: str) -> None:
    """A directory's name is made fit; where nothing is left of it, a plain name stands in."""
    assert starter.site_name(text) == name


@given(st.text())
def test_a_name_is_always_one(text: str) -> None:
    """Whatever a directory is called, the result is a name with room for an environment."""
    assert NAME.fullmatch(starter.site_name(text))


@settings(max_examples=15)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
def test_a_proxy_stays_a_value(proxy: str) -> None:
    """Whatever is given as the address, it is one value of the file and nothing else."""
    document, problems = source.load(
        made("minimal", proxy=proxy)["site.yaml"].encode(), "site.yaml"
    )
    assert not problems
    assert document
    assert document.value["teleport"] == {"proxy": proxy}
    assert document.value["site"] == "acme"
