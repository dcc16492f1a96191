"""Sources: each module turns one source system's answers into roster tables."""

from __future__ import annotations

from connectors.reading import read_roster, read_staged

__all__ = ["read_roster", "read_staged"]
