"""What all tests share: a storage account of their own, one for each test process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.azurite import Azurite

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The connection string of a storage account that starts empty and ends with the session."""
    with Azurite() as running:
        yield running.connection_string
