"""Words of sources for the ids that accounts are matched by."""

from __future__ import annotations

import pytest

from connectors.account_ids import WORDS, column_of, metadata_columns, metadata_key, types_of
from roster.schema import TABLES


@pytest.mark.parametrize(
    ("word", "column"),
    [
        ("sAMAccountName", "sam_account_name"),
        ("AD Username", "sam_account_name"),
        ("employee", "employee_id"),
        ("ad", "active_directory_match_id"),
        ("microsoft.activeDirectoryMatchId", "active_directory_match_id"),
        ("preferred_first_name", "preferred_given_name"),
        ("LDAP", None),
        ("SIS", None),
    ],
)
def test_a_word_means_a_column_of_the_roster_or_none(word: str, column: str | None) -> None:
    assert column_of(word) == column


def test_no_word_means_two_columns_and_every_column_is_there() -> None:
    words = [word for column in WORDS for word in types_of(column)]
    assert len(set(words)) == len(words)
    for column in WORDS:
        assert TABLES["users"][column]
        assert metadata_key(column).isalnum()
    assert metadata_columns().count(" ") == len(WORDS) - 1
