"""What a CSV format consists of, as data: files, columns, and how they fill the roster tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass

from roster.feed import Feed

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class CsvColumn:
    """A column of a file. `key`: its name in templates. `headers`: its spellings, documented first.

    `secret`: a password: read only when the caller asks for passwords, and never shown.
    `id`: an id that is trusted at the head of a line with too many or too few values, although no
    feed reads it as an id.
    """

    key: str
    headers: tuple[str, ...]
    required: bool = False
    secret: bool = False
    id: bool = False


@dataclass(frozen=True)
class FeedSpec:
    """How a file fills a roster table.

    `columns`: roster column → SQL template, in which {key} stands for the file's column. A
    template none of whose columns is in the file is left out. `needs`: keys of columns without
    which the file does not feed this table at all. `where`, `once`: templates, see roster.feed.
    """

    table: str
    columns: Mapping[str, str]
    needs: tuple[str, ...] = ()
    where: str = ""
    once: str = ""


@dataclass(frozen=True)
class FileSpec:
    """A file of a format. `name`: as documented, without ending.

    `feeds`: none where the format knows the file and the roster has no use for it.
    `extension`: how columns begin that anybody may add, in lower case ("" = there are none such).
    `keeps`: SQL template over the file's columns (a SELECT list) of what is needed of it once the
    other files are read: it makes the table `kept_<name>`, with `record` as its first column.
    """

    name: str
    columns: tuple[CsvColumn, ...]
    feeds: tuple[FeedSpec, ...]
    required: bool = False
    extension: str | tuple[str, ...] = ""
    keeps: str = ""


@dataclass(frozen=True)
class Derived:
    """Rows of a roster table that are made of kept columns, such as one for each item of a list.

    `of`: the file that findings cite. `query`: SQL over the kept tables; its first column is
    `record`, the place in that file. `columns`: roster column → SQL over the query's columns.
    `headers`: roster column → column of the file. `needs`: keys of columns without which nothing
    is made. `lost`: roster column → template, for what a line that is no record would have made;
    None where the person or class of the line, which the file's own feed tells, is all of it.
    """

    table: str
    of: str
    query: str
    columns: Mapping[str, str]
    headers: Mapping[str, str]
    needs: str
    lost: Mapping[str, str] | None


@dataclass(frozen=True)
class CsvFormat:
    """A format. `together`: sets of files of which a drop has all or none (lower-case names).

    `row_a_school`: people stand in it once for each school, see roster.duplicates.
    `noticed`: files without use (lower-case names) whose users might expect one.
    """

    name: str
    files: tuple[FileSpec, ...]
    together: tuple[frozenset[str], ...]
    row_a_school: bool = False
    derived: tuple[Derived, ...] = ()
    noticed: frozenset[str] = frozenset()

    def file(self, stem: str) -> FileSpec | None:
        """The file of a lower-case name."""
        return next((file for file in self.files if file.name.lower() == stem), None)

    def needed(self, there: Set[str] = frozenset()) -> Set[str]:
        """The files that a drop has to have which has those of `there` (lower-case names)."""
        required = {file.name.lower() for file in self.files if file.required}
        return required.union(*(group for group in self.together if group & (required | there)))

    def expected(self) -> str:
        """The format's files in words."""
        needed = self.needed()
        required = ", ".join(
            f"{file.name}.csv" for file in self.files if file.name.lower() in needed
        )
        optional = ", ".join(
            f"{file.name}.csv"
            for file in self.files
            if file.feeds and file.name.lower() not in needed
        )
        return f"{self.name}: {required}; optional {optional}"


def header_key(header: str) -> str:
    """A column's name without what people vary: case, white space, underscores, hyphens, dots."""
    return re.sub(r"[\s_.\-\u00a0\ufeff]+", "", header.lower())


def places(spec: FileSpec, names: tuple[str, ...]) -> dict[str, int]:
    """Key of each known column that is there → its place among `names`."""
    found = {header_key(name): place for place, name in reversed([*enumerate(names)])}
    return {
        column.key: found[header_key(header)]
        for column in spec.columns
        for header in reversed(column.headers)
        if header_key(header) in found
    }


def make_feeds(spec: FileSpec, names: tuple[str, ...], raw: str, file: int) -> list[Feed]:
    """The feeds of a file whose columns are `names`, read into the table `raw` as c0, c1, …"""
    at = places(spec, names)
    return [_feed(feed, at, names, raw, file) for feed in spec.feeds if set(feed.needs) <= set(at)]


def _feed(
    spec: FeedSpec, at: Mapping[str, int], names: tuple[str, ...], raw: str, file: int
) -> Feed:
    cited = {column: _PLACEHOLDER.findall(sql) for column, sql in spec.columns.items()}
    present = {column: [key for key in keys if key in at] for column, keys in cited.items()}
    return Feed(
        table=spec.table,
        raw=raw,
        file=file,
        columns={
            column: filled(sql, at)
            for column, sql in spec.columns.items()
            if present[column] or not cited[column]
        },
        headers={column: names[at[keys[0]]] for column, keys in present.items() if keys},
        where=filled(spec.where, at),
        once=filled(spec.once, at),
    )


def filled(template: str, at: Mapping[str, int]) -> str:
    """A template with the raw columns in it; NULL for those that the file has not."""

    def column(match: re.Match[str]) -> str:
        place = at.get(match[1])
        return "NULL::VARCHAR" if place is None else f"c{place}"

    return _PLACEHOLDER.sub(column, template)
