"""Plugins: what a server takes as one, what it refuses and why, and what becomes of credentials."""

from __future__ import annotations

import pytest

from local.powerschool import create_app
from local.sis.records import Records
from local.sis.serving import serving
from roster.errors import BadInput
from tests.local.powerschool.conftest import ENROLLMENTS, STUDENTS
from tests.local.powerschool.plugin_zip import (
    PUBLISHER,
    ROOT,
    Caller,
    Query,
    manifest,
    plugin,
    zipped,
)

OTHER = "Other Reader"
_QUERIES = "queries_root/q.named_queries.xml"


def install(caller: Caller, content: bytes, **params: str) -> tuple[int, dict[str, object]]:
    answer = caller.http.post("/_emulator/plugins", content=content, params=params)
    return answer.status_code, answer.json()


def with_queries(text: str, **files: str) -> bytes:
    return zipped({"plugin.xml": manifest([], name=OTHER), _QUERIES: text, **files})


def test_an_installed_plugin_has_credentials_and_runs_its_queries(caller: Caller) -> None:
    content = zipped(
        {
            "plugin.xml": manifest([*STUDENTS.columns.values()], name=OTHER, level="NONE"),
            _QUERIES: f"<queries>{STUDENTS.xml().replace('org.example', 'org.other')}</queries>",
        }
    )
    status, told = install(caller, content)
    assert (status, told["level"]) == (201, "NONE")
    other = Caller(caller.url, (str(told["client_id"]), str(told["client_secret"])))
    assert other.records("org.other.students")
    assert other.get("/ws/v1/district").status_code == 401
    status, again = install(caller, content)
    assert (again["client_id"], again["client_secret"]) == other.credentials
    caller.http.delete(f"/_emulator/plugins/{OTHER}")
    assert other.ask_token().status_code == 401
    _, anew = install(caller, content)
    assert anew["client_id"] != told["client_id"]
    caller.http.delete(f"/_emulator/plugins/{OTHER}")


def test_installed_is_not_enabled(caller: Caller) -> None:
    status, told = install(
        caller, zipped({"plugin.xml": manifest([], name=OTHER)}), enabled="false"
    )
    assert status == 201
    other = Caller(caller.url, (str(told["client_id"]), str(told["client_secret"])))
    assert other.ask_token().json() == {"error": "invalid_client"}
    caller.http.delete(f"/_emulator/plugins/{OTHER}")


def test_without_oauth_there_are_no_credentials_and_missing_level_is_none(caller: Caller) -> None:
    status, told = install(
        caller, zipped({"plugin.xml": f'{ROOT} name="Pages" version="1">{PUBLISHER}</plugin>'})
    )
    assert (status, told["client_id"], told["level"]) == (201, "", "NONE")
    caller.http.delete("/_emulator/plugins/Pages")


def root(attributes: str, children: str = PUBLISHER) -> bytes:
    return zipped({"plugin.xml": f"{ROOT} {attributes}>{children}</plugin>"})


def with_query(columns: dict[str, str]) -> bytes:
    return with_queries(f"<queries>{Query('a.b', columns, 'x').xml()}</queries>")


def with_mapping(text: str) -> bytes:
    return with_queries("<queries/>", **{"permissions_root/p.permission_mappings.xml": text})


LONG_EMAIL = manifest([], name=OTHER).replace("dev@example.org", "d" * 41)
UNKNOWN_ACCESS = manifest(["STUDENTS.DCID"]).replace("ViewOnly", "Peek")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no zip", "no ZIP"),
        (zipped({"sub/plugin.xml": manifest([])}), "no plugin.xml at its root"),
        (zipped({"plugin.xml": "<plugin"}), "not well-formed"),
        (zipped({"plugin.xml": "<plugin/>"}), "not <plugin> of http"),
        (root(f'name="{"x" * 41}" version="1"'), "1 to 40"),
        (root('name="x"'), "version"),
        (root(f'name="x" version="1" description="{"x" * 257}"'), "256"),
        (root('name="x" version="1"', ""), "publisher"),
        (zipped({"plugin.xml": LONG_EMAIL}), "email"),
        (zipped({"plugin.xml": manifest([], level="ALL")}), "accessLevelV1Api 'ALL'"),
        (zipped({"plugin.xml": UNKNOWN_ACCESS}), "Peek"),
        (zipped({"plugin.xml": manifest(["STUDENTS.EMAIL"])}), "EMAIL is not valid column"),
        (zipped({"plugin.xml": manifest(["PUPILS.DCID"])}), "PUPILS is no table"),
        (with_queries("<queries"), "not well-formed"),
        (with_queries("<query/>"), "not <queries>"),
        (with_queries('<queries><query name="q"/></queries>'), "no name of a query"),
        (with_queries('<queries><query name="a.b"/></queries>'), "no <sql>"),
        (with_query({"x": "STUDENTS"}), "TABLE.FIELD"),
        (with_query({"x": "STUDENTS.X"}), "valid column"),
        (with_query({"x": "STUDENTS.ID", "X": "STUDENTS.ID"}), "two columns"),
        (with_queries(f"<queries>{STUDENTS.xml()}{STUDENTS.xml()}</queries>"), "two queries"),
        (with_mapping("<x/>"), "permission_mappings"),
        (with_mapping("<x"), "not well-formed"),
    ],
)
def test_what_a_server_refuses_it_refuses_with_the_reason(
    caller: Caller, content: bytes, reason: str
) -> None:
    status, told = install(caller, content)
    caller.http.patch("/_emulator/plugins/Test Reader", json={"enabled": True})
    assert status == 400
    assert reason in str(told["error"])


def test_a_refused_update_leaves_the_plugin_disabled(caller: Caller) -> None:
    status, _ = install(caller, zipped({"plugin.xml": manifest(["STUDENTS.NOPE"])}))
    try:
        assert status == 400
        assert caller.ask_token().status_code == 401
    finally:
        caller.http.patch("/_emulator/plugins/Test Reader", json={"enabled": True})
    assert caller.ask_token().status_code == 200


def test_queries_below_a_folder_are_not_seen(caller: Caller) -> None:
    content = zipped(
        {"plugin.xml": manifest([], name=OTHER), "queries_root/sub/q.named_queries.xml": "<x"}
    )
    assert install(caller, content)[0] == 201
    caller.http.delete(f"/_emulator/plugins/{OTHER}")


def test_paths_of_a_plugin_that_is_not_installed(caller: Caller) -> None:
    assert caller.http.patch("/_emulator/plugins/None", json={"enabled": True}).status_code == 404
    assert caller.http.post("/_emulator/plugins/None/secret").status_code == 404
    path = "/_emulator/plugins/Test Reader"
    assert caller.http.patch(path, json={"client_id": "x"}).status_code == 400


def test_what_is_installed_is_told(caller: Caller) -> None:
    [told] = caller.json("/_emulator/plugins")["plugins"]
    assert told["name"] == "Test Reader"
    assert ENROLLMENTS.name in told["queries"]
    assert "CC.DCID" in told["grants"]


def test_without_a_plugin_there_is_one_that_reads_v1(records: Records) -> None:
    with pytest.raises(BadInput, match="no ZIP"):
        create_app(_other_records(), plugin=b"x")
    with serving(create_app(_other_records())) as url:
        caller = Caller(url, ("roster-reader", "roster-reader-secret"))
        assert caller.get("/ws/v1/district/school").status_code == 200
        assert caller.run(STUDENTS.name).status_code == 404
    assert plugin(STUDENTS)


def _other_records() -> Records:
    from tests.local.powerschool.conftest import new_records

    return new_records(20)
