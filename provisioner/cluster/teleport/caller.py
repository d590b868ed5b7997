"""What somebody with certain roles may do in a cluster, as Teleport's Auth Service decides it.

A caller needs a verb on a kind (`allow.rules`, unless `deny.rules` takes it away), and for apps
labels that match as well: apps that do not are missing from its lists without a word. A rule with
a `where` is not evaluated here: it gives nothing, and what it takes is taken.

Sources, in github.com/gravitational/teleport: lib/auth/auth_with_roles.go (ListRoles, UpsertRole,
GetApps, CreateApp, UpdateApp, DeleteApp, GetTokens, UpsertToken, DeleteToken), lib/auth/machineid/
machineidv1/bot_service.go (ListBots, GetBot, CreateBot, UpsertBot, UpdateBot, DeleteBot),
tool/tctl/common/resource_command.go (createRole, createApp), lib/services/role.go
(DefaultImplicitRules, RuleSet.Match).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from provisioner.change import Key
from provisioner.errors import Denied, Missing
from provisioner.rbac.access import Identity, Server, Why, connect
from provisioner.values import EMPTY, Body

RULES_HINT: Final = (
    "let the identity in use have a role whose rules allow list, read, create, update and delete "
    "on role, bot and token, and create, update and delete on app"
)
APPS_HINT: Final = (
    "let the identity in use have a role whose app_labels match that app as well: Teleport shows "
    "apps only to those who may use them"
)
IMPLICIT: Final[Mapping[str, frozenset[str]]] = {
    kind: frozenset(("list", "read")) for kind in ("app", "app_server")
}
"""What everybody may do, whatever their roles say."""

_LISTING: Final[Mapping[str, tuple[str, ...]]] = {"bot": ("list",)}
_LIST: Final = ("list", "read")


class Caller(Struct, frozen=True):
    """Somebody who holds these roles, given as whole documents."""

    roles: tuple[Body, ...]

    @classmethod
    def of(cls, names: Iterable[str], find: Callable[[Key], Body | None]) -> Caller:
        """Return who holds the roles of these names. Raises Missing where `find` has none."""
        found = {name: find(Key("role", name)) for name in names}
        if missing := [name for name, role in found.items() if role is None]:
            raise Missing(
                f"whoever acts is to hold role {', '.join(missing)}, which is not there",
                hint="name a role that lives in the cluster",
            )
        return cls(tuple(role for role in found.values() if role is not None))

    def require(self, kind: str, *verbs: str) -> None:
        """Raise Denied, in Teleport's words, for the verbs on `kind` that are not allowed."""
        missing = [verb for verb in verbs if not self._may(kind, verb)]
        if missing:
            words = (f'access denied to perform action "{verb}" on "{kind}"' for verb in missing)
            raise Denied(", ".join(words), hint=RULES_HINT)

    def require_app(self, app: Body | None) -> None:
        """Raise Denied for an app that the labels of the roles do not reach."""
        if app is not None and not self._reaches(app):
            raise Denied("access to app denied. User does not have permissions.", hint=APPS_HINT)

    def listed(self, kind: str, bodies: Iterable[Body]) -> Iterator[Body]:
        """Yield what a listing of `kind` shows of `bodies`. Raises Denied."""
        self.require(kind, *_LISTING.get(kind, _LIST))
        for body in bodies:
            app = body.get("spec", EMPTY).get("app") if kind == "app_server" else body
            if kind not in IMPLICIT or self._reaches(app or EMPTY):
                yield body

    def _may(self, kind: str, verb: str) -> bool:
        if any(_names(rule, kind, verb) for rule in self._rules("deny")):
            return False
        allowed = (rule for rule in self._rules("allow") if not rule.get("where"))
        implied = verb in IMPLICIT.get(kind, ())
        return implied or any(_names(rule, kind, verb) for rule in allowed)

    def _rules(self, half: str) -> Iterator[Mapping[str, Any]]:
        for role in self.roles:
            yield from (role["spec"].get(half) or EMPTY).get("rules") or ()

    def _reaches(self, app: Body) -> bool:
        """Whether the labels of an app are those of the roles; a second factor is not asked for."""
        metadata = app.get("metadata", EMPTY)
        server = Server(metadata.get("name", ""), metadata.get("labels") or EMPTY)
        decision = connect(Identity("", self.roles), server)
        return decision.allowed or decision.why is Why.NEEDS_MFA


def authorize(
    caller: Caller, verb: str, kind: str, *, old: Body | None, new: Body | None = None
) -> None:
    """Raise Denied unless `caller` may do this to what is there (`old`), or will be (`new`).

    `verb` is one of `cluster.port.Verb`; `old` and `new` are apps, or say that there is something.
    """
    caller.require(kind, *_needed(verb, kind, exists=old is not None))
    if kind == "app":
        caller.require_app(None if verb == "create" else old)
        caller.require_app(new)
    if verb in ("add-roles", "set-roles"):  # tctl looks at each role before it sends them
        caller.require("role", "read")


def _needed(verb: str, kind: str, *, exists: bool) -> tuple[str, ...]:
    if verb == "delete":
        return ("delete",)
    if verb in ("add-roles", "set-roles"):
        return ("read", "update")
    if kind == "role":  # tctl asks whether there is one
        return ("read", "update" if exists else "create")
    replaces = verb == "update" and (exists or kind == "bot")
    return ("create", "update") if replaces or kind == "token" else ("create",)


def _names(rule: Mapping[str, Any], kind: str, verb: str) -> bool:
    resources, verbs = rule.get("resources") or (), rule.get("verbs") or ()
    return bool({kind, "*"} & {*resources} and {verb, "*"} & {*verbs})
