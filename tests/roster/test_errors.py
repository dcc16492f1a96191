from __future__ import annotations

import pytest

from roster.errors import BadInput, Refused, RollcallError, Terminal, Transient


@pytest.mark.parametrize("kind", [BadInput, Refused, Transient, Terminal])
def test_all_errors_are_of_one_tree(kind: type[RollcallError]) -> None:
    assert str(kind("what happened")) == "what happened"
    assert issubclass(kind, RollcallError)


def test_a_transient_error_says_when_to_try_again() -> None:
    assert Transient("busy", retry_after=3.5).retry_after == 3.5
    assert Transient("busy").retry_after is None


def test_a_terminal_error_has_the_services_own_code() -> None:
    assert Terminal("no", code="Request_BadRequest").code == "Request_BadRequest"
    assert Terminal("no").code == ""
