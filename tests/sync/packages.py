"""OneRoster packages of a small school: whole ones, and changes."""

from __future__ import annotations

ORGS = "sourcedId,name,type\nS1,Lincoln High,school\n"
USERS = "sourcedId,status,orgSourcedIds,role,username,givenName,familyName\n"
ENROLLMENTS = "sourcedId,status,classSourcedId,userSourcedId,role\n"
CLASSES = "sourcedId,title,schoolSourcedId\nC1,Algebra,S1\n"


def manifest(**states: str) -> str:
    lines = "".join(f"file.{name},{state}\n" for name, state in states.items())
    return f"propertyName,value\noneroster.version,1.1\n{lines}"


def user(one: str, family: str = "Urban", status: str = "active", role: str = "student") -> str:
    return f"{one},{status},S1,{role},{one.lower()},Uma,{family}\n"


def bulk(*people: str) -> dict[str, str]:
    """A whole package: a teacher, and people."""
    enrolled = "".join(f"E{one},,C1,{one},student\n" for one in people)
    return {
        "manifest.csv": manifest(orgs="bulk", users="bulk", classes="bulk", enrollments="bulk"),
        "orgs.csv": ORGS,
        "users.csv": USERS + user("T1", role="teacher") + "".join(map(user, people)),
        "classes.csv": CLASSES,
        "enrollments.csv": f"{ENROLLMENTS}ET1,,C1,T1,teacher\n{enrolled}",
    }


def delta(*users: str) -> dict[str, str]:
    """Changes of people."""
    return {"manifest.csv": manifest(users="delta"), "users.csv": USERS + "".join(users)}
