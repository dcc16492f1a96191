"""How the emulated Clever behaves where services, districts and applications differ."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from roster.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

SpecPoint = Literal["previous_attributes", "uri", "links", "resources", "student", "dates"]
SPEC_POINTS: tuple[SpecPoint, ...] = get_args(SpecPoint)
LACKS = ("teacher", "term", "course")
HIDEABLE = (
    "email", "credentials", "student_number", "state_id", "dob", "gender", "race",
    "hispanic_ethnicity", "ell_status", "location", "phone", "phone_type",
)  # fmt: skip
STATES = ("success", "running", "pending", "paused", "error", "")


@dataclass(frozen=True)
class Quirks:
    """Each switch at the value that most of the live service's answers show.

    The API
        as_specified     points in which answers are drawn as the specification has them, and not as
                         the service sends them: `previous_attributes` (beside `data` of an event),
                         `uri` (list items lack it), `links` (single objects lack them), `resources`
                         (lists in the usual envelope), `student` (the role has legacy_id, created
                         and last_modified, and no e-mail), `dates` (terms have date-times)
        hidden           fields of users that the application's data access does not open
        absent_roles     roles that a user does not hold are `missing`, or `null`
        error_key        what an error's text is under: `message`, or `error` as in older versions
        keep_filters     `next` and `prev` repeat role, primary, record_type and school
        count            `count=true` adds the number of all rows to a list
        rate_limit       requests a minute and token
        retry_after      a 429 tells Retry-After too
        events_limit     the largest `limit` on /events
        tokens_per_page  of the token list; 0: all on one page

    The application and its districts
        events           events are switched on for the application; while off none are made
        other_districts  how many more districts are connected, that share nothing yet
        state            of the district; but for success and running its last data stand still

    The district's data
        lacking          what the first section (by its SIS id) has none of: teacher, term, course
        ghosts           the first section names a student and a teacher who do not exist
        dangling         sections and users name what is not shared as well
        teacher_apart    a section's first teacher is in `teacher` only, and not in `teachers`
        no_email         so many students and as many employees have no e-mail address
        same_email       two students share one e-mail address
        empty_username   so many students have an empty credentials.district_username
        two_roles        the first teacher has a record as staff too, with an id of its own (S-…)
    """

    as_specified: tuple[SpecPoint, ...] = ()
    hidden: tuple[str, ...] = ()
    absent_roles: Literal["missing", "null"] = "missing"
    error_key: Literal["message", "error"] = "message"
    keep_filters: bool = True
    count: bool = True
    rate_limit: int = 1200
    retry_after: bool = False
    events_limit: int = 10_000
    tokens_per_page: int = 0
    events: bool = True
    other_districts: int = 0
    state: str = "success"
    lacking: tuple[str, ...] = ()
    ghosts: bool = False
    dangling: bool = True
    teacher_apart: bool = False
    no_email: int = 0
    same_email: bool = False
    empty_username: int = 0
    two_roles: bool = False

    @property
    def synced(self) -> bool:
        """Whether the district's changes reach Clever."""
        return self.state in ("success", "running")

    def with_values(self, values: Mapping[str, Any]) -> Quirks:
        """These quirks with some set to other values, as JSON has them. Raises BadInput."""
        return replace(self, **{name: _checked(name, values[name], self) for name in values})


# Switches that say what the district's files hold: to turn one is a change that a sync brings.
DATA = ("lacking", "ghosts", "no_email", "same_email", "empty_username", "two_roles", "state")
# Switches that say how objects are drawn; to turn one is no event.
SHAPES = ("as_specified", "absent_roles", "dangling", "hidden", "teacher_apart")
_ALLOWED: dict[str, tuple[str, ...]] = {
    "as_specified": SPEC_POINTS,
    "hidden": HIDEABLE,
    "absent_roles": ("missing", "null"),
    "error_key": ("message", "error"),
    "state": STATES,
    "lacking": LACKS,
}


def _checked(name: str, value: Any, quirks: Quirks) -> Any:
    names = [field.name for field in fields(quirks)]
    if name not in names:
        raise BadInput(f"There is no quirk {name!r}. Quirks are {', '.join(names)}.")
    several = isinstance(getattr(quirks, name), tuple)
    wanted = "list" if several else type(getattr(quirks, name)).__name__
    if type(value).__name__ != wanted:
        raise BadInput(f"Quirk {name}: {value!r} is no {wanted}.")
    allowed = _ALLOWED.get(name)
    if allowed is not None and not {*(value if several else [value])} <= {*allowed}:
        raise BadInput(f"Quirk {name}: {value!r} is not among {', '.join(map(repr, allowed))}.")
    return tuple(value) if several else value
