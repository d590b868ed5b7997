"""A template's tree as `placement` looks at it: text, values, branches and loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from jinja2 import nodes

from provisioner.templating import placement

_OPPOSITE: Final[Mapping[str, placement.Position]] = {"first": "not first", "last": "not last"}


def steps(body: Sequence[nodes.Node]) -> placement.Steps:
    """Return what a part of a template writes, in the order in which it is written."""
    return tuple(step for node in body for step in _step(node))


def _step(node: nodes.Node) -> Iterator[placement.Step]:
    match node:
        case nodes.Output():
            for part in node.nodes:
                yield (
                    placement.Text(part.data)
                    if isinstance(part, nodes.TemplateData)
                    else placement.Value(id(part))
                )
        case nodes.If():
            arms = (node.body, *(other.body for other in node.elif_), node.else_)
            yield placement.Branch(tuple(map(steps, arms)), _position(node.test))
        case nodes.For():
            yield placement.Loop(steps(node.body), steps(node.else_))
        case nodes.With():
            yield from steps(node.body)
        case nodes.Macro() | nodes.AssignBlock():
            yield placement.Apart(steps(node.body))
        case nodes.CallBlock():
            yield placement.Apart(steps(node.body))
            yield placement.Raw(id(node))
        case nodes.Include():
            yield placement.Raw(id(node))


def _position(test: nodes.Node) -> placement.Position | None:
    """Return what `test` says about the place in the innermost loop, if that is all it says."""
    match test:
        case nodes.Getattr(node=nodes.Name(name="loop"), attr="first"):
            return "first"
        case nodes.Getattr(node=nodes.Name(name="loop"), attr="last"):
            return "last"
        case nodes.Not(node=inner):
            return _OPPOSITE.get(_position(inner) or "")
    return None


__all__ = ["steps"]
