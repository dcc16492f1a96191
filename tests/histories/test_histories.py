"""Hundreds of histories: whatever goes wrong on the way, a quiet run makes everything right.

`bench/histories.py` lives through many more of them.
"""

from __future__ import annotations

import pytest

from tests.histories.history import DISTRICTS, live

SEEDS, MORE_SEEDS = 200 // DISTRICTS, 1_000 // DISTRICTS
# Other tests reach every line; counting lines here would double the time.
pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize(
    "seed",
    [
        *range(SEEDS),
        *(pytest.param(n, marks=pytest.mark.thorough) for n in range(SEEDS, MORE_SEEDS)),
    ],
)
def test_after_turmoil_a_quiet_run_makes_the_directory_equal_the_rosters(seed: int) -> None:
    assert live(seed).wrong == []
