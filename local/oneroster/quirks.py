"""What a OneRoster provider may do differently; the defaults are what most of them do.

Each value but a default was seen in a product, or is something that the standard leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from roster.errors import BadInput

Scheme = Literal["oauth1", "oauth2"]
Place = Literal["basic", "body", "query"]


@dataclass(frozen=True)
class Quirks:
    """The switches, by subject. `POST /_emulator/quirks` takes them by these names, as JSON."""

    # --- where things are
    root_11: str = "/ims/oneroster/v1p1"
    root_12: str = "/ims/oneroster/rostering/v1p2"
    # Paths that are not there, as templates: "/demographics", "/schools/{id}/terms".
    missing: tuple[str, ...] = ()
    # A path without a slash at its end is redirected (301) to the one with it.
    trailing_slash: bool = False
    # /terms holds semesters too.
    semesters_are_terms: bool = False
    # /classGroups, an extension that some have: classes that are taught as one (cross-listed).
    class_groups: bool = False
    # /classes/{id}/students holds whoever is in the class, teachers too.
    mixed_class_rosters: bool = False

    # --- pages
    default_limit: int = 100
    # The most rows of a page; 0: as many as are asked for.
    max_limit: int = 0
    # A limit above that: cut down without a word, or 400.
    over_limit: Literal["clamp", "refuse"] = "clamp"
    # A limit or offset that is no number: by version (1.1 takes the default, 1.2 answers 400).
    bad_paging: Literal["version", "default", "400", "404", "422"] = "version"
    # X-Total-Count counts the rows that pass the filter, all rows, or is not there.
    total: Literal["filtered", "unfiltered", "none"] = "filtered"
    # Figures beside the rows, in the body: totalCount, pageCount, … or {"data", "total", …}.
    body_total: Literal["none", "counts", "data"] = "none"
    # stale: next leads to the page that one is on.
    links: Literal["full", "none", "relative", "stale"] = "full"
    # A collection without rows: an empty list, 404, or {"users": null}.
    empty: Literal["list", "404", "null"] = "list"
    # While a client reads, the first row of the collection vanishes, or one comes in before it; it
    # happens once for each collection, just before the first page that does not begin at 0.
    shift: Literal["none", "delete", "insert"] = "none"
    # The second page holds the first one's rows: the first time it is asked for, or always.
    repeat: Literal["none", "once", "always"] = "none"
    # Rows of a collection are in another order on every page that is asked for.
    unordered: bool = False

    # --- queries
    # unknown field: 400, or the filter is taken as absent. all: every filter is taken as absent.
    ignored_filters: Literal["none", "unknown", "all"] = "none"
    # user.sourcedId='…' answers 400.
    nested_filters: bool = True
    max_clauses: int = 2
    # !=, >= and <= are read as = with a field name that ends in !, > or <: 400.
    greedy_operators: bool = False
    # AND and OR are taken for operators inside of quotes, too.
    naive_and: bool = False

    # --- objects
    # ids: {"sourcedId"}. text: the bare id. parent-text: so for parents only. constant: each href
    # is the root's. wrong-type: orgs are said to be users.
    references: Literal["full", "ids", "text", "parent-text", "constant", "wrong-type"] = "full"
    # path: /students wraps its rows in "students", /schools in "schools", …
    wrappers: Literal["standard", "path"] = "standard"
    # One object of demographics comes as "demographic".
    single_demographic: bool = False
    # An object that is not there: 404, or 200 with {"user": null}.
    missing_object: Literal["404", "null"] = "404"
    booleans: Literal["text", "json", "title", "number"] = "text"
    # What has no value: left out, null, or "" and [].
    absent: Literal["omit", "null", "blank"] = "omit"
    # offset: …-7 in place of Z. blank: "2026-08-01 04:10:00". no-zone: without Z. date: no time.
    stamps: Literal["utc", "offset", "blank", "no-zone", "date"] = "utc"
    dates_with_time: bool = False
    metadata: Literal["object", "text"] = "object"
    # metadata.microsoft.userFlags: "IEP,ELL" or ["IEP", "ELL"].
    user_flags: Literal["text", "list"] = "text"
    # Whose agents are told: pupils', contacts', or both.
    agents: Literal["students", "contacts", "both"] = "students"
    grades_as_text: bool = False
    # A list of one comes as that one, without brackets.
    bare_single: bool = False
    # A password with each user.
    passwords: bool = False
    ids: Literal["district", "uuid"] = "district"
    # campus: s or t and a number.
    enrollment_ids: Literal["district", "campus"] = "district"
    # own: not the user's.
    demographics_ids: Literal["user", "own"] = "user"
    usernames: Literal["full", "bare"] = "full"
    # Of every tenth row these are "" or []: "users.email", "users.sourcedId", "classes.terms", …
    blanks: tuple[str, ...] = ()
    # Every n-th pupil's enrollment says teacher; 0: all are right.
    miscast: int = 0
    # Every n-th user is in no collection of users, though enrolled; 0: all are there.
    unlisted: int = 0

    # --- what is deleted
    status: Literal["sent", "missing"] = "sent"
    deleted_status: Literal["tobedeleted", "inactive", "toBeDeleted"] = "tobedeleted"
    # Deleted rows are not shown at all.
    deleted: Literal["shown", "hidden"] = "shown"

    # --- errors
    # text: {"error": …}. texts: a list. flat: imsx_codeMinor is a text. detail: {"detail": …}.
    # nested: within imsx_StatusInfo. old: {"CodeMajor", …}.
    errors: Literal["standard", "text", "texts", "flat", "detail", "nested", "old"] = "standard"
    # Errors other than 401 come with status 200.
    errors_in_200: bool = False
    # Requests that are answered at the same time, at most; 0: any number. One more: busy_status.
    parallel: int = 0
    busy_status: int = 429
    # Retry-After of it, in seconds; 0: none.
    retry_after: float = 1.0
    content_type: str = "application/json"

    # --- who may ask
    schemes: tuple[Scheme, ...] = ("oauth1", "oauth2")
    signatures: tuple[str, ...] = ("HMAC-SHA1", "HMAC-SHA256")
    # A token that needs no call: a proxy's, for instance. Blank: there is none.
    fixed_bearer: str = ""
    # Where the token call finds client id and secret.
    token_credentials: tuple[Place, ...] = ("basic", "body")
    # text: the token as a bare JSON text. no-expiry: without expires_in. text-expiry: "3600".
    # lower: token_type "bearer". no-scope: without scope.
    token_reply: Literal["standard", "text", "no-expiry", "text-expiry", "lower", "no-scope"] = (
        "standard"
    )
    token_seconds: float = 3600.0
    # A token call without scope answers 400.
    scope_required: bool = False
    # What stands before the address of a scope, such as "one-roster-api:".
    scope_prefix: str = ""
    # The scopes that a client can get, by their short names.
    scopes: tuple[str, ...] = (
        "roster-core.readonly", "roster.readonly", "roster-demographics.readonly",
    )  # fmt: skip
    # The token call sets a cookie that must come back with each request, else 401.
    session_cookie: bool = False

    @classmethod
    def from_json(cls, values: dict[str, Any], base: Quirks | None = None) -> Quirks:
        """`base` (the defaults) with these switches. Raises BadInput for one that is unknown."""
        hints = get_type_hints(cls)
        chosen: dict[str, Any] = {f.name: getattr(base or cls(), f.name) for f in fields(cls)}
        for name, value in values.items():
            if name not in hints:
                raise BadInput(f"quirks: no switch {name!r}; there are {', '.join(sorted(hints))}.")
            chosen[name] = _checked(name, value, hints[name])
        return cls(**chosen)


def _checked(name: str, value: object, hint: Any) -> object:
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise BadInput(f"quirks: {name} is a list, not {value!r}.")
        items = cast("list[object] | tuple[object, ...]", value)
        return tuple(_checked(name, item, get_args(hint)[0]) for item in items)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise BadInput(f"quirks: {name} is one of {', '.join(get_args(hint))}, not {value!r}.")
        return value
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise BadInput(f"quirks: {name} is a {hint.__name__}, not {value!r}.")
    return value
