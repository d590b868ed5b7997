from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provisioner import workflow
from provisioner.change import Adoption, Key
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.resource import resource
from provisioner.errors import SiteError
from provisioner.importing.choice import choose
from provisioner.importing.importer import Imported, Target, write_down
from provisioner.templating.templates import Templates
from tests import sites
from tests.foreign import EXPRESSIBLE, OTHERWISE, app, bot, live, named, populated, reading, role


def imported(cluster: MemoryCluster, path: Path, *wishes: str, text: str = sites.HEAD) -> Imported:
    checked = workflow.check(path, text.encode())
    assert checked.site is not None
    target = Target(path, text, checked.site, is_new=text == sites.HEAD)
    found = live(cluster)
    choice = choose(found, tuple(map(Key.of, wishes)), checked.site.site, target.present)
    roles = [each.key.name for each in found if each.key.kind == "role"]
    return write_down(target, choice, roles, sites.TEMPLATES)


def reasons(made: Imported) -> dict[str, str]:
    return {str(left.key): left.reason for left in made.left}


def written(made: Imported) -> list[str]:
    return named(entry.live for entry in made.written)


@pytest.mark.parametrize("version", ["18.6.5", "18.7.6", "18.8.3"])
def test_the_round_trip(tmp_path: Path, version: str) -> None:
    """What is written down, adopted, plans to nothing: on every release, whatever Teleport filled in."""
    cluster = populated(*EXPRESSIBLE, version=version)
    path = tmp_path / "site.yaml"
    made = imported(cluster, path)
    assert (len(made.written), made.left) == (len(EXPRESSIBLE), ())
    path.write_text(made.text)
    prepared = workflow.prepare(path, sites.TEMPLATES)
    before = workflow.make_plan(prepared, cluster, prune=True)
    assert before.changes == ()
    plan = workflow.make_adoption(prepared, cluster, Adoption())
    assert len(plan.changes) == len(EXPRESSIBLE)
    list(workflow.carry_out(plan, prepared, cluster))
    after = workflow.make_plan(prepared, cluster, prune=True)
    assert (after.changes, after.notes, after.problems) == ((), (), prepared.warnings)


def test_a_server_of_an_agent(tmp_path: Path) -> None:
    """What an agent serves by itself is written down with the rest, by its labels."""
    inner = app("static", labels={"env": "dev"}, mcp={"command": "x"})
    body = {"kind": "app_server", "version": "v3", "metadata": {"name": "static"}}
    found = (resource({**body, "spec": {"app": inner}}),)
    checked = workflow.check(tmp_path / "site.yaml", sites.HEAD.encode())
    assert checked.site is not None
    target = Target(tmp_path / "site.yaml", sites.HEAD, checked.site, is_new=True)
    made = write_down(target, choose(found, (), "acme", ()), (), sites.TEMPLATES)
    assert (written(made), made.left) == (["app_server/static"], ())
    assert "static:\n    labels:\n      env: dev" in made.text


def test_bots_in_the_older_spelling(tmp_path: Path) -> None:
    """A release that prints durations and times as Go structs gives the same entries."""
    bots = [body for body in EXPRESSIBLE if body["kind"] == "bot"]
    made, older = (
        imported(
            populated(*bots, role("dev", allow=reading()), version=version), tmp_path / "s", "bot/*"
        )
        for version in ("18.8.3", "18.2.0")
    )
    assert made.text == older.text
    assert '"1h30m"' in made.text


def test_what_is_left_out(tmp_path: Path) -> None:
    """What the site cannot say, or its rules refuse, is left out with the reason, and the rest is written."""
    made = imported(populated(*EXPRESSIBLE, *OTHERWISE), tmp_path / "s")
    assert len(made.written) == len(EXPRESSIBLE)
    found = reasons(made)
    assert found.pop("role/both").endswith("must both match a server (PV101)")
    assert found == {
        "role/Old_Style": "its name cannot stand in a site",
        "role/ancient": "a site has no roles of version v5",
        "bot/dangling": "it names roles that do not exist: gone",
    }


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (role("odd", allow=reading(new={"x": 1})), None),
        ({**role("odd", allow=reading()), "sub_kind": "x"}, "a site cannot say its sub_kind"),
        ({**role("odd", allow=reading()), "a": 1, "b": {"c": 1, "d": 2}}, "a site cannot say its a, b.c, b.d"),
        (bot("odd", "dev", new="field"), "unknown key `new`"),
        (role("access", allow=reading()), "role access: Teleport has a role of this name itself (PV112)"),
    ],
)  # fmt: skip
def test_only_what_renders_to_the_live_body(
    tmp_path: Path, body: dict[str, Any], reason: str | None
) -> None:
    """An entry stays only if it renders to what is live: what has no place in a site is told."""
    name = f"{body['kind']}/{body['metadata']['name']}"
    cluster = MemoryCluster(
        [role("dev", allow=reading()), *([] if body["kind"] == "bot" else [body])]
    )
    if body["kind"] == "bot":
        cluster = Answering(body)
    made = imported(cluster, tmp_path / "s", name)
    assert (written(made), reasons(made)) == (
        ([name], {}) if reason is None else ([], {name: reasons(made).get(name)})
    )
    assert (reason or "") in reasons(made).get(name, "")


class Answering(MemoryCluster):
    """A cluster that shows one document more, of a Teleport that nobody knows yet."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__([role("dev", allow=reading())])
        self._more = body

    def read(self, scope: Any) -> Any:
        """Return what is there, and that."""
        return (*super().read(scope), self._more)


def test_what_breaks_with_another(tmp_path: Path) -> None:
    """A role that was left out is named as one of others by the bots that hold it."""
    expiring = role("soon", allow=reading())
    expiring["metadata"]["expires"] = "2999-01-01T00:00:00Z"
    made = imported(populated(expiring, bot("b", "soon")), tmp_path / "s")
    assert written(made) == ["bot/b"]
    assert "(PV113)" in reasons(made)["role/soon"]
    assert "external_roles: [soon]\n" in made.text


def test_into_a_site(tmp_path: Path) -> None:
    """Into a site that includes others, only what none of them has goes to the end of the first file."""
    (tmp_path / "more.yaml").write_text("roles: {dev: {app_labels: {env: dev}, tools: ['*']}}\n")
    text = sites.HEAD + "include: [more.yaml]\nbots:\n  # mine\n  idle: {}\n"
    made = imported(populated(*EXPRESSIBLE), tmp_path / "site.yaml", "role/*", "bot/*", text=text)
    assert written(made) == ["bot/ci", "role/expression", "role/ops"]
    assert made.text.startswith(text.removesuffix("  idle: {}\n"))
    assert "  # mine\n  idle: {}\n  ci:\n" in made.text


def test_a_server_that_the_site_cannot_bear(tmp_path: Path) -> None:
    """Where an entry breaks a rule about what the site said before, it is left out."""
    text = (
        f"{sites.HEAD}mcp_servers: {{s: {{labels: {{env: dev}}, tools: [x, y]}}}}\n"
        "roles: {r: {app_labels: {env: dev}, tools: ['*'], except_tools: [x]}}\n"
    )
    server = app("new", labels={"env": "dev"}, mcp={"command": "x", "run_as_host_user": "y"})
    made = imported(populated(server), tmp_path / "s", text=text)
    assert (written(made), made.text) == ([], text)
    assert reasons(made)["app/new"].endswith("(PV121)")


def test_templates_that_fail(tmp_path: Path) -> None:
    """What is wrong with a template is told as such, and not as a fault of what is imported."""
    templates = Templates.load(
        {**sites.TEMPLATES.texts, "teleport/role.yaml.j2": "{{ nothing }}\n"}
    )
    checked = workflow.check(tmp_path / "s", sites.HEAD.encode())
    assert checked.site is not None
    target = Target(tmp_path / "s", sites.HEAD, checked.site, is_new=True)
    found = live(populated(role("dev", allow=reading())))
    with pytest.raises(SiteError) as caught:
        write_down(target, choose(found, (Key("role", "dev"),), "acme", ()), (), templates)
    assert [problem.code for problem in caught.value.problems] == ["PV035"]


def test_a_bot_that_an_entry_of_the_site_forbids(tmp_path: Path) -> None:
    """Where a rule is broken by what the site says and by an entry together, the entry goes."""
    text = (
        sites.HEAD
        + "roles: {soon: {expires: '2999-01-01T00:00:00Z', app_labels: {a: b}, tools: [x]}}\n"
    )
    made = imported(
        populated(role("soon", allow=reading()), bot("b", "soon")),
        tmp_path / "s",
        "bot/b",
        text=text,
    )
    assert (written(made), "(PV113)" in reasons(made)["bot/b"]) == ([], True)
    assert made.text == text


def test_the_same_again(tmp_path: Path) -> None:
    """Two imports of one cluster are the same text, in whatever order it lists."""
    one = imported(populated(*EXPRESSIBLE), tmp_path / "s").text
    assert one == imported(populated(*reversed(EXPRESSIBLE)), tmp_path / "s").text
