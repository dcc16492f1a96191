"""The Bicep compiler: where it is, and what the tests ask of it.

Nothing of it is needed to deploy, where the Azure CLI or azd bring their own.
https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-cli
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
INFRA = ROOT / "infra"
TEMPLATE = INFRA / "azuredeploy.json"
GOLDEN = Path(__file__).parent / "golden"
WITH_AZ = Path(os.environ.get("AZURE_CONFIG_DIR") or Path.home() / ".azure") / "bin" / "bicep"
BESIDE = "shared/tools/bicep"
MISSING = (
    "No Bicep compiler: neither `bicep` on PATH, nor the one that `az bicep install` makes "
    f"({WITH_AZ}), nor ../{BESIDE} beside the repository. The templates are not compiled here"
)
NOBODY = "00000000-0000-0000-0000-000000000000"
_PEOPLE = {
    "ROLLCALL_OPERATOR_ID": "00000000-0000-0000-0000-00000000000f",
    "ROLLCALL_PORTAL_CLIENT_ID": "00000000-0000-0000-0000-00000000000e",
}
# The parameter files with a golden snapshot each, and the environment that they are read in.
SNAPSHOTS: dict[str, dict[str, str]] = {
    "trial": {},
    "district": {
        **_PEOPLE,
        "ROLLCALL_SHEET_KEY_NAME": "sheet-key",
        "ROLLCALL_ALERT_EMAILS": "one@school.example,two@school.example",
    },
    "private": _PEOPLE,
}
AZD = {"AZURE_ENV_NAME": "test", "AZURE_LOCATION": "westeurope"}


def find() -> str | None:
    """The compiler's path, or None if there is none."""
    beside = (folder / BESIDE for folder in ROOT.parents)
    return shutil.which("bicep") or next((str(p) for p in (WITH_AZ, *beside) if p.exists()), None)


def bicep(
    compiler: str, *args: str, folder: Path = INFRA, env: dict[str, str] | None = None
) -> Any:
    """Runs the compiler in `folder`; the result has `returncode`, `stdout` and `stderr`."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ROLLCALL_", "AZURE_"))}
    return subprocess.run(
        [compiler, *args], cwd=folder, env=clean | (env or {}), capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def compiled(compiler: str) -> dict[str, Any]:
    """The template of main.bicep; raises AssertionError with what the compiler has to say."""
    answer = bicep(compiler, "build", "main.bicep", "--stdout")
    assert answer.returncode == 0, answer.stderr
    assert not answer.stderr, answer.stderr
    return json.loads(answer.stdout)


def snapshot(compiler: str, name: str, mode: str, folder: Path) -> Any:
    """Makes or compares the snapshot of a parameter file, beside that file in `folder`."""
    return bicep(
        compiler, "snapshot", f"{name}.bicepparam", "--mode", mode, "--tenant-id", NOBODY,
        "--subscription-id", NOBODY, "--resource-group", "rollcall", "--location", "westeurope",
        "--deployment-name", "main", folder=folder, env=SNAPSHOTS[name],
    )  # fmt: skip


def without_generator(template: Any) -> Any:
    """A template without the compiler's version and its hash of the template."""
    if isinstance(template, dict):
        return {k: without_generator(v) for k, v in template.items() if k != "_generator"}
    return [without_generator(v) for v in template] if isinstance(template, list) else template
