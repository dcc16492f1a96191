"""What function_app.py can reach by imports, in its own rooms and in the distributions.

Every import that stands anywhere in a reached module is followed, whether it runs or not: what is
left out can not be imported. Two refinements and two additions:

* msgraph-sdk is 16,000 generated modules that import one another inside their methods. Of them a
  function's imports are followed only if the function can be called: its name must stand in code
  that can hold an object of the SDK, which is the app's own, the SDK's and that of the Kiota
  packages below it. `NEVER_CALLED` are the ways to read an answer into the SDK's models; the app
  takes each answer as it comes (NativeResponseHandler).
* Entry points are imports of whoever names their group.
* `UNSEEN` are imports that no Python code says, because C or Rust does them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from .module import Body, Import, read_module
from .stock import APP, ENTRY

if TYPE_CHECKING:
    from .stock import File, Stock

GENERATED = "msgraph"
NEVER_CALLED = frozenset({"create_from_discriminator_value", "get_field_deserializers"})
UNSEEN = {"cryptography.hazmat.bindings._rust": "_cffi_backend", "zoneinfo": "tzdata"}
_HOLDS_ITS_OBJECTS = ("msgraph", "kiota_")


def reached(stock: Stock, start: str = ENTRY) -> dict[str, File]:
    """The modules that `start` can import, itself among them, by name."""
    walk = _Walk(stock)
    walk.go(start)
    return walk.found


class _Walk:
    def __init__(self, stock: Stock) -> None:
        self.found: dict[str, File] = {}
        self._stock = stock
        self._to_do: list[str] = []
        self._named: set[str] = set()  # in code that can hold an object of the SDK
        self._asleep: dict[str, list[tuple[str, Body]]] = defaultdict(list)

    def go(self, start: str) -> None:
        self._to_do.append(start)
        while self._to_do:
            name = self._to_do.pop()
            if name in UNSEEN:
                self._to_do.append(UNSEEN[name])
            file = self._stock.modules.get(name)
            if file and name not in self.found:
                self.found[name] = file
                if file.name.suffix == ".py":
                    self._read(name, file)

    def _read(self, name: str, file: File) -> None:
        module = read_module(file.path)
        for group, modules in self._stock.entry_points.items():
            if _names_group(module.strings, group):
                for target in modules:
                    self._to_do += _modules(Import(0, target), name, is_package=False)
        if file.top != GENERATED:
            for body in module.bodies:
                self._enter(name, file, body)
            return
        self._enter(name, file, module.top)
        for function, body in module.functions.items():
            if function in self._named or function.startswith("__"):
                self._enter(name, file, body)
            elif function not in NEVER_CALLED:
                self._asleep[function].append((name, body))

    def _enter(self, name: str, file: File, body: Body) -> None:
        """Takes the imports of a body that can run; its names wake the functions called so."""
        entering = [(name, file, body)]
        while entering:
            name, file, body = entering.pop()
            for each in body.imports:
                self._to_do += _modules(each, name, is_package=file.name.stem == "__init__")
            if file.owner != APP and not file.top.startswith(_HOLDS_ITS_OBJECTS):
                continue
            woken = body.names - self._named - NEVER_CALLED
            self._named |= woken
            for function in woken:
                for where, asleep in self._asleep.pop(function, ()):
                    entering.append((where, self._stock.modules[where], asleep))


def _names_group(strings: set[str], group: str) -> bool:
    """Whether one of the constants is the group, or may be the beginning of its name."""
    return group in strings or any(
        text.endswith(("_", ".")) and group.startswith(text) for text in strings
    )


def _modules(said: Import, here: str, *, is_package: bool) -> list[str]:
    """The modules that an import in the module `here` may load: packages first."""
    module = said.module
    if said.level:
        parts = here.split(".")
        around = parts[: len(parts) - said.level + is_package]
        module = ".".join([*around, *filter(None, [module])])
    parts = module.split(".")
    loaded = [".".join(parts[: end + 1]) for end in range(len(parts))]
    return [*loaded, f"{module}.{said.name}"] if said.name else loaded
