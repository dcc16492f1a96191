"""`rollcall sample` and `rollcall schema`: files to start from."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast

import typer

from roster.errors import BadInput

from .screen import Json, print_json, results, working


class SampleFormat(StrEnum):
    """CSV formats that a sample district is written in."""

    v21 = "sds-v2.1"
    v1 = "sds-v1"
    v1_uk = "sds-v1-uk"
    oneroster_11 = "oneroster-1.1"
    oneroster_12 = "oneroster-1.2"
    clever = "clever"


def sample(
    folder: Annotated[Path, typer.Argument(help="Where to write day1, day2, …")],
    people: Annotated[
        int, typer.Option(help="Pupils and staff; guardians come on top.", min=20, max=5_000_000)
    ] = 300,
    seed: Annotated[int, typer.Option(help="Another seed, another district.")] = 1,
    days: Annotated[int, typer.Option(help="How many days to write.", min=1)] = 2,
    format: Annotated[SampleFormat, typer.Option(help="CSV format.")] = SampleFormat.v21,  # noqa: A002
    change: Annotated[
        float, typer.Option(help="Share of pupils that change in a day.", min=0, max=1)
    ] = 0.02,
    today: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="A day inside the school year.")
    ] = None,
    domain: Annotated[str | None, typer.Option(help="Append @DOMAIN to usernames.")] = None,
    as_zip: Annotated[bool, typer.Option("--zip", help="One roster.zip a day.")] = False,
    minimal: Annotated[bool, typer.Option(help="Only required files and columns.")] = False,
    as_json: Json = False,
) -> None:
    """Writes a made-up district with day-to-day changes, to try everything with.

    The same options write the same bytes. Names are invented; nobody is meant.
    """
    from local.district import generate, next_day

    written: list[dict[str, object]] = []
    with working(f"Making {people:,} people") as say:
        district = generate(people, seed, today=_day(today), domain=domain)
        for day in range(1, days + 1):
            if day > 1:
                district = next_day(district, seed, change)
            target = folder / f"day{day}"
            say(f"Writing {target}")
            district.write(target, format.value, as_zip=as_zip, minimal=minimal)
            written.append({"folder": str(target), "counts": district.counts()})
    if as_json:
        print_json({"days": written})
        return
    for entry in written:
        counts = cast("dict[str, int]", entry["counts"])
        results().print(
            f"{entry['folder']}: {counts['users']:,} users, {counts['classes']:,} classes, "
            f"{counts['enrollments']:,} enrollments"
        )


def schema() -> None:
    """Prints the JSON Schema of rollcall.yaml, for editors that complete and check.

    In VS Code: save it as rollcall.schema.json and begin rollcall.yaml with
    `# yaml-language-server: $schema=rollcall.schema.json`
    """
    from sync.config import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")


def _day(text: str | None) -> date:
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--today {text}: not a date; write it as YYYY-MM-DD") from None
