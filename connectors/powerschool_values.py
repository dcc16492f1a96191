"""PowerSchool's values in the words of the roster, as SQL over texts."""

from __future__ import annotations

GRADUATED_SCHOOL = "999999"
ACTIVE_STUDENT = "0"
CURRENT_STAFF = "1"


def blank(sql: str) -> str:
    """A text without what stands for nothing."""
    return f"nullif(trim({sql}), '')"


def grade(sql: str) -> str:
    """GRADE_LEVEL: 0 is kindergarten, below it pre-kindergarten, then preschool and infants."""
    level = f"try_cast({sql} AS INTEGER)"
    return (
        f"CASE WHEN {level} IS NULL THEN {sql} WHEN {level} = 0 THEN 'kg' WHEN {level} = -1 THEN"
        f" 'pk' WHEN {level} = -2 THEN 'pr' WHEN {level} < 0 THEN 'it' WHEN {level} < 99 THEN"
        f" lpad({level}::VARCHAR, 2, '0') END"
    )


def last_day(sql: str) -> str:
    """The day before an exclusive end (DATELEFT, exit_date): the last one that counts."""
    day = f"try_cast({sql} AS DATE)"
    return f"CASE WHEN {day} IS NULL THEN {sql} ELSE strftime({day} - 1, '%Y-%m-%d') END"


def never_attended(entry: str, leaving: str) -> str:
    """Whether an enrollment ended, exclusively, on the day that it began or before."""
    return f"coalesce(try_cast({leaving} AS DATE) <= try_cast({entry} AS DATE), false)"


def staff_role(sql: str) -> str:
    """STAFFSTATUS: 0 unassigned, 1 teacher, 2 staff, 3 lunch staff, 4 substitute."""
    return (
        f"CASE {sql} WHEN '1' THEN 'teacher' WHEN '4' THEN 'substitute' WHEN '0' THEN 'other'"
        " ELSE 'staff' END"
    )


def teaching_role(sql: str) -> str:
    """ROLEDEF.NAME, which a district words as it likes: whoever is no helper is a teacher."""
    name = f"lower({sql})"
    return (
        f"CASE WHEN {name} LIKE '%parap%' THEN 'paraprofessional'"
        f" WHEN {name} LIKE '%aide%' THEN 'aide'"
        f" WHEN {name} LIKE '%assist%' THEN 'teacherAssistant'"
        f" WHEN {name} LIKE '%substitute%' THEN 'substitute' ELSE 'teacher' END"
    )


def relation(sql: str) -> str:
    """The code of a contact's relationship: what the contact is to the student."""
    name = f"lower({sql})"
    kin = "|".join(("grand", "aunt", "uncle", "sibling", "brother", "sister", "cousin", "relative"))
    return (
        f"CASE WHEN {name} SIMILAR TO '.*({kin}).*' THEN 'relative'"
        f" WHEN {name} LIKE '%guardian%' OR {name} LIKE '%foster%' THEN 'guardian'"
        f" WHEN {name} SIMILAR TO '.*(mother|father|parent|mom|dad).*' THEN 'parent'"
        f" WHEN {name} SIMILAR TO '.*(doctor|physician).*' THEN 'doctor' ELSE 'other' END"
    )
