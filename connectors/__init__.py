"""Sources: each module turns one source system's answers into roster tables."""

from __future__ import annotations

from connectors.reading import read_roster

__all__ = ["read_roster"]
