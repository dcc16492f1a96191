"""The settings that make one roster of several sources: precedence, rules, overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, model_validator

from roster.schema import ROW_NAMES, TABLES, TELLING
from roster.section import Section
from roster.values import ORG_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from roster.together import Combining

_WITH_IDS = tuple(table.name for table in TABLES.values() if table.key == ("sourced_id",))


def _one_of(*allowed: str) -> AfterValidator:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"use any of {', '.join(allowed)}")
        return value

    return AfterValidator(check)


Pattern = Annotated[str, Field(min_length=1)]


class TablePrecedence(Section):
    """Who leads in a table."""

    sources: tuple[str, ...] = Field(
        default=(), description="Sources whose rows win, the first first; the others follow"
    )
    columns: dict[str, tuple[str, ...]] = Field(
        default={}, description="Sources whose value of a column wins: {email: [hr]}"
    )


class Merge(Section):
    """How several sources become one roster. The first of `sources` leads where nothing is said."""

    precedence: dict[Annotated[str, _one_of(*TABLES)], TablePrecedence] = Field(
        default={}, description="Who leads, by table: {users: {columns: {email: [hr]}}}"
    )
    same_people: tuple[Annotated[str, _one_of(*TELLING)], ...] = Field(
        default=(),
        description="Columns that tell that people of two sources with different ids are one "
        f"person, the surest first: {', '.join(TELLING)}",
    )
    own_ids: dict[str, tuple[Annotated[str, _one_of(*_WITH_IDS)], ...]] = Field(
        default={},
        description="Tables of a source whose ids mean nothing in other sources: {hr: [users]}",
    )

    @model_validator(mode="after")
    def _known_columns(self) -> Merge:
        for table, precedence in self.precedence.items():
            allowed = [c.name for c in TABLES[table].columns if c.name not in ROW_NAMES[table]]
            for column in precedence.columns:
                if column not in allowed:
                    raise ValueError(
                        f"precedence.{table}.columns has {column!r}; allowed: {', '.join(allowed)}"
                    )
        return self

    def named_sources(self) -> Iterable[str]:
        """Every source that the settings name."""
        yield from self.own_ids
        for precedence in self.precedence.values():
            yield from precedence.sources
            for sources in precedence.columns.values():
                yield from sources


class Chosen(Section):
    """What a rule is about: schools, or classes, or roles. All that is named must be true.

    In patterns * stands for any letters and ? for one; upper and lower case do not matter.
    """

    schools: tuple[Pattern, ...] = Field(
        default=(), description="Schools by id or name, with all orgs below them"
    )
    sessions: tuple[Pattern, ...] = Field(
        default=(), description="Classes by the id or title of their sessions"
    )
    courses: tuple[Pattern, ...] = Field(
        default=(), description="Classes by the id, title or code of their course"
    )
    classes: tuple[Pattern, ...] = Field(default=(), description="Classes by id, title or code")
    students_below: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Classes with fewer students than this"
    )
    students_above: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Classes with more students than this"
    )
    teacherless: bool = Field(default=False, description="Classes without a teacher")
    roles: tuple[Annotated[str, _one_of(*ORG_ROLE.values)], ...] = Field(
        default=(), description="Roles that people have in a school"
    )

    @model_validator(mode="after")
    def _about_one_thing(self) -> Chosen:
        fields = Chosen.model_fields
        named = {name for name, field in fields.items() if getattr(self, name) != field.default}
        kinds = {name if name in ("schools", "roles") else "classes" for name in named}
        if len(kinds) != 1:
            raise ValueError(
                "a rule is about schools, or about roles, or about classes (sessions, courses, "
                "classes, students_below, students_above, teacherless); name one of the three, "
                "and say under at_schools where the rule applies"
            )
        return self


class Selection(Section):
    """A rule that says what of the sources is not taken."""

    name: Annotated[str, Field(min_length=1, max_length=80)] = Field(
        description="What the rule is called where it is shown what it leaves out"
    )
    leave_out: Chosen | None = Field(default=None, description="What is left out")
    keep_only: Chosen | None = Field(default=None, description="What is kept, and nothing else")
    sources: tuple[str, ...] = Field(
        default=(), description="Sources whose rows the rule looks at; none means all"
    )
    at_schools: tuple[Pattern, ...] = Field(
        default=(), description="Schools in which the rule applies, by id or name; none means all"
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Selection:
        if (self.leave_out is None) == (self.keep_only is None):
            raise ValueError("write either leave_out or keep_only")
        if self.chosen.schools and self.at_schools:
            raise ValueError("a rule about schools applies everywhere; take at_schools out")
        return self

    @property
    def chosen(self) -> Chosen:
        """What the rule is about."""
        chosen = self.leave_out or self.keep_only
        assert chosen is not None
        return chosen


def combining(sources: Sequence[str], merge: Merge, select: Sequence[Selection]) -> Combining:
    """The settings as roster.together takes them. `sources`: in the order of the configuration."""
    from roster.merge import MergeRules, Precedence
    from roster.selection import Choice, SelectRule
    from roster.together import Combining

    return Combining(
        MergeRules(
            tuple(sources),
            {name: Precedence(p.sources, p.columns) for name, p in merge.precedence.items()},
            merge.same_people,
            merge.own_ids,
        ),
        tuple(
            SelectRule(
                rule.name,
                "leave_out" if rule.leave_out else "keep_only",
                Choice(**rule.chosen.model_dump()),
                rule.sources,
                rule.at_schools,
            )
            for rule in select
        ),
    )
