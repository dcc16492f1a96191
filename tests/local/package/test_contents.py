from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.local.package.shop import Shop


def test_of_the_app_the_reached_modules_and_the_data_of_their_packages(shop: Shop) -> None:
    shop.app({
        "function_app.py": "import portal.app",
        "portal/__init__.py": "", "portal/app.py": "", "portal/unused.py": "",
        "portal/templates/run.html": "", "portal/__pycache__/app.cpython-313.pyc": "",
        "portal/plugin/__init__.py": "", "portal/plugin/plugin.xml": "",
        "local/__init__.py": "", "local/package.json": "", "setup.py": "", "docs/page.md": "",
    })  # fmt: skip
    assert shop.chosen() == {
        "function_app.py", "portal/__init__.py", "portal/app.py", "portal/templates/run.html"
    }  # fmt: skip


def test_of_a_distribution_the_reached_packages_whole_without_what_no_program_reads(
    shop: Shop,
) -> None:
    shop.distribution("paint", {
        "paint/__init__.py": "", "paint/lazy.py": "", "paint/data.pem": "", "paint/py.typed": "",
        "paint/fast.cpython-313-x86_64-linux-gnu.so": "", "paint/fast.pyx": "", "paint/fast.c": "",
        "paint/a.pyi": "", "paint/tests/test_a.py": "", "paint_stubs/__init__.py": "",
        "INFO/licenses/LICENSE.txt": "", "INFO/NOTICE": "", "INFO/WHEEL": "", "INFO/INSTALLER": "",
        "INFO/entry_points.txt": "", "INFO/sboms/a.json": "",
    })  # fmt: skip
    shop.distribution("unused", {"unused.py": "", "INFO/LICENSE": ""})
    shop.app({"function_app.py": "import paint"})
    assert shop.chosen() == {
        "function_app.py", "paint/__init__.py", "paint/lazy.py", "paint/data.pem",
        "paint/fast.cpython-313-x86_64-linux-gnu.so", "paint-1.0.dist-info/METADATA",
        "paint-1.0.dist-info/licenses/LICENSE.txt", "paint-1.0.dist-info/NOTICE",
        "paint-1.0.dist-info/entry_points.txt",
    }  # fmt: skip


def test_a_tests_folder_that_is_imported_stays(shop: Shop) -> None:
    shop.distribution("paint", {"paint/__init__.py": "from .tests import a",
                                "paint/tests/__init__.py": "", "paint/tests/a.py": "",
                                "paint/tests/b.py": ""})  # fmt: skip
    shop.app({"function_app.py": "import paint"})
    assert {"paint/tests/a.py"} == {n for n in shop.chosen() if "tests" in n} - {
        "paint/tests/__init__.py"
    }


def test_distributions_that_share_a_top_folder_are_told_apart(shop: Shop) -> None:
    shop.distribution("azure-core", {"azure/core/__init__.py": ""})
    shop.distribution("azure-other", {"azure/other/__init__.py": ""})
    shop.app({"function_app.py": "import azure.core"})
    assert "azure/core/__init__.py" in shop.chosen()
    assert "azure/other/__init__.py" not in shop.chosen()


def test_of_the_generated_sdk_only_the_reached_modules(shop: Shop) -> None:
    shop.distribution("msgraph-sdk", {"msgraph/__init__.py": "", "msgraph/a.py": "",
                                      "msgraph/b.py": "", "msgraph/export.txt": "",
                                      "INFO/LICENSE": ""})  # fmt: skip
    shop.app({"function_app.py": "import msgraph.a"})
    assert shop.chosen() == {
        "function_app.py", "msgraph/__init__.py", "msgraph/a.py",
        "msgraph-sdk-1.0.dist-info/METADATA", "msgraph-sdk-1.0.dist-info/LICENSE",
    }  # fmt: skip
