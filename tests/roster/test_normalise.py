from __future__ import annotations

import duckdb
import pytest

from roster import values
from roster.normalise import canonical, clean
from roster.schema import Column, Type, literal


def _value(column: Column, text: str, vocabulary: values.Vocabulary | None = None) -> object:
    sql = canonical(column, "text", vocabulary or {})
    given = clean("given", column.type)
    query = f"SELECT {sql} FROM (SELECT {given} AS text FROM (SELECT {literal(text)} AS given))"
    [(answer,)] = duckdb.execute(query).fetchall()
    return answer if answer is None or isinstance(answer, bool | list) else str(answer)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada", "Ada"),
        ("  Ada  ", "Ada"),
        ("Ada  de\tBoer", "Ada de Boer"),
        ("\u00a0Ada\ufeff", "Ada"),
        ("   ", None),
        ("José", "José"),
        ("李雷", "李雷"),
    ],
)
def test_texts_lose_superfluous_white_space(given: str, kept: str | None) -> None:
    assert _value(Column("name"), given) == kept


@pytest.mark.parametrize(
    ("given", "kept"), [(" U1\u00a0", "U1"), ("U  1", "U  1"), ("aB", "aB"), (" \t", None)]
)
def test_ids_are_trimmed_and_otherwise_kept(given: str, kept: str | None) -> None:
    assert _value(Column("id", Type.ID), given) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2025-08-01", "2025-08-01"),
        ("20250801", "2025-08-01"),
        ("8/1/2025", "2025-08-01"),
        ("08/01/2025", "2025-08-01"),
        ("2025-08-01T00:00:00Z", "2025-08-01"),
        ("8/1/2025 12:00:00 AM", "2025-08-01"),
        ("2025-02-30", None),
        ("31/12/2025", None),
        ("8/1/25", None),
        ("epoch", None),
        ("infinity", None),
        ("0205-08-01", None),
        ("soon", None),
    ],
)
def test_dates_are_read_in_iso_and_us_form(given: str, kept: str | None) -> None:
    assert _value(Column("day", Type.DATE), given) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada@Contoso.EDU", "ada@contoso.edu"),
        ("o'hara+x@mail.contoso.edu", "o'hara+x@mail.contoso.edu"),
        ("ada@contoso", None),
        ("ada contoso.edu", None),
        ("a@b@contoso.edu", None),
    ],
)
def test_mail_addresses_are_lower_cased_and_checked(given: str, kept: str | None) -> None:
    assert _value(Column("email", Type.EMAIL), given) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("(425) 555-0101", "4255550101"),
        ("+1 425.555.0101", "+14255550101"),
        ("0761/4567", "07614567"),
        ("none", None),
        ("1+2", None),
    ],
)
def test_phone_numbers_lose_their_punctuation(given: str, kept: str | None) -> None:
    assert _value(Column("phone", Type.PHONE), given) == kept


@pytest.mark.parametrize(("given", "kept"), [("2026", "2026"), ("26", None), ("1999", None)])
def test_school_years_have_four_digits(given: str, kept: str | None) -> None:
    assert _value(Column("year", Type.YEAR), given) == kept


@pytest.mark.parametrize(
    ("given", "kept"), [("TRUE", True), ("no", False), ("0", False), ("perhaps", None)]
)
def test_flags_know_the_usual_words(given: str, kept: bool | None) -> None:
    assert _value(Column("flag", Type.FLAG, values=values.BOOLEAN), given) is kept


@pytest.mark.parametrize(
    ("given", "kept"), [("Active", True), ("Expired", False), ("true", True), ("on leave", None)]
)
def test_status_words_say_whether_a_row_is_active(given: str, kept: bool | None) -> None:
    assert _value(Column("active", Type.FLAG, values=values.STATUS), given) is kept


def test_enums_take_any_case_and_keep_the_documented_spelling() -> None:
    column = Column("role", Type.ENUM, values=values.ORG_ROLE)
    assert _value(column, "TEACHERASSISTANT") == "teacherAssistant"
    assert _value(column, "wizard") is None
    assert _value(column, "Wizard", {"org_roles": {"wizard": "itAdmin"}}) == "itAdmin"


def test_lists_are_split_and_only_known_values_are_kept() -> None:
    assert _value(Column("subjects", Type.TEXT_LIST), "02, ,03") == ["02", "03"]
    grades = Column("grades", Type.ENUM_LIST, values=values.GRADE)
    assert _value(grades, "9, 10,99,K") == ["09", "10", "kg"]
