"""Azurite on free ports: there when asked, gone afterwards, remembering only when told to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from azure.storage.blob import BlobServiceClient

from local.azurite import Azurite

if TYPE_CHECKING:
    from pathlib import Path


def service(connection: str) -> BlobServiceClient:
    return BlobServiceClient.from_connection_string(connection, api_version="2025-11-05")


def test_two_stand_side_by_side_and_end_with_their_blocks() -> None:
    with Azurite() as first, Azurite() as second:
        service(first.connection_string).create_container("here")
        assert list(service(second.connection_string).list_containers()) == []
        pid = first.pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_location_keeps_what_was_stored(tmp_path: Path) -> None:
    with Azurite(location=tmp_path) as running:
        service(running.connection_string).create_container("kept")
    with Azurite(location=tmp_path) as running:
        found = [
            container.name for container in service(running.connection_string).list_containers()
        ]
    assert found == ["kept"]
