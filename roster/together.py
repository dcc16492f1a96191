"""Several sources, one roster: the staged readings of all of them become one validated roster.

In this order: gather the readings, link people, merge rows, correct by hand, select by name, check
rows against each other, select by size, apply the rules of sense.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from roster.gathering import gather
from roster.left_out import forget_faults, start_leaving_out
from roster.merge import MergeRules, cite_lenders, merge_rows, start_borrowing
from roster.overrides import apply_overrides
from roster.roster import Roster
from roster.same_people import drop_two_people, link_people, report_lookalikes
from roster.selection import SelectRule, select_by_name, select_by_size
from roster.validate import check_rows, finish, refuse_cut


@dataclass(frozen=True)
class Combining:
    """What the settings say of several sources. The defaults change nothing."""

    merge: MergeRules = field(default_factory=MergeRules)
    select: tuple[SelectRule, ...] = ()


def validate_all(
    con: duckdb.DuckDBPyConnection,
    readings: Sequence[Path],
    combining: Combining,
    *,
    today: date,
    overrides: Path | None = None,
    last_renamed: Path | None = None,
    fresh: Collection[str] = (),
) -> Roster:
    """Make one roster of saved readings, one of each source (see roster.staging).

    `today`: decides which overrides have expired, and who is in a class. `overrides`: the file of
    corrections. `last_renamed`: renamed.parquet of the last accepted roster, which keeps the ids of
    people stable (see roster.same_people). `fresh`: sources that were read just now; only their
    files can be truncated, an accepted one was whole.

    Raises BadInput where a reading or the overrides cannot be used, and Refused where a rule would
    leave nothing of its kind.
    """
    rules = combining.merge
    intake, known = gather(con, readings, rules.sources, rules.own_ids)
    ledger = intake.ledger
    start_borrowing(con)
    start_leaving_out(con)
    drop_two_people(con, ledger)
    link_people(con, ledger, rules, last_renamed)
    merge_rows(con, rules)
    if overrides is not None:
        apply_overrides(con, intake, overrides, today)
    select_by_name(con, ledger, combining.select)
    report_lookalikes(con, ledger, rules)
    check_rows(con, ledger)
    select_by_size(con, ledger, combining.select, today)
    cite_lenders(con)
    con.execute("INSERT INTO faults FROM earlier")
    forget_faults(con)
    con.execute("DROP TABLE earlier")
    con.execute("DROP TABLE borrowed")
    roster = finish(con, intake, " + ".join(dict.fromkeys(reading.format for reading in known)))
    several = len(known) > 1
    refuse_cut(
        con,
        tuple(
            f"{reading.source}/{name}" if several else name
            for reading in known
            if reading.source in fresh
            for name in reading.without_end
        ),
    )
    return roster
