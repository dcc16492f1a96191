"""Reading whole drops: what is tolerated, what is found, what is refused."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.reading import read_roster
from roster.database import open_database
from roster.errors import BadInput, Refused
from roster.rules import RULES
from roster.schema import TABLES, columns_of
from tests.connectors.conftest import ReadDrop
from tests.connectors.samples import V1, V21, with_lines, write

Change = Callable[[str], "str | bytes"]


def _content(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[object, ...]]]:
    """The roster without the places that its rows came from."""
    return {
        table: con.execute(
            f"SELECT {', '.join(name for name, _ in columns_of(table)[:-2])}"
            f" FROM {table} ORDER BY origin_file, origin_row"
        ).fetchall()
        for table in TABLES
    }


def _cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def _written(
    cells: list[list[str]], delimiter: str = ",", line_end: str = "\n", quoting: int = 0
) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(cells)  # type: ignore[arg-type]
    return out.getvalue()


def _spaced_header(text: str) -> str:
    header, rest = text.split("\n", 1)
    return (
        ",".join(f" {name.replace('Id', ' ID').upper()} " for name in header.split(","))
        + "\n"
        + rest
    )


TOLERATED: dict[str, Change] = {
    "UTF-8 with byte order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16 with byte order mark": lambda text: text.encode("utf-16"),
    "UTF-16 little-endian": lambda text: text.encode("utf-16-le"),
    "UTF-16 big-endian": lambda text: text.encode("utf-16-be"),
    "semicolons": lambda text: _written(_cells(text), ";"),
    "tabs": lambda text: _written(_cells(text), "\t"),
    "every value quoted": lambda text: _written(_cells(text), quoting=csv.QUOTE_ALL),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "mixed line ends": lambda text: text.replace("\n", "\r\n", 2),
    "no last line end": lambda text: text.rstrip("\n"),
    "blank lines": lambda text: "\n" + text.replace("\n", "\n \n\n"),
    "lines of delimiters": lambda text: text + "," * text.split("\n", 1)[0].count(",") + "\n",
    "case and spaces in the header": _spaced_header,
    "underscores in the header": lambda text: text.replace("Id", "_id", 2),
    "spaces around values": lambda text: _written(
        [[f" {cell}\u00a0" if row else cell for cell in cells]
         for row, cells in enumerate(_cells(text))]),
    "trailing empty columns": lambda text: text.replace("\n", ",,\n"),
    "columns in another order": lambda text: _written([row[::-1] for row in _cells(text)]),
}  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    """The roster of the files without any variation."""
    folder = tmp_path_factory.mktemp("plain")
    write(folder, V21)
    with open_database() as con:
        read_roster(folder, con)
        return _content(con)


@pytest.mark.parametrize("what", TOLERATED)
def test_a_variation_is_read_as_the_same_roster(
    read_drop: ReadDrop,
    con: duckdb.DuckDBPyConnection,
    plain: dict[str, list[tuple[object, ...]]],
    what: str,
) -> None:
    roster = read_drop({name: TOLERATED[what](text) for name, text in V21.items()})
    assert _content(con) == plain
    assert list(roster.findings()) == []


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"]),
    delimiter=st.sampled_from(",;\t"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    order=st.randoms(use_true_random=False),
)
def test_no_mixture_of_variations_changes_the_roster(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, encoding: str, delimiter: str,
    line_end: str, quoting: int, order: object,
) -> None:  # fmt: skip
    files = with_lines(V21, "users.csv", 'Z1,zoé@contoso.edu,"Zoé, ""Z""",Ångström;x,,,,,')
    read_drop(files)
    expected = _content(con)
    varied: dict[str, bytes] = {}
    for name, text in files.items():
        cells = _cells(text)
        places = list(range(len(cells[0])))
        order.shuffle(places)  # type: ignore[attr-defined]
        shuffled = [[row[place] for place in places] for row in cells]
        varied[name] = _written(shuffled, delimiter, line_end, quoting).encode(encoding)
    read_drop(varied)
    assert _content(con) == expected


FAULTY_LINES: Mapping[str, str] = {
    "csv.fields": "U9,nina@contoso.edu",
    "csv.quote": 'U9,"nina"x,Nina,N,,,,,',
    "csv.line_break": 'U9,nina@contoso.edu,"Ni\nna",N,,,,,',
}


@pytest.mark.parametrize("rule", FAULTY_LINES)
def test_a_faulty_line_is_a_finding_with_its_place(read_drop: ReadDrop, rule: str) -> None:
    files = with_lines(V21, "users.csv", FAULTY_LINES[rule])
    files["roles.csv"] += "U9,S1,student,,,,,\n"
    found = [f for f in read_drop(files).findings() if f.rule == rule]
    assert [(f.file, f.line, f.table, f.entity) for f in found] == [("users.csv", 6, "users", "U9")]
    assert found[0].message == RULES[rule].message


def test_another_encoding_is_told_once_a_file(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    lines = "".join(f"Z{n},zoé{n},Zoé,Müller,,,,,\n" for n in range(3))
    found = list(
        read_drop({**V21, "users.csv": (V21["users.csv"] + lines).encode("cp1252")}).findings()
    )
    assert [(f.line, f.severity) for f in found if f.rule == "csv.encoding"] == [(6, "warning")]
    assert con.execute("SELECT count(*) FROM users WHERE given_name = 'Zoé'").fetchall() == [(3,)]


def test_unknown_columns_are_told_once_a_file(read_drop: ReadDrop) -> None:
    orgs = (
        V21["orgs.csv"]
        .replace("\n", ",x,y\n")
        .replace("parentSourcedId,x,y", "parentSourcedId,Logo,,Motto", 1)
    )
    orgs = orgs.replace("x,y", "x,,y")
    found = list(read_drop({**V21, "orgs.csv": orgs}).findings())
    assert [(f.rule, f.file, f.line, f.value) for f in found] == [
        ("csv.columns", "orgs.csv", 1, "Logo, column 6, Motto")
    ]


def test_every_rule_of_reading_has_an_example() -> None:
    reading = {rule for rule in RULES if rule.startswith("csv.")}
    # Of a whole file: see test_oneroster_csv.
    elsewhere = {"csv.unused", "csv.unannounced", "csv.version"}
    assert reading == {*FAULTY_LINES, "csv.encoding", "csv.columns", *elsewhere}


def test_findings_name_columns_as_the_file_does(read_drop: ReadDrop) -> None:
    files = with_lines(V1, "Student.csv", "U9,S1,Nina,N,nina,,n9,99,Active,")
    found = [f for f in read_drop(files).findings() if f.rule == "roles.grade.enum"]
    assert [(f.column, f.value, f.line) for f in found] == [("Grade", "99", 5)]


def test_a_drop_may_be_a_zip(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "drop.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in V21.items():
            archive.writestr(f"export/{name}", text)
    told: list[str] = []
    roster = read_roster(path, con, source="north", progress=told.append)
    assert roster.counts()["users"] == 4
    assert told[0] == "Reading orgs.csv"
    files = con.execute("SELECT source, name, records FROM files ORDER BY id LIMIT 2").fetchall()
    assert files == [("north", "orgs.csv", 3), ("north", "academicSessions.csv", 2)]


def test_a_customers_words_are_understood(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = write(tmp_path, {**V21, "roles.csv": V21["roles.csv"].replace("teacher", "Lehrkraft")})
    mappings = {"org_roles": {"Lehrkraft": "teacher"}}
    assert list(read_roster(path, con, mappings=mappings).findings()) == []
    with pytest.raises(BadInput, match=r"mappings: there is no list “nonsense”"):
        read_roster(path, con, mappings={"nonsense": {}})


LAST = frozenset({"orgs", "users", "roles", "classes", "enrollments", "demographics"})


def test_a_complete_drop_is_accepted_again(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert read_roster(write(tmp_path, V21), con, last_files=LAST).counts()["users"] == 4


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {name: text for name, text in V21.items() if name != "demographics.csv"},
            "completeness: the last accepted drop had demographics, this one has not",
        ),
        (
            {**V21, "enrollments.csv": "classSourcedId,userSourcedId,role\n"},
            r"completeness: enrollments\.csv has no records, and the last accepted drop had enroll",
        ),
    ],
)
def test_what_was_there_last_time_and_is_missing_now_is_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, files: Mapping[str, str], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        read_roster(write(tmp_path, files), con, last_files=LAST)


def test_a_required_file_without_records_is_always_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    header = V21["users.csv"].split("\n", 1)[0]
    with pytest.raises(Refused, match=r"users\.csv has no records; an empty file never means"):
        read_roster(write(tmp_path, {**V21, "users.csv": header}), con)


def test_an_optional_file_without_records_is_fine(read_drop: ReadDrop) -> None:
    roster = read_drop({**V21, "userFlags.csv": "userSourcedId,flag\r\n"})
    assert roster.counts()["user_flags"] == 0


IDS = st.sampled_from(["", "C1", "C2", "U1", "U2", "U3", "T1", "U 4", " U1 "])
ROLES = st.sampled_from(["", "student", "TEACHER", "wizard"])
ENROLLMENTS = st.lists(
    st.one_of(
        st.tuples(IDS, IDS, ROLES).map(",".join),
        st.tuples(IDS, IDS).map(",".join),
        st.tuples(IDS, IDS, ROLES, st.just("x")).map(",".join),
        st.tuples(IDS, IDS).map(lambda ids: f'{ids[0]},"{ids[1]}"x,student'),
    ),
    max_size=15,
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=ENROLLMENTS)
def test_each_record_is_kept_or_dropped_and_each_dropped_key_is_accounted_for(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, lines: list[str]
) -> None:
    files = {name: V21[name] for name in ("orgs.csv", "users.csv", "roles.csv", "classes.csv")}
    files["enrollments.csv"] = "classSourcedId,userSourcedId,role\nC1,U1,student\n"
    roster = read_drop(with_lines(files, "enrollments.csv", *lines))
    table = "enrollments"
    [(records,)] = con.execute(
        "SELECT records FROM files WHERE name = 'enrollments.csv'"
    ).fetchall()
    blank = sum(1 for line in lines if not line.strip(", "))
    assert records == len(lines) + 1 - blank
    assert roster.counts()[table] + roster.dropped()[table] == records

    named = set(con.execute(f"SELECT class_sourced_id, user_sourced_id FROM {table}").fetchall())
    query = "SELECT key, key2 FROM uncertain WHERE kind = 'enrollment'"
    named |= set(con.execute(query).fetchall())
    lost = con.execute(f"SELECT lines FROM unreadable WHERE tbl = '{table}'").fetchall()
    unnamed = 0
    for line in lines:
        first, second = [*line.replace('"', "").split(","), ""][:2]
        key = (first.strip(), second.strip().removesuffix("x"))
        if key not in named and line.strip(", "):
            unnamed += 1
    assert unnamed <= (lost[0][0] if lost else 0)


@pytest.mark.parametrize("end", ["stude", "s"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_file_that_ends_in_half_a_value_is_refused(
    tmp_path: Path, con: duckdb.DuckDBPyConnection, end: str, encoding: str
) -> None:
    write(tmp_path / "drop", V21)
    text = V21["enrollments.csv"].rstrip("\n").removesuffix("teacher") + end
    (tmp_path / "drop" / "enrollments.csv").write_text(text, encoding=encoding)
    with pytest.raises(BadInput, match=r"enrollments\.csv:4: .* role .* truncated"):
        read_roster(tmp_path / "drop", con)


def test_a_file_may_lack_its_last_line_end(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    write(tmp_path / "drop", {name: text.rstrip("\n") for name, text in V21.items()})
    assert read_roster(tmp_path / "drop", con).counts()["enrollments"] == 3
