"""What is taught in each kind of school. `area` is the two-digit SCED subject area."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject of one band. `term`: 'year', 'now' (this semester) or 'both' (two semesters).

    `optional` subjects are taken by every second pupil.
    """

    band: str
    code: str
    title: str
    area: str
    term: str = "year"
    optional: bool = False


SUBJECTS = (
    Subject("primary", "HR", "Homeroom", "01"),
    Subject("primary", "MUS", "Music, Movement & Drama", "05"),
    Subject("primary", "PE", "Physical Education", "08"),
    Subject("middle", "ELA", "English Language Arts", "01"),
    Subject("middle", "MAT", "Mathematics", "02"),
    Subject("middle", "SCI", "Science", "03"),
    Subject("middle", "SOC", "Social Studies", "04"),
    Subject("middle", "SPA", "Español", "06"),
    Subject("middle", "ART", "Art & Design", "05"),
    Subject("high", "ENG", 'English: "Texts, Contexts"', "01"),
    Subject("high", "MAT", "Mathematics", "02", term="both"),
    Subject("high", "SCI", "Science: The Living Earth", "03"),
    Subject("high", "HIS", "World History, 1450–today", "04"),
    Subject("high", "HEA", "Health & Wellbeing", "08", term="now"),
    Subject("high", "LAN", "French/Français", "06", optional=True),
    Subject("high", "COM", "Computing & Robotics", "10", term="now", optional=True),
)
PUPILS_PER_CLASS = 25
