"""A small district with a life of its own: a roster a day, and what the directory should then hold.

Several districts share a tenant and a roster, each with keys of its own, so that one run serves
them all: planning costs the same for ten as for one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

ROLES = ("student", "student", "student", "teacher")
GRADES = ("03", "09")
PEOPLE, SCHOOLS, CLASSES = 6, 2, 3

Rows = dict[str, list[dict[str, Any]]]


@dataclass
class District:
    """One district. `name` starts every key of it; `synced` people have an account from AD.

    The `privileged` one holds a directory role, and never leaves.
    """

    name: str
    roles: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    enrollments: dict[tuple[str, str], str] = field(default_factory=dict)
    given_names: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.people = [f"{self.name}p{n}" for n in range(PEOPLE)]
        self.schools = [f"{self.name}s{n}" for n in range(SCHOOLS)]
        self.classes = [f"{self.name}c{n}" for n in range(CLASSES)]
        self.synced = self.people[:2]
        self.privileged = self.people[2]
        self.given_names = dict.fromkeys(self.people, "Given")
        self.titles = {key: f"Class {key}" for key in self.classes}

    def next_day(self, chance: Random) -> None:
        """A new roster: most of it like yesterday's, some of it drawn anew."""
        redraw = chance.choice((0.15, 0.5, 1.0))
        self.roles = {k: v for k, v in self.roles.items() if chance.random() > redraw}
        self.enrollments = {k: v for k, v in self.enrollments.items() if chance.random() > redraw}
        for person in self.people:
            if chance.random() < 0.7 or person == self.privileged:
                school = chance.choice(self.schools)
                self.roles[person, school] = (chance.choice(ROLES), chance.choice(GRADES))
        for _ in range(chance.randrange(12)):
            key = chance.choice(self.classes), chance.choice(self.people)
            self.enrollments[key] = chance.choice(ROLES)
        if chance.random() < 0.3:
            self.given_names[chance.choice(self.people)] = chance.choice(("Gabi", "Gül", "Given"))
        if chance.random() < 0.3:
            self.titles[chance.choice(self.classes)] = chance.choice(("Algebra", "Deutsch 9b"))
        self.absent = {key for key in self.classes if chance.random() < 0.2}

    @property
    def active(self) -> set[str]:
        """People with a role."""
        return {person for person, _ in self.roles}

    def rows(self) -> Rows:
        """The roster tables."""
        kept = [key for key in self.classes if key not in self.absent]
        return {
            "orgs": [{"sourced_id": key, "name": f"School {key}", "type": "school", "active": True}
                     for key in self.schools],
            "classes": [{"sourced_id": key, "org_sourced_id": self.schools[0], "active": True,
                         "title": self.titles[key]} for key in kept],
            "users": [{"sourced_id": key, "username": key, "family_name": key, "active": True,
                       "given_name": self.given_names[key]} for key in sorted(self.active)],
            "roles": [{"user_sourced_id": person, "org_sourced_id": school, "role": role,
                       "active": True, "grade": grade if role == "student" else None}
                      for (person, school), (role, grade) in self.roles.items()],
            "enrollments": [{"class_sourced_id": class_, "user_sourced_id": person, "role": role,
                             "active": True}
                            for (class_, person), role in self.enrollments.items()
                            if class_ in kept and person in self.active],
        }  # fmt: skip

    def expected(self) -> set[tuple[str, str, str]]:
        """(container, person, relation): memberships, read from the roster in plain Python."""
        wanted = {(f"unit {school}", person, "members") for person, school in self.roles}
        for row in self.rows()["enrollments"]:
            relation = "owners" if row["role"] == "teacher" else "members"
            wanted.add((f"class {row['class_sourced_id']}", row["user_sourced_id"], relation))
        for (person, school), (role, grade) in self.roles.items():
            kind = "students" if role == "student" else "staff"
            wanted |= {(f"rollcall-role-{kind}", person, "members"),
                       (f"rollcall-school-role-{kind}-{school}", person, "members")}  # fmt: skip
            if role == "student":
                wanted |= {
                    (f"rollcall-grade-{grade}", person, "members"),
                    (f"rollcall-school-grade-{grade}-{school}", person, "members"),
                }
        return wanted
