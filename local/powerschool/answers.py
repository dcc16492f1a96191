"""Answers that are no data: the bodies of errors as each part of the server writes them."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

REALM = 'realm="PowerSchool"'
MISSING_LEVEL = "Plugin is missing required accessLevelV1Api READ permission"


class Refusal(Exception):
    """The request ends here, with this answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def v1_error(status: int, text: str) -> Response:
    """An error of /ws/v1."""
    return JSONResponse({"errorMessage": {"message": text}}, status)


def message(status: int, text: str, errors: list[dict[str, str]] | None = None) -> Response:
    """An error of /ws/schema and of parameters."""
    return JSONResponse({"message": text} | ({"errors": errors} if errors else {}), status)


def no_access(fields: list[tuple[str, str]]) -> Response:
    """403: these (table, field) are not granted to the plugin."""
    return message(
        403,
        "At least one column lacks sufficient permission",
        [{"code": "NoAccess", "field": field, "resource": table} for table, field in fields],
    )


def unauthorized(description: str | None = None) -> Response:
    """401: no token, or one that does not hold (any more)."""
    if description is None:
        return Response(status_code=401, headers={"WWW-Authenticate": f"Bearer {REALM}"})
    header = f'Bearer error="invalid_token",{REALM},error_description="{description}"'
    return JSONResponse(
        {"error": "invalid_token", "error_description": description},
        401,
        headers={"WWW-Authenticate": header},
    )
