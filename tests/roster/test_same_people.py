"""Who is one person in two sources, who is not, and who only looks like it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from roster.roster import Roster
from tests.roster.rosters import SOUND, Row, Tables, combine, rows

SCHOOL = {"sourced_id": "S1", "name": "School", "type": "school"}


def hr(*users: Row) -> Tables:
    roles = [
        {"user_sourced_id": user["sourced_id"], "org_sourced_id": "S1", "role": "principal"}
        for user in users
    ]
    return {"orgs": [SCHOOL], "users": users, "roles": roles}


TOM: Row = {"sourced_id": "17", "username": "t.taylor", "email": "Tom@contoso.edu",
            "identifier": "P17"}  # fmt: skip
NUMBERED: Tables = {
    **SOUND, "users": [{**row, "identifier": f"N-{row['sourced_id']}"} for row in SOUND["users"]]
}  # fmt: skip


def found(roster: Roster) -> list[tuple[str, str, int | None, str, str]]:
    return [(f.rule, f.file, f.line, f.column, f.value) for f in roster.findings()]


def test_people_who_are_declared_the_same_get_the_leading_id_and_all_that_names_them_follows(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    contact = {"user_sourced_id": "U1", "relationship_user_sourced_id": "17", "role": "parent"}
    staff = {
        **hr(TOM),
        "relationships": [contact],
        "demographics": [{"user_sourced_id": "17", "sex": "male"}],
        "user_flags": [{"user_sourced_id": "17", "flag": "iep"}],
        "enrollments": [{"class_sourced_id": "C1", "user_sourced_id": "17", "role": "coach"}],
    }
    roster = combine(con, tmp_path, {"sis": SOUND, "hr": staff}, same_people=("email",))
    assert found(roster) == []
    assert rows(con, "SELECT username, identifier FROM users WHERE sourced_id = 'T1'") == [
        ("tom", "P17")
    ]
    assert rows(con, "SELECT role FROM roles WHERE user_sourced_id = 'T1' ORDER BY 1") == [
        ("principal",), ("teacher",)
    ]  # fmt: skip
    assert rows(con, "SELECT role FROM enrollments WHERE user_sourced_id = 'T1' ORDER BY 1") == [
        ("coach",), ("teacher",)
    ]  # fmt: skip
    assert rows(con, "SELECT sex FROM demographics WHERE user_sourced_id = 'T1'") == [("male",)]
    assert rows(con, "SELECT flag FROM user_flags WHERE user_sourced_id = 'T1'") == [("IEP",)]
    assert rows(con, "SELECT count(*) FROM relationships WHERE '17' IN"
                     " (user_sourced_id, relationship_user_sourced_id)") == [(0,)]  # fmt: skip
    assert rows(con, "FROM renamed") == [("hr", "17", "T1")]


def test_nobody_is_taken_for_somebody_by_default_but_who_looks_the_same_is_shown(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = combine(con, tmp_path, {"sis": SOUND, "hr": hr(TOM)})
    assert found(roster) == [
        ("users.email.sources", "hr/users.csv", 2, "email", "tom@contoso.edu"),
        ("users.email.sources", "sis/users.csv", 4, "email", "tom@contoso.edu"),
    ]
    assert all("merge.same_people" in f.hint for f in roster.findings())
    assert rows(con, "SELECT sourced_id FROM users WHERE email = 'tom@contoso.edu' ORDER BY 1") == [
        ("17",), ("T1",)
    ]  # fmt: skip


def test_an_equal_username_is_shown_and_keeps_both_out_until_it_is_declared(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = combine(
        con, tmp_path, {"sis": SOUND, "hr": hr({"sourced_id": "17", "username": "Tom"})}
    )
    assert {f.rule for f in roster.findings()} >= {
        "users.username.shared",
        "users.username.sources",
    }
    assert ("user", "T1", None) in rows(con, "FROM uncertain")
    assert ("user", "17", None) in rows(con, "FROM uncertain")
    assert rows(con, "SELECT 1 FROM users WHERE lower(username) = 'tom'") == []


def test_names_never_tell(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    same = {"sourced_id": "17", "username": "x", "given_name": "tom", "family_name": "Adams"}
    roster = combine(
        con, tmp_path, {"sis": SOUND, "hr": hr(same)}, same_people=("given_name", "family_name")
    )
    assert rows(con, "FROM renamed") == []
    assert found(roster) == []


def test_a_value_that_people_of_one_source_share_tells_nothing(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    staff = hr(TOM, {"sourced_id": "18", "username": "office", "email": "tom@contoso.edu"})
    roster = combine(con, tmp_path, {"sis": SOUND, "hr": staff}, same_people=("email",))
    assert rows(con, "FROM renamed") == []
    assert {(rule, file, line, col) for rule, file, line, col, _ in found(roster)} == {
        ("users.sourced_id.unlinked", "hr/users.csv", 2, "email"),
        ("users.sourced_id.unlinked", "hr/users.csv", 3, "email"),
        ("users.sourced_id.unlinked", "sis/users.csv", 4, "email"),
    }


def test_a_surer_column_still_links_who_shares_a_value_of_another(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    staff = hr(
        {**TOM, "identifier": "n-t1"}, {"sourced_id": "18", "username": "o", "email": TOM["email"]}
    )
    roster = combine(
        con, tmp_path, {"sis": NUMBERED, "hr": staff}, same_people=("identifier", "email")
    )
    assert rows(con, "FROM renamed") == [("hr", "17", "T1")]
    assert [(rule, line) for rule, _, line, _, _ in found(roster)] == [
        ("users.sourced_id.unlinked", 3)
    ]


def test_columns_that_contradict_each_other_link_nobody(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    staff = hr({**TOM, "identifier": "N-U2"})
    roster = combine(
        con, tmp_path, {"sis": NUMBERED, "hr": staff}, same_people=("identifier", "email")
    )
    assert rows(con, "FROM renamed") == []
    assert [(rule, col, value) for rule, _, _, col, value in found(roster)] == [
        ("users.sourced_id.unlinked", "sourced_id", "17"),
        ("users.sourced_id.unlinked", "sourced_id", "U2"),
        ("users.sourced_id.unlinked", "sourced_id", "T1"),
    ]


def test_a_link_may_lead_through_a_third_source(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    staff = hr(TOM)
    library = hr({"sourced_id": "L1", "username": "lib", "identifier": "P17"})
    roster = combine(
        con, tmp_path, {"sis": SOUND, "lib": library, "hr": staff},
        same_people=("email", "identifier"),
    )  # fmt: skip
    assert rows(con, "FROM renamed ORDER BY ALL") == [("hr", "17", "T1"), ("lib", "L1", "T1")]
    assert found(roster) == []


def test_what_is_uncertain_of_a_person_is_uncertain_under_the_new_id_too(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    staff = hr({**TOM, "identifier": "P1"})
    bad = [
        {"class_sourced_id": "C1", "user_sourced_id": "17", "role": "wizard"},
    ]
    contacts = [{"user_sourced_id": "17", "relationship_user_sourced_id": "17", "role": "pet"}]
    staff = {**staff, "roles": [*staff["roles"], {**staff["roles"][0], "role": "wizard"}],
             "enrollments": bad, "relationships": contacts}  # fmt: skip
    combine(con, tmp_path, {"sis": SOUND, "hr": staff}, same_people=("email",))
    assert set(rows(con, "FROM uncertain")) == {
        ("role", "17", None), ("role", "T1", None),
        ("enrollment", "C1", "17"), ("enrollment", "C1", "T1"),
        ("relationship", "17", "17"), ("relationship", "T1", "T1"),
    }  # fmt: skip


def test_an_id_that_two_sources_give_to_two_people_is_nobodys(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    other = {"sourced_id": "U1", "username": "zoe", "given_name": "Zoe", "family_name": "Zimmer"}
    roster = combine(con, tmp_path, {"sis": SOUND, "hr": hr(other)})
    rules = [(f.rule, f.file) for f in roster.findings() if f.table == "users"]
    assert rules[:2] == [
        ("users.sourced_id.two_people", "hr/users.csv"),
        ("users.sourced_id.two_people", "sis/users.csv"),
    ]
    assert rows(con, "FROM users WHERE sourced_id = 'U1'") == []
    assert ("user", "U1", None) in rows(con, "FROM uncertain")


@pytest.mark.parametrize(
    "same", [{"given_name": "Ada"}, {"family_name": "ADAMS"}, {"email": "ADA@contoso.edu"}]
)
def test_anything_that_is_equal_makes_an_id_one_persons(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, same: Row
) -> None:
    other = {"sourced_id": "U1", "username": "zoe", "given_name": "Zoe", "family_name": "Zimmer"}
    combine(con, tmp_path, {"sis": SOUND, "hr": hr({**other, **same})})
    assert rows(con, "SELECT username FROM users WHERE sourced_id = 'U1'") == [("ada",)]


def test_ids_that_are_a_sources_own_get_its_name(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    other = {"sourced_id": "U1", "username": "zoe", "given_name": "Zoe", "family_name": "Zimmer"}
    staff = hr(other, {"sourced_id": "T1", "email": "tom@contoso.edu", "username": "t"})
    roster = combine(
        con, tmp_path, {"sis": SOUND, "hr": staff}, own_ids={"hr": ("users",)},
        same_people=("email",),
    )  # fmt: skip
    assert found(roster) == []
    assert rows(con, "SELECT user_sourced_id FROM roles WHERE role = 'principal' ORDER BY 1") == [
        ("T1",), ("hr:U1",)
    ]  # fmt: skip
    assert rows(con, "FROM renamed") == [("hr", "U1", "hr:U1"), ("hr", "T1", "T1")]


def without(tables: Tables, user: str) -> Tables:
    """The tables without the rows of a person."""
    return {
        name: [row for row in found if user not in row.values()] for name, found in tables.items()
    }


@pytest.mark.parametrize("own", [(), ("users",)])
def test_a_person_keeps_the_id_when_the_leading_source_has_them_no_longer(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, own: tuple[str, ...]
) -> None:
    merge = {"same_people": ("email",), "own_ids": {"hr": own}}
    sources = {"sis": SOUND, "hr": hr(TOM)}
    combine(con, tmp_path / "1", sources, **merge).save(tmp_path / "last1")
    gone = {"sis": without(SOUND, "T1"), "hr": hr(TOM)}
    combine(con, tmp_path / "2", gone, **merge, last=tmp_path / "last1").save(tmp_path / "last2")
    expected = [("hr", "17", "T1")]
    assert rows(con, "FROM renamed") == expected
    assert rows(con, "SELECT role FROM roles WHERE user_sourced_id = 'T1'") == [("principal",)]
    roster = combine(con, tmp_path / "3", gone, **merge, last=tmp_path / "last2")
    assert rows(con, "FROM renamed") == expected
    assert {f.rule for f in roster.findings()} == {"classes.teachers.none"}


def test_what_is_remembered_gives_way_to_todays_values(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    sources = {"sis": SOUND, "hr": hr(TOM)}
    combine(con, tmp_path / "1", sources, same_people=("email",)).save(tmp_path / "last")
    new_id = {**SOUND, **{
        name: [{key: "T2" if value == "T1" else value for key, value in row.items()}
               for row in found] for name, found in SOUND.items()
    }}  # fmt: skip
    combine(con, tmp_path / "2", {"sis": new_id, "hr": hr(TOM)}, same_people=("email",),
            last=tmp_path / "last")  # fmt: skip
    assert rows(con, "FROM renamed") == [("hr", "17", "T2")]
    other = hr({**TOM, "email": "someone@contoso.edu"})
    combine(con, tmp_path / "3", {"sis": SOUND, "hr": other}, same_people=("email",),
            last=tmp_path / "last")  # fmt: skip
    assert rows(con, "FROM renamed") == []
    combine(con, tmp_path / "4", {"sis": without(SOUND, "T1"), "hr": hr(TOM)},
            last=tmp_path / "last")  # fmt: skip
    assert rows(con, "FROM renamed") == []
