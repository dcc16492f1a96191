"""The 41 paths of the rostering service, and which rows each shows."""

from __future__ import annotations

import pytest

from local.oneroster.operations import OPERATIONS
from tests.local.oneroster.conftest import ROOTS, Provider, Version

STANDARD = [operation for operation in OPERATIONS if operation.entity != "classGroups"]


def example(provider: Provider, path: str) -> str:
    """A path whose ids are those of something that is there."""
    [(school, class_id, course, pupil, teacher)] = provider.records.rows(
        """SELECT c.org, c.sourced_id, c.course, s.user_id, t.user_id FROM classes c
        JOIN enrollments s ON s.class_id = c.sourced_id AND s.role = 'student'
        JOIN enrollments t ON t.class_id = c.sourced_id AND t.role = 'teacher'
        WHERE course IS NOT NULL ORDER BY ALL LIMIT 1"""
    )
    ids = {
        "schools": school, "classes": class_id, "courses": course, "users": pupil,
        "students": pupil, "teachers": teacher, "terms": "SY2026-1", "gradingPeriods": "none",
        "academicSessions": "SY2026", "orgs": "district", "demographics": pupil,
        "enrollments": f"{class_id}-{pupil}",
    }  # fmt: skip
    return path.replace("{cid}", class_id).replace("{id}", ids[path.split("/")[1]])


def test_there_are_41_operations() -> None:
    assert len(STANDARD) == 41
    assert len({operation.name for operation in STANDARD}) == 41


@pytest.mark.parametrize("path", [operation.path for operation in STANDARD])
def test_every_path_answers_in_its_wrapper(provider: Provider, version: Version, path: str) -> None:
    provider.quirks(semesters_are_terms=True)
    answer = provider.get(version, example(provider, path))
    if path == "/gradingPeriods/{id}":  # the district has none
        assert answer.status_code == 404
        return
    assert answer.status_code == 200
    [(wrapper, content)] = answer.json().items()
    last = path.rsplit("/", 1)[1]
    one = last == "{id}"
    kind = path.split("/")[1] if one else last
    entity = {
        "terms": "academicSessions", "gradingPeriods": "academicSessions", "schools": "orgs",
        "students": "users", "teachers": "users",
    }.get(kind, kind)  # fmt: skip
    singular = {"classes": "class", "demographics": "demographics"}
    assert wrapper == (singular.get(entity, entity.removesuffix("s")) if one else entity)
    assert isinstance(content, dict if one else list)
    if not one and last != "gradingPeriods":
        assert content


def test_views_are_filtered_collections(provider: Provider, version: Version) -> None:
    role = "role" if version == "1.1" else "roles.role"
    assert provider.ids(version, "/schools") == provider.ids(
        version, "/orgs", filter="type='school'"
    )
    students = set(provider.ids(version, "/students"))
    assert students == set(provider.ids(version, "/users", filter=f"{role}~'student'"))
    assert provider.get(version, f"/teachers/{min(students)}").status_code == 404


def test_the_district_has_terms_only_if_semesters_are_terms(
    provider: Provider, version: Version
) -> None:
    assert provider.ids(version, "/terms") == []
    assert provider.get(version, "/terms/SY2026-1/classes").status_code == 404
    provider.quirks(semesters_are_terms=True)
    assert provider.ids(version, "/terms") == ["SY2025-1", "SY2025-2", "SY2026-1", "SY2026-2"]
    assert provider.ids(version, "/terms/SY2026-1/classes")


def test_what_hangs_on_a_school_or_class_is_its_own(provider: Provider, version: Version) -> None:
    schools = provider.ids(version, "/schools")
    of_schools = [
        i for school in schools for i in provider.ids(version, f"/schools/{school}/classes")
    ]
    assert sorted(of_schools) == provider.ids(version, "/classes")
    path = example(provider, "/schools/{id}/classes/{cid}")
    school, class_id = path.split("/")[2::2]
    taught = {
        e["user"]["sourcedId"]: e["role"] for e in provider.rows(version, f"{path}/enrollments")
    }
    for role in ("student", "teacher"):
        wanted = sorted(user for user, has in taught.items() if has == role)
        assert provider.ids(version, f"{path}/{role}s") == wanted
        assert provider.ids(version, f"/classes/{class_id}/{role}s") == wanted
        assert set(wanted) <= set(provider.ids(version, f"/schools/{school}/{role}s"))
        assert class_id in provider.ids(version, f"/{role}s/{wanted[0]}/classes")
        assert class_id in provider.ids(version, f"/users/{wanted[0]}/classes")
    another = next(s for s in schools if s != school)
    wrong = provider.get(version, f"/schools/{another}/classes/{class_id}/students")
    assert wrong.status_code == 404


@pytest.mark.parametrize(
    "path", ["/users/nobody", "/classes/none/students", "/schools/district/classes", "/nothing"]
)
def test_what_is_not_there_is_404_in_the_shape_of_the_version(
    provider: Provider, version: Version, path: str
) -> None:
    answer = provider.get(version, path)
    assert answer.status_code == 404
    if version == "1.1":
        [status] = answer.json()["statusInfoSet"]
        assert status["imsx_codeMajor"] == "failure"
        assert status["imsx_codeMinor"] == "unknown object"
        assert status["imsx_operationRefIdentifier"]
    else:
        body = answer.json()
        assert (body["imsx_codeMajor"], body["imsx_severity"]) == ("failure", "error")
        [field] = body["imsx_CodeMinor"]["imsx_codeMinorField"]
        assert field == {
            "imsx_codeMinorFieldName": "TargetEndSystem",
            "imsx_codeMinorFieldValue": "unknownobject",
        }


def test_other_methods_are_refused(provider: Provider, version: Version) -> None:
    headers = {"Authorization": f"Bearer {provider.token}"}
    assert provider.http.post(f"{ROOTS[version]}/users", headers=headers).status_code == 405


def test_12_tells_its_operations(provider: Provider) -> None:
    path = "/discovery/onerosterv1p2rostersservice_openapi3_v1p0.json"
    described = provider.get("1.2", path).json()
    assert len(described["paths"]) == 41
    assert described["paths"]["/users/{id}"]["get"]["operationId"] == "getUser"
    assert provider.get("1.1", path).status_code == 404
