"""Which format a drop has: by the names of its files first, by their columns second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from connectors import clever_csv, oneroster_csv, sds_v1, sds_v21
from connectors.drop import DropFile
from connectors.formats import CsvFormat, FileSpec, header_key, places
from connectors.header import Header
from roster.errors import BadInput

FORMATS: tuple[CsvFormat, ...] = (
    sds_v21.FORMAT,
    sds_v1.FORMAT,
    sds_v1.UK_FORMAT,
    oneroster_csv.FORMAT_11,
    oneroster_csv.FORMAT_12,
    clever_csv.FORMAT,
)


def by_names(files: Sequence[DropFile], *, whole: bool = True) -> tuple[CsvFormat, ...]:
    """The formats that know all of the files; BadInput unless one of them misses none.

    `whole`: False for a package of changes, in which any file may be missing.
    """
    found = ", ".join(sorted(file.name for file in files))
    expected = " | ".join(form.expected() for form in FORMATS)
    unknown = [file.name for file in files if not any(form.file(file.stem) for form in FORMATS)]
    if unknown:
        raise BadInput(
            f"{', '.join(sorted(unknown))}: no format has such a file (found: {found});"
            f" remove or rename it; expected one of: {expected}"
        )
    candidates = tuple(form for form in FORMATS if all(form.file(file.stem) for file in files))
    if not candidates:
        raise BadInput(
            f"files of several formats in one drop (found: {found});"
            f" expected the files of one: {expected}"
        )
    stems = {file.stem for file in files}
    if whole and all(_missing(form, stems) for form in candidates):
        _complete(candidates[0], stems, found)
    return candidates


def _missing(form: CsvFormat, stems: set[str]) -> list[str]:
    needed = form.needed(stems)
    return [file.name for file in form.files if file.name.lower() in needed - stems]


def _complete(form: CsvFormat, stems: set[str], found: str) -> None:
    if missing := _missing(form, stems):
        names = ", ".join(f"{name}.csv" for name in missing)
        raise BadInput(
            f"{names}: missing (found: {found}); expected {form.expected()}. Files that belong"
            f" together come together or not at all: {_groups(form)}"
        )


def _groups(form: CsvFormat) -> str:
    return "; ".join(
        " + ".join(f"{file.name}.csv" for file in form.files if file.name.lower() in group)
        for group in form.together
    )


def by_columns(
    candidates: Sequence[CsvFormat], headers: dict[str, Header], *, changes_of: str = ""
) -> CsvFormat:
    """The one candidate whose columns the files have; `headers`: by stem. BadInput for none.

    `changes_of`: the name of the format that a package of changes has to have.
    """
    form = max(candidates, key=lambda form: _known(form, headers))
    if changes_of:
        form = _same(form, candidates, headers, changes_of)
    else:
        _complete(form, set(headers), ", ".join(sorted(h.file for h in headers.values())))
    for stem, header in headers.items():
        spec = form.file(stem)
        assert spec is not None
        if spec.feeds or spec.required:
            _check(spec, header, form.name)
    return form


def _same(
    best: CsvFormat, candidates: Sequence[CsvFormat], headers: dict[str, Header], name: str
) -> CsvFormat:
    """The format of the package before, if the files fit it as well as they fit any."""
    form = next((form for form in candidates if form.name == name), None)
    if form is None or _known(form, headers) < _known(best, headers):
        raise BadInput(
            f"the files are {best.name}, those that they change are {name};"
            " deliver all files in full (bulk) once"
        )
    return form


def _known(form: CsvFormat, headers: dict[str, Header]) -> int:
    specs = ((form.file(stem), header) for stem, header in headers.items())
    return sum(len(places(spec, header.names)) for spec, header in specs if spec)


def _check(spec: FileSpec, header: Header, form: str) -> None:
    """BadInput where a file's columns cannot be used. Its message repeats no unknown cell: where
    the header is missing, the first line holds a person."""
    where = f"{header.file}:{header.line}"
    known = places(spec, header.names)
    required = [column.headers[0] for column in spec.columns if column.required]
    if not known:
        raise BadInput(
            f"{where}: no line of column names: none of the {len(header.names)} values in it is a"
            f" column of {spec.name}.csv ({form}); expected at least {', '.join(required)}"
        )
    counted = Counter(header_key(name) for name in header.names if name)
    twice = [name for name in header.names if name and counted[header_key(name)] > 1]
    if twice:
        raise BadInput(
            f"{where}: the column “{twice[0]}” stands there {counted[header_key(twice[0])]} times;"
            " expected each column once"
        )
    missing = [c.headers[0] for c in spec.columns if c.required and c.key not in known]
    if missing:
        there = ", ".join(header.names[place] for place in sorted(known.values()))
        raise BadInput(
            f"{where}: required columns are missing: {', '.join(missing)} (known columns found:"
            f" {there}; format {form}); expected at least {', '.join(required)}"
        )


def unknown_columns(spec: FileSpec, header: Header) -> list[str]:
    """The columns that the format does not know."""
    known = set(places(spec, header.names).values())
    return [
        name or f"column {place + 1}"
        for place, name in enumerate(header.names)
        if place not in known and not (spec.extension and name.lower().startswith(spec.extension))
    ]
