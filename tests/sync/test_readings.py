"""Readings of several sources, and the corrections that lie beside the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from roster.errors import BadInput
from sync.config import Config
from sync.readings import _overrides
from sync.storage import CONFIG, Storage

if TYPE_CHECKING:
    from pathlib import Path


def test_corrections_are_fetched_where_the_configuration_names_them(
    storage: Storage, tmp_path: Path
) -> None:
    assert _overrides(storage, Config(), tmp_path) is None
    named = Config(overrides="corrections.csv")
    with pytest.raises(BadInput, match=r"config/corrections\.csv: .* upload it"):
        _overrides(storage, named, tmp_path)
    storage.write(CONFIG, "corrections.csv", b"table,key,column,value\n")
    path = _overrides(storage, named, tmp_path)
    assert path is not None
    assert path.read_bytes() == b"table,key,column,value\n"
