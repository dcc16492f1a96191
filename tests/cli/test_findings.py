from __future__ import annotations

import duckdb
import pytest

from cli.findings import Group, group_findings
from roster.roster import Roster

COLUMNS = (
    "rule VARCHAR, severity VARCHAR, tbl VARCHAR, file VARCHAR, line UBIGINT, col VARCHAR, "
    "value VARCHAR, entity VARCHAR, cause VARCHAR, message VARCHAR, hint VARCHAR"
)


def group(*rows: tuple[object, ...]) -> list[Group]:
    con = duckdb.connect()
    con.execute(f"CREATE TABLE findings ({COLUMNS})")
    for row in rows:
        con.execute("INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    return group_findings(Roster(con, "sds-v2.1", (), {}))


def unknown_class(line: int, cause: str) -> tuple[object, ...]:
    return (
        "enrollments.class.dropped", "error", "enrollments", "enrollments.csv", line, "class", "C9",
        "C9/U1", cause, "was dropped", "mend it",
    )  # fmt: skip


BAD_CLASS = (
    "classes.org.missing", "error", "classes", "classes.csv", 9, "org", "X", "C9", "",
    "no such id", "add it",
)  # fmt: skip
NAMED = (*BAD_CLASS[:8], "orgs:X", *BAD_CLASS[9:])


def test_no_findings_are_no_groups() -> None:
    assert group() == []


def test_follow_ons_are_counted_under_their_root_and_not_beside_it() -> None:
    rows = [unknown_class(line, "classes:C9") for line in range(2, 1002)]
    assert group(BAD_CLASS, *rows) == [
        Group(
            "classes.org.missing",
            "error",
            1,
            "classes.csv:9 org “X”: no such id",
            "add it",
            ("1000 × enrollments.class.dropped because of classes:C9",),
        )
    ]


def test_follow_ons_without_a_root_stand_for_themselves() -> None:
    [found] = group(unknown_class(2, "classes:C7"), unknown_class(3, "classes:C7"))
    assert (found.rule, found.count) == ("enrollments.class.dropped", 2)
    assert found.follow_ons == ("2 of these because of classes:C7",)


@pytest.mark.parametrize(("causes", "last"), [(3, "1 × "), (5, "… and 2 more causes")])
def test_only_the_first_causes_are_listed(causes: int, last: str) -> None:
    roots = [(*BAD_CLASS[:7], f"C{n}", *BAD_CLASS[8:]) for n in range(causes)]
    [found] = group(*roots, *(unknown_class(n, f"classes:C{n}") for n in range(causes)))
    assert found.count == causes
    assert found.follow_ons[-1].startswith(last)


def test_follow_ons_of_an_id_that_is_missing_share_its_cause() -> None:
    [found] = group(NAMED, NAMED, unknown_class(2, "orgs:X"))
    assert found.count == 2
    assert found.follow_ons == (
        "2 of these because of orgs:X",
        "1 × enrollments.class.dropped because of orgs:X",
    )


def test_errors_come_first_and_a_finding_of_a_whole_file_has_no_line() -> None:
    encoding = (
        "csv.encoding", "warning", "", "users.csv", None, "", "", "", "", "not UTF-8", "save it",
    )  # fmt: skip
    found = group(encoding, BAD_CLASS)
    assert [g.severity for g in found] == ["error", "warning"]
    assert found[1].example == "users.csv: not UTF-8"
