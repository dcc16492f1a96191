"""Terms that have no file of their own: they stand in the rows of the classes.

Design note. Schools use the same name ("T1", "Semester 1") for different dates, and the dates
decide whether a class is active. So a term is its id together with its dates, and a term that lacks
one of the two is none: its classes then count as current.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.formats import FeedSpec
from roster.normalise import canonical
from roster.schema import TABLES


def _day(key: str) -> str:
    return canonical(TABLES["academic_sessions"]["end_date"], f"trim({{{key}}})", {})


@dataclass(frozen=True)
class Term:
    """The columns of a term. `id`, `title`: SQL templates; `start`, `end`: keys of columns.

    `needs`: keys of columns without which a file has no terms.
    """

    id: str
    title: str
    start: str
    end: str
    needs: tuple[str, ...]

    @property
    def _dated(self) -> str:
        return (
            f"{self.id} IS NOT NULL AND {{{self.start}}} IS NOT NULL AND {{{self.end}}} IS NOT NULL"
        )

    @property
    def _sourced_id(self) -> str:
        dates = ", ".join(
            f"coalesce({_day(key)}::VARCHAR, {{{key}}})" for key in (self.start, self.end)
        )
        return f"replace(concat_ws('/', trim({self.id}), {dates}), ',', ';')"

    @property
    def _school_year(self) -> str:
        """A term that ends in August or later belongs to the school year that ends in the next
        calendar year. Where the date cannot be read the term is dropped for that, so any year
        will do."""
        end = _day(self.end)
        return f"coalesce(year({end}) + (month({end}) >= 8)::INTEGER, 2000)::VARCHAR"

    def of_class(self) -> str:
        """The template of a class's `session_sourced_ids`."""
        return f"CASE WHEN {self._dated} THEN {self._sourced_id} END"

    def feed(self) -> FeedSpec:
        """How the rows of the classes fill `academic_sessions`, each term once."""
        return FeedSpec(
            "academic_sessions",
            {
                "sourced_id": self._sourced_id,
                "title": self.title,
                "type": "'term'",
                "school_year": self._school_year,
                "start_date": f"{{{self.start}}}",
                "end_date": f"{{{self.end}}}",
            },
            needs=self.needs,
            where=self._dated,
            once=self._sourced_id,
        )
