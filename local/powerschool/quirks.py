"""What differs from one PowerSchool server to another, or what nobody outside has measured.

The defaults are what servers were seen to do; each switch is the other thing that a client may
meet.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from roster.errors import BadInput


@dataclass(frozen=True)
class Quirks:
    """Every switch of the emulator. Also settable while it runs: POST /_emulator/quirks."""

    # JSON of /ws/v1
    collapse_single: bool = True
    """A list with one member is that member, no array."""
    empty_list: Literal["absent", "array"] = "absent"
    """A list without members: its key is missing, or it is []."""
    empty_block: Literal["text", "object", "absent"] = "text"
    """A block (emails, addresses …) without content: "", {} or missing."""
    digits_as_numbers: bool = True
    """Text of digits only turns into a number, and loses its leading zeros."""
    scalars_absent: bool = True
    """A field without a value is missing; otherwise it is null."""

    # Paging of /ws/v1 and tables: the largest page of each resource, told by /ws/v1/metadata
    school_max_page_size: int = 100
    term_max_page_size: int = 100
    course_max_page_size: int = 100
    section_max_page_size: int = 100
    section_enrollment_max_page_size: int = 100
    staff_max_page_size: int = 100
    student_max_page_size: int = 100
    schema_table_query_max_page_size: int = 100
    oversize: Literal["clamp", "refuse"] = "clamp"
    """A page size over the maximum: the maximum is served, or 400."""
    enrollments_paged: bool = True
    """Whether /section/{id}/section_enrollment pages; otherwise it tells all of them at once."""

    # What lists hold
    graduated_school_listed: bool = True
    """Whether /district/school lists "Graduated Students"; its count never has it."""
    school_students_active_only: bool = True
    """Whether /school/{id}/student without q tells active students only."""
    dropped_listed: bool = True
    """Whether section_enrollment has dropped rows."""
    history: bool = True
    """Whether there are graduated, transferred and pre-registered students, and enrollments that
    were dropped and entered again, beside what the district itself holds."""

    # OAuth
    oauth: bool = True
    """False: a host without OAuth; its token path answers 404."""
    token_seconds: int = 2_592_000
    same_token: bool = True
    """The same token until it ends; otherwise each request for one gets another."""
    expires_in_as_text: bool = True
    token_calls: int | None = None
    """A token ends after so many data calls, whatever it promised."""
    token_requests_a_minute: int | None = None
    """More requests for a token than this in a minute answer 429."""

    # /ws/schema
    dates: Literal["iso", "oracle"] = "iso"
    """How a date comes out of a query that does not format it: 2026-08-19 or 19-AUG-26."""
    numbers_as_numbers: bool = False
    """PowerQueries: number columns as JSON numbers; otherwise everything is text."""
    whole_day_stamps: bool = False
    """TRANSACTION_DATE and WHENMODIFIED without a time of day."""
    hours: int = 0
    """What the server's clock is ahead of UTC (behind, if negative): TRANSACTION_DATE, SYSDATE and
    /ws/v1/time tell its own time."""
    collapse_table_rows: bool = False
    """/ws/schema/table: one row is an object, no array."""
    data_version: bool = True
    """False: a server without data version subscriptions; such calls answer 400."""

    # Other
    xml_by_default: bool = True
    """/ws/v1 answers XML unless JSON is accepted by name; otherwise it answers 406."""
    retry_after: int | None = None
    """Seconds in Retry-After of the 429 that token_requests_a_minute brings about."""

    def changed(self, values: dict[str, Any]) -> Quirks:
        """These switches with some others. Raises BadInput for one that does not exist."""
        known = {field.name for field in fields(self)}
        if unknown := sorted(set(values) - known):
            raise BadInput(
                f"{', '.join(unknown)}: no such switch; there are {', '.join(sorted(known))}."
            )
        return replace(self, **values)
