"""Writes what is compiled from infra/, or hands it to a scanner.

python -m tests.infra write          infra/azuredeploy.json and the golden snapshots
python -m tests.infra flat FOLDER    the snapshots as templates that a scanner can read
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from .bicep import GOLDEN, INFRA, MISSING, SNAPSHOTS, TEMPLATE, compiled, find, snapshot

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def write() -> None:
    """Compiles everything anew."""
    compiler = find() or sys.exit(MISSING)
    TEMPLATE.write_text(json.dumps(compiled(compiler), indent=2) + "\n", encoding="utf-8")
    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(shutil.copytree(INFRA, Path(made) / "infra"))
        for name in SNAPSHOTS:
            answer = snapshot(compiler, name, "overwrite", folder)
            if answer.returncode:
                sys.exit(answer.stderr)
            found = json.loads((folder / f"{name}.snapshot.json").read_text(encoding="utf-8"))
            # The compiler writes them in an order that is another each time.
            found["outputs"] = dict(sorted(found["outputs"].items()))
            text = json.dumps(found, indent=2) + "\n"
            (GOLDEN / f"{name}.snapshot.json").write_text(text, encoding="utf-8")


def flat(folder: Path) -> None:
    """Scanners do not look into nested deployments and cannot read symbolic names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SNAPSHOTS:
        found = json.loads((GOLDEN / f"{name}.snapshot.json").read_text(encoding="utf-8"))
        template = {
            "$schema": SCHEMA,
            "contentVersion": "1.0.0.0",
            "resources": found["predictedResources"],
        }
        (folder / f"{name}.json").write_text(json.dumps(template, indent=2), encoding="utf-8")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write"]:
            write()
        case ["flat", folder]:
            flat(Path(folder))
        case _:
            sys.exit(__doc__)
