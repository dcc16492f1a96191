"""First passwords: what Entra takes, what a child can read, and what is the same from one seed."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.passwords import WORDS, Unknown, first_password
from roster.errors import Terminal
from tests.graph.test_writers import person

if TYPE_CHECKING:
    from graph.passwords import Kind
    from graph.writers import Writer
    from tests.graph.conftest import Served

CLASSES = ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]")
SEEDS = st.binary(min_size=32, max_size=32)


@given(seed=SEEDS, length=st.integers(14, 64))
def test_a_strong_password_has_its_length_every_class_and_no_lookalikes(
    seed: bytes, length: int
) -> None:
    password = first_password("strong", seed, length)
    assert len(password) == length
    assert all(re.search(some, password) for some in CLASSES)
    assert not set(password) & set("l1IoO0|")
    assert password[0].isalpha()


@given(seed=SEEDS)
def test_a_password_of_words_can_be_read_and_is_strong_enough_for_entra(seed: bytes) -> None:
    password = first_password("words", seed)
    *words, digits = password.split("-")
    assert len(words) == 3
    assert {word.lower() for word in words} <= set(WORDS)
    assert re.fullmatch("[2-9]{2}", digits)
    assert all(re.search(some, password) for some in CLASSES)
    assert 8 <= len(password) <= 32


@pytest.mark.parametrize("kind", ["strong", "words"])
def test_one_seed_is_one_password(kind: Kind) -> None:
    seed = secrets.token_bytes(32)
    assert first_password(kind, seed) == first_password(kind, seed)
    assert len({first_password(kind, secrets.token_bytes(32)) for _ in range(200)}) == 200


def test_the_words_are_as_many_as_their_entropy_claims() -> None:
    assert len(set(WORDS)) == 256
    assert all(re.fullmatch("[a-z]{3,8}", word) for word in WORDS)


async def test_a_password_that_nobody_knows_is_another_one_each_time() -> None:
    unknown = Unknown()
    assert unknown.force_change
    assert await unknown.issue() != await unknown.issue()


class Given:
    """The same passwords each time; counts the doubts about them."""

    def __init__(self, *passwords: str, force_change: bool = True) -> None:
        self.force_change = force_change
        self.doubts = 0
        self._left = list(passwords or ["Otter-Maple-Train-47"])

    async def issue(self) -> str:
        return self._left.pop(0)

    async def doubt(self) -> None:
        self.doubts += 1


class TestCreation:
    async def test_the_account_gets_the_password_as_policy_says(
        self, writer: Writer, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[dict[str, object]] = []
        send = writer.graph.send

        async def watched(request):
            sent.append(request.as_item(1)["body"])
            return await send(request)

        monkeypatch.setattr(writer.graph, "send", watched)
        passwords = Given(force_change=False)
        await writer.create_person(person("U1"), passwords)
        assert sent[0]["passwordProfile"] == {
            "password": "Otter-Maple-Train-47",
            "forceChangePasswordNextSignIn": False,
        }
        assert passwords.doubts == 0

    async def test_an_account_that_is_there_already_puts_its_password_in_doubt(
        self, writer: Writer
    ) -> None:
        first, second = Given(), Given()
        await writer.create_person(person("U1"), first)
        await writer.create_person(person("U1"), second)
        assert (first.doubts, second.doubts) == (0, 1)

    async def test_a_password_that_is_refused_is_followed_by_another(
        self, writer: Writer, served: Served
    ) -> None:
        await writer.create_person(person("U1"), Given("weak", "weaker", "Otter-Maple-Train-47"))
        assert len((await served.dump())["users"]) == 1
        with pytest.raises(Terminal, match="password policy"):
            await writer.create_person(person("U2"), Given("a", "b", "c", "d"))
