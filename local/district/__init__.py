"""Seeded sample districts: made up, but with the sizes and the oddities of real ones."""

from __future__ import annotations

from .district import District, generate
from .tomorrow import next_day

__all__ = ["District", "generate", "next_day"]
