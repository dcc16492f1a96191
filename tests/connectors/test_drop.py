from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from connectors import drop as drops
from connectors.drop import Drop
from roster.errors import BadInput
from tests.connectors.samples import write


def _zip(path: Path, entries: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def _names(path: Path) -> list[str]:
    with Drop(path) as drop:
        assert all(file.path.read_bytes() for file in drop.files)
        return [file.name for file in drop.files]


def test_a_folder_is_a_drop_and_hidden_and_other_files_are_no_part(tmp_path: Path) -> None:
    files = ("Users.CSV", "orgs.csv", ".DS_Store", "Thumbs.db", "readme.txt", "~$orgs.csv")
    write(tmp_path, dict.fromkeys(files, "x"))
    (tmp_path / "folder").mkdir()
    assert _names(tmp_path) == ["Users.CSV", "orgs.csv"]


def test_a_zip_is_a_drop(tmp_path: Path) -> None:
    path = _zip(tmp_path / "drop.zip", {"orgs.csv": b"x", "users.csv": b"y"})
    assert _names(path) == ["orgs.csv", "users.csv"]


def test_a_folder_with_one_zip_is_a_drop(tmp_path: Path) -> None:
    _zip(tmp_path / "drop.zip", {"orgs.csv": b"x"})
    assert _names(tmp_path) == ["orgs.csv"]


def test_a_zip_may_have_one_folder_at_the_top_and_what_a_mac_adds(tmp_path: Path) -> None:
    entries = {
        "export/orgs.csv": b"x",
        "__MACOSX/export/._orgs.csv": b"y",
        "export/.DS_Store": b"z",
    }
    assert _names(_zip(tmp_path / "drop.zip", entries)) == ["orgs.csv"]


def test_what_a_zip_unpacks_to_is_gone_afterwards(tmp_path: Path) -> None:
    with Drop(_zip(tmp_path / "drop.zip", {"orgs.csv": b"x"})) as drop:
        path = drop.files[0].path
        assert path.exists()
    assert not path.exists()
    assert not drop.scratch.exists()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"../orgs.csv": b"x"}, "points outside the zip"),
        ({"a/../../orgs.csv": b"x"}, "points outside the zip"),
        ({"/orgs.csv": b"x"}, "points outside the zip"),
        ({"C:\\orgs.csv": b"x"}, "points outside the zip"),
        ({"..\\orgs.csv": b"x"}, "points outside the zip"),
        ({"more.zip": b"x"}, "a zip inside the zip"),
        ({"a/orgs.csv": b"x", "b/users.csv": b"x"}, r"several folders \(a, b\)"),
        ({"a/b/orgs.csv": b"x"}, "several folders"),
        ({"orgs.csv": b"x", "ORGS.csv": b"x"}, "orgs.csv and ORGS.csv are the same table"),
        ({"readme.txt": b"x"}, r"no CSV file found \(found: readme.txt\)"),
        ({"orgs.csv": b"\0" * 12_000_000}, "200 times its size; refused as a zip bomb"),
        ({f"{number}.csv": b"x" for number in range(1001)}, "1001 entries; allowed: 1000"),
    ],
)
def test_a_dangerous_or_wrong_zip_is_refused(
    tmp_path: Path, entries: Mapping[str, bytes], said: str
) -> None:
    path = _zip(tmp_path / "drop.zip", entries)
    with pytest.raises(BadInput, match=rf"^drop\.zip: .*{said}"), Drop(path):
        pass


def test_a_zip_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drops, "MOST_BYTES", 10)
    path = _zip(tmp_path / "drop.zip", {"orgs.csv": b"123456", "users.csv": b"123456"})
    with pytest.raises(BadInput, match="more than 10 bytes; refused as a zip bomb"), Drop(path):
        pass


def _header_places(data: bytes) -> tuple[int, int]:
    return data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "drop.zip", {"orgs.csv": b"x"})
    data = bytearray(path.read_bytes())
    local, central = _header_places(bytes(data))
    data[local + 6] |= 1
    data[central + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"“orgs\.csv” is encrypted"), Drop(path):
        pass


def test_a_zip_that_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "drop.zip", {"orgs.csv": b"x" * 5_000_000})
    data = bytearray(path.read_bytes())
    local, central = _header_places(bytes(data))
    data[local + 22 : local + 26] = (1000).to_bytes(4, "little")
    data[central + 24 : central + 28] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(BadInput, match="damaged"), Drop(path):
        pass


def test_a_zip_with_a_wrong_check_sum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "drop.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("orgs.csv", b"sourcedId")
    path.write_bytes(path.read_bytes().replace(b"sourcedId", b"sourcedID"))
    with pytest.raises(BadInput, match=r"damaged or incomplete .*CRC"), Drop(path):
        pass


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_a_truncated_zip_is_refused(tmp_path: Path, kept: float) -> None:
    path = _zip(tmp_path / "drop.zip", {"orgs.csv": b"sourcedId,name,type\n" * 50})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(BadInput, match="damaged or incomplete"), Drop(path):
        pass


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("orgs.csv")
    info.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    path = tmp_path / "drop.zip"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(BadInput, match=r"“orgs\.csv” is a link"), Drop(path):
        pass


def test_a_zip_beside_csv_files_is_refused(tmp_path: Path) -> None:
    _zip(tmp_path / "drop.zip", {"orgs.csv": b"x"})
    write(tmp_path, {"users.csv": "x"})
    with pytest.raises(BadInput, match=r"a zip beside other files \(drop.zip, users.csv\)"):
        _names(tmp_path)


def test_what_is_neither_folder_nor_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder or zip"):
        _names(tmp_path / "nowhere")
    write(tmp_path, {"users.csv": "x"})
    with pytest.raises(BadInput, match=r"users\.csv: expected a folder of CSV files, or one zip"):
        _names(tmp_path / "users.csv")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no CSV file found \(found: nothing\)"):
        _names(tmp_path)
