"""`python -m tests.histories SEED [HOW_MANY]`: lives through the histories of some seeds."""

from __future__ import annotations

import sys
import time
from collections import Counter

from tests.histories.history import live

first, many = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
seen: Counter[str] = Counter()
started, bad = time.monotonic(), 0
for seed in range(first, first + many):
    result = live(seed)
    seen += result.seen
    if result.wrong:
        bad += 1
        print(seed, *result.wrong[:12], sep="\n  ")
print(f"{many} seeds, {bad} wrong, {time.monotonic() - started:.1f} s", dict(seen))
