from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.local.package.shop import Shop

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.site.mkdir()
    shop.app({"function_app.py": "", "host.json": "{}"})
    return shop
