"""The functions of the app, listed as the host lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from function_app import app

if TYPE_CHECKING:
    from azure.functions.decorators.function_app import Function


def functions() -> list[Function]:
    """All functions; as often as wanted, while the SDK itself lists those of an app only once."""
    app.functions_bindings = {}
    found = app.get_functions()
    app.functions_bindings = {}
    return found
