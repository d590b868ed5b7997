"""Templates that look for a way out, and texts that look like something else."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import pytest

from provisioner import cli
from provisioner.change import Access, AccessRow
from provisioner.errors import SiteError
from provisioner.report import access_data
from provisioner.templating.templates import Templates
from tests.sites import problems

# The ways of published escapes: CVE-2014-1402, CVE-2016-10745 (format), CVE-2019-10906 (format_map),
# CVE-2024-22195 and CVE-2024-34064 (xmlattr), CVE-2024-56201 (names of templates), CVE-2024-56326
# (a reference to format), CVE-2025-27516 (attr), and the usual lists of server-side injection.
ESCAPES: Final = (
    "''.__class__.__mro__[1].__subclasses__()",
    "''['__class__']",
    "''['__cla' ~ 'ss__']",
    "''['\\x5f\\x5fclass\\x5f\\x5f']",
    "().__class__.__base__",
    "{}.__class__",
    "name.__init__.__globals__",
    "name|attr('__class__')",
    "name|attr('format')",
    "[name]|map('attr', '__class__')|list",
    "[name]|map(attribute='__class__')|list",
    "[{'a': name}]|map(attribute='a.__class__')|list",
    "[name]|groupby('__class__')|list",
    "[name]|selectattr('__class__')|list",
    "[name]|map('format')|list",
    "'{0.__class__}'.format(name)",
    "'{x.__class__}'.format_map({'x': name})",
    "('{0.__class__}'.format)(name)",
    "''.join(['{0.__class__}']).format(name)",
    "'%s' % name",
    "'%(a)s'|format(a=name)",
    "name.encode().decode('unicode_escape')",
    "cycler.__init__.__globals__.os.popen('id').read()",
    "joiner.__init__.__globals__",
    "namespace.__init__.__globals__",
    "lipsum.__globals__['os']",
    "range.__globals__",
    "range.__self__",
    "self.__init__.__globals__",
    "self._TemplateReference__context",
    "self._TemplateReference__context.environment",
    "loop.__class__",
    "caller.__globals__",
    "m.__code__",
    "m._func",
    "m._environment",
    "config.items()",
    "request.application.__globals__",
    "get_flashed_messages.__globals__",
    "url_for.__globals__",
    "environment",
    "context",
    "__builtins__",
    "debug()",
    "{'a': 1}|xmlattr",
    "{'a b=': 1}|xmlattr",
    "name|safe",
    "name|forceescape",
    "name|pprint",
    "name|filesizeformat",
    "name|wordwrap(1)",
    "name|center(99999999)",
    "[1].append(2)",
    "{}.update({'a': 1})",
    "[].__iadd__([1])",
    "name.mro()",
)
MACRO: Final = "{% macro m() %}a{% endmacro %}"


@pytest.mark.parametrize("expression", ESCAPES)
@pytest.mark.parametrize("suffix", ["yaml", "json", "toml", "py", "html", "txt"])
def test_no_escape(expression: str, suffix: str) -> None:
    """Every published way out of Jinja's sandbox, and many more, ends in a problem of the template."""
    name = f"t.{suffix}.j2"
    with pytest.raises(SiteError) as caught:
        Templates.load({name: f"{MACRO}a: {{{{ {expression} }}}}\n"}).render(name, {"name": "dev"})
    assert {each.code for each in caught.value.problems} <= {f"PV03{n}" for n in range(10)}


@pytest.mark.parametrize(
    "tag",
    [
        "{% include '/etc/passwd' %}",
        "{% include '../../../etc/passwd' %}",
        "{% include ['/etc/passwd', 'x'] %}",
        "{% import 'os' as os %}",
        "{% from 'os' import system %}",
        "{% extends '/etc/passwd' %}",
        "{% debug %}",
        "{% do name %}",
        "{% autoescape false %}{% endautoescape %}",
        "{% set x.__class__ = 1 %}",
        "{% for a in range(3) recursive %}{{ loop(a) }}{% endfor %}",
        "{% trans %}a{% endtrans %}",
    ],
)
def test_no_statement_leads_out(tag: str) -> None:
    """No statement reads a file, changes a value or switches escaping off."""
    with pytest.raises(SiteError):
        Templates.load({"t.yaml.j2": tag}).render("t.yaml.j2", {"name": "dev"})


ALIKE: Final = (
    "\u0430dmin",
    "adm\u0456n",
    "\u0440rod",
    "d\u0435v",
    "\uff41dmin",
    "ad\u00admin",
    "I\u0131",
)
"""Names with a letter of another alphabet, or one that is not seen."""


@pytest.mark.parametrize("name", ALIKE)
@pytest.mark.parametrize(
    "site",
    [
        "roles: {NAME: {app_labels: {env: dev}, tools: [read]}}\n",
        "bots: {NAME: {}}\n",
        "mcp_servers: {NAME: {labels: {env: dev}, app: {command: a, run_as_host_user: b}}}\n",
        "bots: {b: {join: {method: github, name: NAME, allow: [{repository: a/b}]}}}\n",
    ],
)
def test_names_that_look_alike(tmp_path: Path, name: str, site: str) -> None:
    """What we create has a name of plain letters, so none can pass for another."""
    found = problems(tmp_path, site.replace("NAME", name))
    assert any(each.severity == "error" for each in found)


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", "\t=1", "\r=1", "=1\n+2", '="x"'])
def test_no_cell_is_a_formula(text: str) -> None:
    """In CSV no cell begins with what a spreadsheet would compute, and each stays in its row."""
    row = AccessRow(True, text, text, "tool", text, text, text, text)
    _, *rows = csv.reader(access_data.difference_csv(Access((row,))).split("\n"))
    assert len(rows) == 1
    assert [cell for cell in rows[0] if cell[0] in "=+-@\t\r"] == []
    assert text in rows[0][1] or "\\" in rows[0][1]


@pytest.mark.parametrize("argv", [("check", "\x1b]0;x\x07.yaml"), ("plan", "\u202e.yaml")])
def test_a_path_cannot_speak_to_the_terminal(
    argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """An error shows a path without what a terminal would obey."""
    assert cli.main(argv) == 1
    said = "".join(capsys.readouterr())
    assert not {"\x1b", "\x07", "\u202e"} & {*said}
