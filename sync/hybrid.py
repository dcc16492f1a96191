"""Hybrid: accounts and groups that on-premises Active Directory masters.

Of such an account the cloud lets only a few properties be written
(https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-whatis). Rollcall
writes the ones below and no other: any field that a plan compares and that does not stand here
becomes a finding for the administrator of Active Directory, and so does whoever would have to be
enabled or disabled. Members of a group that comes from there are never planned either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from directory.findings import report

if TYPE_CHECKING:
    from datetime import date

    from duckdb import DuckDBPyConnection

CLOUD_MASTERED = ("external_id", "primary_role", "grade", "usage_location", "related_contacts")


def report_on_premises(con: DuckDBPyConnection, gone_since: date | None) -> None:
    """Adds findings about what only on-premises AD can change.

    `gone_since`: who is missing since that day or longer has left; None: accounts are not managed.
    """
    report(
        con,
        "person.onpremises.differs",
        """SELECT p.external_id, p.origin_file, p.origin_row, string_agg(
               field || ': Active Directory has ' || coalesce(old::VARCHAR, 'nothing')
               || ', the roster ' || new::VARCHAR, '; ' ORDER BY field) AS value
        FROM person_differences d JOIN desired_people p USING (external_id)
        WHERE on_premises GROUP BY ALL""",
    )
    report(
        con,
        "group.onpremises",
        "SELECT unique_name AS external_id, origin_file, origin_row, display_name AS value "
        "FROM synced_groups",
    )
    if gone_since is None:
        return
    report(
        con,
        "person.onpremises.left",
        f"""SELECT l.external_id, NULL::UTINYINT AS origin_file, NULL::UINTEGER AS origin_row,
               a.upn || ', since ' || l.since AS value
        FROM absent_people l
        JOIN known_people k USING (external_id)
        JOIN existing_people a ON a.id = k.object_id
        WHERE a.on_premises_sync AND a.account_enabled AND l.since <= DATE '{gone_since}'""",
    )
    report(
        con,
        "person.onpremises.disabled",
        """SELECT d.external_id, d.origin_file, d.origin_row, a.upn AS value
        FROM desired_people d
        JOIN links l USING (external_id)
        JOIN placed_people p USING (external_id)
        JOIN existing_people a ON a.id = l.object_id
        WHERE d.active_today AND a.on_premises_sync AND NOT a.account_enabled""",
    )
