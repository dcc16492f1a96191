"""The mirror: a copy of the directory that delta queries keep up to date. Not the truth.

The mirror is a folder of Parquet files and `mirror.json`, which names the files of the present
generation and the delta links that go on from it. It is written last and in one step, so that a
crash leaves the old generation usable. An empty or damaged folder is simply read again in full, and
so is a collection whose query has changed: a link remembers what its query selected.

Two tables a collection: the objects (id, body as JSON) and, for groups and units, the members.
Changes are folded in as sets: bodies by JSON merge patch (what is absent stays, null clears), the
last word about each member counts, and whatever was removed starts afresh if it returns.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .bodies import SOURCE_DETAIL
from .delta import COLLECTIONS, SDS, Delta, read_delta
from .exchange import GraphRequest

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .client import Graph

STATE = "mirror.json"
TABLES = (*COLLECTIONS, "groups_members", "units_members", "school_units")
DELETED = (
    "/directory/deletedItems/microsoft.graph.user"
    "?$select=id,userPrincipalName,mail,mailNickname,proxyAddresses&$top=999"
)

_EMPTY = """
CREATE OR REPLACE TABLE mirror_{name} (id VARCHAR, body JSON);
CREATE OR REPLACE TABLE mirror_{name}_members (container VARCHAR, member VARCHAR, relation VARCHAR);
"""

_FOLD = """
CREATE OR REPLACE TABLE delta AS
SELECT row_number() OVER () AS place, json->>'id' AS id, json FROM read_ndjson_objects({file});

CREATE OR REPLACE TABLE gone AS
SELECT id, max(place) AS place FROM delta WHERE json_exists(json, '$."@removed"') GROUP BY id;

CREATE OR REPLACE TABLE folded AS
SELECT id, list_reduce(list(json ORDER BY place), lambda a, b: json_merge_patch(a, b)) AS body
FROM (
    SELECT d.id, d.place, json_merge_patch(d.json, '{{"members@delta":null,"owners@delta":null}}')
               AS json
    FROM delta d LEFT JOIN gone g USING (id) WHERE d.place > coalesce(g.place, 0)
    UNION ALL
    SELECT m.id, 0, m.body FROM mirror_{name} m
    SEMI JOIN delta USING (id) ANTI JOIN gone USING (id)
) GROUP BY id;

DELETE FROM mirror_{name} WHERE id IN (SELECT id FROM delta);
INSERT INTO mirror_{name} SELECT id, body FROM folded;
"""

_FOLD_MEMBERS = """
CREATE OR REPLACE TABLE touched AS
SELECT id AS container, relation, found.id AS member, found."@removed" IS NULL AS present
FROM (
    SELECT d.id, d.place, relation, unnest(from_json(
               d.json->('$."' || relation || 's@delta"'),
               '[{{"id":"VARCHAR","@removed":"JSON"}}]')) AS found,
           generate_subscripts(from_json(d.json->('$."' || relation || 's@delta"'), '["JSON"]'), 1)
               AS position
    FROM delta d LEFT JOIN gone g USING (id),
         (VALUES ('member'), ('owner')) relations(relation)
    WHERE d.place > coalesce(g.place, 0)
)
QUALIFY row_number() OVER (PARTITION BY id, relation, found.id
                           ORDER BY place DESC, position DESC) = 1;

DELETE FROM mirror_{name}_members WHERE container IN (SELECT id FROM gone);
DELETE FROM mirror_{name}_members m USING touched t
WHERE t.container = m.container AND t.member = m.member AND t.relation = m.relation;
INSERT INTO mirror_{name}_members
SELECT container, member, relation FROM touched WHERE present;
"""

# What SDS made says `sis` too; `sds` tells it from what Rollcall wrote or has taken over.
_EXISTING = f"""
CREATE OR REPLACE MACRO source_of(education, directory) AS
    CASE WHEN education->>'externalSource' = 'sis' AND directory->>'{SDS}AnchorId' IS NOT NULL
              AND education->>'externalSourceDetail' IS DISTINCT FROM '{SOURCE_DETAIL}'
         THEN 'sds' ELSE education->>'externalSource' END;

CREATE OR REPLACE TABLE existing_people AS
SELECT u.id, u.body->>'userPrincipalName' AS upn, u.body->>'mail' AS mail,
       u.body->>'mailNickname' AS mail_nickname, u.body->>'displayName' AS display_name,
       u.body->>'givenName' AS given_name, u.body->>'surname' AS surname,
       coalesce(try_cast(u.body->>'accountEnabled' AS BOOLEAN), true) AS account_enabled,
       coalesce(try_cast(u.body->>'onPremisesSyncEnabled' AS BOOLEAN), false) AS on_premises_sync,
       coalesce(nullif(e.body->>'$.student.externalId', ''),
                nullif(e.body->>'$.teacher.externalId', '')) AS external_id,
       source_of(e.body, u.body) AS external_source, e.body->>'primaryRole' AS primary_role,
       e.body->>'$.student.grade' AS grade, u.body->>'usageLocation' AS usage_location,
       contacts.contacts AS related_contacts, u.body->>'department' AS department,
       u.body->>'officeLocation' AS office_location, u.body->>'employeeId' AS employee_id,
       u.body->>'onPremisesSamAccountName' AS sam_account_name,
       u.body->>'onPremisesImmutableId' AS immutable_id,
       -- without the nulls that some answers spell out
       nullif(json_merge_patch('{{}}', (u.body->>'onPremisesExtensionAttributes')::JSON)::VARCHAR,
              '{{}}')
           AS extension_attributes,
       coalesce(from_json(u.body->'proxyAddresses', '["VARCHAR"]'), []) AS proxy_addresses,
       u.body->>'userType' AS user_type,
       u.body->>'{SDS}AnchorId' AS sds_anchor, u.body->>'{SDS}SyncSource_StudentId' AS sds_student,
       u.body->>'{SDS}SyncSource_TeacherId' AS sds_teacher
FROM mirror_users u
LEFT JOIN mirror_education_users e USING (id)
LEFT JOIN (
    SELECT id, to_json(list({{'displayName': c.displayName, 'emailAddress': c.emailAddress,
                             'mobilePhone': c.mobilePhone, 'relationship': c.relationship}}
                            ORDER BY c.emailAddress, c.relationship))::VARCHAR AS contacts
    FROM (SELECT id, unnest(from_json(body->'relatedContacts', '[{{"displayName":"VARCHAR",
        "emailAddress":"VARCHAR","mobilePhone":"VARCHAR","relationship":"VARCHAR"}}]')) AS c
          FROM mirror_education_users)
    GROUP BY id
) contacts USING (id);

CREATE OR REPLACE TABLE existing_schools AS
SELECT s.id, u.unit_id, nullif(s.body->>'externalId', '') AS external_id,
       source_of(s.body, a.body) AS external_source, s.body->>'displayName' AS display_name,
       CASE a.body->>'membershipType' WHEN 'Dynamic' THEN a.body->>'membershipRule' END
           AS membership_rule
FROM mirror_schools s
LEFT JOIN mirror_school_units u ON u.school_id = s.id
LEFT JOIN mirror_units a ON a.id = u.unit_id;

CREATE OR REPLACE TABLE existing_classes AS
SELECT c.id, nullif(c.body->>'externalId', '') AS external_id,
       source_of(c.body, g.body) AS external_source, c.body->>'externalName' AS external_name,
       c.body->>'displayName' AS display_name, g.body->>'mailNickname' AS mail_nickname,
       c.body->>'classCode' AS class_code
FROM mirror_classes c JOIN mirror_groups g USING (id);  -- classes/delta omits deleted classes

CREATE OR REPLACE TABLE existing_groups AS
SELECT id, body->>'uniqueName' AS unique_name, body->>'displayName' AS display_name,
       body->>'mailNickname' AS mail_nickname, body->>'mail' AS mail,
       body->>'description' AS description,
       from_json(body->'groupTypes', '["VARCHAR"]') AS group_types,
       body->>'membershipRule' AS membership_rule,
       coalesce(list_contains(from_json(body->'resourceProvisioningOptions', '["VARCHAR"]'),
                              'Team'), false) AS has_team,
       coalesce(try_cast(body->>'onPremisesSyncEnabled' AS BOOLEAN), false) AS on_premises_sync,
       body->>'{SDS}AnchorId' AS sds_anchor, body->>'{SDS}ObjectType' AS sds_type,
       body->>'{SDS}SyncSource_SectionId' AS sds_section, body->>'{SDS}Status' AS sds_status
FROM mirror_groups;

CREATE OR REPLACE TABLE existing_units AS
SELECT id, body->>'displayName' AS display_name, body->>'{SDS}AnchorId' AS sds_anchor,
       body->>'{SDS}ObjectType' AS sds_type, body->>'{SDS}SyncSource_SchoolId' AS sds_school
FROM mirror_units;

CREATE OR REPLACE TABLE existing_members AS
SELECT CASE WHEN c.id IS NULL THEN 'group' ELSE 'class' END AS container_kind,
       m.container AS container_id, m.member AS member_id, m.relation
FROM mirror_groups_members m LEFT JOIN existing_classes c ON c.id = m.container
UNION ALL
SELECT 'school', container, member, relation FROM mirror_units_members;
"""

# Entra puts a deleted account's object id before its name, so that another can have the name.
_DELETED_PEOPLE = """
INSERT INTO deleted_people
SELECT id, CASE WHEN starts_with(lower(upn), replace(lower(id), '-', ''))
                THEN substr(upn, 33) ELSE upn END, mail, nickname, coalesce(addresses, [])
FROM (SELECT json->>'id' AS id, json->>'userPrincipalName' AS upn, json->>'mail' AS mail,
             json->>'mailNickname' AS nickname,
             from_json(json->'proxyAddresses', '["VARCHAR"]') AS addresses
      FROM read_ndjson_objects({file}))
"""


@dataclass(frozen=True)
class MirrorStats:
    """What a refresh cost: requests, pages and objects read, seconds, collections read in full."""

    requests: int
    pages: int
    objects: int
    full: tuple[str, ...]
    seconds: float


def load_empty(con: DuckDBPyConnection) -> None:
    """Makes the existing_* tables of an empty directory."""
    _start(con)
    con.execute(_EXISTING)


async def refresh(graph: Graph, con: DuckDBPyConnection, folder: Path) -> MirrorStats:
    """Brings the mirror in `folder` up to date and makes the existing_* tables in `con`.

    `deleted_people` (id, upn, mail, mail_nickname, proxy_addresses) are the accounts that can still
    be restored.
    """
    started, before = time.monotonic(), graph.requests
    state = _load(con, folder)
    deltas = await asyncio.gather(
        *(
            read_delta(graph, name, _link(state, name), folder / f"{name}.ndjson")
            for name in COLLECTIONS
        )
    )
    for delta in deltas:
        _fold(con, delta)
        delta.file.unlink()
    await _find_units(graph, con)
    await _find_deleted(graph, con, folder)
    _save(con, folder, state["generation"] + 1, deltas)
    con.execute(_EXISTING)
    return MirrorStats(
        requests=graph.requests - before,
        pages=sum(delta.pages for delta in deltas),
        objects=sum(delta.objects for delta in deltas),
        full=tuple(delta.name for delta in deltas if delta.full),
        seconds=time.monotonic() - started,
    )


def _start(con: DuckDBPyConnection) -> None:
    for name in COLLECTIONS:
        con.execute(_EMPTY.format(name=name))
    con.execute("CREATE OR REPLACE TABLE mirror_school_units (school_id VARCHAR, unit_id VARCHAR)")
    con.execute(
        """CREATE OR REPLACE TABLE deleted_people (id VARCHAR, upn VARCHAR, mail VARCHAR,
           mail_nickname VARCHAR, proxy_addresses VARCHAR[])"""
    )


def _load(con: DuckDBPyConnection, folder: Path) -> dict[str, Any]:
    """Fills the mirror tables from the folder's present generation; empty if it is not whole."""
    _start(con)
    folder.mkdir(parents=True, exist_ok=True)
    nothing: dict[str, Any] = {"generation": 0, "links": {}, "queries": {}}
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return nothing
    files = {table: folder / f"{table}.{state['generation']}.parquet" for table in TABLES}
    if not all(file.exists() for file in files.values()):
        return nothing | {"generation": state["generation"]}
    for table, file in files.items():
        con.execute(f"INSERT INTO mirror_{table} FROM read_parquet({_literal(file)})")
    return state


def _link(state: dict[str, Any], name: str) -> str | None:
    """The delta link of a collection, if it answers the query that is asked today."""
    answered = state.get("queries", {}).get(name)
    return state["links"].get(name) if answered == COLLECTIONS[name] else None


def _fold(con: DuckDBPyConnection, delta: Delta) -> None:
    if delta.full:
        con.execute(_EMPTY.format(name=delta.name))
    con.execute(_FOLD.format(name=delta.name, file=_literal(delta.file)))
    con.execute(_FOLD_MEMBERS.format(name=delta.name))


async def _find_units(graph: Graph, con: DuckDBPyConnection) -> None:
    """Asks for the administrative unit of each school that is not known yet.

    That a school and its unit share an id is not documented, so it is not assumed.
    """
    con.execute(
        "DELETE FROM mirror_school_units WHERE school_id NOT IN (SELECT id FROM mirror_schools)"
    )
    unknown = con.execute(
        "SELECT id FROM mirror_schools ANTI JOIN mirror_school_units ON school_id = id ORDER BY id"
    ).fetchall()

    async def find(school: str) -> list[str | None]:
        url = f"/education/schools/{school}/administrativeUnit?$select=id"
        response = await graph.do(GraphRequest("GET", url))
        return [school, response.body["id"]]

    found = await asyncio.gather(*(find(school) for (school,) in unknown))
    if found:
        con.executemany("INSERT INTO mirror_school_units VALUES (?, ?)", found)


async def _find_deleted(graph: Graph, con: DuckDBPyConnection, folder: Path) -> None:
    """Fills `deleted_people`, anew each time: no delta query tells of them, and they are few.

    https://learn.microsoft.com/graph/api/directory-deleteditems-list
    """
    file = folder / "deleted.ndjson"
    with file.open("w", encoding="utf-8") as out:
        async for page in graph.pages(DELETED):
            out.writelines(json.dumps(found) + "\n" for found in page["value"])
    con.execute(_DELETED_PEOPLE.format(file=_literal(file)))
    file.unlink()


def _save(con: DuckDBPyConnection, folder: Path, generation: int, deltas: list[Delta]) -> None:
    for table in TABLES:
        file = folder / f"{table}.{generation}.parquet"
        con.execute(f"COPY mirror_{table} TO {_literal(file)} (FORMAT parquet)")
    state = {
        "generation": generation,
        "links": {delta.name: delta.link for delta in deltas},
        "queries": dict(COLLECTIONS),
    }
    fresh = folder / f"{STATE}.part"
    fresh.write_text(json.dumps(state), encoding="utf-8")
    fresh.replace(folder / STATE)
    for file in folder.glob("*.parquet"):
        if not file.name.endswith(f".{generation}.parquet"):
            file.unlink()


def _literal(file: Path) -> str:
    return "'" + str(file).replace("'", "''") + "'"
