from __future__ import annotations

import csv
import hashlib
import zipfile
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import pytest

from local.district import District, generate, next_day
from roster.errors import BadInput

TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def district() -> District:
    return generate(300, 1, today=TODAY)


@pytest.fixture(scope="module")
def folder(district: District, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("day1")
    district.write(target)
    return target


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digest(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


@pytest.mark.parametrize("as_zip", [False, True])
def test_the_same_seed_writes_the_same_bytes(tmp_path: Path, as_zip: bool) -> None:
    for name in ("a", "b"):
        made = generate(300, 7, today=TODAY)
        made.write(tmp_path / name, as_zip=as_zip)
        next_day(made, 7).write(tmp_path / f"{name}2", as_zip=as_zip)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a2") == digest(tmp_path / "b2")


def test_another_seed_makes_another_district(tmp_path: Path, folder: Path) -> None:
    generate(300, 2, today=TODAY).write(tmp_path)
    assert digest(tmp_path)["users.csv"] != digest(folder)["users.csv"]


def test_the_number_of_people_is_exactly_what_was_asked_for(folder: Path) -> None:
    staff_and_pupils = [u for u in rows(folder, "users.csv") if u["sourcedId"][0] != "G"]
    assert len(staff_and_pupils) == 300


@pytest.mark.parametrize("people", [20, 60, 119, 121, 3_000])
def test_every_size_of_district_is_complete(people: int, tmp_path: Path) -> None:
    made = generate(people, 3, today=TODAY)
    made.write(tmp_path)
    taught = {
        e["classSourcedId"] for e in rows(tmp_path, "enrollments.csv") if e["role"] == "teacher"
    }
    assert taught == {c["sourcedId"] for c in rows(tmp_path, "classes.csv")}
    assert next_day(made, 3).counts()["users"] > people


def test_nothing_refers_to_what_is_not_there(folder: Path) -> None:
    users = {u["sourcedId"] for u in rows(folder, "users.csv")}
    orgs = {o["sourcedId"] for o in rows(folder, "orgs.csv")}
    classes = {c["sourcedId"]: c for c in rows(folder, "classes.csv")}
    sessions = {s["sourcedId"] for s in rows(folder, "academicSessions.csv")}
    courses = {c["sourcedId"] for c in rows(folder, "courses.csv")}
    for class_ in classes.values():
        assert set(class_["sessionSourcedIds"].split(",")) <= sessions
        assert class_["courseSourcedId"] in courses | {""}
        assert class_["orgSourcedId"] in orgs
    for enrollment in rows(folder, "enrollments.csv"):
        assert enrollment["classSourcedId"] in classes
        assert enrollment["userSourcedId"] in users
    for role in rows(folder, "roles.csv"):
        assert role["userSourcedId"] in users
        assert role["orgSourcedId"] in orgs
    emails = {u["sourcedId"]: u["email"] for u in rows(folder, "users.csv")}
    for relationship in rows(folder, "relationships.csv"):
        assert relationship["userSourcedId"] in users
        assert emails[relationship["relationshipUserSourcedId"]]


def test_ids_and_usernames_are_unique_and_no_row_stands_twice(folder: Path) -> None:
    users = rows(folder, "users.csv")
    assert len({u["sourcedId"] for u in users}) == len(users)
    assert len({u["username"].lower() for u in users}) == len(users)
    for name in ("enrollments.csv", "roles.csv", "relationships.csv"):
        found = [tuple(row.values()) for row in rows(folder, name)]
        assert len(set(found)) == len(found), name


def test_the_oddities_of_real_districts_are_there(folder: Path) -> None:
    users, roles = rows(folder, "users.csv"), rows(folder, "roles.csv")
    roles_of: defaultdict[str, set[str]] = defaultdict(set)
    schools_of: defaultdict[str, set[str]] = defaultdict(set)
    for role in roles:
        roles_of[role["userSourcedId"]].add(role["role"])
        if role["role"] == "teacher":
            schools_of[role["userSourcedId"]].add(role["orgSourcedId"])
    names = " ".join(u["givenName"] + u["familyName"] for u in users)
    surnames = Counter(u["familyName"] for u in users)
    contacts = {r["relationshipUserSourcedId"] for r in rows(folder, "relationships.csv")}
    born = Counter(
        (d["birthDate"], u["familyName"])
        for d, u in zip(
            rows(folder, "demographics.csv"),
            (u for u in users if u["sourcedId"].startswith("1")),
            strict=True,
        )
    )
    assert surnames.most_common(1)[0][1] > 10
    assert max(born.values()) == 2, "no twins"
    assert any("teacher" in roles_of[c] for c in contacts), "no teacher is a parent"
    assert any(found > {"student"} for found in roles_of.values()), "no adult student"
    assert any(len(found) == 2 for found in schools_of.values()), "nobody works in two schools"
    assert all(letter in names.lower() for letter in "éñøł'-小")
    assert {c["title"] for c in rows(folder, "classes.csv")} > {
        'Evening class: "Bookkeeping, Part 1" & more'
    }


def test_pupils_take_as_many_classes_as_in_their_kind_of_school(folder: Path) -> None:
    grade = {r["userSourcedId"]: r["grade"] for r in rows(folder, "roles.csv") if r["grade"]}
    taken = Counter(
        e["userSourcedId"]
        for e in rows(folder, "enrollments.csv")
        if e["role"] == "student" and e["classSourcedId"] != "C099999"
    )
    for pupil, number in taken.items():
        low, high = {"k": (3, 3), "0": (3, 7), "1": (5, 7), "a": (1, 1)}[grade[pupil][0]]
        assert low <= number <= high


def test_one_session_is_over_and_one_covers_today(folder: Path) -> None:
    sessions = rows(folder, "academicSessions.csv")
    today = TODAY.isoformat()
    assert any(s["endDate"] < today for s in sessions)
    assert [s["sourcedId"] for s in sessions if s["startDate"] <= today <= s["endDate"]] == [
        "SY2026",
        "SY2026-1",
    ]


@pytest.mark.parametrize("today", [date(2026, 7, 31), date(2026, 8, 1), date(2028, 2, 29)])
def test_every_day_of_the_year_lies_in_a_school_year(today: date, tmp_path: Path) -> None:
    generate(40, 1, today=today).write(tmp_path)
    assert any(
        s["startDate"] <= today.isoformat() <= s["endDate"]
        for s in rows(tmp_path, "academicSessions.csv")
        if s["type"] == "semester"
    )


def test_the_next_day_changes_every_kind_of_thing_but_little_of_each(
    district: District, folder: Path, tmp_path: Path
) -> None:
    next_day(district, 1).write(tmp_path)
    before = {u["sourcedId"]: u for u in rows(folder, "users.csv")}
    after = {u["sourcedId"]: u for u in rows(tmp_path, "users.csv")}
    assert after.keys() - before.keys()
    assert before.keys() - after.keys()
    both = before.keys() & after.keys()
    assert [u for u in both if before[u]["familyName"] != after[u]["familyName"]]
    assert [u for u in both if before[u]["username"] != after[u]["username"]] == []
    classes = [{c["sourcedId"] for c in rows(day, "classes.csv")} for day in (folder, tmp_path)]
    assert classes[0] - classes[1]
    assert classes[1] - classes[0]
    roles = [{tuple(r.values()) for r in rows(day, "roles.csv")} for day in (folder, tmp_path)]
    enrollments = [
        {tuple(e.values()) for e in rows(day, "enrollments.csv")} for day in (folder, tmp_path)
    ]
    for day in (roles, enrollments):
        assert 0 < len(day[0] ^ day[1]) < 0.1 * len(day[0])


def test_no_id_is_given_to_somebody_else_later(tmp_path: Path) -> None:
    made, born = generate(40, 3, today=TODAY), dict[str, str]()
    gone: set[str] = set()
    for day in range(8):
        made.write(tmp_path / str(day))
        usernames = {u["sourcedId"]: u["username"] for u in rows(tmp_path / str(day), "users.csv")}
        assert not gone & usernames.keys()
        gone |= born.keys() - usernames.keys()
        assert all(born.get(id_, name) == name for id_, name in usernames.items())
        born |= usernames
        made = next_day(made, 3, change=0.2)
    assert gone


def test_the_next_day_leaves_the_first_day_as_it_was(district: District, tmp_path: Path) -> None:
    district.write(tmp_path / "before")
    next_day(district, 9, change=0.5)
    district.write(tmp_path / "after")
    assert digest(tmp_path / "before") == digest(tmp_path / "after")


def test_version_1_holds_the_same_people_and_places(
    district: District, folder: Path, tmp_path: Path
) -> None:
    district.write(tmp_path, "sds-v1")
    people = {r["SIS ID"] for name in ("student", "teacher") for r in rows(tmp_path, f"{name}.csv")}
    assert people == {
        u["sourcedId"] for u in rows(folder, "users.csv") if not u["sourcedId"].startswith("G")
    }
    places = Counter(
        (r["Section SIS ID"], r["SIS ID"])
        for name in ("studentenrollment", "teacherroster")
        for r in rows(tmp_path, f"{name}.csv")
    )
    assert places == Counter(
        (e["classSourcedId"], e["userSourcedId"]) for e in rows(folder, "enrollments.csv")
    )
    contacts = {u["Email"] for u in rows(tmp_path, "user.csv")}
    assert {r["Email"] for r in rows(tmp_path, "guardianrelationship.csv")} == contacts


def test_uk_headers_replace_the_ids(district: District, tmp_path: Path) -> None:
    district.write(tmp_path, "sds-v1-uk")
    assert "DfE Number" in rows(tmp_path, "school.csv")[0]
    assert list(rows(tmp_path, "student.csv")[0])[:2] == ["ID", "School DfE Number"]
    assert list(rows(tmp_path, "teacherroster.csv")[0]) == ["Section ID", "ID"]


@pytest.mark.parametrize(
    ("format_", "version", "files"), [("oneroster-1.1", "1.1", 8), ("oneroster-1.2", "1.2", 9)]
)
@pytest.mark.parametrize("minimal", [False, True])
def test_a_manifest_announces_exactly_the_files_that_are_there(
    district: District, tmp_path: Path, format_: str, version: str, files: int, minimal: bool
) -> None:
    written = district.write(tmp_path, format_, minimal=minimal)  # type: ignore[arg-type]
    assert len(written) == files - minimal
    manifest = {r["propertyName"]: r["value"] for r in rows(tmp_path, "manifest.csv")}
    assert manifest["oneroster.version"] == version
    announced = {name for name, value in manifest.items() if value == "bulk"}
    there = {f"file.{path.stem}" for path in written} - {"file.manifest"}
    assert announced == there
    assert len([name for name in manifest if name.startswith("file.")]) == 13 + 8 * (
        version == "1.2"
    )


def test_oneroster_names_every_column_in_the_order_of_the_standard(
    district: District, tmp_path: Path
) -> None:
    district.write(tmp_path, "oneroster-1.2")
    assert ",".join(rows(tmp_path, "users.csv")[0]) == (
        "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,"
        "middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,"
        "userMasterIdentifier,preferredGivenName,preferredMiddleName,preferredFamilyName,"
        "primaryOrgSourcedId,pronouns"
    )
    assert ",".join(rows(tmp_path, "roles.csv")[0]) == (
        "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,"
        "orgSourcedId,userProfileSourcedId"
    )
    assert {row["status"] for row in rows(tmp_path, "roles.csv")} == {""}


def test_clever_holds_the_same_people_places_and_guardians(
    district: District, folder: Path, tmp_path: Path
) -> None:
    district.write(tmp_path, "clever")
    students, staff = rows(tmp_path, "students.csv"), rows(tmp_path, "staff.csv")
    teachers, sections = rows(tmp_path, "teachers.csv"), rows(tmp_path, "sections.csv")
    people = {row["Student_id"] for row in students}
    people |= {row["Teacher_id"] for row in teachers} | {row["Staff_id"] for row in staff}
    assert people == {
        u["sourcedId"] for u in rows(folder, "users.csv") if not u["sourcedId"].startswith("G")
    }
    columns = ["Teacher_id", *(f"Teacher_{place}_id" for place in range(2, 11))]
    places = {(s["Section_id"], s[column]) for s in sections for column in columns if s[column]}
    places |= {(e["Section_id"], e["Student_id"]) for e in rows(tmp_path, "enrollments.csv")}
    assert places == {
        (e["classSourcedId"], e["userSourcedId"]) for e in rows(folder, "enrollments.csv")
    }
    contacts = {(s["Student_id"], s["Contact_sis_id"]) for s in students if s["Contact_sis_id"]}
    assert contacts == {
        (r["userSourcedId"], r["relationshipUserSourcedId"])
        for r in rows(folder, "relationships.csv")
    }


def test_clever_writes_its_own_words_and_a_row_for_each_school_and_guardian(
    district: District, tmp_path: Path
) -> None:
    district.write(tmp_path, "clever")
    students, staff = rows(tmp_path, "students.csv"), rows(tmp_path, "staff.csv")
    grades = {"Kindergarten", "Other", *map(str, range(1, 13))}
    assert {row["Grade"] for row in students} == grades
    assert {row["Gender"] for row in students} >= {"F", "M"}
    keys = ("School_id", "Student_id", "Contact_sis_id")
    assert len({tuple(row[key] for key in keys) for row in students}) == len(students)
    assert len({row["Student_id"] for row in students}) < len(students)
    schools = {row["School_id"] for row in rows(tmp_path, "schools.csv")}
    everywhere = {row["School_id"] for row in staff if row["Role"] == "School Tech Lead"}
    assert everywhere == schools
    assert {row["Title"] for row in staff} == {"Principal", "Office Staff", "IT Admin"}


@pytest.mark.parametrize("format_", ["sds-v2.1", "sds-v1", "clever"])
def test_minimal_files_are_fewer_and_leave_out_last_year(
    district: District, tmp_path: Path, format_: str
) -> None:
    written = district.write(tmp_path, format_, minimal=True)  # type: ignore[arg-type]
    assert len(written) == {"sds-v2.1": 5, "sds-v1": 6, "clever": 5}[format_]
    assert b"C099999" not in b"".join(path.read_bytes() for path in written)


def test_a_domain_is_appended_to_usernames_but_not_to_parents(tmp_path: Path) -> None:
    generate(60, 1, today=TODAY, domain="contoso.edu").write(tmp_path)
    endings = {
        (u["sourcedId"][0] == "G", u["username"].rpartition("@")[2])
        for u in rows(tmp_path, "users.csv")
    }
    assert endings == {(False, "contoso.edu"), (True, "example.net")}


def test_a_zip_holds_the_same_files(district: District, folder: Path, tmp_path: Path) -> None:
    [archive] = district.write(tmp_path, as_zip=True)
    assert [p.name for p in tmp_path.iterdir()] == ["roster.zip"]
    with zipfile.ZipFile(archive) as packed:
        assert {n: hashlib.sha256(packed.read(n)).hexdigest() for n in packed.namelist()} == digest(
            folder
        )


def test_too_few_people_are_refused() -> None:
    with pytest.raises(BadInput, match="3 people"):
        generate(3, today=TODAY)
