"""Findings of this room: what the roster wants and the directory cannot give.

The rule texts stand here once; the rows join the roster's own findings in the table
`directory_findings`, which has the same columns as `findings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class DirectoryRule:
    """One rule: id, severity (error: left out; warning: done otherwise), table, text, hint."""

    id: str
    severity: str
    table: str
    column: str
    message: str
    hint: str


RULES: dict[str, DirectoryRule] = {
    rule.id: rule
    for rule in (
        DirectoryRule(
            "person.match.none", "warning", "users", "username",
            "no account matches this person",
            "create the account, correct the username, or add a match rule; until then the person "
            "is in no class or group",
        ),
        DirectoryRule(
            "person.match.ambiguous", "error", "users", "username",
            "several accounts, or several people, match; none was chosen",
            "give the right account the person's id, or correct the values that the rules compare",
        ),
        DirectoryRule(
            "person.match.near", "warning", "users", "username",
            "no account matches this person, but one is much like theirs",
            "if it is theirs, correct the value that differs, or give the account the person's id; "
            "else nothing has to be done",
        ),
        DirectoryRule(
            "person.account.deleted", "error", "users", "username",
            "this person's account was deleted and can still be restored; no second one is made",
            "restore it under Deleted users in Entra, and it is theirs again; or delete it there "
            "for good, and the person gets another",
        ),
        DirectoryRule(
            "person.opted.out", "warning", "users", "username",
            "the account is in the opt-out group; nothing of it is written",
            "take the account out of the group that people.opt_out_group names, if Rollcall shall "
            "keep it",
        ),
        DirectoryRule(
            "person.onpremises.differs", "warning", "users", "username",
            "the account comes from on-premises Active Directory and differs from the roster",
            "the administrator of on-premises Active Directory has to change it there; nothing of "
            "it can be written in the cloud",
        ),
        DirectoryRule(
            "person.onpremises.left", "warning", "users", "username",
            "someone left the roster whose account comes from on-premises Active Directory",
            "the administrator of on-premises Active Directory has to disable it there",
        ),
        DirectoryRule(
            "person.onpremises.disabled", "warning", "users", "username",
            "someone of the roster has an account that on-premises Active Directory disables",
            "the administrator of on-premises Active Directory has to enable it there",
        ),
        DirectoryRule(
            "group.onpremises", "warning", "roles", "role",
            "a group of ours is kept by on-premises Active Directory; its members were left alone",
            "take the group out of the synchronisation, or delete it; another is then made",
        ),
        DirectoryRule(
            "person.sds.twin", "error", "users", "sourced_id",
            "School Data Sync made an account for this person; none was made or matched",
            "look at it with `rollcall adopt`, then set adopt.enabled: true, or add a match rule "
            "that finds the account",
        ),
        DirectoryRule(
            "person.sds.unclear", "error", "users", "sourced_id",
            "School Data Sync's ids lead to several accounts or people; none was chosen",
            "give the right account the person's id, or delete the one that is not used",
        ),
        DirectoryRule(
            "class.sds.twin", "warning", "classes", "sourced_id",
            "School Data Sync made a group for this class; it was left alone and none was made",
            "look at it with `rollcall adopt`, then set adopt.enabled: true; or delete the group",
        ),
        DirectoryRule(
            "class.sds.unclear", "error", "classes", "sourced_id",
            "it is not clear which group School Data Sync made for this class; none was made",
            "`rollcall adopt` lists the groups and what is wrong; delete those that are not used",
        ),
        DirectoryRule(
            "school.sds.twin", "warning", "orgs", "sourced_id",
            "School Data Sync made an administrative unit for this school; it was left alone and "
            "none was made",
            "look at it with `rollcall adopt`, then set adopt.enabled: true; or delete the unit",
        ),
        DirectoryRule(
            "school.sds.unclear", "error", "orgs", "sourced_id",
            "it is not clear which administrative unit School Data Sync made for this school; none "
            "was made",
            "`rollcall adopt` lists the units and what is wrong; delete those that are not used",
        ),
        DirectoryRule(
            "person.username.none", "error", "users", "username",
            "there is no username, and none could be made from a template",
            "enter a username, or what the template in people.usernames is filled with",
        ),
        DirectoryRule(
            "person.username.illegal", "error", "users", "username",
            "the username cannot be a user principal name",
            "use A-Z a-z 0-9 ' . - _ ! # ^ ~, at most 64 characters before the @, no dot at "
            "either end and no two in a row",
        ),
        DirectoryRule(
            "person.username.domain", "error", "users", "username",
            "the domain of the username is not verified in this tenant",
            "verify the domain in Entra, or leave it out of the username and set people.domains",
        ),
        DirectoryRule(
            "person.username.shared", "error", "users", "username",
            "two people would get the same user principal name; neither account was made",
            "give one of them another username in the student information system",
        ),
        DirectoryRule(
            "person.username.taken", "error", "users", "username",
            "another account has this user principal name already",
            "match the person to that account, or give the person another username",
        ),
        DirectoryRule(
            "person.dynamic.long", "error", "users", "sourced_id",
            "the value that membership rules would read is too long for the attribute; the person "
            "is in no group or unit that has a rule",
            "set dynamic.attribute to an extensionAttribute, which holds 1,024 characters "
            "(department holds 64, officeLocation 128)",
        ),
        DirectoryRule(
            "person.dynamic.occupied", "error", "users", "sourced_id",
            "the attribute that membership rules read holds a text of somebody else; it was not "
            "overwritten, and the person is in no group or unit that has a rule",
            "set dynamic.attribute to one that nobody uses, or empty it on this account",
        ),
        DirectoryRule(
            "person.dynamic.onpremises", "warning", "users", "sourced_id",
            "on-premises AD owns the attribute that membership rules read, and holds another value",
            "enter this value in on-premises AD; the next synchronisation brings it to Entra",
        ),
        DirectoryRule(
            "person.password.weak", "warning", "users", "password",
            "Entra would refuse the password of the file; another one is generated",
            "use 8 to 256 characters of A-Z, a-z, 0-9 and signs, of three of these kinds",
        ),
        DirectoryRule(
            "person.password.unknown", "warning", "users", "password",
            "so many accounts get a first password that nobody knows",
            "set the app setting ROLLCALL_CREDENTIALS_KEY (`rollcall credentials key` prints a "
            "key), so that passwords are written to a sealed sheet; or reset them in Entra",
        ),
        DirectoryRule(
            "person.inbound.id", "error", "users", "sourced_id",
            "the id is longer than the 16 characters of an employeeId, so the provisioning service "
            "could not find the account again",
            "let the student information system export a shorter id for the person",
        ),
        DirectoryRule(
            "person.inbound.failed", "error", "users", "username",
            "the provisioning service could not make or change the account",
            "mend what the service names; the record is handed over again on the next day",
        ),
        DirectoryRule(
            "person.inbound.waiting", "warning", "users", "username",
            "the record was handed over, but the account has not arrived; it is handed over again",
            "look at the provisioning job, its agent and Entra Connect; the person is in no class "
            "until the account is there",
        ),
        DirectoryRule(
            "person.inbound.tomorrow", "warning", "users", "username",
            "today's calls to the provisioning service are used up",
            "nothing to do: the next run hands the person over",
        ),
        DirectoryRule(
            "drift.reported", "warning", "users", "sourced_id",
            "somebody changed in the directory what Rollcall keeps; it was left as it is",
            "change it in the student information system, or set drift to repair",
        ),
        DirectoryRule(
            "class.owner.last", "warning", "classes", "sourced_id",
            "the class has no teacher any more; its last owner stays, because a group needs one",
            "enter a teacher for the class, or remove the class",
        ),
        DirectoryRule(
            "class.team.ownerless", "warning", "classes", "sourced_id",
            "the class gets no team, because no teacher of it has an account",
            "enter a teacher for the class, or see why its teachers have no account",
        ),
    )
}  # fmt: skip


def start_findings(con: DuckDBPyConnection) -> None:
    """Makes the empty table `directory_findings`."""
    con.execute("CREATE OR REPLACE TABLE directory_findings AS SELECT * FROM findings LIMIT 0")


def report(con: DuckDBPyConnection, rule_id: str, rows: str) -> None:
    """Adds a finding for each row of `rows`: external_id, origin_file, origin_row, value."""
    rule = RULES[rule_id]
    con.execute(
        f"""INSERT INTO directory_findings
            (rule, severity, tbl, file, line, col, value, entity, cause, message, hint)
        SELECT $rule, $severity, $tbl, f.name, s.line + (r.origin_row - s.row), $col, r.value,
               r.external_id, '', $message, $hint
        FROM ({rows}) r
        LEFT JOIN files f ON f.id = r.origin_file
        ASOF LEFT JOIN line_shifts s ON s.file = r.origin_file AND s.row <= r.origin_row
        ORDER BY r.external_id""",
        {
            "rule": rule.id,
            "severity": rule.severity,
            "tbl": rule.table,
            "col": rule.column,
            "message": rule.message,
            "hint": rule.hint,
        },
    )
