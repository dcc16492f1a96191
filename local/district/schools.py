"""Schools of a sample district: how many, how big, which grades.

Sizes follow United States averages: about 510 pupils a school, primary schools smaller than high
schools, about 15 pupils a teacher (https://nces.ed.gov/programs/digest/). Schools are few (2,400 in
the largest district), so they are planned one by one; everything below them is made in SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from random import Random

from .names import SCHOOLS

GRADES = ("kg", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12")
PUPILS_PER_TEACHER = 15


@dataclass(frozen=True, slots=True)
class Band:
    """A kind of school: `first` and `last` index GRADES; `size` is its usual number of pupils."""

    name: str
    title: str
    first: int
    last: int
    size: int

    @property
    def grades(self) -> int:
        return self.last - self.first + 1


PRIMARY = Band("primary", "Elementary School", 0, 5, 400)
MIDDLE = Band("middle", "Middle School", 6, 8, 550)
HIGH = Band("high", "High School", 9, 12, 800)
WHOLE = Band("high", "School", 0, 12, 200)
SMALLEST_WITH_THREE_SCHOOLS = 120


@dataclass(frozen=True, slots=True)
class School:
    """One planned school. `pupils[i]` counts the pupils of grade `band.first + i`."""

    number: int
    sourced_id: str
    name: str
    band: Band
    pupils: tuple[int, ...]
    staff: int


def plan_schools(pupils: int, staff: int, seed: int) -> list[School]:
    """Shares `pupils` and `staff` (people) out over as many schools as such a district has."""
    random = Random(seed)
    bands = [PRIMARY, MIDDLE, HIGH] if pupils >= SMALLEST_WITH_THREE_SCHOOLS else [WHOLE]
    kinds: list[Band] = []
    weights: list[float] = []
    for band in bands:
        share = band.grades / len(GRADES)
        count = max(1, round(pupils * share / band.size))
        sizes = [random.lognormvariate(0, 0.35) for _ in range(count)]
        kinds += [band] * count
        weights += [share * size / sum(sizes) for size in sizes]
    sizes_by_school = _share_out(pupils, weights)
    staff_by_school = _share_out(staff, weights)
    return [
        School(
            number=number,
            sourced_id=f"{number + 1:04d}",
            name=_name(number, band),
            band=band,
            pupils=tuple(_share_out(size, [random.uniform(0.9, 1.1) for _ in range(band.grades)])),
            staff=members,
        )
        for number, (band, size, members) in enumerate(
            zip(kinds, sizes_by_school, staff_by_school, strict=True)
        )
    ]


def _share_out(total: int, weights: list[float]) -> list[int]:
    """Whole parts of `total` in the ratio of `weights`, adding up to exactly `total`."""
    whole = sum(weights)
    bounds = [0]
    running = 0.0
    for weight in weights:
        running += weight
        bounds.append(round(total * running / whole))
    bounds[-1] = total
    return [after - before for before, after in pairwise(bounds)]


def _name(number: int, band: Band) -> str:
    round_, index = divmod(number, len(SCHOOLS))
    suffix = f" No. {round_ + 1}" if round_ else ""
    return f"{SCHOOLS[index]} {band.title}{suffix}"
