"""The pages, rendered on the server; they work without any script."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import jinja2
    from starlette.requests import Request
    from starlette.responses import Response

    from .records import Record, RecordReader

RUNS_SHOWN = 50
ROWS_SHOWN = 200


class Pages:
    """The pages over one reader of records."""

    def __init__(self, records: RecordReader) -> None:
        self._records = records

    def runs(self, request: Request) -> Response:  # noqa: ARG002
        """The last runs."""
        return _page("runs.html", runs=self._records.runs(RUNS_SHOWN), limit=RUNS_SHOWN)

    def run(self, request: Request) -> Response:
        """One run; 404 if it is unknown."""
        run = self._records.run(request.path_params["run"])
        if run is None:
            raise HTTPException(404)
        findings = self._records.findings(run["run"], ROWS_SHOWN)
        return _page(
            "run.html",
            run=run,
            actions=_actions(run["changes"]),
            held=self._records.held(run["run"], ROWS_SHOWN) if run["held"] else [],
            findings=_by_rule(findings),
            limit=ROWS_SHOWN,
        )

    def http_error(self, request: Request, error: Exception) -> Response:  # noqa: ARG002
        """404, 405 and their like, as a page."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 404:
            return message_page("Not found", "There is no such page, or no such run.", status=404)
        return message_page("Not possible", "This page can only be read.", status=status)


def message_page(title: str, text: str, *, status: int) -> Response:
    """A page that holds one message."""
    return _page("message.html", status, title=title, text=text)


def _page(template: str, status: int = 200, /, **values: Any) -> Response:
    return HTMLResponse(_templates().get_template(template).render(values), status)


@cache
def _templates() -> jinja2.Environment:
    import jinja2

    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = cast("dict[str, Any]", templates.filters)
    filters.update(moment=_moment, number=_number, words=_words, total=_total)
    return templates


def _actions(changes: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The actions of a run, in the order in which they first appear: columns of its table."""
    return list(dict.fromkeys(action for counts in changes.values() for action in counts))


def _by_rule(findings: Iterable[Record]) -> list[tuple[str, list[Record]]]:
    """Findings grouped by rule, errors first, the most frequent rule first."""
    ordered = sorted(findings, key=lambda f: (f["severity"], f["rule"]))
    groups = [(rule, list(group)) for rule, group in groupby(ordered, key=lambda f: f["rule"])]
    return sorted(groups, key=lambda g: (g[1][0]["severity"], -len(g[1]), g[0]))


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%d %b %Y, %H:%M UTC")


def _number(count: int) -> str:
    return f"{count:,}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _total(counts: Mapping[str, Mapping[str, int]]) -> int:
    return sum(count for actions in counts.values() for count in actions.values())
