"""A section of `rollcall.yaml`, as a model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of every section: unknown settings are errors, values never change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
