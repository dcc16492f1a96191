"""What the provider says when something is wrong, in the shape of each version.

1.1: a list `statusInfoSet`. 1.2: one imsx_StatusInfo object with nested minor codes.
https://www.imsglobal.org/oneroster-v11-final-specification
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .entities import Version
    from .quirks import Quirks

Code = Literal[
    "unknownobject", "invaliddata", "invalid_sort_field", "invalid_filter_field",
    "invalid_selection_field", "invalid_blank_selection_field", "unauthorisedrequest",
    "forbidden", "server_busy", "internal_server_error",
]  # fmt: skip
# The words of 1.1, where they differ from those of 1.2.
_WORDS_11 = {
    "unknownobject": "unknown object",
    "invaliddata": "invalid data",
    "unauthorisedrequest": "unauthorized",
    "internal_server_error": "internal server error",
}


@dataclass(eq=False)
class Wrong(Exception):
    """A request that is answered with an error. `status`: HTTP; `headers`: of the answer."""

    status: int
    code: Code
    description: str
    headers: tuple[tuple[str, str], ...] = ()


def status_11(code: Code, description: str, operation: str, *, warning: bool = False) -> Any:
    """One item of a `statusInfoSet`."""
    return {
        "imsx_codeMajor": "success" if warning else "failure",
        "imsx_severity": "warning" if warning else "error",
        "imsx_messageRefIdentifier": f"{operation}-{code}",
        "imsx_operationRefIdentifier": operation,
        "imsx_description": description,
        "imsx_codeMinor": _WORDS_11.get(code, code),
    }


def body(wrong: Wrong, version: Version, operation: str, quirks: Quirks) -> bytes:
    """The body of an error's answer."""
    return json.dumps(_content(wrong, version, operation, quirks)).encode()


def _content(wrong: Wrong, version: Version, operation: str, quirks: Quirks) -> Any:
    text = wrong.description
    match quirks.errors:
        case "text":
            return {"error": text}
        case "texts":
            return [text]
        case "detail":
            return {"detail": text}
        case "old":
            return {
                "CodeMajor": "failure", "Severity": "error", "CodeMinor": wrong.code,
                "Description": text,
            }  # fmt: skip
        case "flat":
            return {
                "imsx_codeMajor": "failure", "imsx_severity": "error",
                "imsx_description": text, "imsx_codeMinor": wrong.code.replace("ddata", "d_data"),
            }  # fmt: skip
        case "standard" | "nested" if version == "1.1":
            return {"statusInfoSet": [status_11(wrong.code, text, operation)]}
        case "standard":
            return _status_12(wrong, "TargetEndSystem")
        case "nested":
            return {"imsx_StatusInfo": _status_12(wrong, "httpStatus")}


def _status_12(wrong: Wrong, field: str) -> dict[str, Any]:
    minor = {"imsx_codeMinorFieldName": field, "imsx_codeMinorFieldValue": wrong.code}
    return {
        "imsx_codeMajor": "failure",
        "imsx_severity": "error",
        "imsx_description": wrong.description,
        "imsx_CodeMinor": {"imsx_codeMinorField": [minor]},
    }
