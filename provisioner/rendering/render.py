"""A site through its templates: the files of all four planes, and the resources for the cluster.

Templates decide how a document looks; `documents` and `machines` decide what they are told; this
module proves that what they wrote is one document of the right kind and name that carries the
site's label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, cached_property, partial
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from provisioner.change import Key
from provisioner.checks.worlds import site_world
from provisioner.cluster.kinds import KINDS, SITE_LABEL
from provisioner.cluster.resource import Resource
from provisioner.errors import Place, Problem, SiteError
from provisioner.rbac.access import matrix
from provisioner.rendering.documents import Locate, documents
from provisioner.rendering.machines import machine_files
from provisioner.site import raw
from provisioner.site.model import Site
from provisioner.templating.templates import Templates
from provisioner.text import source
from provisioner.values import EMPTY, Body, Plain, freeze, is_mapping

_ASKED: Final = (("kind",), ("metadata", "name"), ("metadata", "labels", SITE_LABEL))
"""Where a document says what it was asked to be: of which kind, called what, of whose site."""

_DIRECTORIES: Final = {"role": "roles", "app": "apps", "bot": "bots", "token": "tokens"}


class Rendered(Struct, frozen=True, dict=True):
    """What a site comes to: resources for the cluster, and every file by its relative path.

    `documents` are the files of the cluster, `machines` makes those of the bots' machines.
    """

    resources: tuple[Resource, ...]
    documents: Mapping[str, str]
    machines: Mapping[str, Callable[[], str]]

    @cached_property
    def files(self) -> Mapping[str, str]:
        """All files by path. Raises SiteError with a problem for every template that fails."""
        files, problems = dict(self.documents), list[Problem]()
        for path, make in self.machines.items():
            try:
                files[path] = make()
            except SiteError as error:
                problems.extend(error.problems)
        if problems:
            raise SiteError(tuple(problems))
        found: Mapping[str, str] = freeze(files)
        return found


def render(site: Site, templates: Templates, locate: Locate) -> Rendered:
    """Render every document of `site`, and its machine files as far as templates of others write them.

    A plan wants no machine files, and our own templates write all that a site can say; so these
    are rendered when they are asked for. `locate` gives the place of a path in the site, for
    errors. Raises SiteError with a problem for every template that fails or writes something else
    than it was asked for.
    """
    problems: list[Problem] = []
    files: dict[str, str] = {}
    resources: list[Resource] = []
    for key, find, context in documents(site, locate):
        try:
            text = templates.render(KINDS[key.kind].template, context, entry=find)
            resources.append(_parsed(text, key, find, site))
        except SiteError as error:
            problems.extend(error.problems)
        else:
            files[f"{_DIRECTORIES[key.kind]}/{key.name}.yaml"] = text
    machines: dict[str, Callable[[], str]] = {}
    for path, template, find, tell in machine_files(site, locate, _reach(site, resources)):
        if path in machines:
            problems.append(_written_twice(path, find()))
            continue
        machines[path] = partial(_machine_file, templates, path, template, find, tell)
        try:
            if not templates.is_ours(template):
                machines[path]()
        except SiteError as error:
            problems.extend(error.problems)
    if problems:
        raise SiteError(tuple(problems))
    return Rendered(tuple(resources), freeze(files), MappingProxyType(machines))


def _machine_file(
    templates: Templates,
    path: str,
    template: str,
    find: Callable[[], Place],
    context: Callable[[], Mapping[str, Plain]],
) -> str:
    """Render one file, and read back what a template of others wrote. Raises SiteError."""
    text = templates.render(template, context(), entry=find)
    if not templates.is_ours(template):
        from provisioner.rendering.readback import fault

        if why := fault(text, path):
            raise SiteError((_spoiled(templates.path(template), path, why, find()),))
    return text


def _reach(site: Site, resources: list[Resource]) -> Callable[[str], tuple[str, ...]]:
    """Return what tells a bot's servers, worked out when it is asked for the first time."""

    @cache
    def reached() -> Mapping[str, dict[str, None]]:
        found: dict[str, dict[str, None]] = {name: {} for name in site.bots}
        for row in matrix(site_world(site, resources)).rows():
            if row.kind != "session":
                found[row.bot][row.server] = None
        return found

    return lambda bot: tuple(reached()[bot])


def _parsed(text: str, key: Key, find: Callable[[], Place], site: Site) -> Resource:
    """Read a rendered document back. Raises SiteError when it is not what it was asked to be."""
    template = KINDS[key.kind].template
    body = source.quick(text)
    if body is None:
        body = _read_back(text, f"{template} (as rendered for {key})", find)
    wanted = (key.kind, key.name, site.site)
    wrong = [
        f"{'.'.join(path)} is {found!r}, not {asked!r}"
        for path, asked in zip(_ASKED, wanted, strict=True)
        if (found := _at(body, path)) != asked
    ]
    spec = _at(body, ("spec",))
    if not is_mapping(spec):
        wrong.append("spec is not a mapping")
    wrong += [f"{path} is lost" for path in raw.lost(_raw(site, key), spec)]
    if wrong:
        raise SiteError((_not_as_asked(template, key, find(), wrong),))
    return Resource(key, body, find)


def _read_back(text: str, name: str, find: Callable[[], Place]) -> Plain:
    document, problems = source.load(text.encode(), name)
    if document is None or problems:
        raise SiteError(tuple(replace(problem, related=(find(),)) for problem in problems))
    return freeze(document.value)


def _raw(site: Site, key: Key) -> Body:
    """Return what the site says of a document that it has no words for."""
    if key.kind == "role":
        return site.roles[key.name].spec
    app = site.mcp_servers[key.name].app if key.kind == "app" else None
    return app.spec if app else EMPTY


def _at(value: Plain, path: tuple[str, ...]) -> Plain:
    for name in path:
        value = value.get(name) if is_mapping(value) else None
    return value


def _not_as_asked(template: str, key: Key, at: Place, wrong: list[str]) -> Problem:
    return Problem(
        "PV038",
        "error",
        f"the template wrote something else than {key}: {'; '.join(wrong)}",
        "a template must write one document with the kind, name, labels and raw spec that it is given",
        Place(template),
        (at,),
    )


def _spoiled(template: str, path: str, why: str, at: Place) -> Problem:
    return Problem(
        "PV038",
        "error",
        f"what the template wrote into {path} cannot be read: {why}",
        "see what it comes to where a list is empty, and between two entries",
        Place(template),
        (at,),
    )


def _written_twice(path: str, at: Place) -> Problem:
    return Problem(
        "PV028",
        "error",
        f"two entries of the site come to the file {path}",
        "give the joins, or the clients' templates, names of their own",
        at,
    )
