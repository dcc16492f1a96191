from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.package import pins
from local.package.build import CHECKOUT
from local.package.stock import read_distribution, read_distributions
from roster.errors import BadInput, Transient
from tests.packages import SITE, on_its_platform

if TYPE_CHECKING:
    from tests.local.package.shop import Shop


def test_pins_are_those_of_both_files_for_the_python_of_the_app(shop: Shop) -> None:
    shop.app({
        "requirements.txt": "# head\nA_b==1.0; python_version < '3.13'\n"
        "a.B==2.0; python_version >= '3.13'\nwin==1; sys_platform == 'win32'\n",
        "constraints.txt": "below[extra]==3.1  # why\n",
    })  # fmt: skip
    assert pins.read_pins(shop.checkout) == {"a-b": "2.0", "below": "3.1"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a>=1", r"requirements\.txt:1: 'a>=1' is no pin; write a==VERSION"),
        ("a", "is no pin"),
        ("a==1.*", "is no pin"),
        ("a==1,!=2", "is no pin"),
        ("-r other.txt", r"requirements\.txt:1: '-r other\.txt' is no requirement"),
    ],
)
def test_what_is_no_pin_is_told_with_its_line(shop: Shop, line: str, message: str) -> None:
    shop.app({"requirements.txt": line, "constraints.txt": ""})
    with pytest.raises(BadInput, match=message):
        pins.read_pins(shop.checkout)


def test_without_a_file_of_pins_nothing_is_built(shop: Shop) -> None:
    shop.app({"requirements.txt": ""})
    with pytest.raises(BadInput, match=r"constraints\.txt: cannot be read"):
        pins.read_pins(shop.checkout)


def test_a_need_that_nobody_pins_is_told(shop: Shop) -> None:
    shop.distribution("paint", {}, metadata=(
        "Requires-Dist: brush>=1\nRequires-Dist: old; python_version < '3'\n"
        "Requires-Dist: pretty; extra == 'all'\nRequires-Dist: CAN[lid]\n"
    ))  # fmt: skip
    shop.distribution("can", {}, metadata=(
        "Requires-Dist: lid-maker; extra == 'lid'\nRequires-Dist: spoon; extra == 'more'\n"
    ))  # fmt: skip
    found = read_distributions(shop.site, shop.pins)
    assert pins.unpinned(found) == ["brush (for paint)", "lid-maker (for can)"]


@pytest.mark.parametrize("pinned", [{"paint": "2.0"}, {"brush": "1.0"}])
def test_a_distribution_of_another_version_is_not_taken(shop: Shop, pinned: dict[str, str]) -> None:
    shop.distribution("paint", {})
    with pytest.raises(BadInput, match=r"must be there in version \d\.0; found (1\.0|none)"):
        read_distributions(shop.site, pinned)


@on_its_platform
def test_the_constraints_are_those_of_this_environment_and_complete() -> None:
    pinned = pins.read_pins(CHECKOUT)
    found = read_distributions(SITE, pinned)
    assert pins.unpinned(found) == []
    idle = set(pinned) - _required() - pins.needed(found).keys()
    assert idle == set(), "nothing needs these: run `rollcall package --pin`"


def _required() -> set[str]:
    lines = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {line.partition("==")[0] for line in lines if line and not line.startswith("#")}


def test_pip_fills_a_folder_with_what_is_pinned_for_linux(tmp_path: Path) -> None:
    pins.install({"markupsafe": _version("markupsafe")}, tmp_path)
    assert list(tmp_path.glob("markupsafe/_speedups.cpython-313-x86_64-linux-gnu.so"))


def _version(name: str) -> str:
    return read_distribution(next(SITE.glob(f"{name}-*.dist-info"))).version


def test_what_pip_cannot_get_is_told_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="rollcall-no-such-thing"):
        pins.install({"rollcall-no-such-thing": "1.0"}, tmp_path)


def test_pinning_writes_what_lies_below_the_requirements(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "PYTHON", sys.version_info[:2])
    shop.app({"requirements.txt": f"jinja2=={_version('jinja2')}\n"})
    assert set(pins.pin(shop.checkout)) == {"markupsafe"}
    assert set(pins.read_pins(shop.checkout)) == {"jinja2", "markupsafe"}


def test_another_python_does_not_pin(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "PYTHON", (3, 99))
    with pytest.raises(BadInput, match="Only Python"):
        pins.pin(shop.checkout)
