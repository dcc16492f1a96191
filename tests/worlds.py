"""A small world for tests: a roster and a directory as DuckDB tables, told in a few words."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import duckdb

from directory.desired import build_desired
from directory.policy import Policy
from graph.mirror import load_empty
from roster.schema import SIDE_TABLES, TABLES, columns_of
from sync.config import Config
from sync.memory import start_memory
from sync.plan import Plan, list_changes, make_plan

TODAY = date(2026, 11, 24)
DOMAINS = ("contoso.edu", "students.contoso.edu")
FILES = ("orgs", "academic_sessions", "courses", "classes", "users", "roles", "enrollments",
         "relationships")  # fmt: skip


class World:
    """Rows are added by name; what is not named is NULL or the usual value."""

    def __init__(self) -> None:
        self.con = duckdb.connect()
        for table in (*TABLES, *SIDE_TABLES):
            columns = ", ".join(f'"{name}" {kind}' for name, kind in columns_of(table))
            self.con.execute(f"CREATE TABLE {table} ({columns})")
        load_empty(self.con)
        start_memory(self.con)
        for number, name in enumerate(FILES):
            self.add("files", id=number, source="sis", name=f"{name}.csv", records=0)
            self.add("line_shifts", file=number, row=0, line=2)
        self._rows = dict.fromkeys(FILES, 0)

    def add(self, table: str, **values: Any) -> None:
        names = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        self.con.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(values.values()))

    def row(self, table: str, **values: Any) -> None:
        origin = {"origin_file": FILES.index(table), "origin_row": self._rows[table]}
        self._rows[table] += 1
        self.add(table, **values, **origin)

    def school(self, key: str = "S1", **values: Any) -> None:
        usual = {"name": f"School {key}", "type": "school", "active": True}
        self.row("orgs", sourced_id=key, **usual | values)

    def session(self, key: str, start: str, end: str) -> None:
        self.row("academic_sessions", sourced_id=key, title=f"Term {key}", type="term",
                 school_year="2027", start_date=start, end_date=end)  # fmt: skip

    def user(self, key: str, **values: Any) -> None:
        usual = {"username": key.lower(), "given_name": "Given", "family_name": key, "active": True}
        self.row("users", sourced_id=key, **usual | values)

    def role(self, user: str, role: str = "student", org: str = "S1", **values: Any) -> None:
        usual = {"active": True} | ({"grade": "09"} if role == "student" else {})
        self.row("roles", user_sourced_id=user, org_sourced_id=org, role=role, **usual | values)

    def student(self, key: str, **values: Any) -> None:
        self.user(key, **values)
        self.role(key)

    def teacher(self, key: str, **values: Any) -> None:
        self.user(key, **values)
        self.role(key, "teacher")

    def class_(self, key: str = "C1", sessions: list[str] | None = None, **values: Any) -> None:
        usual = {"org_sourced_id": "S1", "title": f"Class {key}", "active": True}
        self.row("classes", sourced_id=key, session_sourced_ids=sessions or [], **usual | values)

    def enroll(self, class_: str, user: str, role: str = "student", **values: Any) -> None:
        self.row("enrollments", class_sourced_id=class_, user_sourced_id=user, role=role,
                 **{"active": True} | values)  # fmt: skip

    def account(self, key: str, external_id: str | None = None, **values: Any) -> None:
        usual: dict[str, Any] = {
            "upn": f"{key}@contoso.edu", "account_enabled": True, "external_id": external_id,
            "external_source": "sis" if external_id else None,
        }  # fmt: skip
        self.add("existing_people", id=key, **usual | values)

    def build(self, **policy: Any) -> None:
        build_desired(self.con, Policy.model_validate(policy), today=TODAY, domains=DOMAINS)

    def plan(self, today: date = TODAY, **config: Any) -> Plan:
        settings = Config.model_validate(config)
        return make_plan(self.con, settings, run="r1", today=today, domains=DOMAINS)

    def changes(self) -> list[str]:
        """The changes of the last plan as `action kind key`."""
        return [f"{c.action} {c.kind} {c.key}" for c in list_changes(self.con)]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.con.execute(query).fetchall()

    def apply(self, which: str = "true") -> None:
        """Does to the directory what the last plan says, by SQL: what Graph would answer."""
        self.con.execute(f"CREATE OR REPLACE TABLE applied AS FROM plan_changes WHERE {which}")
        apply_changes(self.con)


def apply_changes(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        """
        INSERT INTO existing_schools BY NAME
        SELECT 'school:' || key AS id, 'unit:' || key AS unit_id, key AS external_id,
               'sis' AS external_source, after->>'display_name' AS display_name,
               after->>'membership_rule' AS membership_rule
        FROM applied WHERE kind = 'school' AND action = 'create';
        INSERT INTO existing_people BY NAME
        SELECT 'user:' || key AS id, after->>'upn' AS upn, after->>'display_name' AS display_name,
               after->>'given_name' AS given_name, after->>'surname' AS surname,
               true AS account_enabled, key AS external_id, 'sis' AS external_source,
               after->>'primary_role' AS primary_role, after->>'grade' AS grade,
               after->>'usage_location' AS usage_location,
               (after->'related_contacts')::VARCHAR AS related_contacts,
               after->>'department' AS department, after->>'officeLocation' AS office_location,
               CASE WHEN after->>'extensionAttribute1' IS NOT NULL THEN after END
                   AS extension_attributes
        FROM applied WHERE kind = 'person' AND action = 'create';
        INSERT INTO existing_groups BY NAME
        SELECT kind || ':' || key AS id,
               CASE kind WHEN 'group' THEN key ELSE after->>'unique_name' END AS unique_name,
               after->>'membership_rule' AS membership_rule,
               CASE WHEN after->>'membership_rule' IS NOT NULL THEN ['DynamicMembership'] END
                   AS group_types,
               after->>'display_name' AS display_name, after->>'mail_nickname' AS mail_nickname
        FROM applied WHERE kind IN ('class', 'group') AND action = 'create';
        INSERT INTO existing_classes BY NAME
        SELECT 'class:' || key AS id, key AS external_id, 'sis' AS external_source,
               after->>'display_name' AS display_name, after->>'class_code' AS class_code,
               after->>'mail_nickname' AS mail_nickname
        FROM applied WHERE kind = 'class' AND action = 'create'
          AND after->>'unique_name' IS NULL;
        """
    )
    for table, kind in (
        ("existing_people", "person"),
        ("existing_people", "person_rule"),
        ("existing_schools", "school"),
        ("existing_classes", "class"),
        ("existing_groups", "class"),
        ("existing_groups", "group"),
    ):
        _apply_updates(con, table, kind)
    container = """CASE entity WHEN 'school' THEN 'unit:' || target
                               ELSE coalesce(object_id, entity || ':' || target) END"""
    kind = f"""CASE WHEN {container} IN (SELECT id FROM existing_groups
                                         WHERE unique_name IS NOT NULL)
                    THEN 'group' ELSE entity END"""
    con.execute(
        f"""
        INSERT INTO existing_members BY NAME
        SELECT {kind} AS container_kind, {container} AS container_id,
               coalesce(member_id, 'user:' || person) AS member_id, relation
        FROM applied WHERE action = 'add';
        DELETE FROM existing_members m USING applied c
        WHERE c.action = 'remove' AND m.relation = c.relation AND m.member_id = c.member_id
          AND m.container_kind = {kind}
          AND m.container_id = CASE c.entity WHEN 'school' THEN 'unit:' || c.target
                                             ELSE c.object_id END;
        """
    )


def _apply_updates(con: duckdb.DuckDBPyConnection, table: str, kind: str) -> None:
    columns = {row[0] for row in con.execute(f"DESCRIBE {table}").fetchall()}
    updates = con.execute(
        """SELECT object_id, k, after->>k FROM (
            SELECT object_id, after, unnest(json_keys(after)) AS k FROM applied
            WHERE kind = ? AND (action IN ('update', 'enable', 'disable')
                                OR kind = 'person_rule'))""",
        [kind],
    ).fetchall()
    for object_id, name, value in updates:
        field = {"officeLocation": "office_location"}.get(name, name)
        if name == "extensionAttribute1":
            field, value = "extension_attributes", json.dumps({name: value})
        if name == "membership_rule" and table == "existing_groups":
            types = ["DynamicMembership"] if value else []
            con.execute("UPDATE existing_groups SET group_types = ? WHERE id = ?",
                        [types, object_id])  # fmt: skip
            value = value or "(what was)"
        if field in columns:
            con.execute(f"UPDATE {table} SET {field} = ? WHERE id = ?", [value, object_id])
        if field == "external_id":
            con.execute(f"UPDATE {table} SET external_source = 'sis' WHERE id = ?", [object_id])
