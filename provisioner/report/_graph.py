"""What a plan touches, as a graph in three layers: bots hold roles, roles open servers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from provisioner.change import Change, Op, Plan
from provisioner.planning.holdings import roles_of
from provisioner.report import _access
from provisioner.text.terminal import plural, visible
from provisioner.values import EMPTY

READABLE: Final = 40
"""How many nodes can be told apart; of more, those of one layer that are alike become one."""

PER_LAYER: Final = 13
LAYERS: Final = ("bot", "role", "app")
_WORDS: Final = {"bot": "bot", "role": "role", "app": "MCP server"}
_BECOMES: Final[dict[Op, str]] = {Op.CREATE: "new", Op.DELETE: "deleted"}
STATES: Final = ("new", "changed", "deleted", "")

State = Literal["gained", "lost", "both", "kept"]
Tie = tuple["Node", "Node"]


class Node(Struct, frozen=True, order=True):
    """A bot, a role or a server, or several of a layer; `state` is one of `STATES`."""

    layer: int
    name: str
    state: str = ""
    names: tuple[str, ...] = ()


class Graph(Struct, frozen=True):
    """Nodes, and what becomes of the ties between them; a tie leads to a higher layer.

    `effects` says for a bot or a server how many tools are gained and lost there.
    """

    nodes: tuple[Node, ...] = ()
    ties: Mapping[Tie, State] = EMPTY
    effects: Mapping[Node, tuple[int, int]] = EMPTY


def graph(plan: Plan) -> Graph:
    """Return the graph of what changes, and of what access is gained or lost through."""
    states = {
        (LAYERS.index(change.key.kind), change.key.name): _BECOMES.get(change.op, "changed")
        for change in plan.changes
        if change.key.kind in LAYERS
    }
    paths = [*_paths(plan)]
    for path in paths:
        for spot in (path.start, path.end):
            states.setdefault(spot, "")
    nodes = {spot: Node(*spot, state) for spot, state in sorted(states.items())}
    ties: dict[Tie, State] = {}
    for path in paths:
        tie = nodes[path.start], nodes[path.end]
        ties[tie] = _joined(ties.get(tie), path.state)
    held = _held(plan, nodes, ties)
    whole = Graph(tuple(nodes.values()), {**held, **ties}, _effects(plan, nodes))
    return _readable(whole)


class _Path(Struct, frozen=True):
    start: tuple[int, str]
    end: tuple[int, str]
    state: State


def _paths(plan: Plan) -> Iterable[_Path]:
    """Yield what is gained and lost: roles by bots, servers by roles."""
    for change in plan.changes:
        if change.key.kind == "bot":
            yield from _taken_and_given(change)
    for row in plan.access.rows:
        state: State = "gained" if row.gained else "lost"
        start = (1, row.role) if row.role else (0, row.bot)
        yield _Path(start, (2, row.server), state)
        if row.role:
            yield _Path((0, row.bot), (1, row.role), "kept")


def _taken_and_given(change: Change) -> Iterable[_Path]:
    before, after = (frozenset(roles_of(form)) for form in (change.before, change.after))
    bot = (0, change.key.name)
    yield from (_Path(bot, (1, role), "gained") for role in sorted(after - before))
    yield from (_Path(bot, (1, role), "lost") for role in sorted(before - after))


def _held(
    plan: Plan, nodes: Mapping[tuple[int, str], Node], ties: Mapping[Tie, State]
) -> dict[Tie, State]:
    """Return which of the roles that are shown a bot keeps, as far as the plan knows."""
    held: dict[Tie, State] = {}
    for change in plan.changes:
        if change.key.kind == "bot":
            for role in frozenset(roles_of(change.before)) & frozenset(roles_of(change.after)):
                bot, end = nodes[0, change.key.name], nodes.get((1, role))
                if end and (bot, end) not in ties:
                    held[bot, end] = "kept"
    return held


def _joined(one: State | None, other: State) -> State:
    """Return what becomes of a tie of which both are said; that a role is held says the least."""
    if one is None or one in (other, "kept"):
        return other
    return one if other == "kept" else "both"


def _effects(plan: Plan, nodes: Mapping[tuple[int, str], Node]) -> dict[Node, tuple[int, int]]:
    found: Counter[tuple[Node, bool]] = Counter()
    for row in _access.shown(plan.access):
        for spot in ((0, row.bot), (2, row.server)):
            if spot in nodes:
                found[nodes[spot], row.gained] += 1
    return {node: (found[node, True], found[node, False]) for node, _ in found}


def _readable(graph: Graph) -> Graph:
    """Return a graph with so few nodes that it can be read: first equals are joined, then the rest."""
    if len(graph.nodes) > READABLE:
        graph = _merged(graph, _alike(graph))
    if len(graph.nodes) > READABLE:
        graph = _merged(graph, _rest(graph))
    return graph


def _alike(graph: Graph) -> Callable[[Node], object]:
    """Return what nodes have in common that could be swapped: state and neighbours."""
    around: dict[Node, set[tuple[Node, State]]] = defaultdict(set)
    for (start, end), state in graph.ties.items():
        around[start].add((end, state))
        around[end].add((start, state))
    return lambda node: (node.layer, node.state, frozenset(around[node]))


def _rest(graph: Graph) -> Callable[[Node], object]:
    """Return which nodes of a layer stay by themselves: those with most effect, then with most ties."""
    weight: Counter[Node] = Counter(node for tie in graph.ties for node in tie)
    weight.update({node: sum(effect) * len(graph.ties) for node, effect in graph.effects.items()})
    alone: set[Node] = set()
    for layer in range(len(LAYERS)):
        mine = [node for node in graph.nodes if node.layer == layer]
        mine.sort(key=lambda node: (-weight[node], node))
        alone.update(mine if len(mine) <= PER_LAYER else mine[: PER_LAYER - len(STATES)])
    return lambda node: node if node in alone else (node.layer, node.state)


def _merged(graph: Graph, key: Callable[[Node], object]) -> Graph:
    """Return the graph in which nodes of the same key are one."""
    groups: dict[object, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        groups[key(node)].append(node)
    # By number: a node of thousands of names is hashed as slowly as they are.
    into = {node: number for number, group in enumerate(groups.values()) for node in group}
    unions = [_union(group) for group in groups.values()]
    ties: dict[tuple[int, int], State] = {}
    for (start, end), state in graph.ties.items():
        tie = into[start], into[end]
        ties[tie] = _joined(ties.get(tie), state)
    effects: dict[int, tuple[int, int]] = {}
    for node, (gained, lost) in graph.effects.items():
        more, less = effects.get(into[node], (0, 0))
        effects[into[node]] = (more + gained, less + lost)
    return Graph(
        tuple(sorted(unions)),
        {(unions[start], unions[end]): state for (start, end), state in ties.items()},
        {unions[number]: effect for number, effect in effects.items()},
    )


def _union(group: list[Node]) -> Node:
    if len(group) == 1:
        return group[0]
    names = tuple(name for node in group for name in node.names or (node.name,))
    layer, state = group[0].layer, group[0].state
    return Node(layer, _several(layer, names), state, names)


def _several(layer: int, names: tuple[str, ...]) -> str:
    return f"{plural(len(names), _WORDS[LAYERS[layer]])}: {visible(', '.join(names[:3]))}"
