"""What each object leads to: the sub-paths of objects, as SQL over the catalogue's tables."""

from __future__ import annotations

from dataclasses import dataclass

COLLECTIONS = ("districts", "schools", "sections", "users", "courses", "terms", "resources")
ROLES = ("contact", "district_admin", "staff", "student", "teacher")


@dataclass(frozen=True)
class Relation:
    """`of`: SQL of the ids of the objects of kind `target` that the object `$of` leads to.

    `one`: it leads to one of them. `roles`: those that may be asked for; `primary`: whether only
    what is primary may. Then `of` has a place for a condition.
    """

    target: str
    of: str
    one: bool = False
    roles: tuple[str, ...] = ()
    primary: bool = False


_DISTRICT = Relation("districts", "", one=True)
_SECTIONS = "SELECT {} FROM {{s}}.sections WHERE {} = $of"
RELATIONS: dict[tuple[str, str], Relation] = {
    ("schools", "district"): _DISTRICT,
    ("schools", "courses"): Relation("courses", _SECTIONS.format("course", "school")),
    ("schools", "sections"): Relation("sections", _SECTIONS.format("id", "school")),
    ("schools", "terms"): Relation("terms", _SECTIONS.format("term", "school")),
    ("schools", "users"): Relation(
        "users",
        "SELECT person FROM {s}.attends WHERE school = $of{condition}",
        roles=("staff", "student", "teacher"),
        primary=True,
    ),
    ("sections", "district"): _DISTRICT,
    ("sections", "course"): Relation("courses", _SECTIONS.format("course", "id"), one=True),
    ("sections", "school"): Relation("schools", _SECTIONS.format("school", "id"), one=True),
    ("sections", "term"): Relation("terms", _SECTIONS.format("term", "id"), one=True),
    ("sections", "users"): Relation(
        "users",
        "SELECT person FROM {s}.members WHERE section = $of{condition}",
        roles=("student", "teacher"),
    ),
    ("users", "district"): _DISTRICT,
    ("users", "schools"): Relation(
        "schools", "SELECT school FROM {s}.attends WHERE person = $of{condition}", primary=True
    ),
    ("users", "sections"): Relation(
        "sections", "SELECT section FROM {s}.members WHERE person = $of"
    ),
    ("users", "mycontacts"): Relation("users", "SELECT contact FROM {s}.kin WHERE student = $of"),
    ("users", "mystudents"): Relation(
        "users",
        """SELECT m.person FROM {s}.members t JOIN {s}.members m USING (section)
        WHERE t.person = $of AND t.role = 'teacher' AND m.role = 'student'
        UNION SELECT student FROM {s}.kin WHERE contact = $of""",
    ),
    ("users", "myteachers"): Relation(
        "users",
        """SELECT m.person FROM {s}.members t JOIN {s}.members m USING (section)
        WHERE t.person = $of AND t.role = 'student' AND m.role = 'teacher'""",
    ),
    ("courses", "district"): _DISTRICT,
    ("courses", "schools"): Relation("schools", _SECTIONS.format("school", "course")),
    ("courses", "sections"): Relation("sections", _SECTIONS.format("id", "course")),
    ("terms", "district"): _DISTRICT,
    ("terms", "schools"): Relation("schools", _SECTIONS.format("school", "term")),
    ("terms", "sections"): Relation("sections", _SECTIONS.format("id", "term")),
}
# Sub-paths of learning resources, of which a district without them has none.
RESOURCES = {("sections", "resources"), ("users", "resources"), ("courses", "resources")}
_LINKED = {
    "districts": (),
    "schools": ("district", "sections", "users", "terms", "courses"),
    "sections": ("district", "school", "term", "course", "users"),
    "courses": ("district", "sections", "schools"),
    "terms": ("district", "sections", "schools"),
}
_OF_ROLES = ((1, ("myContacts", "myTeachers")), (2, ("myStudents",)), (16, ("myStudents",)))


def linked(kind: str, roles: int) -> list[str]:
    """What a single object's links lead to. `roles`: a user's, as bits."""
    if kind != "users":
        return list(_LINKED[kind])
    own = [rel for bit, rels in _OF_ROLES if roles & bit for rel in rels]
    return ["district", "sections", *own, "schools"]
