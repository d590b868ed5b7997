"""Jinja reduced to what a text template needs: each expression one value, and a budget.

An expression becomes what the output language makes of its value. What a macro, a set block or
`call` wrote is template text already and stays as it is: it is a `Block`, and whatever is done to
a Block gives ordinary text again. Jinja's own mark for this, the `Markup` of autoescape, spreads:
`macro() ~ value` would pass as safe, line breaks of `value` included. Only HTML, where escaping is
all that is needed, is left to autoescape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sized
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final, TypeVar

from jinja2 import BaseLoader, StrictUndefined, Template, TemplateError, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext, Macro, markup_join
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.tests import TESTS
from jinja2.utils import missing
from markupsafe import Markup

from provisioner.scalars import HTML, Language

LIMIT: Final = 16 * 2**20
"""What one rendering may spend: one for each character written, step of a loop, and call."""

TAGS: Final = (
    "if elif else endif for endfor set endset macro endmacro call endcall with endwith "
    "include import from"
)
"""The statements that can be bounded, and that cannot switch escaping off."""

_FILTERS: Final = (
    "abs count d default dictsort first float groupby int last length list map max min reject "
    "rejectattr reverse select selectattr sort unique"
)
_TESTS: Final = (
    "!= < <= == > >= boolean defined divisibleby eq equalto even false float ge greaterthan gt in "
    "integer iterable le lessthan lt mapping ne none number odd sequence string true undefined"
)
_METHODS: Final[Mapping[type, frozenset[str]]] = {
    dict: frozenset(("get", "items", "keys", "values")),
    MappingProxyType: frozenset(("get", "items", "keys", "values")),
    str: frozenset(("endswith", "removeprefix", "removesuffix", "split", "startswith")),
    LoopContext: frozenset(("changed", "cycle")),
}
_MAPPINGS: Final = (dict, MappingProxyType, Mapping)  # the quickest to test first
_CONTAINERS: Final = (list, tuple, *_MAPPINGS)
_LARGEST: Final = 2**63  # what a product may be: squaring again and again never ends

T = TypeVar("T")


class Block(str):
    """Text that a template wrote itself; anything done to it gives an ordinary `str`."""

    __slots__ = ()


class Exhausted(TemplateError):
    """A rendering has spent its budget."""


@dataclass(slots=True)
class _Run:
    """One rendering: what it may still spend, and the names that it was given."""

    left: int
    names: Iterable[str]


_run: ContextVar[_Run] = ContextVar("_run")


def render(template: Template, context: Mapping[str, object]) -> str:
    """Return the text of `template`, at most `LIMIT` characters.

    Raises TemplateError (Exhausted among others), TypeError, ValueError, LookupError,
    ArithmeticError and RecursionError. A message can have a second line, which says the cure.
    """
    token = _run.set(_Run(LIMIT, context))
    try:
        text = "".join(template.root_render_func(template.new_context(dict(context))))
    finally:
        _run.reset(token)
    if len(text) > LIMIT:
        raise Exhausted(f"the text is longer than {LIMIT:,} characters")
    return text


def spend(amount: int) -> None:
    """Take `amount` from the budget of the rendering under way; raises Exhausted."""
    run = _run.get()
    run.left -= amount
    if run.left < 0:
        raise Exhausted(f"this takes more than {LIMIT:,} characters and steps")


def meant(word: str, known: Iterable[object]) -> str:
    """Return what to say to someone who wrote `word`: the nearest of `known`, or all of them."""
    names = sorted(map(str, known))
    close = get_close_matches(word, names, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known are: {', '.join(names[:40])}" if names else ""


class _Undefined(StrictUndefined):
    """An undefined value; its message says on a second line what might have been meant."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        owner, name = self._undefined_obj, str(self._undefined_name)
        if self._undefined_hint:
            return self._undefined_hint
        if owner is missing:
            return f"`{name}` is not defined\n{meant(name, _run.get().names)}"
        known = owner if isinstance(owner, Mapping) else ()
        return f"a value of type {type(owner).__name__} has no `{name}`\n{meant(name, known)}"


class Sandbox(ImmutableSandboxedEnvironment):
    """The templates of one language; nothing that is not named in this module is within reach."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, language: Language, loader: BaseLoader) -> None:
        super().__init__(
            autoescape=language is HTML,
            finalize=_finalizer(language),
            undefined=_Undefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            cache_size=0,
            loader=loader,
        )
        self.filters = {name: FILTERS[name] for name in _FILTERS.split()} | _filters(language)
        self.tests = {name: TESTS[name] for name in _TESTS.split()}
        self.globals = {"range": safe_range}

    def prepare(self, name: str, tree: nodes.Template, keys: frozenset[int]) -> Template:
        """Compile `tree`, which is changed; `keys` has the `id` of each expression that is a key.

        Raises TemplateSyntaxError; SyntaxError or RecursionError on what nests too deeply.
        """
        _keep_books(tree, keys, marked=not self.autoescape)
        tree.set_environment(self)
        code = self.compile(tree, name, name)
        return Template.from_code(self, code, self.make_globals(None))

    def getattr(self, obj: object, attribute: str) -> object:
        """Look among keys before methods: in `trait.values`, `values` is the trait's own."""
        if isinstance(obj, _MAPPINGS) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_callable(self, obj: object) -> bool:
        """Allow macros, `range` and the few methods that neither change nor multiply anything."""
        if isinstance(obj, Macro) or obj is safe_range:
            return True
        methods = _METHODS.get(type(getattr(obj, "__self__", None)), ())
        return getattr(obj, "__name__", "") in methods

    def call(self, context: Context, obj: object, /, *args: object, **kwargs: object) -> object:
        """Call `obj` if it is safe; what a macro wrote comes back as a Block."""
        if not self.is_safe_callable(obj) or not callable(obj):
            name = getattr(_defined(obj), "__name__", type(obj).__name__)
            raise SecurityError(f"`{name}` cannot be called here\na filter may do: `x | upper`")
        result = context.call(obj, *args, **kwargs)
        spend(1 + len(result) if isinstance(obj, Macro) else 1)
        return Block(result) if isinstance(obj, Macro) and not self.autoescape else result

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Refuse those operators, or let them pay, that make much of little."""
        sizes = [len(side) for side in (left, right) if isinstance(side, Sized)]
        if operator == "+":
            spend(sum(sizes))
        elif operator == "**" or sizes:
            raise SecurityError(f"`{operator}` is not available here\nuse `~` to join text")
        result = super().call_binop(context, operator, left, right)
        if operator == "*" and abs(result) > _LARGEST:
            raise Exhausted("this product is too large")
        return result


def _finalizer(language: Language) -> Callable[[object], str]:
    def finalize(value: object) -> str:
        if type(value) is str:
            text = language.text(value)
        elif isinstance(value, Block):
            text = value.removesuffix("\n")  # the template's own line break ends the last line
        elif isinstance(value, Markup):
            text = value
        else:
            text = language.write(_weigh(value))
        spend(len(text))
        return text

    return finalize


def _weigh(value: T) -> T:
    """Pay for `value` before it is written: lists that share parts unfold without end."""
    if isinstance(value, str):
        spend(len(value))
    elif isinstance(value, _CONTAINERS):
        spend(len(value))
        for item in (*value, *value.values()) if isinstance(value, Mapping) else value:
            _weigh(item)
    return _defined(value)


def _defined(value: T) -> T:
    """Return `value`; raises UndefinedError if it stands for something that is not there."""
    if isinstance(value, Undefined):
        str(value)
    return value


def _keep_books(tree: nodes.Template, keys: frozenset[int], *, marked: bool) -> None:
    """Let loops and `~` pay, keys be written as keys, and set blocks give a Block if `marked`."""
    for output in tree.find_all(nodes.Output):
        output.nodes = [_filter("·key", n) if id(n) in keys else n for n in output.nodes]
    for loop in tree.find_all(nodes.For):
        step = 1 + sum(len(data.data) for data in loop.find_all(nodes.TemplateData))
        loop.iter = _filter("·steps", loop.iter, nodes.Const(step))
    for concat in list(tree.find_all(nodes.Concat)):
        concat.nodes = [_filter("·concat", nodes.List(concat.nodes))]
    for block in tree.find_all(nodes.AssignBlock) if marked else ():
        block.filter = block.filter or _filter("·block", None)


def _filter(name: str, node: nodes.Node | None, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, [*args], [], None, None, lineno=node.lineno if node else 0)


def _filters(language: Language) -> dict[str, Callable[..., object]]:
    """Return our own filters; those with a dot in front are not for templates."""
    return {
        "block": lambda v, width=0: _indent(Block("\n".join(language.lines(_weigh(v)))), width),
        "indent": _indent,
        "join": _join,
        "lower": lambda value: _text(value).lower(),
        "items": lambda value: [*_defined(value).items()],  # Jinja's lets misspelt names pass
        "one_or_many": lambda values: values[0] if len(values) == 1 else values,
        "replace": _replace,
        "string": _text,
        "tojson": FILTERS["tojson"] if language is HTML else _defined,
        "trim": lambda value: _text(value).strip(),
        "upper": lambda value: _text(value).upper(),
        "·block": Block,
        "·concat": (lambda parts: markup_join(_weigh(parts))) if language is HTML else _join,
        "·key": lambda value: Block(language.key(_defined(value))),
        "·steps": _steps,
    }


def _steps(values: Iterable[object], cost: int) -> Iterable[object]:
    """Return what a loop goes through, paid for in advance."""
    items = values if isinstance(values, Sized) else list(values)
    spend(len(items) * cost)
    return items


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value).lower()  # true and false, as in the languages we write
    raise TypeError(f"text or a number is wanted here, not a {type(_defined(value)).__name__}")


def _join(values: Iterable[object], separator: str = "") -> str:
    parts = [_text(value) for value in values]
    spend(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def _replace(value: object, old: str, new: str) -> str:
    text = _text(value)
    spend(text.count(old) * len(new))
    return text.replace(old, new)


def _indent(value: str, width: int = 4) -> str:
    """Indent all lines of `value` but the first and the empty; a Block stays one."""
    spend(value.count("\n") * abs(width))
    return type(value)(re.sub(r"\n(?=[^\n])", "\n" + " " * width, value))
