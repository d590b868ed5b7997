"""Jinja reduced to what a text template needs: each expression one value, and a budget.

An expression becomes what the output language makes of its value. What a macro, a set block or
`call` wrote is template text already and stays as it is: it is a `Block`, and whatever is done to
a Block gives ordinary text again. Jinja's own mark for this, the `Markup` of autoescape, spreads:
`macro() ~ value` would pass as safe, line breaks of `value` included. Only HTML, where escaping is
all that is needed, is left to autoescape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from types import MappingProxyType
from typing import Final

from jinja2 import BaseLoader, Template, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.tests import TESTS

from provisioner.templating.sandbox._base import (
    CALL,
    LIMIT,
    MAPPINGS,
    STEP,
    Block,
    Exhausted,
    Missing,
    budget,
    defined,
    meant,
    spend,
    weigh,
)
from provisioner.templating.sandbox.filters import filters_for
from provisioner.text.scalars import HTML, Language

__all__ = ["LIMIT", "TAGS", "Exhausted", "Sandbox", "meant", "render", "spend"]

TAGS: Final = (
    "if elif else endif for endfor set endset macro endmacro call endcall with endwith "
    "include import from"
)
"""The statements that can be bounded, and that cannot switch escaping off."""

_TESTS: Final = (
    "!= < <= == > >= boolean defined divisibleby eq equalto even false float ge greaterthan gt in "
    "integer iterable le lessthan lt mapping ne none number odd sequence string true undefined"
)
_BOOKED: Final = (nodes.Output, nodes.For, nodes.Concat, nodes.AssignBlock)
_METHODS: Final[Mapping[type, frozenset[str]]] = {
    dict: frozenset(("get", "items", "keys", "values")),
    MappingProxyType: frozenset(("get", "items", "keys", "values")),
    str: frozenset(("endswith", "removeprefix", "removesuffix", "split", "startswith")),
    LoopContext: frozenset(("changed", "cycle")),
}


def render(template: Template, context: Mapping[str, object]) -> str:
    """Return the text of `template`, at most `LIMIT` characters.

    Raises TemplateError (Exhausted among others), TypeError, ValueError, LookupError,
    ArithmeticError and RecursionError. A message can have a second line, which says the cure.
    """
    with budget(context):
        text = "".join(template.root_render_func(template.new_context(dict(context))))
    if len(text) > LIMIT:
        raise Exhausted(f"the text is longer than {LIMIT:,} characters")
    return text


class Sandbox(ImmutableSandboxedEnvironment):
    """The templates of one language; nothing that is not named in this package is within reach."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, language: Language, loader: BaseLoader) -> None:
        super().__init__(
            autoescape=language is HTML,
            finalize=_finalizer(language),
            undefined=Missing,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            cache_size=0,
            optimized=False,  # what it folds is rare, and a chain of n names takes it n³ steps
            loader=loader,
        )
        self.filters = filters_for(language)
        self.tests = {name: TESTS[name] for name in _TESTS.split()}
        self.globals = {"range": safe_range}

    def prepare(self, name: str, tree: nodes.Template, keys: frozenset[int]) -> Template:
        """Compile `tree`, which is changed; `keys` has the `id` of each expression that is a key.

        Raises TemplateSyntaxError; SyntaxError or RecursionError on what nests too deeply.
        """
        _keep_books(tree, keys, marked=not self.autoescape)
        tree.set_environment(self)
        code = self.compile(tree, name, name)
        return Template.from_code(self, code, dict(self.globals))

    def getattr(self, obj: object, attribute: str) -> object:
        """Look among keys before methods: in `trait.values`, `values` is the trait's own."""
        if isinstance(obj, MAPPINGS) and attribute in obj:
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
            name = getattr(defined(obj), "__name__", type(obj).__name__)
            raise SecurityError(f"`{name}` cannot be called here\na filter may do: `x | upper`")
        result = context.call(obj, *args, **kwargs)
        spend(CALL + len(result) if isinstance(obj, Macro) else CALL)
        return Block(result) if isinstance(obj, Macro) and not self.autoescape else result

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Refuse those operators, or let them pay, that make much of little."""
        sizes = [len(side) for side in (left, right) if isinstance(side, Sized)]
        if operator == "+":
            spend(sum(sizes))
        elif operator != "%" or sizes:
            raise SecurityError(f"`{operator}` is not available here\nuse `~` to join text")
        return super().call_binop(context, operator, left, right)


def _finalizer(language: Language) -> Callable[[object], str]:
    def finalize(value: object) -> str:
        if type(value) is str:
            text = language.text(value)
        elif isinstance(value, Block):
            text = value.removesuffix("\n")  # the template's own line break ends the last line
        else:
            text = language.write(weigh(value))
        spend(len(text))
        return text

    return finalize


def _keep_books(tree: nodes.Template, keys: frozenset[int], *, marked: bool) -> None:
    """Let loops and `~` pay, keys be written as keys, and set blocks give a Block if `marked`."""
    # All are found before any is changed: to go through a template takes longer than to compile it.
    for node in list(tree.find_all(_BOOKED)):
        match node:
            case nodes.Output():
                node.nodes = [_filter("·key", n) if id(n) in keys else n for n in node.nodes]
            case nodes.For():
                cost = STEP + sum(len(data.data) for data in node.find_all(nodes.TemplateData))
                node.iter = _filter("·steps", node.iter, nodes.Const(cost))
            case nodes.Concat():
                node.nodes = [_filter("·concat", nodes.List(node.nodes))]
            case nodes.AssignBlock() if marked:
                node.filter = node.filter or _filter("·block", None)


def _filter(name: str, node: nodes.Node | None, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, [*args], [], None, None, lineno=node.lineno if node else 0)
