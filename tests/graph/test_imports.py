"""A cold start pays only for what it uses."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_heavy_is_imported_before_the_first_connection() -> None:
    code = (
        "import sys, graph.client, graph.writers, graph.mirror, graph.delta;"
        "heavy = {'msgraph', 'azure.identity', 'duckdb', 'httpx', 'kiota_abstractions'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
