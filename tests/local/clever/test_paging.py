"""Lists in pages, single objects, what they lead to, and what is refused."""

from __future__ import annotations

import pytest

from local.clever import Quirks

from .conftest import Emulated, Start, link


def test_a_list_has_100_rows_unless_told_otherwise(clever: Emulated) -> None:
    assert len(clever.get("/users")["data"]) == 100
    assert len(clever.get("/users?limit=7")["data"]) == 7
    assert len(clever.get("/users?limit=10000")["data"]) > 500


@pytest.mark.parametrize("limit", [1, 7, 64, 100])
def test_pages_to_the_end_are_all_rows_once(clever: Emulated, limit: int) -> None:
    whole = [row["id"] for row in clever.all("/courses?limit=10000")]
    assert [row["id"] for row in clever.all(f"/courses?limit={limit}")] == whole


def test_pages_can_be_read_backwards(clever: Emulated) -> None:
    whole = [row["id"] for row in clever.all("/sections?limit=10000")]
    pages = [*clever.pages("/sections?limit=9&ending_before=last", "prev")]
    assert [row["data"]["id"] for page in reversed(pages) for row in page] == whole


def test_links_are_relative_and_keep_the_limit_only_if_it_was_given(clever: Emulated) -> None:
    first = clever.get("/users?limit=2")
    second = [item["data"]["id"] for item in first["data"]][1]
    assert first["links"] == [
        {"rel": "self", "uri": "/v3.1/users?limit=2"},
        {"rel": "next", "uri": f"/v3.1/users?limit=2&starting_after={second}"},
    ]
    last = clever.get("/users")["data"][99]["data"]["id"]
    assert link(clever.get("/users"), "next") == f"/v3.1/users?starting_after={last}"


def test_a_middle_page_leads_both_ways_and_the_last_one_back(clever: Emulated) -> None:
    rows = [row["id"] for row in clever.all("/users?limit=10000")]
    middle = clever.get(f"/v3.0/users?limit=3&starting_after={rows[2]}")
    assert middle["links"] == [
        {"rel": "self", "uri": f"/v3.0/users?limit=3&starting_after={rows[2]}"},
        {"rel": "prev", "uri": f"/v3.0/users?ending_before={rows[3]}&limit=3"},
        {"rel": "next", "uri": f"/v3.0/users?limit=3&starting_after={rows[5]}"},
    ]
    last = clever.get(f"/users?limit=3&starting_after={rows[-4]}")
    assert [found["rel"] for found in last["links"]] == ["self", "prev"]
    assert [item["data"]["id"] for item in last["data"]] == rows[-3:]
    beyond = clever.get(f"/users?starting_after={rows[-1]}")
    assert (beyond["data"], [found["rel"] for found in beyond["links"]]) == ([], ["self"])


def test_links_to_nothing_are_there_where_a_page_was_reached_from(clever: Emulated) -> None:
    rows = [row["id"] for row in clever.all("/users?limit=10000")]
    last = clever.get("/users?limit=2&ending_before=last")
    assert [item["data"]["id"] for item in last["data"]] == rows[-2:]
    assert clever.get(link(last, "next") or "")["data"] == []
    zero = "0" * 24
    first = clever.get(f"/users?limit=2&starting_after={zero}")
    assert clever.get(link(first, "prev") or "")["data"] == []


def test_an_id_that_is_not_there_is_a_bound_all_the_same(clever: Emulated) -> None:
    rows = [row["id"] for row in clever.all("/users?limit=10000")]
    between = f"{int(rows[4], 16):024x}"[:-1] + "g"
    assert clever.answer(f"/users?starting_after={between}").status_code == 400
    school = clever.all("/schools")[0]["id"]  # of another kind, before all users
    assert [row["id"] for row in clever.all(f"/users?limit=500&starting_after={school}")] == rows


def test_filters_stay_in_the_links_or_not(start: Start) -> None:
    clever = start()
    teacher = clever.get("/users?role=teacher&limit=1")["data"][0]["data"]["id"]
    assert link(clever.get("/users?role=teacher&limit=1"), "next") == (
        f"/v3.1/users?limit=1&role=teacher&starting_after={teacher}"
    )
    clever.switch("quirks", {"keep_filters": False})
    assert link(clever.get("/users?role=teacher&limit=1"), "next") == (
        f"/v3.1/users?limit=1&starting_after={teacher}"
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/users?limit=10001", 413),
        ("/users?limit=0", 400),
        ("/users?limit=many", 400),
        ("/users?starting_after=first", 400),
        ("/users?starting_after=last", 400),
        ("/users?role=janitor", 400),
        ("/schools/{school}/users?role=contact", 400),
        ("/events?record_type=students", 400),
        ("/users/000000000000000000000000", 404),
        ("/districts/000000000000000000000000", 404),
        ("/resources/000000000000000000000000", 404),
        ("/resources/000000000000000000000000/sections", 404),
        ("/sections/{school}", 404),
        ("/users/000000000000000000000000/sections", 404),
        ("/events/000000000000000000000000", 404),
    ],
)
def test_what_is_wrong_or_not_there_is_said_as_json(
    clever: Emulated, path: str, status: int
) -> None:
    answer = clever.answer(path.format(school=clever.all("/schools")[0]["id"]))
    assert (answer.status_code, [*answer.json()]) == (status, ["message"])


@pytest.mark.parametrize(
    "path", ["/v3.1/students", "/v3.1/terms/0/users", "/v3.2/users", "/v3.1/users/0/0/0", "/other"]
)
def test_a_path_that_the_api_does_not_have_is_a_page(clever: Emulated, path: str) -> None:
    answer = clever.http.get(path)
    assert answer.status_code == 404
    assert f"Cannot GET {path}" in answer.text


def test_an_items_envelope_has_its_address_and_a_single_objects_its_links(clever: Emulated) -> None:
    [item] = clever.get("/sections?limit=1")["data"]
    assert item["uri"] == f"/v3.1/sections/{item['data']['id']}"
    single = clever.get(f"/sections/{item['data']['id']}")
    assert single["data"] == item["data"]
    assert [found["rel"] for found in single["links"]] == [
        "self", "district", "school", "term", "course", "users",
    ]  # fmt: skip
    assert link(single, "users") == f"{item['uri']}/users"


@pytest.mark.parametrize(
    ("query", "rels"),
    [
        ("role=student", ["district", "sections", "myContacts", "myTeachers", "schools"]),
        ("role=teacher", ["district", "sections", "myStudents", "schools"]),
    ],
)
def test_a_users_links_fit_the_role_and_can_be_followed(
    clever: Emulated, query: str, rels: list[str]
) -> None:
    user = clever.all(f"/users?{query}")[0]["id"]
    links = clever.get(f"/users/{user}")["links"]
    assert [found["rel"] for found in links] == ["self", *rels]
    assert all(clever.answer(found["uri"]).status_code == 200 for found in links)


@pytest.mark.parametrize("kind", ["schools", "terms", "courses", "districts"])
def test_the_other_objects_links_can_be_followed(clever: Emulated, kind: str) -> None:
    id_ = clever.all(f"/{kind}")[-1]["id"]
    links = clever.get(f"/{kind}/{id_}")["links"]
    assert all(clever.answer(found["uri"]).status_code == 200 for found in links)
    assert links[0] == {"rel": "self", "uri": f"/v3.1/{kind}/{id_}"}


def test_what_a_section_leads_to_answers_as_itself(clever: Emulated) -> None:
    section = next(row for row in clever.all("/sections") if "course" in row)
    for sub, key, kind in (
        ("course", "course", "courses"),
        ("school", "school", "schools"),
        ("term", "term_id", "terms"),
        ("district", "district", "districts"),
    ):
        found = clever.get(f"/sections/{section['id']}/{sub}")
        assert found["data"]["id"] == section[key]
        assert link(found, "self") == f"/v3.1/{kind}/{section[key]}"
    without = next(row for row in clever.all("/sections") if "course" not in row)
    assert clever.answer(f"/sections/{without['id']}/course").status_code == 404


def test_sub_lists_are_what_the_objects_say(clever: Emulated) -> None:
    sections = clever.all("/sections?limit=10000")
    section = max(sections, key=lambda row: len(row["teachers"]))

    def ids(path: str) -> set[str]:
        return {row["id"] for row in clever.all(path)}

    own = f"/sections/{section['id']}/users"
    assert ids(own) == {*section["students"], *section["teachers"]}
    assert ids(f"{own}?role=teacher") == {*section["teachers"]}
    assert ids(f"{own}?role=student&limit=3") == {*section["students"]}
    teacher, pupil = section["teachers"][0], section["students"][0]
    taught = [row for row in sections if teacher in row["teachers"]]
    assert ids(f"/users/{teacher}/sections") == {row["id"] for row in taught}
    assert ids(f"/users/{teacher}/mystudents") == {s for row in taught for s in row["students"]}
    attended = [row for row in sections if pupil in row["students"]]
    assert ids(f"/users/{pupil}/myteachers") == {t for row in attended for t in row["teachers"]}
    for contact in clever.all(f"/users/{pupil}/mycontacts"):
        assert pupil in ids(f"/users/{contact['id']}/mystudents")
    of_school = [row for row in sections if row["school"] == section["school"]]
    school = f"/schools/{section['school']}"
    assert ids(f"{school}/sections") == {row["id"] for row in of_school}
    assert ids(f"{school}/courses") == {row["course"] for row in of_school if "course" in row}
    assert ids(f"{school}/terms") == {row["term_id"] for row in of_school}
    assert section["id"] in ids(f"/courses/{section['course']}/sections")
    assert section["id"] in ids(f"/terms/{section['term_id']}/sections")
    assert section["school"] in ids(f"/terms/{section['term_id']}/schools")


def test_a_schools_users_are_all_who_are_there_or_those_whose_first_it_is(clever: Emulated) -> None:
    for school in clever.all("/schools"):
        path = f"/schools/{school['id']}/users"
        there, first = clever.all(path), clever.all(f"{path}?primary=true")
        roles = [(user["id"], held) for user in there for held in user["roles"].values()]
        assert all(school["id"] in held["schools"] for _, held in roles)
        assert {user["id"] for user in first} <= {user["id"] for user in there}
        main = {id_ for id_, held in roles if held.get("school", school["id"]) == school["id"]}
        assert {user["id"] for user in first} == main
    teachers = clever.all("/users?role=teacher")
    visitor = next(u for u in teachers if len(u["roles"]["teacher"]["schools"]) > 1)
    schools = clever.all(f"/users/{visitor['id']}/schools")
    assert len(schools) == 2
    [primary] = clever.all(f"/users/{visitor['id']}/schools?primary=true")
    assert primary["id"] == visitor["roles"]["teacher"]["school"]


def test_resources_have_no_envelope(clever: Emulated) -> None:
    section = clever.all("/sections?limit=1")[0]["id"]
    for path in ("/resources", f"/sections/{section}/resources"):
        assert clever.get(path) == {"resources": []}


def test_a_count_is_told_if_it_is_asked_for_with_true(start: Start) -> None:
    clever = start()
    teachers = len(clever.all("/users?role=teacher"))
    assert clever.get("/users?role=teacher&limit=1&count=true")["count"] == teachers
    assert clever.get("/districts?count=true")["count"] == 1
    for path in ("/districts?count=5", "/users?count=", "/terms?count=false"):
        assert "count" not in clever.get(path)
    clever.switch("quirks", {"count": False})
    assert "count" not in clever.get("/users?count=true")


def test_points_of_the_specification_are_switches(start: Start) -> None:
    clever = start(
        quirks=Quirks(
            as_specified=("previous_attributes", "uri", "links", "resources", "student", "dates")
        )
    )
    for path in ("/users?role=student&limit=1", "/districts", "/events"):
        assert [*clever.get(path)["data"][0]] == ["data"]
    user = clever.all("/users?role=student&limit=1")[0]
    assert [*clever.get(f"/users/{user['id']}")] == ["data"]
    student = user["roles"]["student"]
    assert student["legacy_id"] == user["id"]
    assert student["created"].endswith("Z")
    assert student["last_modified"].endswith("Z")
    assert "email" not in student
    assert clever.all("/terms")[0]["start_date"].endswith("T00:00:00.000Z")
    assert clever.get("/resources")["data"] == []
    event = clever.events()[0]
    assert "previous_attributes" in event
    assert [*event["data"]] == ["object"]
