"""Dynamic membership: rules decide who is in a group or an administrative unit.

A change reaches memberships `ruleDelay` seconds later. Changes are read from the directory's log,
so only users that changed are looked at again; a changed rule finds its users by their values. Both
ways use the tokens of rules: 400 rules over 100,000 users take seconds.
https://learn.microsoft.com/entra/identity/users/groups-dynamic-membership,
https://learn.microsoft.com/entra/identity/role-based-access-control/admin-units-members-dynamic
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from local.entra import errors
from local.entra.errors import GraphError
from local.entra.membership_rules import Rule, Token, compile_rule

if TYPE_CHECKING:
    from datetime import datetime

    from local.entra.messages import Json
    from local.entra.objects import DirectoryObject, Kind
    from local.entra.tenant import Tenant
    from local.entra.views import View

MOST = 15_000
_CONTAINERS: tuple[Kind, ...] = ("group", "administrativeUnit")


class DynamicMembership:
    """The dynamic groups and units of a tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._directory = tenant.directory
        self._read: dict[Kind, int] = dict.fromkeys(("user", *_CONTAINERS), 0)
        self._dynamic: set[str] = set()
        self._rules: dict[str, Rule] = {}
        self._rule_index = _RuleIndex()
        self._users = _UserIndex()

    def check(self, view: View, values: Json, changed: DirectoryObject | None) -> None:
        """Refuses a rule that cannot be read, a dynamic container without one, or one too many."""
        after = (changed.values if changed else {}) | values
        if values.get("membershipRule"):
            compile_rule(values["membershipRule"], self._tenant.extensions)
        if not is_dynamic(after):
            return
        if not after.get("membershipRule"):
            raise errors.missing_value("membershipRule", view.name)
        if after.get("isAssignableToRole"):
            raise errors.invalid_value("isAssignableToRole", view.name)
        fresh = changed is None or changed.id not in self._dynamic
        if fresh and len(self._dynamic) >= MOST:
            raise GraphError(
                403,
                "Directory_QuotaExceeded",
                "The directory object quota limit for dynamic groups and dynamic administrative "
                f"units has been exceeded: {MOST} are the most.",
            )

    def notice(self, now: datetime) -> bool:
        """Puts what changed since the last time on the agenda; whether anything did."""
        delay, agenda = self._tenant.features.rule_delay, self._tenant.agenda
        containers = [one for kind in _CONTAINERS for one in self._changed(kind)]
        for container in containers:
            found = self._directory.live.get(container)
            if found is not None and is_dynamic(found.values):
                self._dynamic.add(container)
                agenda.put(now, delay, lambda _, key=container: self._fill(key))
            elif container in self._dynamic:
                self._dynamic.discard(container)
                self._forget(container)
        users = self._changed("user")
        if users:
            agenda.put(now, delay, lambda _: self._place(users))
        return bool(containers or users)

    def _changed(self, kind: Kind) -> list[str]:
        """The objects of a kind whose values changed, or that came or went."""
        log, start = self._directory.log[kind], self._read[kind]
        if len(log) == start:
            return []
        self._read[kind] = len(log)
        fresh = log[start:]
        return list(dict.fromkeys(change.object_id for change in fresh if change.relation is None))

    def _place(self, users: Iterable[str]) -> None:
        """Puts changed users where the rules want them, and takes them from where not."""
        for key in users:
            user = self._directory.live.get(key)
            self._users.note(key, user)
            if user is None or not self._rules:
                continue
            wanted = {
                container
                for container in self._rule_index.candidates(user)
                if self._rules[container].test(user)
            }
            held = [c for c, relation in user.containers
                    if relation == "members" and c in self._rules]  # fmt: skip
            for container in held:
                if container not in wanted:
                    self._directory.unlink(self._directory.live[container], "members", key)
            for container in sorted(wanted.difference(held)):
                self._directory.link(self._directory.live[container], "members", key)

    def _fill(self, container: str) -> None:
        """Puts into a container whom its rule wants, where it is still there and dynamic."""
        self._forget(container)
        found = self._directory.live.get(container)
        processing = found is not None and found.values.get("membershipRuleProcessingState") == "On"
        if found is None or not processing or not is_dynamic(found.values):
            return
        rule = compile_rule(found.values["membershipRule"], self._tenant.extensions)
        self._rules[container] = rule
        self._rule_index.add(container, rule)
        live = self._directory.live
        wanted = {key for key in self._users.candidates(rule) if key in live}
        wanted = {key for key in wanted if rule.test(live[key])}
        for key in [member for member in found.members if member not in wanted]:
            self._directory.unlink(found, "members", key)
        for key in sorted(wanted.difference(found.members)):
            self._directory.link(found, "members", key)

    def _forget(self, container: str) -> None:
        rule = self._rules.pop(container, None)
        if rule is not None:
            self._rule_index.remove(container, rule)


def is_dynamic(values: Json) -> bool:
    """Whether a rule decides who is in a group or unit with these values."""
    grouped = "DynamicMembership" in (values.get("groupTypes") or ())
    return grouped or values.get("membershipType") == "Dynamic"


class _RuleIndex:
    """Rules by their tokens: which may hold for a user."""

    def __init__(self) -> None:
        self._untold: dict[str, None] = {}
        self._equal: dict[str, dict[str, dict[str, None]]] = {}
        # path → kind → length → literal → containers
        self._parts: dict[str, dict[str, dict[int, dict[str, dict[str, None]]]]] = {}

    def add(self, container: str, rule: Rule) -> None:
        if rule.tokens is None:
            self._untold[container] = None
        for token in rule.tokens or ():
            self._literals(token).setdefault(token.literal, {})[container] = None

    def remove(self, container: str, rule: Rule) -> None:
        self._untold.pop(container, None)
        for token in rule.tokens or ():
            literals = self._literals(token)
            literals[token.literal].pop(container, None)
            if not literals[token.literal]:
                del literals[token.literal]

    def candidates(self, user: DirectoryObject) -> set[str]:
        """The containers whose rule may hold for a user."""
        found = set(self._untold)
        for path, literals in self._equal.items():
            value = _text(user, path)
            if value is not None:
                found.update(literals.get(value, ()))
        for path, kinds in self._parts.items():
            value = _text(user, path) or ""
            for kind, lengths in kinds.items():
                for length, literals in lengths.items():
                    last = len(value) - length + 1 if kind == "contains" else 1
                    for place in range(last):
                        found.update(literals.get(value[place : place + length], ()))
        return found

    def _literals(self, token: Token) -> dict[str, dict[str, None]]:
        if token.kind == "eq":
            return self._equal.setdefault(token.path, {})
        lengths = self._parts.setdefault(token.path, {}).setdefault(token.kind, {})
        return lengths.setdefault(len(token.literal), {})


class _UserIndex:
    """Users by the values that rules ask for; a path is indexed from its first use on."""

    def __init__(self) -> None:
        self._all: dict[str, DirectoryObject] = {}
        self._by_value: dict[str, dict[str, dict[str, None]]] = {}
        self._values: dict[str, dict[str, str]] = {}

    def note(self, key: str, user: DirectoryObject | None) -> None:
        """Takes a user's values as they are; None: the user is gone."""
        for path in self._by_value:
            self._put(path, key, None if user is None else _text(user, path))
        if user is None:
            self._all.pop(key, None)
        else:
            self._all[key] = user

    def candidates(self, rule: Rule) -> Iterator[str]:
        """The users for whom a rule may hold."""
        if rule.tokens is None:
            yield from self._all
            return
        for token in rule.tokens:
            values = self._indexed(token.path)
            if token.kind == "eq":
                yield from values.get(token.literal, ())
                continue
            for value, users in values.items():
                if value.startswith(token.literal) or (
                    token.kind == "contains" and token.literal in value
                ):
                    yield from users

    def _indexed(self, path: str) -> dict[str, dict[str, None]]:
        if path not in self._by_value:
            self._by_value[path], self._values[path] = {}, {}
            for key, user in self._all.items():
                self._put(path, key, _text(user, path))
        return self._by_value[path]

    def _put(self, path: str, key: str, value: str | None) -> None:
        values, now = self._by_value[path], self._values[path]
        before = now.pop(key, None)
        if before is not None:
            values[before].pop(key)
            if not values[before]:
                del values[before]
        if value is not None:
            now[key] = value
            values.setdefault(value, {})[key] = None


def _text(user: DirectoryObject, path: str) -> str | None:
    value: Any = user.value(path)
    return value.lower() if isinstance(value, str) else None
