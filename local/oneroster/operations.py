"""The 41 operations of the rostering service, the same in both versions, all GET.

`where` says which of the kind's rows an operation shows. In it stand {0} and {1} for the ids in the
path, {classes} and {enrollments} for tables, and {student}, {teacher_at}, {term}, … for conditions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Generator

    from .entities import Version
    from .quirks import Quirks

Scope = Literal["roster-core.readonly", "roster.readonly", "roster-demographics.readonly"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `entity`: the kind of its rows; `wrapper`: the last collection of its path.

    `parents`: for each id in a collection's path, the kind and condition of what must be there.
    """

    path: str
    name: str
    entity: str
    wrapper: str
    where: str = "true"
    parents: tuple[tuple[str, str], ...] = ()
    one: bool = False

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes of which a token needs one."""
        if self.entity == "demographics":
            return ("roster-demographics.readonly",)
        if self.parents:
            return ("roster.readonly",)
        return ("roster-core.readonly", "roster.readonly")

    def ids(self, path: str) -> tuple[str, ...] | None:
        """The ids in a path of this operation; None for another path."""
        found = re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", self.path), path)
        return found.groups() if found else None


def conditions(version: Version, quirks: Quirks) -> dict[str, str]:
    """Conditions by name.

    student: of users; student_at: of users, in school {0}; student_in: of enrollments in a class's
    roster; the same for teachers; term: of sessions.
    """
    terms = "type IN ('term', 'semester')" if quirks.semesters_are_terms else "type = 'term'"
    known = {"term": terms}
    for role in ("student", "teacher"):
        mixed = quirks.mixed_class_rosters and role == "student"
        known[f"{role}_in"] = "true" if mixed else f"role = '{role}'"
        if version == "1.1":
            known[role] = f"role = '{role}'"
            known[f"{role}_at"] = f"role = '{role}' AND list_contains(orgs, {{0}})"
        else:
            known[role] = f"len(list_filter(roles, lambda r: r.role = '{role}')) > 0"
            known[f"{role}_at"] = (
                f"len(list_filter(roles, lambda r: r.role = '{role}' AND r.org = {{0}})) > 0"
            )
    return known


_HERE = '"sourcedId" = {0}'
_SCHOOL = ("orgs", f"{_HERE} AND type = 'school'")
_CLASS = ("classes", _HERE)
_CLASS_AT = ("classes", '"sourcedId" = {1} AND school = {0}')
_ENROLLED = """"sourcedId" IN (SELECT "user" FROM {enrollments}
    WHERE "class" = {%d} AND %s AND status = 'active')"""


def _enrolled(place: int, role: str) -> str:
    return _ENROLLED % (place, f"{{{role}_in}}")


def _attended(role: str) -> str:
    return f""""sourcedId" IN (SELECT "class" FROM {{enrollments}}
        WHERE "user" = {{0}} AND {role} AND status = 'active')"""


def _base() -> Generator[Operation]:
    kinds = (
        ("academicSessions", "academicSessions", "AcademicSession", "true"),
        ("terms", "academicSessions", "Term", "{term}"),
        ("gradingPeriods", "academicSessions", "GradingPeriod", "type = 'gradingPeriod'"),
        ("orgs", "orgs", "Org", "true"),
        ("schools", "orgs", "School", "type = 'school'"),
        ("courses", "courses", "Course", "true"),
        ("classes", "classes", "Class", "true"),
        ("users", "users", "User", "true"),
        ("students", "users", "Student", "{student}"),
        ("teachers", "users", "Teacher", "{teacher}"),
        ("enrollments", "enrollments", "Enrollment", "true"),
        ("demographics", "demographics", "Demographics", "true"),
        ("classGroups", "classGroups", "ClassGroup", "true"),
    )
    for path, entity, word, where in kinds:
        several = word if word.endswith("s") else word + ("es" if word == "Class" else "s")
        yield Operation(f"/{path}", f"getAll{several}", entity, path, where)
        yield Operation(
            f"/{path}/{{id}}", f"get{word}", entity, path, f"{where} AND {_HERE}", one=True
        )


def _of_schools() -> Generator[Operation]:
    at = (_SCHOOL,)
    yield Operation(
        "/schools/{id}/classes", "getClassesForSchool", "classes", "classes", "school = {0}", at
    )
    yield Operation(
        "/schools/{id}/courses", "getCoursesForSchool", "courses", "courses",
        'org = {0} OR "sourcedId" IN (SELECT course FROM {classes} WHERE school = {0})', at,
    )  # fmt: skip
    yield Operation(
        "/schools/{id}/enrollments", "getEnrollmentsForSchool", "enrollments", "enrollments",
        "school = {0}", at,
    )  # fmt: skip
    yield Operation(
        "/schools/{id}/students", "getStudentsForSchool", "users", "students", "{student_at}", at
    )
    yield Operation(
        "/schools/{id}/teachers", "getTeachersForSchool", "users", "teachers", "{teacher_at}", at
    )
    yield Operation(
        "/schools/{id}/terms", "getTermsForSchool", "academicSessions", "terms",
        """{term} AND "sourcedId" IN (
            SELECT unnest(terms) FROM {classes} WHERE school = {0})""", at,
    )  # fmt: skip
    both = (_SCHOOL, _CLASS_AT)
    yield Operation(
        "/schools/{id}/classes/{cid}/enrollments", "getEnrollmentsForClassInSchool",
        "enrollments", "enrollments", '"class" = {1}', both,
    )  # fmt: skip
    for role, word in (("student", "Students"), ("teacher", "Teachers")):
        yield Operation(
            f"/schools/{{id}}/classes/{{cid}}/{role}s", f"get{word}ForClassInSchool", "users",
            f"{role}s", _enrolled(1, role), both,
        )  # fmt: skip


def _of_others() -> Generator[Operation]:
    for role, word in (("student", "Students"), ("teacher", "Teachers")):
        yield Operation(
            f"/classes/{{id}}/{role}s", f"get{word}ForClass", "users", f"{role}s",
            _enrolled(0, role), (_CLASS,),
        )  # fmt: skip
        yield Operation(
            f"/{role}s/{{id}}/classes", f"getClassesFor{word[:-1]}", "classes", "classes",
            _attended(f"role = '{role}'"), (("users", f"{_HERE} AND {{{role}}}"),),
        )  # fmt: skip
    yield Operation(
        "/users/{id}/classes", "getClassesForUser", "classes", "classes", _attended("true"),
        (("users", _HERE),),
    )  # fmt: skip
    yield Operation(
        "/courses/{id}/classes", "getClassesForCourse", "classes", "classes", "course = {0}",
        (("courses", _HERE),),
    )  # fmt: skip
    term = (("academicSessions", f"{_HERE} AND {{term}}"),)
    yield Operation(
        "/terms/{id}/classes", "getClassesForTerm", "classes", "classes",
        "list_contains(terms, {0})", term,
    )  # fmt: skip
    yield Operation(
        "/terms/{id}/gradingPeriods", "getGradingPeriodsForTerm", "academicSessions",
        "gradingPeriods", "type = 'gradingPeriod' AND parent = {0}", term,
    )  # fmt: skip


OPERATIONS = (*_base(), *_of_schools(), *_of_others())


def find(path: str, quirks: Quirks) -> tuple[Operation, tuple[str, ...]] | None:
    """The operation of a path behind the root, and the ids in it."""
    for operation in OPERATIONS:
        ids = operation.ids(path)
        if ids is None or operation.path in quirks.missing:
            continue
        if operation.entity == "classGroups" and not quirks.class_groups:
            continue
        return operation, ids
    return None
