"""A reader of compiled templates: what a template would deploy with some parameters.

Only as much of the template language as Rollcall's own templates use; anything else is an error,
not a guess. What is known only after a deployment is an `Unknown`.
https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax,
https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rollcall"
# The namespace of the template function guid(); uniqueString() is not published.
NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
TOKEN = re.compile(r"\s*('(?:[^']|'')*'|-?\d+|[A-Za-z_][A-Za-z0-9_]*|[()\[\],.])")
NESTED = "Microsoft.Resources/deployments"


@dataclass(frozen=True)
class Unknown:
    """A value that only a deployment tells; `name` says which."""

    name: str

    def __str__(self) -> str:
        return f"<{self.name}>"


@dataclass(frozen=True)
class Resource:
    """A resource with its values. `scope` is what it extends.

    `symbol` is its name in Bicep, or its type where the compiler does not keep that.
    """

    symbol: str
    type: str
    name: str
    scope: str
    body: dict[str, Any]

    @property
    def properties(self) -> dict[str, Any]:
        return self.body.get("properties", {})


def deploy(template: dict[str, Any], parameters: dict[str, Any]) -> list[Resource]:
    """Every resource that the template makes, those of nested deployments too."""
    return _Deployment(template, parameters, "main").resources()


@dataclass
class _Deployment:
    template: dict[str, Any]
    given: dict[str, Any]
    name: str
    # The loops that are under way, the innermost last: name, index, whether it makes resources.
    copies: list[tuple[str, int, bool]] = field(default_factory=list)

    def resources(self) -> list[Resource]:
        found: list[Resource] = []
        written = self.template["resources"]
        named = written.items() if isinstance(written, dict) else ((r["type"], r) for r in written)
        for symbol, body in named:
            if body.get("existing"):
                continue
            copy = body.get("copy")
            for i in range(self.value(copy["count"]) if copy else 1):
                self.copies.append((copy["name"] if copy else "", i, True))
                if self.value(body.get("condition", True)):
                    found += self._made(symbol, {k: v for k, v in body.items() if k != "copy"})
                self.copies.pop()
        return found

    def _made(self, symbol: str, body: dict[str, Any]) -> list[Resource]:
        if body["type"] == NESTED:
            inner = body["properties"]
            given = {k: self.value(v["value"]) for k, v in inner["parameters"].items()}
            return _Deployment(inner["template"], given, symbol).resources()
        values = self.value(body)
        return [
            Resource(symbol, values["type"], values["name"], values.get("scope", GROUP), values)
        ]

    def value(self, written: Any) -> Any:
        """The value of what a template says: expressions in it are evaluated."""
        if isinstance(written, str):
            is_expression = written.startswith("[") and not written.startswith("[[")
            return Expression(written[1:-1], self.call).value() if is_expression else written
        if isinstance(written, list):
            return [self.value(item) for item in written]
        if isinstance(written, dict):
            made = {
                str(self.value(k)): self.value(v)
                for k, v in written.items()
                if k not in ("copy", "dependsOn")
            }
            for loop in written.get("copy", ()):
                made[loop["name"]] = self._looped(loop)
            return made
        return written

    def _looped(self, loop: dict[str, Any]) -> list[Any]:
        found: list[Any] = []
        for i in range(self.value(loop["count"])):
            self.copies.append((loop["name"], i, False))
            found.append(self.value(loop["input"]))
            self.copies.pop()
        return found

    def call(self, name: str, args: list[Any]) -> Any:
        """A template function."""
        own: dict[str, Any] = {
            "copyIndex": self._copy_index,
            "parameters": self._parameters,
            "reference": self._reference,
            "variables": self._variables,
        }
        if name in own:
            return own[name](*args)
        unknown = next((a for a in args if isinstance(a, Unknown)), None)
        if unknown and name not in _TAKE_UNKNOWN:
            return unknown
        if name not in _FUNCTIONS:
            raise NotImplementedError(f"the template function {name}")
        return _FUNCTIONS[name](*args)

    def _parameters(self, name: str) -> Any:
        declared = self.template["parameters"][name]
        return self.given[name] if name in self.given else self.value(declared["defaultValue"])

    def _variables(self, name: str) -> Any:
        written = self.template["variables"]
        loop = next((one for one in written.get("copy", ()) if one["name"] == name), None)
        return self._looped(loop) if loop else self.value(written[name])

    def _copy_index(self, loop: str | None = None) -> int:
        """The index of a loop by its name; without one, of the loop that makes resources."""
        return next(
            i for name, i, makes in reversed(self.copies) if name == loop or (makes and not loop)
        )

    def _reference(self, symbol: Any, *_: Any) -> Unknown:
        return Unknown(f"{self.name}:{symbol}")


class Expression:
    """A recursive-descent reading of one expression, evaluated as it is read.

    `call`: gives the value of a template function, by its name and arguments.
    """

    def __init__(self, text: str, call: Callable[[str, list[Any]], Any]) -> None:
        self.tokens = TOKEN.findall(text)
        if "".join(self.tokens) != re.sub(r"('(?:[^']|'')*')|\s+", lambda m: m[1] or "", text):
            raise ValueError(f"not an expression: {text}")
        self.call = call
        self.at = 0

    def value(self) -> Any:
        found = self._take()
        if self.at != len(self.tokens):
            raise ValueError(f"too much in an expression: {self.tokens[self.at :]}")
        return found

    def _next(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def _is(self, token: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] == token

    def _take(self) -> Any:
        token = self._next()
        if token.startswith("'"):
            found: Any = token[1:-1].replace("''", "'")
        elif re.fullmatch(r"-?\d+", token):
            found = int(token)
        else:
            found = self.call(token, self._arguments())
        while self._is(".") or self._is("["):
            found = self._part(found)
        return found

    def _arguments(self) -> list[Any]:
        args: list[Any] = []
        assert self._next() == "("
        while not self._is(")"):
            args.append(self._take())
            if self._is(","):
                self._next()
        self._next()
        return args

    def _part(self, whole: Any) -> Any:
        if self._next() == ".":
            key: Any = self._next()
        else:
            key = self._take()
            assert self._next() == "]"
        return Unknown(f"{whole.name}.{key}") if isinstance(whole, Unknown) else whole[key]


def _format(text: str, *args: Any) -> str:
    return re.sub(r"\{(\d+)\}", lambda match: str(args[int(match[1])]), text)


def _resource_id(kind: str, *names: str) -> str:
    provider, *types = kind.split("/")
    pairs = "/".join(f"{t}/{n}" for t, n in zip(types, names, strict=True))
    return f"{GROUP}/providers/{provider}/{pairs}"


def _union(*parts: Any) -> Any:
    merged: dict[str, Any] = {}
    for part in parts:
        merged |= part
    return merged


def _try_get(whole: Any, *path: Any) -> Any:
    for key in path:
        whole = whole.get(key) if isinstance(whole, dict) else None
    return whole


# Functions that make something of values that are not known yet.
_TAKE_UNKNOWN = ("coalesce", "createArray", "createObject", "format", "union")
_FUNCTIONS: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "and": lambda *args: all(args),
    "cidrSubnet": lambda prefix, size, i: f"subnet {i} of {size} bits in {prefix}",
    "coalesce": lambda *args: next((a for a in args if a is not None), None),
    "concat": lambda *args: sum(args[1:], args[0]),
    "createArray": lambda *args: list(args),
    "createObject": lambda *args: dict(zip(args[::2], args[1::2], strict=True)),
    "deployer": lambda: Unknown("deployer"),
    "deployment": lambda: {"name": "main"},
    "empty": lambda value: not value,
    "environment": lambda: Unknown("environment"),
    "equals": lambda a, b: a == b,
    "false": lambda: False,
    "format": _format,
    "guid": lambda *args: str(uuid.uuid5(NAMESPACE, "-".join(args))),
    "if": lambda test, yes, no: yes if test else no,
    "length": len,
    "not": lambda value: not value,
    "null": lambda: None,
    "replace": lambda text, old, new: text.replace(old, new),
    "resourceGroup": lambda: {"id": GROUP, "location": "westeurope"},
    "resourceId": _resource_id,
    "string": str,
    "subscriptionResourceId": lambda kind, name: f"/subscriptions/providers/{kind}/{name}",
    "take": lambda text, n: text[:n],
    "tenant": lambda: Unknown("tenant"),
    "toLower": str.lower,
    "true": lambda: True,
    "tryGet": _try_get,
    "union": _union,
    "uniqueString": lambda *args: uuid.uuid5(NAMESPACE, "-".join(args)).hex[:13],
}
