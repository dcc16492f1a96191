"""Runs a module with nothing to import but an app's package and the few tools of a folder.

`python -I -S tests/alone.py APP TOOLS MODULE [ARGUMENT …]`: -I and -S keep the environment and the
interpreter's own site-packages away, so that what the package lacks cannot come from elsewhere.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

SITE_PACKAGES = ".python_packages/lib/site-packages"  # where Functions looks


def main(app: str, tools: str, module: str, *arguments: str) -> None:
    assert sys.flags.isolated
    assert sys.flags.no_site
    sys.path[:0] = [app, str(Path(app) / SITE_PACKAGES), tools]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
