"""OneRoster packages of changes: folded over what the packages before left."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.delta import Alone, Before
from connectors.reading import read_roster
from roster.database import open_database
from roster.errors import BadInput, Refused
from roster.roster import Roster
from tests.connectors.samples import ONEROSTER_11, ONEROSTER_12, write

Files = Mapping[str, str]
FORMS = {"1.1": ONEROSTER_11, "1.2": ONEROSTER_12}
PEOPLE = [f"N{number}" for number in range(5)]


def manifest(version: str, **states: str) -> str:
    lines = [f"file.{name},{state}" for name, state in states.items()]
    head = ["propertyName,value", "manifest.version,1.0", f"oneroster.version,{version}"]
    return "\n".join([*head, *lines]) + "\n"


def package(files: Files, version: str = "1.1", state: str = "delta", **states: str) -> Files:
    given = {name.removesuffix(".csv"): state for name in files}
    return {"manifest.csv": manifest(version, **(given | states)), **files}


def rows(file: str, *lines: str, form: Files = ONEROSTER_11) -> Files:
    return {file: "\n".join([form[file].split("\n", 1)[0], *lines]) + "\n"}


def read(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    *packages: Files,
    needed: frozenset[str] | None = None,
) -> Roster:
    """The roster after several packages, each following the one before."""
    before = None
    for number, files in enumerate(packages):
        after = folder / f"after{number}"
        drop = write(folder / f"drop{number}", files)
        roster = read_roster(drop, con, chain=Alone(before, after), last_files=needed)
        before = Before(roster.format, after)
    return roster


def table(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    return con.execute(sql).fetchall()


def left(folder: Path, file: str) -> list[tuple[object, ...]]:
    return duckdb.sql(f"SELECT * FROM '{folder}/{file}.parquet' ORDER BY ALL").fetchall()


def test_of_one_id_the_newest_row_counts_and_all_others_stay(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    changed = rows(
        "users.csv",
        "U2,active,2026-02-02T00:00:00.000Z,true,S1,student,ben2,,Ben,Second,,,,,,,9,",
        "U3,active,2026-02-01T00:00:00.000Z,true,S1,student,cy,,Cy,Cole,,,,,,,9,",
        "U2,active,2026-02-01T00:00:00.000Z,true,S1,student,ben1,,Ben,First,,,,,,,9,",
    )
    roster = read(con, tmp_path, ONEROSTER_11, package(changed))
    assert table(con, "SELECT sourced_id, family_name FROM users ORDER BY 1") == [
        ("P1", "Adams"), ("T1", "Taylor"), ("U1", "Adams"), ("U2", "Second"), ("U3", "Cole"),
    ]  # fmt: skip
    assert table(con, "SELECT user_sourced_id, org_sourced_id, grade FROM roles ORDER BY ALL") == [
        ("P1", "S1", None), ("T1", "S1", None), ("U1", "S1", "09"), ("U1", "S2", "09"),
        ("U2", "S1", "09"), ("U3", "S1", "09"),
    ]  # fmt: skip
    assert list(roster.findings()) == []
    assert roster.counts()["relationships"] == 1


def test_deleted_rows_become_inactive_and_need_nothing_but_their_id(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = read(
        con,
        tmp_path,
        ONEROSTER_11,
        package(
            rows("users.csv", "U2,toBeDeleted,2026-02-02T00:00:00.000Z" + "," * 15)
            | rows("enrollments.csv", "E2,tobedeleted,2026-02-02" + "," * 7)
            | rows("demographics.csv", "U1,tobedeleted,2026-02-02" + "," * 13)
        ),
    )
    assert list(roster.findings()) == []
    assert table(con, "SELECT family_name, active FROM users WHERE sourced_id = 'U2'") == [
        ("Brown", False)
    ]
    assert table(con, "SELECT active FROM roles WHERE user_sourced_id = 'U2'") == [(False,)]
    assert table(con, "SELECT user_sourced_id, active FROM enrollments ORDER BY 1") == [
        ("T1", True), ("U1", True), ("U2", False),
    ]  # fmt: skip
    assert "demographics" not in {name for name, n in roster.counts().items() if n}


def test_bulk_files_of_a_mixed_package_replace_and_absent_ones_stay(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    added = rows("users.csv", "U3,active,2026-02-01,true,S1,student,cy,,Cy,Cole,,,,,,,9,")
    whole = rows("enrollments.csv", "E9,,,C1,S1,U3,student,,,", "E3,,,C1,S1,T1,teacher,true,,")
    needed = frozenset({"orgs", "users", "roles", "classes", "enrollments", "demographics"})
    mixed = package(added | whole, enrollments="bulk", orgs="absent")
    roster = read(con, tmp_path, ONEROSTER_11, mixed, needed=needed)
    assert table(con, "SELECT user_sourced_id FROM enrollments ORDER BY 1") == [("T1",), ("U3",)]
    assert roster.counts()["orgs"] == 3
    assert roster.counts()["demographics"] == 1


def test_findings_cite_the_line_of_the_package_or_the_place_among_the_rows_before(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    bad = {**ONEROSTER_11, "users.csv": ONEROSTER_11["users.csv"].replace("T1,,,true,S1,teacher",
           "T1,,,true,S1,wizard")}  # fmt: skip
    changed = rows(
        "users.csv",
        "U1,active,2026-02-02,true,S1,student,ada,,Ada,Adams,,,,,,,9,",
        "U3,active,2026-02-01,true,S1,witch,cy,,Cy,Cole,,,,,,,9,",
    )
    found = read(con, tmp_path, bad, package(changed)).findings()
    cited = {(f.file, f.line, f.value) for f in found if f.column == "role"}
    assert cited == {("users.csv", 3, "witch"), ("users.csv (earlier)", 2, "wizard")}


def test_a_line_that_is_no_record_protects_its_person_until_the_person_comes_again(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    broken = {**ONEROSTER_11, "users.csv": ONEROSTER_11["users.csv"] + "U4,too,short\n"}
    other = rows("users.csv", "U3,active,2026-02-01,true,S1,student,cy,,Cy,Cole,,,,,,,9,")
    mended = rows("users.csv", "U4,active,2026-02-01,true,S1,student,di,,Di,Dole,,,,,,,9,")
    uncertain = "SELECT count(DISTINCT key) FROM uncertain WHERE key = 'U4'"
    read(con, tmp_path / "a", broken, package(other), package(other))
    assert table(con, uncertain) == [(1,)]
    assert (
        len([row for row in left(tmp_path / "a" / "after2", "users") if "csv.fields" in row]) == 1
    )
    read(con, tmp_path / "b", broken, package(other), package(mended))
    assert table(con, uncertain) == [(0,)]


def test_passwords_are_not_kept(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    drop = write(tmp_path / "drop", ONEROSTER_11)
    read_roster(drop, con, chain=Alone(None, tmp_path / "after"), passwords=True)
    kept = duckdb.sql(f"SELECT * FROM '{tmp_path}/after/users.parquet'")
    assert "sourcedid" in kept.columns
    assert "password" not in kept.columns
    assert "secret1" not in str(kept.fetchall())


@pytest.mark.parametrize("times", [1, 2])
def test_a_package_that_is_folded_again_leaves_the_same(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, times: int
) -> None:
    delta = package(
        rows(
            "users.csv",
            "U2,tobedeleted,2026-02-02" + "," * 15,
            ",active,2026-02-01,true,S1,student,nobody,,No,Body,,,,,,,9,",
            "short,line",
            "U3,active,2026-02-01,true,S1,student,cy,,Cy,Cole,,,,,,,9,",
        )
        | rows("academicSessions.csv", "A26,tobedeleted,2026-02-02,,,,,,")
    )
    read(con, tmp_path, ONEROSTER_11, *[delta] * (1 + times))
    for file in ("users", "academicsessions", "enrollments"):
        assert left(tmp_path / "after1", file) == left(tmp_path / f"after{1 + times}", file)


def test_columns_may_come_and_go(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    narrow = {
        "users.csv": "sourcedId,orgSourcedIds,role,username,givenName,familyName,"
        "metadata.employeeId\nU2,S1,student,ben,Ben,Berg,77\n"
    }
    read(
        con,
        tmp_path,
        ONEROSTER_11,
        package(narrow),
        package(rows("orgs.csv", "S2,active,2026-02-02,Nova,school,,D1")),
    )
    assert table(con, "SELECT family_name, email, employee_id, active FROM users"
                      " WHERE sourced_id IN ('U1', 'U2') ORDER BY sourced_id") == [
        ("Adams", "ada@contoso.edu", None, True), ("Berg", None, "77", True),
    ]  # fmt: skip
    assert table(con, "SELECT name FROM orgs WHERE sourced_id = 'S2'") == [("Nova",)]


USER = "U3,active,2026-02-01,true,S1,student,cy,,Cy,Cole,,,,,,,9,"


@pytest.mark.parametrize(
    ("packages", "error", "said"),
    [
        ([package(rows("users.csv", USER))], BadInput, r"users\.csv: changes only \(delta\)"),
        ([{k: v for k, v in ONEROSTER_11.items() if k not in ("demographics.csv", "manifest.csv")},
          package(rows("demographics.csv", "U1,active,2026-02-01" + "," * 13))],
         Refused, r"demographics\.csv holds changes only .* never delivered"),
        ([ONEROSTER_11, package(rows("users.csv", USER) | rows("orgs.csv", "S3,,,East,school,,D1"),
                                orgs="absent")],
         BadInput, r"does not say whether orgs\.csv is whole"),
        ([ONEROSTER_11, package(rows("users.csv", USER), orgs="delta")],
         BadInput, r"manifest\.csv:5: orgs\.csv is announced as delta"),
        ([ONEROSTER_11, package({"roles.csv": ONEROSTER_12["roles.csv"]}, "1.2")],
         BadInput, r"the files are oneroster-1\.2, those that they change are oneroster-1\.1"),
        ([ONEROSTER_12, package(rows("users.csv", USER), "1.1")],
         BadInput, r"the files are oneroster-1\.1, those that they change are oneroster-1\.2"),
        ([ONEROSTER_11, package(rows("users.csv", USER) | rows("courses.csv"), courses="bulk")],
         Refused, r"courses\.csv has no records"),
    ],
)  # fmt: skip
def test_changes_of_what_is_not_known_are_refused(
    con: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    packages: Sequence[Files],
    error: type[Exception],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        read(con, tmp_path, *packages, needed=frozenset({"orgs", "courses"}))


def test_a_package_with_enrollments_alone_follows_the_version_before(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    changed = rows("enrollments.csv", "E9,active,2026-02-01,C1,S1,P1,teacher,,,")
    for version, whole in FORMS.items():
        roster = read(con, tmp_path / version, whole, package(changed, version))
        assert roster.format == f"oneroster-{version}"
        assert roster.counts()["enrollments"] == 4
    empty = read(con, tmp_path / "empty", ONEROSTER_11, package(rows("users.csv")))
    assert empty.counts()["users"] == 4


# Random packages ---------------------------------------------------------------------------

Person = tuple[str, str, bool]  # family name, school, whether enrolled
changes = st.dictionaries(
    st.sampled_from(PEOPLE),
    st.none() | st.tuples(st.sampled_from("ABC"), st.sampled_from(["S1", "S2"]), st.booleans()),
)


def lines(version: str, people: Mapping[str, Person | None], known: set[str]) -> Files:
    """Files about people, `None` as deleted; enrollments that ended as deleted too."""
    files: dict[str, list[str]] = {"users.csv": [], "enrollments.csv": [], "demographics.csv": []}
    if version == "1.2":
        files["roles.csv"] = []
    for one, person in people.items():
        family, school, enrolled = person or ("X", "S1", False)
        status = f"{'active' if person else 'tobedeleted'},2026-02-02"
        if version == "1.1":
            files["users.csv"].append(
                f"{one},{status},true,{school},student,{one},,Jo,{family},,,,,,P1,9,"
            )
        else:
            files["users.csv"].append(f"{one},{status},true,{one},,Jo,{family},,,,,,P1,9,,,,,,,")
            files["roles.csv"].append(f"R{one},{status},{one},primary,student,,,{school},")
        files["demographics.csv"].append(f"{one},{status},2010-02-03,female" + "," * 11)
        if enrolled:
            files["enrollments.csv"].append(f"E{one},{status},C1,S1,{one},student,,,")
        elif one in known:
            files["enrollments.csv"].append(f"E{one},tobedeleted,2026-02-02" + "," * 7)
    form = FORMS[version]
    made: dict[str, str] = {}
    for file, new in files.items():
        made |= rows(file, *new, form=form)
    return made


def whole(version: str, people: Mapping[str, Person | None]) -> Files:
    """A bulk package with the sample's rows and those about people."""
    form = FORMS[version]
    more = lines(version, people, set())
    return {name: text + more.get(name, "\n").split("\n", 1)[1] for name, text in form.items()}


def active(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[object, ...]]]:
    found: dict[str, list[tuple[object, ...]]] = {}
    for name in ("users", "roles", "enrollments", "demographics", "relationships", "classes"):
        columns = [c for c, *_ in table(con, f"DESCRIBE {name}") if not str(c).startswith("origin")]
        where = "active" if "active" in columns else "true"
        if name == "relationships":
            where = "user_sourced_id IN (SELECT sourced_id FROM users WHERE active)"
        found[name] = table(con, f"SELECT {', '.join(map(str, columns))} FROM {name}"
                                 f" WHERE {where} ORDER BY ALL")  # fmt: skip
    return found


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    version=st.sampled_from(["1.1", "1.2"]),
    first=st.dictionaries(
        st.sampled_from(PEOPLE),
        st.tuples(st.sampled_from("ABC"), st.sampled_from(["S1", "S2"]), st.booleans()),
    ),
    later=st.lists(changes, min_size=1, max_size=3),
)
def test_a_whole_package_and_changes_equal_a_whole_package_of_the_end(
    version: str, first: dict[str, Person], later: list[dict[str, Person | None]]
) -> None:
    end: dict[str, Person | None] = dict(first)
    packages = [whole(version, first)]
    known = set(first)
    for delta in later:
        about = {one: person for one, person in delta.items() if person or one in known}
        packages.append(package(lines(version, about, known), version))
        known |= set(about)
        end |= about
    there = {one: person for one, person in end.items() if person}
    with tempfile.TemporaryDirectory() as name, open_database() as con:
        read(con, Path(name) / "chain", *packages)
        chained = active(con)
        read(con, Path(name) / "whole", whole(version, there))
        assert chained == active(con)
