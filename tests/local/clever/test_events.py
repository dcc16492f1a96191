"""Events: one for each object that came, changed or went at a sync, kept for 30 days."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from local.clever import Quirks
from local.clever.events import previous_attributes

from .conftest import NOW, Emulated, Start, link

KINDS = ("schools", "terms", "courses", "sections", "users")


def everything(clever: Emulated) -> dict[str, dict[str, Any]]:
    rows = {row["id"]: row for kind in KINDS for row in clever.all(f"/{kind}?limit=10000")}
    for row in rows.values():  # lists hold a copy that events do not
        row.get("roles", {}).get("student", {}).pop("email", None)
    return rows


def applied(rows: dict[str, dict[str, Any]], events: list[dict[str, Any]]) -> dict[str, Any]:
    state = dict(rows)
    for event in events:
        kind, action = event["type"].split(".")
        if kind == "districts":
            continue
        whole = event["data"]["object"]
        if action == "deleted":
            del state[whole["id"]]
        else:
            state[whole["id"]] = whole
    return state


@pytest.fixture
def changed(start: Start) -> tuple[Emulated, dict[str, Any], str]:
    """A district after a day, what was there before, and the newest event of then."""
    clever = start(people=150)
    before, bookmark = everything(clever), clever.newest_event()
    clever.clock.advance(86_400)
    clever.records.advance(5, 0.2)
    return clever, before, bookmark


def test_events_after_a_bookmark_lead_from_the_old_lists_to_the_new(
    changed: tuple[Emulated, dict[str, Any], str],
) -> None:
    clever, before, bookmark = changed
    events = clever.events(bookmark)
    assert {event["type"] for event in events} > {
        "users.created", "users.updated", "users.deleted", "sections.created", "sections.updated",
        "sections.deleted", "districts.updated",
    }  # fmt: skip
    assert applied(before, events) == everything(clever)


def test_several_days_in_pages_lead_to_the_same(start: Start) -> None:
    clever = start()
    before, bookmark = everything(clever), clever.newest_event()
    for seed in range(4):
        clever.clock.advance(86_400)
        clever.http.post("/_emulator/advance", json={"seed": seed, "change": 0.3})
    path = f"/events?limit=3&starting_after={bookmark}"
    events = [item["data"] for page in clever.pages(path) for item in page]
    assert [event["id"] for event in events] == [event["id"] for event in clever.events(bookmark)]
    assert applied(before, events) == everything(clever)
    assert len({event["created"] for event in events}) == 4


def test_ids_ascend_and_a_sync_has_one_second(
    changed: tuple[Emulated, dict[str, Any], str],
) -> None:
    clever, _, bookmark = changed
    events = clever.events(bookmark)
    ids = [event["id"] for event in clever.events()]
    assert ids == sorted({*ids})
    assert all(len(id_) == 24 for id_ in ids)
    assert {event["created"] for event in events} == {"2026-11-26T06:00:07.000Z"}
    assert [event["type"] for event in events].count("districts.updated") == 1


def test_updates_tell_what_was_and_no_more(
    changed: tuple[Emulated, dict[str, Any], str],
) -> None:
    clever, before, bookmark = changed
    updates = [event["data"] for event in clever.events(bookmark) if "updated" in event["type"]]
    for data in updates:
        if data["object"]["id"] not in before:
            continue
        was = before[data["object"]["id"]]
        assert data["previous_attributes"] == {
            name: value
            for name, value in previous_attributes(was, data["object"]).items()
            if name != "last_modified"
        }
    moved = [d for d in updates if "students" in d.get("previous_attributes", {})]
    assert moved
    assert all(d["previous_attributes"]["students"] != d["object"]["students"] for d in moved)


def test_a_change_of_members_is_the_sections_and_not_the_users(start: Start) -> None:
    clever = start()
    bookmark = clever.newest_event()
    [(class_id, pupil)] = clever.records.rows(
        "SELECT class_id, user_id FROM enrollments WHERE role = 'student' LIMIT 1"
    )
    clever.records.rows(
        f"""DELETE FROM {clever.records.district.schema}.enrollments
        WHERE class_id = ? AND user_id = ? RETURNING 1""",
        [class_id, pupil],
    )
    clever.records.become(clever.records.district)
    section, district = clever.events(bookmark)
    assert (section["type"], district["type"]) == ("sections.updated", "districts.updated")
    assert section["data"]["object"]["sis_id"] == class_id
    assert [*section["data"]["previous_attributes"]] == ["students"]


def test_a_change_of_a_contact_is_the_users(start: Start) -> None:
    clever = start()
    bookmark = clever.newest_event()
    clever.records.rows(
        f"""UPDATE {clever.records.district.schema}.users SET phone = '+12025550001'
        WHERE sourced_id = (SELECT min(contact_id) FROM relationships) RETURNING 1"""
    )
    clever.records.become(clever.records.district)
    contact, _ = clever.events(bookmark)
    assert contact["type"] == "users.updated"
    assert [*contact["data"]["previous_attributes"]["roles"]["contact"]] == ["phone"]


def test_a_deleted_object_is_told_as_it_was_last(
    changed: tuple[Emulated, dict[str, Any], str],
) -> None:
    clever, before, bookmark = changed
    gone = [e["data"] for e in clever.events(bookmark) if e["type"].endswith(".deleted")]
    assert gone
    for data in gone:
        assert data["object"] == before[data["object"]["id"]]
        assert "previous_attributes" not in data
    [user, *_] = [data["object"]["id"] for data in gone if "roles" in data["object"]]
    assert clever.answer(f"/users/{user}").status_code == 404


def test_events_hold_no_copy_of_the_address(changed: tuple[Emulated, dict[str, Any], str]) -> None:
    clever, _, bookmark = changed
    pupils = [e["data"]["object"] for e in clever.events(bookmark, record_type="users")
              if "student" in e["data"]["object"]["roles"]]  # fmt: skip
    assert pupils
    assert all("email" in user and "email" not in user["roles"]["student"] for user in pupils)


def test_only_what_version_30_can_say_is_an_event_of_it(start: Start) -> None:
    clever = start()
    bookmark = clever.newest_event()
    clever.records.rows(
        f"""INSERT INTO {clever.records.district.schema}.user_flags
        SELECT min(sourced_id), 'section504' FROM users WHERE kind = 'student' RETURNING 1"""
    )
    clever.records.become(clever.records.district)
    [event, _] = clever.events(bookmark)
    assert event["data"]["previous_attributes"] == {
        "roles": {"student": {"section_504_status": "N"}}
    }
    old = clever.all(f"/v3.0/events?starting_after={bookmark}")
    assert [row["type"] for row in old] == ["districts.updated"]
    assert "lms_type" not in old[0]["data"]["object"]
    assert clever.answer(f"/v3.0/events/{event['id']}").status_code == 404


def test_kinds_and_schools_can_be_asked_for(changed: tuple[Emulated, dict[str, Any], str]) -> None:
    clever, _, bookmark = changed
    events = clever.events(bookmark)
    of_sections = clever.events(bookmark, record_type="sections")
    assert [e for e in events if e["type"].startswith("sections.")] == of_sections
    both = clever.all(f"/events?limit=5&record_type=sections&record_type=users"
                      f"&starting_after={bookmark}")  # fmt: skip
    assert len(both) == len([e for e in events if e["type"][:5] in ("secti", "users")])
    school = clever.all("/schools")[0]["id"]
    told = clever.events(bookmark, school=school)
    assert {e["type"].split(".")[0] for e in told} <= {"schools", "sections", "users"}
    assert told
    assert all(school in str(e["data"]["object"]) for e in told)


def test_the_first_events_links_end_in_a_question_mark(clever: Emulated) -> None:
    assert link(clever.get("/events"), "self") == "/v3.1/events?"


def test_a_single_event_is_the_one_of_the_list(clever: Emulated) -> None:
    [item] = clever.get("/events?limit=1")["data"]
    single = clever.get(f"/events/{item['data']['id']}")
    assert single == {"data": item["data"], "links": [{"rel": "self", "uri": item["uri"]}]}


def test_what_is_older_than_30_days_falls_off_without_an_error(start: Start) -> None:
    clever = start()
    bookmark = clever.newest_event()
    clever.clock.advance(86_400)
    clever.records.advance(1)
    missed = clever.newest_event()
    clever.clock.advance(30 * 86_400)
    clever.records.advance(2)
    body = clever.get(f"/events?limit=10000&starting_after={bookmark}")
    ids = [item["data"]["id"] for item in body["data"]]
    assert missed not in ids
    assert ids
    assert link(body, "prev")
    assert {item["data"]["created"] for item in body["data"]} == {"2026-12-26T06:00:07.000Z"}
    assert clever.answer(f"/events/{missed}").status_code == 404


def test_while_events_are_off_none_are_made(start: Start) -> None:
    clever = start(quirks=Quirks(events=False))
    assert clever.get("/events")["data"] == []
    clever.records.advance(1)
    clever.all("/terms")
    clever.switch("quirks", {"events": True})
    assert clever.get("/events")["data"] == []
    clever.http.post("/_emulator/sync")
    assert [event["type"] for event in clever.events()] == ["districts.updated"]


def test_a_nightly_sync_without_news_tells_the_districts_time(start: Start) -> None:
    clever = start()
    clever.clock.advance(86_400)
    clever.http.post("/_emulator/sync")
    [_, event] = clever.events()
    assert event["data"]["previous_attributes"] == {"last_sync": "2026-11-25T06:00:07.000Z"}
    assert clever.all("/districts")[0]["last_sync"] == "2026-11-26T06:00:07.000Z"


def test_a_page_of_events_has_its_own_largest_limit(start: Start) -> None:
    clever = start(quirks=Quirks(events_limit=1000))
    assert clever.answer("/events?limit=1001").status_code == 413
    assert clever.answer("/users?limit=1001").status_code == 200


def test_a_paused_district_stands_still_until_it_goes_on(start: Start) -> None:
    clever = start()
    before, bookmark = everything(clever), clever.newest_event()
    clever.switch("quirks", {"state": "paused"})
    clever.records.advance(1, 0.3)
    district = clever.all("/districts")[0]
    assert (district["state"], district["pause_start"]) == ("paused", "2026-11-25")
    assert everything(clever) == before
    [paused] = clever.events(bookmark)
    assert paused["data"]["previous_attributes"]["state"] == "success"
    clever.switch("quirks", {"state": "success"})
    after = everything(clever)
    assert applied(before, clever.events(bookmark)) == after != before


def test_who_comes_back_has_the_id_of_before_unless_away_for_300_days(start: Start) -> None:
    clever = start()
    first = clever.records.district
    before = everything(clever)
    clever.records.advance(1, 0.3)
    gone = {*before} - {*everything(clever)}
    clever.clock.advance(200 * 86_400)
    clever.records.become(first)
    assert gone <= {*everything(clever)}
    clever.records.advance(1, 0.3)
    assert gone - {*everything(clever)}
    clever.clock.advance(301 * 86_400)
    clever.http.post("/_emulator/sync")
    clever.records.become(first)
    back = everything(clever)
    assert len(back) == len(before)
    assert gone - {*back}


def test_last_modified_moves_with_the_object(
    changed: tuple[Emulated, dict[str, Any], str],
) -> None:
    clever, _, bookmark = changed
    touched = {event["data"]["object"]["id"] for event in clever.events(bookmark)}
    for id_, row in everything(clever).items():
        if "last_modified" in row:
            moved = row["last_modified"] == "2026-11-26T06:00:07.000Z"
            assert moved == (id_ in touched)


def test_the_clock_can_be_set_over_the_wire(start: Start) -> None:
    clever = start()
    assert clever.http.get("/_emulator/clock").json() == {"now": NOW.isoformat()}
    clever.switch("clock", {"now": "2027-01-01T00:00:00Z", "advance": 60})
    assert clever.clock.now() == datetime(2027, 1, 1, 0, 1, tzinfo=UTC)
    answer = clever.http.post("/_emulator/clock", json={"now": "2027-01-01T00:00:00"})
    assert (answer.status_code, "time zone" in answer.json()["message"]) == (400, True)
