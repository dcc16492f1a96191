"""Writes a sample district: `python -m local.district FOLDER --people 300 --days 2`."""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

from roster.errors import RollcallError

from .district import generate
from .tomorrow import next_day
from .writing import Format

_log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Writes FOLDER/day1, FOLDER/day2, …; returns the exit code (2 for bad usage)."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = _parser().parse_args(arguments)
    try:
        district = generate(
            options.people,
            options.seed,
            today=options.today,
            domain=options.domain,
            guardians=not options.no_guardians,
        )
        for day in range(1, options.days + 1):
            if day > 1:
                district = next_day(district, options.seed, options.change)
            folder = options.folder / f"day{day}"
            district.write(folder, options.format, as_zip=options.zip, minimal=options.minimal)
            rows = district.counts()
            _log.info("%s: %s users, %s classes, %s enrollments", folder, *_three(rows))
    except RollcallError as error:
        _log.error("%s", error)
        return 2
    return 0


def _three(rows: dict[str, int]) -> tuple[int, int, int]:
    return rows["users"], rows["classes"], rows["enrollments"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.district",
        description="Writes a made-up school district as CSV files, one folder a day. The "
        "same options always write the same bytes.",
    )
    parser.add_argument("folder", type=Path, help="where to write day1, day2, …")
    parser.add_argument(
        "--people", type=int, default=300, help="pupils and staff; guardians come on top (300)"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed, another district (1)")
    parser.add_argument("--format", choices=get_args(Format), default="sds-v2.1")
    parser.add_argument("--days", type=int, default=2, help="how many days to write (2)")
    parser.add_argument(
        "--change", type=float, default=0.02, help="share of pupils that change in a day (0.02)"
    )
    parser.add_argument(
        "--today",
        type=date.fromisoformat,
        default=datetime.now(UTC).date(),
        help="a day inside the school year, YYYY-MM-DD (today)",
    )
    parser.add_argument("--domain", help="append @DOMAIN to usernames and write school mail")
    parser.add_argument("--zip", action="store_true", help="one roster.zip a day, no loose files")
    parser.add_argument("--minimal", action="store_true", help="only required files and columns")
    parser.add_argument("--no-guardians", action="store_true", help="leave out parents")
    return parser


if __name__ == "__main__":
    sys.exit(main())
