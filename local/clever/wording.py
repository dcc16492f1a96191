"""SQL that writes JSON text, and Clever's words for what a district says.

Enumerations: https://github.com/Clever/swagger-api (the definitions of v3.1).
"""

from __future__ import annotations

PLACE = '\'{"address":"","city":"","state":"","zip":""}\''
_GRADES = {
    "IT": "InfantToddler", "PR": "Preschool", "PK": "PreKindergarten",
    "TK": "TransitionalKindergarten", "KG": "Kindergarten", "PS": "PostGraduate", "UG": "Ungraded",
}  # fmt: skip
SUBJECTS = {
    "01": "english/language arts", "02": "math", "03": "science", "04": "social studies",
    "05": "arts and music", "06": "language", "08": "PE and health",
    "10": "technology and engineering",
}  # fmt: skip
RACES = {
    "white": "Caucasian", "asian": "Asian", "blackOrAfricanAmerican": "Black or African American",
    "americanIndianOrAlaskaNative": "American Indian",
    "nativeHawaiianOrOtherPacificIslander": "Hawaiian or Other Pacific Islander",
}  # fmt: skip
SEXES = {"male": "M", "female": "F", "other": "X"}
TITLES = {
    "principal": "Principal", "officeStaff": "Office Staff", "itAdmin": "IT Administrator",
    "teacher": "Teacher",
}  # fmt: skip
RELATIONSHIPS = {
    "parent": "Parent", "grandparent": "Grandparent", "sibling": "Sibling",
    "aunt/uncle": "Aunt/Uncle", "self": "Self",
}  # fmt: skip
RELATION_TYPES = {
    "parent": "Parent/Guardian", "guardian": "Parent/Guardian", "relative": "Family",
    "grandparent": "Family", "sibling": "Family", "aunt/uncle": "Family",
}  # fmt: skip


def text(name: str, value: str) -> str:
    """SQL of `"name":"value",`; of NULL, an empty text."""
    return f"""'"{name}":' || to_json(coalesce({value}, ''))::VARCHAR || ','"""


def known(name: str, value: str) -> str:
    """SQL of `"name":"value",`; of NULL, nothing."""
    pair = f"""'"{name}":' || to_json({value})::VARCHAR || ','"""
    return f"CASE WHEN {value} IS NULL THEN '' ELSE {pair} END"


def raw(name: str, value: str) -> str:
    """SQL of `"name":value,` for JSON text, which is never NULL."""
    return f"""'"{name}":' || {value} || ','"""


def listed(name: str, value: str) -> str:
    """SQL of `"name":[…],` for a list of texts; of NULL, an empty list."""
    return f"""'"{name}":' || to_json(coalesce({value}, []::VARCHAR[]))::VARCHAR || ','"""


def members(*pairs: str) -> str:
    """SQL of pairs one after the other, without the last one's comma."""
    return f"rtrim({' || '.join(pairs)}, ',')"


def braced(*pairs: str) -> str:
    """SQL of a whole object."""
    return f"('{{' || {members(*pairs)} || '}}')"


def one_of(value: str, names: dict[str, str], other: str = "''") -> str:
    """SQL of each name for its value: '' for NULL, `other` (SQL) for one without a name."""
    whens = " ".join(f"WHEN '{key}' THEN '{name}'" for key, name in names.items())
    return f"(CASE {value} {whens} ELSE CASE WHEN {value} IS NULL THEN '' ELSE {other} END END)"


def grade(value: str) -> str:
    """SQL of Clever's name of a grade."""
    number = f"TRY_CAST({value} AS INTEGER)"
    return f"""(CASE WHEN {number} BETWEEN 1 AND 13 THEN {number}::VARCHAR
        ELSE {one_of(f"upper({value})", _GRADES, "'Other'")} END)"""


def stamp(moment: str) -> str:
    """SQL of a moment as text."""
    return f"strftime({moment}, '%Y-%m-%dT%H:%M:%S.%gZ')"
