"""An emulated OneRoster provider, versions 1.1 and 1.2: the rostering service over HTTP."""

from __future__ import annotations

from .app import CLIENTS, create_app
from .quirks import Quirks

__all__ = ["CLIENTS", "Quirks", "create_app"]
