"""Text templates: every fault is found when they are loaded; then they render plain values.

The extension before `.j2` names the output language. Each `{{ expression }}` becomes exactly one
value of it, so that nothing in a value can become structure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from itertools import pairwise
from traceback import walk_tb
from typing import Final

from jinja2 import BaseLoader, Environment, Template, TemplateError, TemplateNotFound, nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError, UndefinedError
from msgspec import Struct
from msgspec.structs import replace

from provisioner.errors import Place, Problem, SiteError
from provisioner.templating import placement
from provisioner.templating.outline import steps
from provisioner.templating.sandbox import TAGS, Exhausted, Sandbox, meant, render, spend
from provisioner.templating.template_text import TemplateText
from provisioner.text.scalars import HTML, JSON, PYTHON, TOML, YAML, Language
from provisioner.text.terminal import visible
from provisioner.values import EMPTY, Plain

TEXT: Final = Language("text", visible, null="")
"""For people: a value stays on its line and can neither colour it nor turn it around."""

_LANGUAGES: Final[Mapping[str, Language]] = {
    "yaml": YAML,
    "json": JSON,
    "toml": TOML,
    "py": PYTHON,
    "md": TEXT,
    "txt": TEXT,
    "html": HTML,
}
_ENDINGS: Final = f"a template ends in {', '.join(f'.{suffix}.j2' for suffix in _LANGUAGES)}"
_ALONE: Final = 'write one expression for the whole value, without quotes: {{ "mcp-" ~ name }}'
_WORD_CODES: Final = {"statement": "PV033", "filter": "PV032", "test": "PV032"}
_WORD_AFTER: Final = {"|": "filter", "is": "test"}
_CODES: Final[tuple[tuple[str, tuple[type[Exception], ...]], ...]] = (
    ("PV035", (UndefinedError,)),
    ("PV036", (SecurityError,)),
    ("PV039", (Exhausted, RecursionError)),
    ("PV034", (TemplateNotFound,)),
    ("PV037", (TemplateError, TypeError, ValueError, LookupError, ArithmeticError)),
    ("PV037", (AttributeError, NameError)),  # Jinja writes 1e999 as `inf`
)
_FAILURES: Final = tuple(kind for _, kinds in _CODES for kind in kinds)


Entry = Place | Callable[[], Place]
"""The place in the site for which something is rendered, or what finds it when it is needed."""


class Templates(Struct, frozen=True):
    """Compiled templates, by file name such as `teleport/role.yaml.j2`."""

    _shelf: _Shelf
    _ours: frozenset[str] = frozenset()

    @classmethod
    def load(
        cls,
        texts: Mapping[str, str],
        *,
        proven: Collection[str] = (),
        paths: Mapping[str, str] = EMPTY,
    ) -> Templates:
        """Check and compile `texts`, given by file name; those in `proven`, ours, when first used.

        `paths` are for problems, where a file has another path than its name. A template can include
        and import those of its own language. Raises SiteError with every problem of every template:
        PV030 syntax, PV031 a value that does not stand on its own,
        PV032 unknown filter or test, PV033 statement that is not allowed, PV034 no such template,
        or none of its language.
        """
        shelf = _Shelf({name: _source(name, text, paths) for name, text in texts.items()})
        problems = [
            problem
            for name, source in shelf.sources.items()
            if name not in proven
            for problem in shelf.compile(source)
        ]
        if problems:
            raise SiteError(tuple(sorted(problems, key=lambda p: p.at or Place(""))))
        return cls(shelf, frozenset(proven))

    def also(self, texts: Mapping[str, str], paths: Mapping[str, str] = EMPTY) -> Templates:
        """Return these templates and more. Raises SiteError as `load` does."""
        known = self.texts
        if not texts:
            return self
        more = Templates.load({**known, **texts}, proven=known.keys() - texts, paths=paths)
        return replace(more, _ours=self._ours - texts.keys())

    def is_ours(self, name: str) -> bool:
        """Say whether a template is one that came proven, and no one else's in its place."""
        return name in self._ours

    def path(self, name: str) -> str:
        """Return where a template is, as problems say it."""
        return self._shelf.sources[name].file or name

    @property
    def texts(self) -> Mapping[str, str]:
        """The texts of all templates, by file name."""
        return {name: source.text for name, source in self._shelf.sources.items()}

    def render(self, name: str, context: Mapping[str, Plain], *, entry: Entry | None = None) -> str:
        """Return the text of template `name` for `context`, at most 16 Mi characters.

        Raises SiteError with one problem that names the template's line and, as related, the
        `entry` of the site it was rendered for: PV035 undefined name, PV036 not allowed, PV037
        an operation that fails, PV039 too much, PV034 no such template.
        """
        try:
            return render(self._shelf.get(name), context)
        except _FAILURES as exc:
            raise SiteError(
                (self._failure(exc, name, entry() if callable(entry) else entry),)
            ) from exc

    def _failure(self, exc: Exception, name: str, entry: Place | None) -> Problem:
        code = next(code for code, kinds in _CODES if isinstance(exc, kinds))
        text, line = str(exc), 0
        if isinstance(exc, TemplateNotFound):
            text = f"there is no template `{exc.name}`\n{meant(str(exc.name), self._shelf.sources)}"
        elif isinstance(exc, RecursionError):
            text = "this calls itself without end"
        message, _, hint = text.partition("\n")
        for frame, number in walk_tb(exc.__traceback__):
            template = frame.f_globals.get("__jinja_template__")
            if isinstance(template, Template):
                name, line = str(template.name), template.get_corresponding_lineno(number)
        related = (entry,) if entry else ()
        if not line:
            return Problem(code, "error", message, hint, entry)
        named = re.search(r"`(\w+)`", message)
        source = self._shelf.sources[name]
        at, end = source.find(line, named[1] if named else "")
        return replace(source.problem(code, at, end, message, hint), related=related)


def _source(name: str, text: str, paths: Mapping[str, str]) -> TemplateText:
    return TemplateText(name, re.sub(r"\r\n?", "\n", text), paths.get(name, ""))


class _Shelf(BaseLoader):
    """All templates, compiled as they are wanted; finds what one includes in its own language."""

    def __init__(self, sources: Mapping[str, TemplateText]) -> None:
        self.sources = sources
        self._compiled: dict[str, Template] = {}
        self._sandboxes: dict[str, Sandbox] = {}

    def get(self, name: str) -> Template:
        """Return the template `name`. Raises TemplateNotFound, and SiteError for a faulty one."""
        if name not in self._compiled:
            if name not in self.sources:
                raise TemplateNotFound(name)
            if problems := self.compile(self.sources[name]):
                raise SiteError(tuple(problems))
        return self._compiled[name]

    def compile(self, source: TemplateText) -> Sequence[Problem]:
        """Compile one template, or return all that is wrong with it."""
        if source.suffix not in _LANGUAGES:
            message = f"no language is known by the ending of `{source.file or source.name}`"
            return [source.problem("PV034", 0, 0, message, _ENDINGS)]
        return _compile(source, self._sandbox(source.suffix), self.sources, self._compiled)

    def load(self, environment: Environment, name: str, *_: object) -> Template:
        """Return the template `name`, paid for; raises TemplateNotFound."""
        template = self.get(name)
        if template.environment is not environment:
            raise TemplateNotFound(name)
        spend(1 + len(self.sources[name].text))
        return template

    def _sandbox(self, suffix: str) -> Sandbox:
        if suffix not in self._sandboxes:
            self._sandboxes[suffix] = Sandbox(_LANGUAGES[suffix], self)
        return self._sandboxes[suffix]


def _compile(
    source: TemplateText,
    sandbox: Sandbox,
    sources: Mapping[str, TemplateText],
    compiled: MutableMapping[str, Template],
) -> Sequence[Problem]:
    """Add the template of `source` to `compiled`, or return all that is wrong with it."""
    problems: list[Problem] = []
    try:
        tokens = list(_tokens(source, sandbox))
        problems += _unknown_words(source, tokens, sandbox)
        if any(problem.code == "PV033" for problem in problems):
            return problems
        tree = sandbox.parse(source.text, source.name)
        found = placement.examine(_LANGUAGES[source.suffix].name, steps(tree.body))
        problems += _misplaced(source, tokens, tree, found.misplaced)
        problems += _out_of_bounds(source, tree, sources)
        if not problems:
            compiled[source.name] = sandbox.prepare(source.name, tree, found.keys)
    except TemplateSyntaxError as exc:
        message = exc.message or "this is not a template"
        return [*problems, source.problem("PV030", *source.find(exc.lineno), message)]
    except (SyntaxError, RecursionError, MemoryError, ValueError) as exc:
        # What nests too deeply for Python, or a number of thousands of digits.
        return [*problems, source.problem("PV030", 0, 0, f"this cannot be compiled: {exc}")]
    return problems


class _Token(Struct, frozen=True):
    kind: str
    text: str
    at: int


def _tokens(source: TemplateText, sandbox: Sandbox) -> Iterator[_Token]:
    """Return what stands in the tags, each with its offset in the text."""
    at = 0
    for _, kind, text in sandbox.lex(source.text):
        at = source.text.index(text, at)  # stripped white space leaves gaps
        if kind not in ("data", "whitespace"):
            yield _Token(kind, text, at)
        at += len(text)


def _unknown_words(
    source: TemplateText, tokens: Sequence[_Token], sandbox: Sandbox
) -> Iterator[Problem]:
    """Yield a problem for each statement, filter and test that is not to be had."""
    words = {"statement": TAGS.split(), "filter": sandbox.filters, "test": sandbox.tests}
    for before, token in pairwise(token for token in tokens if token.text != "not"):
        kind = "statement" if before.kind == "block_begin" else _WORD_AFTER.get(before.text, "")
        if kind and token.kind == "name" and token.text not in words[kind]:
            known = [word for word in words[kind] if word[0] != "·"]
            message = f"there is no {kind} `{token.text}` in templates"
            code, end = _WORD_CODES[kind], token.at + len(token.text)
            yield source.problem(code, token.at, end, message, meant(token.text, known))


def _misplaced(
    source: TemplateText, tokens: Sequence[_Token], tree: nodes.Template, found: Mapping[int, str]
) -> Iterator[Problem]:
    """Yield a problem for each expression that is not a whole value."""
    if not found:
        return
    begins = (token.at for token in tokens if token.kind == "variable_begin")
    parts = (part for output in tree.find_all(nodes.Output) for part in output.nodes)
    values = (part for part in parts if not isinstance(part, nodes.TemplateData))
    spans = {id(value): (at, at + 2) for value, at in zip(values, begins, strict=True)}
    for node in tree.find_all((nodes.CallBlock, nodes.Include)):
        spans[id(node)] = source.find(node.lineno)
    for number, where in found.items():
        message = f"a value has to stand on its own, but this one stands {where}"
        yield source.problem("PV031", *spans[number], message, _ALONE)


def _out_of_bounds(
    source: TemplateText, tree: nodes.Template, sources: Mapping[str, TemplateText]
) -> Iterator[Problem]:
    """Yield a problem for each loop without bound, and each file that is not there."""
    for loop in tree.find_all(nodes.For):
        if loop.recursive:
            span = source.find(loop.lineno, "recursive")
            yield source.problem("PV033", *span, "a loop cannot be recursive", "a macro can")
    known = [other.name for other in sources.values() if other.suffix == source.suffix]
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport)):
        name = getattr(getattr(node, "template", None), "value", None)
        if isinstance(name, str) and name not in known:
            span, message = source.find(node.lineno, name), f"there is no template `{name}`"
            yield source.problem("PV034", *span, message, meant(name, known))
