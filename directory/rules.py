"""Membership by rule: one attribute of each account says where its person belongs, rules read it.

The attribute's value is a list of places between semicolons, one for each role that counts today:

    ;s1/s09;s2/t;       a student in grade 09 at school s1, staff at school s2

Before the slash stands the key of the school (nothing for a role at an organisation that is no
school), after it `s` for students, with the grade, or `t` for staff. A rule looks for a part of
it, so that rules say exactly what assigned memberships would:

    everyone at s1          contains ;s1/        students of s1            contains ;s1/s
    all students            contains /s          grade 09, also at s1      contains /s09;  ;s1/s09;

Design note: the value belongs to Rollcall only where it has this form. Whatever else stands in the
attribute was put there by somebody, is never overwritten, and becomes a finding; so does a value
that on-premises AD must write, and one that is too long. Losing a place is losing memberships:
it is guarded as a removal, and rows that were faulty take nobody's place away.

Vendor pages: https://learn.microsoft.com/entra/identity/users/groups-dynamic-membership,
https://learn.microsoft.com/graph/api/resources/user#properties (department 64, officeLocation 128)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .findings import report

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LONGEST = {"department": 64, "officeLocation": 128}
_LONGEST_EXTENSION = 1024
# What a rule calls a property, where that is not its name in Graph.
_IN_RULES = {"officeLocation": "physicalDeliveryOfficeName"}
_COLUMNS = {"department": "department", "officeLocation": "office_location"}
_OURS = r"'^;([^/;]*/[st][^/;]*;)+$'"

_MACROS = """
CREATE OR REPLACE MACRO role_letter(role_group) AS
    CASE role_group WHEN 'students' THEN 's' ELSE 't' END;
CREATE OR REPLACE MACRO place(school, role_group, grade) AS
    coalesce(name_key(school), '') || '/' || role_letter(role_group)
    || CASE role_group WHEN 'students' THEN coalesce(lower(grade), '') ELSE '' END;
CREATE OR REPLACE MACRO places(rule_value) AS string_split(trim(rule_value, ';'), ';');
"""

_VALUES = """
CREATE OR REPLACE TABLE rule_values (external_id VARCHAR, object_id VARCHAR, school VARCHAR,
    old VARCHAR, new VARCHAR, loses BOOLEAN, fault VARCHAR, wanted VARCHAR,
    origin_file UTINYINT, origin_row UINTEGER)
"""

_HOLDERS = f"""
CREATE OR REPLACE TABLE rule_holders AS
SELECT h.external_id, h.object_id, nullif({{attribute}}, '') AS found,
       CASE WHEN regexp_full_match(found, {_OURS}) THEN found END AS old,
       coalesce(a.on_premises_sync, false) AS on_premises,
       h.external_id IN (SELECT key FROM uncertain WHERE kind IN ('user', 'role')) AS doubtful
FROM (
    SELECT external_id, object_id FROM placed_people
    UNION ALL
    SELECT external_id, id FROM existing_people
    WHERE external_source = 'sis' AND external_id IS NOT NULL
      AND external_id NOT IN (SELECT external_id FROM placed_people)
      AND external_id NOT IN (SELECT external_id FROM contested)
      AND id NOT IN (SELECT object_id FROM opted_out)
) h LEFT JOIN existing_people a ON a.id = h.object_id
QUALIFY row_number() OVER (PARTITION BY h.external_id ORDER BY old NULLS LAST, h.object_id) = 1
"""

_WANTED = """
INSERT INTO rule_values
WITH doubtful_schools AS (SELECT name_key(key) AS key FROM uncertain WHERE kind = 'org'),
held AS (
    SELECT external_id, doubtful, unnest(places(old)) AS place FROM rule_holders
), kept AS (
    SELECT r.user_sourced_id AS external_id, place(s.external_id, r.role_group, r.grade) AS place
    FROM active_roles r LEFT JOIN desired_schools s ON s.external_id = r.org_sourced_id
    UNION
    SELECT external_id, place FROM held
    WHERE doubtful OR split_part(place, '/', 1) IN (SELECT key FROM doubtful_schools)
), wanted AS (
    SELECT external_id, ';' || string_agg(place, ';' ORDER BY place) || ';' AS wanted
    FROM kept GROUP BY external_id
), judged AS (
    SELECT h.*, w.wanted,
           CASE WHEN h.on_premises AND h.found IS DISTINCT FROM w.wanted THEN 'onpremises'
                WHEN h.found IS NOT NULL AND h.old IS NULL THEN 'occupied'
                WHEN length(w.wanted) > $longest THEN 'long' END AS fault
    FROM rule_holders h LEFT JOIN wanted w USING (external_id)
    WHERE w.wanted IS NOT NULL OR h.old IS NOT NULL
), settled AS (
    SELECT *, CASE WHEN fault IS NULL THEN wanted WHEN fault = 'long' AND NOT doubtful THEN NULL
                   ELSE old END AS new
    FROM judged
)
SELECT s.external_id, s.object_id, coalesce(p.school, d.external_id, s.key), s.old, s.new,
       len(list_filter(coalesce(places(s.old), []),
                       lambda one: NOT contains(coalesce(s.new, ''), ';' || one || ';'))) > 0,
       s.fault, s.wanted, p.origin_file, p.origin_row
FROM (SELECT *, nullif(split_part(places(old)[1], '/', 1), '') AS key FROM settled) s
LEFT JOIN desired_people p USING (external_id)
LEFT JOIN (
    SELECT external_id FROM desired_schools
    UNION SELECT external_id FROM existing_schools WHERE external_source = 'sis'
) d ON name_key(d.external_id) = s.key
"""


def define_rules(con: DuckDBPyConnection) -> None:
    """Creates the SQL macros `role_letter`, `place` and `places`."""
    con.execute(_MACROS)


def rule_sql(attribute: str | None, part: str) -> str:
    """The SQL expression of the rule "the value of `attribute` contains `part`", itself SQL.

    Without an attribute, membership is not by rule, and the expression is NULL. A part that does
    not begin with a semicolon could stand in other people's text too; then the value has to begin
    with one.
    """
    if attribute is None:
        return "NULL::VARCHAR"
    name = f"user.{_IN_RULES.get(attribute, attribute)}"
    contains = f"""'({name} -contains "' || {part} || '")'"""
    return (
        f"CASE WHEN starts_with({part}, ';') THEN {contains} "
        f"""ELSE '({name} -startsWith ";") -and ' || {contains} END"""
    )


def want_values(con: DuckDBPyConnection, attribute: str | None) -> None:
    """Makes `rule_values`: what the attribute of each account holds and should hold.

    Columns: external_id, object_id (NULL: to be created), school (of who left: that of the old
    value), old and new (NULL: nothing of ours), loses (memberships go with it), fault, wanted (what
    it would be without the fault), and the row that it comes from. Empty without an attribute.
    """
    con.execute(_VALUES)
    if attribute is None:
        return
    column = _COLUMNS.get(attribute, f"(a.extension_attributes::JSON->>'{attribute}')")
    con.execute(_HOLDERS.format(attribute=column))
    con.execute(_WANTED, {"longest": _LONGEST.get(attribute, _LONGEST_EXTENSION)})
    for fault in ("long", "occupied", "onpremises"):
        report(
            con,
            f"person.dynamic.{fault}",
            f"""SELECT external_id, origin_file, origin_row,
                       coalesce(wanted, '(empty)') AS value
            FROM rule_values WHERE fault = '{fault}'""",
        )
