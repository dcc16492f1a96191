from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from roster.errors import BadInput

if TYPE_CHECKING:
    from tests.local.package.shop import Shop

ROOMS = {
    "sync/__init__.py": "",
    "sync/run.py": "",
    "sync/step.py": "",
    "sync/unused.py": "",
}


@pytest.mark.parametrize(
    "text",
    [
        "import sync.run",
        "from sync import run",
        "def tick():\n    from sync.run import on_control",
        "def tick():\n    def inner():\n        import sync.run",
        "class A:\n    async def b(self):\n        from sync import run as other",
        "try:\n    import sync.run\nexcept ImportError:\n    pass",
        "if not TYPE_CHECKING:\n    import sync.run",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import sync.run",
        "from importlib import import_module\nimport_module('sync.run')",
        "x: int = __import__('sync.run')",
    ],
)
def test_every_way_to_import_is_followed(shop: Shop, text: str) -> None:
    shop.app(ROOMS | {"function_app.py": text})
    assert shop.reached() == {"function_app", "sync", "sync.run"}


@pytest.mark.parametrize(
    "text",
    [
        "if TYPE_CHECKING:\n    import sync.run",
        "import typing\nif typing.TYPE_CHECKING:\n    from sync import run",
        "x = 'import sync.run'",
    ],
)
def test_what_only_a_type_checker_reads_is_not(shop: Shop, text: str) -> None:
    shop.app(ROOMS | {"function_app.py": text})
    assert shop.reached() == {"function_app"}


def test_relative_imports_start_from_their_package(shop: Shop) -> None:
    shop.app(
        ROOMS
        | {
            "function_app.py": "import sync.deep.here",
            "sync/deep/__init__.py": "from . import there",
            "sync/deep/there.py": "",
            "sync/deep/here.py": "from ..step import x\nfrom .. import run",
        }
    )
    assert shop.reached() >= {"sync.deep.there", "sync.step", "sync.run"}
    assert "sync.unused" not in shop.reached()


def test_a_module_that_this_python_does_not_understand_is_told_with_its_line(shop: Shop) -> None:
    shop.app({"function_app.py": "x = 1\ny = = 2\n"})
    with pytest.raises(BadInput, match=r"function_app\.py:2: Python 3\.\d+ does not understand"):
        shop.reached()


class TestTheGeneratedSdk:
    FILES: ClassVar = {
        "msgraph/__init__.py": "",
        "msgraph/client.py": (
            "class Client:\n"
            "    @property\n    def users(self):\n        from .users import Users\n"
            "    @property\n    def devices(self):\n        from .devices import Devices\n"
        ),
        "msgraph/users.py": (
            "class Users:\n"
            "    def by_id(self):\n        from .user import User\n"
            "    def to_request(self):\n        self.shape()\n"
            "    def shape(self):\n        from .shape import shape\n"
        ),
        "msgraph/devices.py": "",
        "msgraph/user.py": (
            "class User:\n"
            "    def __init__(self):\n        from .model import Model\n"
            "    def get_field_deserializers(self):\n        from .answer import Answer\n"
        ),
        "msgraph/model.py": "",
        "msgraph/answer.py": "",
        "msgraph/shape.py": "",
    }

    @pytest.mark.parametrize(
        ("said", "also"),
        [
            ("", set()),
            ("Client().users", {"users"}),
            ("Client().users.by_id()", {"users", "user", "model"}),
            ("getattr(Client(), 'users')", {"users"}),
            ("Client().users.to_request()", {"users", "shape"}),
            ("Client().devices.users", {"users", "devices"}),
            ("Client().users.by_id().get_field_deserializers()", {"users", "user", "model"}),
        ],
    )
    def test_its_functions_are_followed_when_their_names_are_said(
        self, shop: Shop, said: str, also: set[str]
    ) -> None:
        shop.distribution("msgraph-sdk", self.FILES)
        shop.app({"function_app.py": f"from msgraph.client import Client\n{said}\n"})
        assert shop.reached() == {
            "function_app", "msgraph", "msgraph.client", *(f"msgraph.{name}" for name in also)
        }  # fmt: skip

    def test_a_name_that_is_said_before_the_module_is_reached_counts(self, shop: Shop) -> None:
        shop.distribution("msgraph-sdk", self.FILES)
        shop.app({
            "function_app.py": "import sync.a\nimport sync.b\n", "sync/__init__.py": "",
            "sync/a.py": "def f(client):\n    client.users.by_id()\n",
            "sync/b.py": "def g():\n    from msgraph.client import Client\n",
        })  # fmt: skip
        assert "msgraph.model" in shop.reached()

    def test_names_in_packages_that_cannot_hold_its_objects_do_not_count(self, shop: Shop) -> None:
        shop.distribution("msgraph-sdk", self.FILES)
        shop.distribution("other", {"other.py": "x.users"})
        shop.distribution("kiota", {"kiota_http/__init__.py": "x.devices"})
        shop.app({"function_app.py": "import msgraph.client, other, kiota_http"})
        assert shop.reached() & {"msgraph.users", "msgraph.devices"} == {"msgraph.devices"}


class TestWhatNoImportSays:
    def test_entry_points_of_a_group_that_is_named_are_imports(self, shop: Shop) -> None:
        points = "[colours_of]\nred = red.paint:Red\n[tools]\nr = red.tool\n"
        shop.distribution("red", {"red/__init__.py": "", "red/paint.py": "", "red/tool.py": "",
                                  "INFO/entry_points.txt": points})  # fmt: skip
        shop.app({"function_app.py": "entry_points(group='colours_of')"})
        assert shop.reached() == {"function_app", "red", "red.paint"}
        shop.app({"function_app.py": "entry_points(group=f'colours_{which}')"})
        assert "red.paint" in shop.reached()
        shop.app({"function_app.py": "'colours'"})
        assert shop.reached() == {"function_app"}

    def test_what_rust_and_the_standard_library_import_is_known(self, shop: Shop) -> None:
        shop.distribution("tzdata", {"tzdata/__init__.py": ""})
        shop.distribution("cffi", {"_cffi_backend.cpython-313-x86_64-linux-gnu.so": "",
                                   "cffi/__init__.py": "import pycparser"})  # fmt: skip
        shop.distribution("cryptography", {
            "cryptography/__init__.py": "",
            "cryptography/hazmat/bindings/_rust.abi3.so": "",
        })  # fmt: skip
        shop.app({"function_app.py": "import zoneinfo\n"
                  "from cryptography.hazmat.bindings import _rust\n"})  # fmt: skip
        assert shop.reached() >= {"tzdata", "_cffi_backend"}
        assert "cffi" not in shop.reached()
