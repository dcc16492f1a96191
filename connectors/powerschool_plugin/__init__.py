"""The plugin that an administrator installs in PowerSchool: what Rollcall may read there, and how.

https://support.powerschool.com/developer (Plugin XML, Plugin ZIP, PowerQueries)

Design note. `access_request` names the columns that the queries answer with and no others, because
an administrator approves that list when the plugin is enabled; who may read nothing else can lose
nothing else. The same sources always make the same bytes, so that a ZIP can be compared with the
one that is installed. Another version needs another `version` in plugin.xml: PowerSchool takes an
update of a plugin by its name, and keeps its client id and secret.
"""

from __future__ import annotations

import zipfile
from importlib import resources
from pathlib import Path

PREFIX = "org.rollcall.roster."
FILES = (
    "plugin.xml",
    "permissions_root/rollcall.permission_mappings.xml",
    "queries_root/rollcall.named_queries.xml",
)
_EPOCH = (1980, 1, 1, 0, 0, 0)


def build_plugin(path: Path) -> Path:
    """Writes the plugin, ready to be installed; `path`: the ZIP, or a folder to write it into."""
    target = path / "rollcall-powerschool.zip" if path.is_dir() else path
    root = resources.files(__name__)
    with zipfile.ZipFile(target, "w") as archive:
        for name in FILES:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_STORED  # compressors differ in their bytes
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, root.joinpath(*name.split("/")).read_bytes())
    return target
