"""The smallest roster that makes sense, as SDS v2.1 files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.storage import ROSTERS

if TYPE_CHECKING:
    from pathlib import Path

    from sync.storage import Storage

FILES = {
    "orgs.csv": "sourcedId,name,type\nS1,Lincoln High,school\n",
    "users.csv": (
        "sourcedId,username,givenName,familyName,email\n"
        "T1,tia,Tia,Tran,\nU1,uma,Uma,Ueda,\nU2,udo,Udo,Urban,\n"
    ),
    "roles.csv": (
        "userSourcedId,orgSourcedId,role,grade\n"
        "T1,S1,teacher,\nU1,S1,student,09\nU2,S1,student,10\n"
    ),
    "classes.csv": "sourcedId,orgSourcedId,title\nC1,S1,Algebra\n",
    "enrollments.csv": (
        "classSourcedId,userSourcedId,role\nC1,T1,teacher\nC1,U1,student\nC1,U2,student\n"
    ),
}
PEOPLE_ONLY = {name: FILES[name] for name in ("orgs.csv", "users.csv", "roles.csv")}


def write(folder: Path, files: dict[str, str] = FILES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def put(storage: Storage, source: str = "district", files: dict[str, str] = FILES) -> None:
    for name, text in files.items():
        storage.write(ROSTERS, f"{source}/{name}", text.encode())
