"""The words of Clever's files and API that mean a value of the roster, as SQL.

https://support.clever.com/hc/en-us/articles/203114867-SFTP-Syncs-How-do-I-format-my-CSV-files-
https://github.com/Clever/swagger-api (the enumerations of v3.1)
"""

from __future__ import annotations

from roster.schema import literal
from roster.values import ORG_ROLE, ORG_ROLES

_STAFF_ROLES = {role.name for role in ORG_ROLES if role.group == "staff"}
_ROLE_NAMES = ", ".join(
    f"{literal(spelling)}: {literal(role)}"
    for spelling, role in {**ORG_ROLE.spellings(), "itadministrator": "itAdmin"}.items()
    if role in _STAFF_ROLES
)
# Letters are what Clever's files had before its words; `unknown` is no value.
_RACES = ", ".join(
    f"{literal(letter)}: {literal(word)}"
    for letter, word in {
        "a": "asian", "b": "black or african american", "c": "caucasian", "w": "caucasian",
        "i": "american indian", "p": "hawaiian or other pacific islander",
        "m": "two or more races",
    }.items()
)  # fmt: skip


# Names in one column: titles before them, what follows them, and the given name and the family
# name with its particles.
TITLES = r"^(?:mr|mrs|ms|miss|mx|dr)\.?\s+(\S)"
SUFFIX = r",?\s+((?:jr|sr|ii|iii|iv)\.?)$"
_PARTICLES = "van|von|der|den|de|del|della|di|da|dos|das|du|la|le|el|bin|ibn|ter|ten|zu|st\\.?"
PARTS = rf"^(.+?) ((?:(?:{_PARTICLES}) )*\S+)$"


def known_role(text: str) -> str:
    """SQL: the role that a title names, be it in words (IT Admin), or NULL."""
    return f"MAP {{{_ROLE_NAMES}}}[regexp_replace(lower({text}), '[^a-z]', '', 'g')]"


def grade(text: str) -> str:
    """SQL: a grade. Systems that count grades write 0 and -1 before grade 1; in Clever's country
    that is no riddle."""
    return f"CASE trim({text}) WHEN '0' THEN 'kg' WHEN '-1' THEN 'pk' ELSE {text} END"


def races(text: str) -> str:
    """SQL: a race, NULL for one that is not known."""
    unknown = f"coalesce(lower(trim({text})) IN ('u', 'unknown'), false)"
    return (
        f"CASE WHEN NOT {unknown} THEN coalesce(MAP {{{_RACES}}}[lower(trim({text}))], {text}) END"
    )


def ethnicity(text: str) -> str:
    """SQL: the ethnicity of whom the column says yes."""
    return (
        f"CASE WHEN lower(trim({text})) IN ('y', 'yes', 'true', '1')"
        " THEN 'hispanicOrLatinoEthnicity' END"
    )


def kin(relationship: str, kind: str) -> str:
    """SQL: what a contact is to a student; `kind` says it where `relationship` does not."""
    return f"""CASE WHEN coalesce(lower({relationship}), '') NOT IN ('', 'other')
        THEN {relationship}
        WHEN lower({kind}) IN ('parent/guardian', 'family') THEN {kind} ELSE 'other' END"""


def joined(*texts: str) -> str:
    """SQL: an id made of values, without white space and commas, which would part it in lists."""
    return rf"regexp_replace(concat_ws('/', {', '.join(texts)}), '[\s,]+', '-', 'g')"
