"""What sources call the ids by which accounts are found, and the names that people prefer.

SDS v2.1 has a column for one of them, OneRoster for none: there they are columns `metadata.*`, or
items `{type:identifier}` of `userIds`. Neither names nor types are laid down by the standard, so
the usual words are known here, without regard to case and punctuation.
https://www.imsglobal.org/spec/oneroster/v1p2/bind/csv
"""

from __future__ import annotations

from types import MappingProxyType

from connectors.formats import header_key
from roster.schema import literal

# Roster column → words, the best one first.
WORDS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "active_directory_match_id": (
            "activeDirectoryMatchId", "microsoft.activeDirectoryMatchId", "adMatchId",
            "activeDirectoryId", "userPrincipalName", "adUserPrincipalName", "upn",
        ),
        "sam_account_name": (
            "sAMAccountName", "adSAMAccountName", "adUsername", "activeDirectoryUsername",
            "adAccountName", "adLogin",
        ),
        "employee_id": ("employeeId", "employeeNumber", "employeeIdentifier"),
        "preferred_given_name": ("preferredGivenName", "preferredFirstName"),
        "preferred_family_name": (
            "preferredFamilyName", "preferredLastName", "preferredSurname",
        ),
    }
)  # fmt: skip
# Types of `userIds` that would say too little as the name of a column.
_TYPES = {
    "active_directory_match_id": ("activeDirectory", "ad"),
    "employee_id": ("employee",),
}


def metadata_columns() -> str:
    """The `metadata.*` columns that fill roster columns: spellings joined by |, blanks between."""
    return " ".join("|".join(f"metadata.{word}" for word in words) for words in WORDS.values())


def metadata_key(column: str) -> str:
    """The key, in templates, of the `metadata.*` column that fills a roster column."""
    return header_key(f"metadata.{WORDS[column][0]}")


def types_of(column: str) -> tuple[str, ...]:
    """The types of `userIds` that mean a roster column, as `header_key` folds them."""
    return tuple(header_key(word) for word in (*WORDS[column], *_TYPES.get(column, ())))


def column_of(word: str) -> str | None:
    """The roster column that a type of `userIds`, or a name in `metadata`, means; None: no such."""
    return next((column for column in WORDS if header_key(word) in types_of(column)), None)


def from_user_ids(cell: str, column: str) -> str:
    """SQL: the identifier for a roster column in a `userIds` cell; braces may be missing."""
    items = f"string_split(translate({cell}, '{{}}[]', ''), ',')"
    kind = r"regexp_replace(lower(split_part(item, ':', 1)), '[\s_.-]+', '', 'g')"
    known = ", ".join(map(literal, types_of(column)))
    fitting = f"list_filter({items}, lambda item: {kind} IN ({known}))[1]"
    return f"nullif(trim(regexp_extract({fitting}, ':(.*)$', 1)), '')"
