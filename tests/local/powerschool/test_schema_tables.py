"""/ws/schema/table: columns that are granted, as text; everything else is refused."""

from __future__ import annotations

import pytest

from local.sis.records import Records
from tests.local.powerschool.plugin_zip import Caller


def test_rows_are_text_under_the_tables_name(caller: Caller) -> None:
    answer = caller.json(
        "/ws/schema/table/Terms", projection="ID,terms.name", q="schoolid==1;id=ge=3600",
        sort="id", sortdescending="true", pagesize=2,
    )  # fmt: skip
    assert (answer["name"], answer["@extensions"]) == ("Terms", "")
    assert [row["tables"]["terms"]["id"] for row in answer["record"]] == ["3602", "3601"]
    first = answer["record"][0]
    assert first.keys() == {"id", "name", "tables"}
    assert first["name"] == "terms"
    one = caller.json(f"/ws/schema/table/terms/{first['id']}", projection="id,name")
    assert one == first


def test_pages_end_and_counts_need_no_grant(caller: Caller, records: Records) -> None:
    [(cc,)] = records.rows("SELECT count(*) FROM ps.cc")
    assert caller.json("/ws/schema/table/cc/count") == {"count": cc}
    path = "/ws/schema/table/terms"
    [(terms,)] = records.rows("SELECT count(*) FROM ps.terms")
    caller.quirks(schema_table_query_max_page_size=terms)
    assert len(caller.json(path, projection="id")["record"]) == terms
    assert "record" not in caller.json(path, projection="id", page=2)
    assert caller.json(f"{path}/count", q="id==3600")["count"] < terms


def test_one_row_is_a_list_or_an_object(caller: Caller) -> None:
    asked = {"projection": "id", "q": "schoolid==1;id==3600"}
    assert isinstance(caller.json("/ws/schema/table/terms", **asked)["record"], list)
    caller.quirks(collapse_table_rows=True)
    assert isinstance(caller.json("/ws/schema/table/terms", **asked)["record"], dict)


@pytest.mark.parametrize(
    ("path", "params", "status", "message"),
    [
        ("terms", {"projection": "id,lastday"}, 403, "lacks sufficient permission"),
        ("terms", {"projection": "*"}, 403, "lacks sufficient permission"),
        ("terms", {"projection": "id", "q": "lastday=gt=2026-01-01"}, 403, "permission"),
        ("terms", {"projection": "lastday,nope"}, 400, "nope is not valid column for table: terms"),
        ("terms", {}, 400, "projection"),
        ("terms", {"projection": "id", "q": "nope==1"}, 400, "Invalid field nope"),
        ("terms", {"projection": "id", "q": "id==x"}, 400, "Invalid number 'x' passed"),
        ("terms", {"projection": "id", "sort": "nope"}, 400, "Invalid field nope"),
        ("teachers", {"projection": "id"}, 405, "not allowed on table"),
        ("pupils", {"projection": "id"}, 404, "not found"),
        ("terms/1", {"projection": "id"}, 404, "not found"),
        ("terms/x", {"projection": "id"}, 404, "not found"),
    ],
)
def test_refusals(
    caller: Caller, path: str, params: dict[str, str], status: int, message: str
) -> None:
    answer = caller.get(f"/ws/schema/table/{path}", **params)
    assert answer.status_code == status
    assert message in answer.json()["message"]


def test_a_refused_column_is_told(caller: Caller) -> None:
    answer = caller.get("/ws/schema/table/terms", projection="id,lastday").json()
    assert answer["errors"] == [{"code": "NoAccess", "field": "LASTDAY", "resource": "terms"}]


def test_a_table_describes_itself(caller: Caller) -> None:
    told = caller.json("/ws/schema/table/terms/metadata", expansions="access")
    access = {column["name"]: column["access"] for column in told["columns"]}
    assert (told["primaryKey"], access["id"], access["lastday"]) == ("dcid", "ViewOnly", "NoAccess")
    assert "access" not in caller.json("/ws/schema/table/terms/metadata")["columns"][0]
    names = [table["name"] for table in caller.json("/ws/schema/table")["tables"]]
    assert {"students", "cc", "sectionteacher"} <= set(names)
