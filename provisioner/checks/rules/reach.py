"""Rules about where roles and bots get to, as far as the site alone knows.

What Teleport makes of a role that reaches nothing, and of a deny: lib/services/role.go,
RoleSet.checkAccess, through `access`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from provisioner.checks.rules._base import Finding, Path, Rule
from provisioner.checks.rules._ground import Ground
from provisioner.rbac.access import Server, Spot
from provisioner.rbac.patterns import Pattern, PatternError, compile_pattern, find
from provisioner.site.model import Role

_FEW: Final = 3


def _dead_pattern(on: Ground) -> Iterator[Finding]:
    for name, role in on.site.roles.items():
        tools = on.tools(name)
        for path, pattern in _entries(name, role) if tools is not None else ():
            if not _matched(pattern, tools):
                yield Finding(
                    path,
                    f"role {name}: `{pattern.text}` matches no tool of {_named(on.reached[name])}",
                    "correct it, or take it out",
                    word=pattern.text,
                    known=tools or (),
                )


def _dead_role(on: Ground) -> Iterator[Finding]:
    labels = {f"{key}: {value}" for each in on.world.servers for key, value in each.labels.items()}
    for name, role in on.site.roles.items():
        if on.world.servers and on.reached.get(name) == () and _has_labels(role):
            asked = (f"{key}: {v}" for key, values in role.app_labels.items() for v in values)
            yield Finding(
                ("roles", name, "app_labels" if role.app_labels else "app_labels_expression"),
                f"role {name} reaches no MCP server of this site",
                "correct its labels, or those of a server; servers of others belong under mcp_servers",
                on_key=True,
                word=next((text for text in asked if text not in labels), ""),
                known=labels,
            )


def _shadowed(on: Ground) -> Iterator[Finding]:
    for name, role in on.site.roles.items():
        denied = tuple(_compiled(role.deny.tools)) if role.deny else ()
        for path, pattern in _entries(name, role) if denied else ():
            if path[2] == "tools" and _is_shadowed(pattern, denied, on.tools(name)):
                yield Finding(
                    path,
                    f"role {name}: all that `{pattern.text}` allows is denied in the same role",
                    "take one of the two out: a deny goes before every allow",
                    related=(("roles", name, "deny", "tools"),),
                )


def _is_shadowed(pattern: Pattern, denied: Sequence[Pattern], tools: Iterable[str] | None) -> bool:
    """Say whether a deny leaves nothing, of the tools that are known, or else of all names."""
    if tools is None:
        return find([[pattern]], denied).value is False
    matched = _matched(pattern, tools)
    return bool(matched) and all(any(_on(tool, denied)) for tool in matched)


def _future_tools(on: Ground) -> Iterator[Finding]:
    for name, role in on.site.roles.items():
        tools = on.tools(name)
        if tools is None or role.except_tools:
            continue
        for path, pattern in _entries(name, role):
            matched = _matched(pattern, tools)
            if matched and _admits_more(pattern, tools):
                yield Finding(
                    path,
                    f"role {name}: `{pattern.text}` matches {len(matched)} of the tools that are "
                    f"known, and whatever {_named(on.reached[name])} will offer tomorrow",
                    "list the tools by name; or pin them: then `provision tools check` tells what is new",
                )


def _admits_more(pattern: Pattern, tools: Iterable[str]) -> bool:
    if pattern.kind == "regex":
        return find([[pattern]], tuple(_compiled(sorted(tools)))).value is not False
    return pattern.kind == "glob"


def _global_deny(on: Ground) -> Iterator[Finding]:
    for name, role in on.site.roles.items():
        narrow = len(on.reached.get(name, on.world.servers)) < len(on.world.servers)
        if role.deny and role.deny.tools and narrow and _has_labels(role):
            victim = next(_victims(on, name, tuple(_compiled(role.deny.tools))), "")
            yield Finding(
                ("roles", name, "deny", "tools"),
                f"role {name}: deny.tools knows no labels: it takes these tools from whoever holds the "
                f"role on every server{victim}",
                "to take tools away on the servers of this role alone, write except_tools",
                on_key=True,
                related=(("roles", name, "app_labels"),) if role.app_labels else (),
            )


def _victims(on: Ground, name: str, denied: Sequence[Pattern]) -> Iterator[str]:
    """Yield what a deny takes from its holders that another role allows where this one is not."""
    own = {server.name for server in on.reached.get(name, ())}
    for bot, says in on.site.bots.items():
        for other in says.roles if name in says.roles else ():
            role = on.site.roles.get(other)
            allowed = tuple(_compiled(role.tools)) if role else ()
            for server in on.reached.get(other, ()):
                if server.name not in own and (lost := _lost(server, allowed, denied)):
                    yield f"; bot {bot} loses {lost} on {server.name}, by role {other}"


def _lost(server: Server, allowed: Sequence[Pattern], denied: Sequence[Pattern]) -> str | None:
    if server.tools is None:
        return find([allowed, denied]).name if allowed else None
    both = (allowed, denied)
    found = (tool for tool in server.tools if all(any(_on(tool, each)) for each in both))
    return next(found, None)


def _on(tool: str, patterns: Iterable[Pattern]) -> Iterator[bool]:
    return (pattern.matches(tool) for pattern in patterns)


def _writes_by_glob(on: Ground) -> Iterator[Finding]:
    for name, role in on.site.roles.items():
        servers = on.reached.get(name, ()) if on.writers else ()
        literal = {pattern.text for _, pattern in _entries(name, role) if pattern.kind == "literal"}
        denied = tuple(_compiled(role.deny.tools)) if role.deny else ()
        writers = {tool for each in servers for tool in on.writers.get(each.name, ())} - literal
        left = sorted(tool for tool in writers if not any(_on(tool, denied)))
        for path, pattern in _entries(name, role) if left and not role.except_tools else ():
            if matched := _matched(pattern, left):
                yield Finding(
                    path,
                    f"role {name}: `{pattern.text}` also allows {_listed(matched)}, which say of "
                    "themselves that they change something",
                    "name the tools that are meant to change something, and narrow the pattern",
                )


def _held_by_nobody(on: Ground) -> Iterator[Finding]:
    held = {role for bot in on.site.bots.values() for role in bot.roles}
    for name in on.site.roles if on.site.manages("bots") else ():
        if name not in held:
            yield Finding(
                ("roles", name),
                f"role {name} is held by no bot of this site",
                "give it to a bot, or remove it",
                on_key=True,
            )


def _unreachable_bot(on: Ground) -> Iterator[Finding]:
    for bot, says in on.site.bots.items() if on.world.servers else ():
        if all(role in on.reached for role in says.roles) and not on.opens(bot):
            yield Finding(
                ("bots", bot),
                f"bot {bot} reaches no MCP server of this site",
                "give it a role that does, or correct the labels"
                if says.roles
                else "give it a role",
                on_key=True,
            )


def _entry_without_tools(on: Ground) -> Iterator[Finding]:
    for bot, says in on.site.bots.items():
        # Where nobody can say, nothing is said; and a bot that gets nowhere has a rule of its own.
        if not all(role in on.reached for role in says.roles) or not on.opens(bot):
            continue
        entries = (
            (index, at, name)
            for index, client in enumerate(says.clients)
            for at, name in enumerate(client.servers)
        )
        for index, at, name in entries:
            if not _has_tool(on.access.spot(bot, name)):
                yield Finding(
                    ("bots", bot, "clients", index, "servers", at),
                    f"bot {bot}: it has an entry for {name}, and may call no tool there",
                    "take it out, write `servers: reachable`, or give the bot a role with tools for it",
                )


def _has_tool(spot: Spot) -> bool:
    """Say whether a tool may be called there, or may be as far as is known."""
    return spot.closed is None and bool(spot.grants)


def _entries(name: str, role: Role) -> Iterator[tuple[Path, Pattern]]:
    """Yield the entries of tools and except_tools that mean the same in everybody's hands."""
    for key, texts in (("tools", role.tools), ("except_tools", role.except_tools)):
        for index, text in enumerate(texts):
            for pattern in _compiled([text]) if "{{" not in text else ():
                yield ("roles", name, key, index), pattern


def _compiled(texts: Iterable[str]) -> Iterator[Pattern]:
    """Yield what can be compiled; a rule of its own is about the others."""
    for text in texts:
        try:
            yield compile_pattern(text)
        except PatternError:
            continue


def _matched(pattern: Pattern, tools: Iterable[str] | None) -> list[str]:
    return [tool for tool in tools or () if pattern.matches(tool)]


def _has_labels(role: Role) -> bool:
    return bool(role.app_labels or role.app_labels_expression)


def _named(servers: Sequence[Server]) -> str:
    return _listed([server.name for server in servers])


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{', '.join(names[:_FEW])}{rest}"


RULES: Final = (
    Rule("PV320", "warning", "pattern that matches no known tool", _dead_pattern),
    Rule("PV321", "warning", "role that reaches no MCP server", _dead_role),
    Rule("PV322", "warning", "allowed and denied in one role", _shadowed),
    Rule("PV323", "info", "pattern that admits future tools", _future_tools),
    Rule("PV324", "warning", "deny that is not limited to the role's servers", _global_deny),
    Rule("PV325", "warning", "tool that changes something, allowed by a pattern", _writes_by_glob),
    Rule("PV326", "warning", "role that nobody holds", _held_by_nobody),
    Rule("PV327", "warning", "bot that reaches no MCP server", _unreachable_bot),
    Rule("PV328", "warning", "client entry without any tool", _entry_without_tools),
)
