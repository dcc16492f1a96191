"""`python -m bench.histories [HOW_MANY]`: histories under turmoil, far more than the tests run.

What was lived through goes to bench/histories.txt; a seed that ends wrong is printed at once and
can be lived through again with `python -m tests.histories SEED`.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.histories.history import DISTRICTS, Result, live

RESULTS = Path(__file__).with_suffix(".txt")
FIRST_SEED = 1_000_000  # other histories than those of `make test`


def main(histories: int) -> int:
    """Lives through the histories on all cores; returns the number of seeds that ended wrong."""
    started = time.monotonic()
    seeds = range(FIRST_SEED, FIRST_SEED + histories // DISTRICTS)
    seen: Counter[str] = Counter()
    wrong: list[Result] = []
    with ProcessPoolExecutor(os.cpu_count(), initializer=_quiet) as pool:
        for number, result in enumerate(pool.map(live, seeds, chunksize=4), 1):
            seen += result.seen
            if result.wrong:
                wrong.append(result)
                print(f"seed {result.seed}:", *result.wrong[:5], sep="\n  ", flush=True)
            if number % 50 == 0:
                print(f"{number * DISTRICTS:,} of {histories:,}, {len(wrong)} wrong", flush=True)
    minutes = (time.monotonic() - started) / 60
    lines = [
        f"{histories:,} histories in {len(seeds):,} tenants of {DISTRICTS} districts",
        f"{len(wrong)} tenants ended wrong; {minutes:.0f} min on {os.cpu_count()} cores",
        "lived through: " + ", ".join(f"{n:,} {what}" for what, n in sorted(seen.items())),
        *(f"wrong: seed {result.seed}" for result in wrong),
    ]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")
    return len(wrong)


def _quiet() -> None:
    logging.disable(logging.WARNING)


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000) else 0)
