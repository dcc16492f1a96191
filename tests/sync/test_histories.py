"""Random histories of a roster: whatever happens on the way, the directory ends up equal to it.

Days follow each other; each day the roster changes at random, a run plans and applies, and may
crash after any share of its changes. The next run must bring the directory to exactly what an
independent reading of the roster (plain Python, below) says, and a further run must do nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds import World

SETTINGS = {
    "people": {"mode": "create", "disable_after_days": 365},
    "guards": {"removals": {"percent": 100}, "school_removals": {"percent": 100}},
}
SCHOOLS = ("S1", "S2")
CLASSES = ("C1", "C2", "C3")
PEOPLE = ("P1", "P2", "P3", "P4", "P5")


class Day(NamedTuple):
    """The roster of one day: who has which role where, and who is enrolled as what.

    `kind`: what the policy of the day makes of a class.
    """

    roles: dict[tuple[str, str], str]
    enrollments: dict[tuple[str, str], str]
    crash_after: int
    kind: str


days = st.builds(
    Day,
    roles=st.dictionaries(
        st.tuples(st.sampled_from(PEOPLE), st.sampled_from(SCHOOLS)),
        st.sampled_from(("student", "teacher")),
    ),
    enrollments=st.dictionaries(
        st.tuples(st.sampled_from(CLASSES), st.sampled_from(PEOPLE)),
        st.sampled_from(("student", "teacher")),
    ),
    crash_after=st.integers(0, 100),
    kind=st.sampled_from(("education", "group")),
)


def read(world: World, day: Day) -> None:
    for table in ("orgs", "classes", "users", "roles", "enrollments"):
        world.con.execute(f"DELETE FROM {table}")
    for school in SCHOOLS:
        world.school(school)
    for class_ in CLASSES:
        world.class_(class_)
    for person in {person for person, _ in day.roles}:
        world.user(person)
    for (person, school), role in day.roles.items():
        world.role(person, role, org=school)
    for (class_, person), role in day.enrollments.items():
        if any(person == active for active, _ in day.roles):
            world.enroll(class_, person, role)


def expected(day: Day) -> set[tuple[str, str, str]]:
    """(container, person, relation), read from the day in plain Python."""
    active = {person for person, _ in day.roles}
    wanted = {(f"unit:{school}", person, "member") for person, school in day.roles}
    for (class_, person), role in day.enrollments.items():
        if person in active:
            wanted.add((f"class:{class_}", person, "owner" if role == "teacher" else "member"))
    for (person, school), role in day.roles.items():
        group = "Students" if role == "student" else "Staff"
        wanted |= {
            (name, person, "member") for name in (f"All {group}", f"{group} - School {school}")
        }
        if role == "student":
            wanted |= {
                (name, person, "member") for name in ("Grade 09", f"Grade 09 - School {school}")
            }
    return wanted


def existing(world: World, day: Day) -> set[tuple[str, str, str]]:
    """The same from the directory, less the owners that only stay because a class needs one."""
    taught = {f"class:{c}" for (c, p), role in day.enrollments.items()
              if role == "teacher" and any(p == active for active, _ in day.roles)}  # fmt: skip
    rows = world.rows(
        """SELECT CASE WHEN m.container_kind = 'group' AND g.unique_name NOT LIKE '%-class-%'
                       THEN g.display_name ELSE m.container_id END,
                  p.external_id, m.relation
        FROM existing_members m
        JOIN existing_people p ON p.id = m.member_id
        LEFT JOIN existing_groups g ON g.id = m.container_id"""
    )
    return {row for row in rows if row[2] != "owner" or row[0] in taught}


@settings(max_examples=30, deadline=None)
@given(st.lists(days, min_size=1, max_size=4))
def test_every_history_ends_equal_to_its_roster(history: list[Day]) -> None:
    world = World()
    for day in history:
        read(world, day)
        settings_of_day = SETTINGS | {"classes": {"kind": day.kind}}
        world.plan(**settings_of_day)
        world.apply(f"hash(id) % 101 < {day.crash_after} AND phase = 1")
        world.plan(**settings_of_day)
        world.apply(f"phase = 1 OR hash(id) % 101 < {day.crash_after} AND action <> 'add'")
    for _ in range(2):
        world.plan(**SETTINGS)
        world.apply()
    assert existing(world, history[-1]) == expected(history[-1])
    assert world.plan(**SETTINGS).size == 0
    duplicates = "SELECT external_id FROM existing_people GROUP BY 1 HAVING count(*) > 1"
    assert world.rows(duplicates) == []
    assert world.rows("SELECT count(*), count(DISTINCT id) FROM existing_groups "
                      "WHERE display_name LIKE 'Class%'") == [(3, 3)]  # fmt: skip
