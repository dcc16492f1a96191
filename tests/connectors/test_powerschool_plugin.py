"""The plugin: what it may read is what it reads, and a server takes it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from connectors.powerschool_plugin import FILES, PREFIX, build_plugin
from connectors.powerschool_queries import ALL, arguments

NAMESPACE = "{http://plugin.powerschool.pearson.com}"


@pytest.fixture
def archive(tmp_path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(build_plugin(tmp_path))


def _queries(archive: zipfile.ZipFile) -> list[ET.Element]:
    return ET.fromstring(archive.read("queries_root/rollcall.named_queries.xml")).findall("query")


def test_a_folder_gets_the_zip_under_its_name_and_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    assert build_plugin(tmp_path) == tmp_path / "rollcall-powerschool.zip"
    assert build_plugin(tmp_path / "own.zip") == tmp_path / "own.zip"


def test_the_same_sources_make_the_same_bytes(tmp_path: Path) -> None:
    one, two = build_plugin(tmp_path / "1.zip"), build_plugin(tmp_path / "2.zip")
    assert one.read_bytes() == two.read_bytes()


def test_the_zip_holds_the_sources_where_powerschool_looks_for_them(
    archive: zipfile.ZipFile,
) -> None:
    assert archive.namelist() == list(FILES)
    assert archive.testzip() is None


def test_it_asks_for_the_columns_that_its_queries_read_and_for_no_others(
    archive: zipfile.ZipFile,
) -> None:
    manifest = ET.fromstring(archive.read("plugin.xml"))
    fields = manifest.findall(f"{NAMESPACE}access_request/{NAMESPACE}field")
    granted = [f"{field.get('table')}.{field.get('field')}" for field in fields]
    read = {column.get("column") for query in _queries(archive) for column in query.iter("column")}
    assert set(granted) == read
    assert granted == sorted(set(granted))
    assert {field.get("access") for field in fields} == {"ViewOnly"}


def test_arguments_are_typed_by_columns_that_it_may_read(archive: zipfile.ZipFile) -> None:
    for query in _queries(archive):
        read = {column.get("column") for q in _queries(archive) for column in q.iter("column")}
        assert {argument.get("column") for argument in query.iter("arg")} <= read


def test_it_may_read_the_lists_and_change_nothing(archive: zipfile.ZipFile) -> None:
    oauth = ET.fromstring(archive.read("plugin.xml")).find(f"{NAMESPACE}oauth")
    assert oauth is not None
    assert oauth.attrib == {"accessLevelV1Api": "READ"}


def test_its_names_are_as_long_as_powerschool_takes_them(archive: zipfile.ZipFile) -> None:
    manifest = ET.fromstring(archive.read("plugin.xml"))
    for name, longest in (("name", 40), ("version", 20), ("description", 256)):
        assert 0 < len(manifest.get(name, "")) <= longest


def test_the_connector_asks_each_query_with_the_arguments_that_it_declares(
    archive: zipfile.ZipFile,
) -> None:
    declared = {
        query.get("name"): {str(argument.get("name")) for argument in query.iter("arg")}
        for query in _queries(archive)
    }
    assert declared == {
        PREFIX + "state": set(),
        **{PREFIX + name: set(arguments(name, "36", "1")) for name in ALL},
    }


def test_each_query_binds_what_it_declares_answers_its_columns_and_has_one_order(
    archive: zipfile.ZipFile,
) -> None:
    for query in _queries(archive):
        name, sql = query.get("name"), query.findtext("sql", "")
        bound = set(re.findall(r":(\w+)", sql))
        assert bound == {argument.get("name") for argument in query.iter("arg")}, name
        if name != PREFIX + "state":
            key = sql.split()[1].rstrip(",")
            assert sql.split()[-3:] == ["order", "by", key], name
            assert f"{key} > :after" in sql, name


def test_only_queries_are_mapped_to_a_page_and_each_of_them_is(archive: zipfile.ZipFile) -> None:
    mapping = ET.fromstring(archive.read("permissions_root/rollcall.permission_mappings.xml"))
    implied = [(implies.get("allow"), implies.text) for implies in mapping.iter("implies")]
    names = [query.get("name") for query in _queries(archive)]
    assert implied == [("post", f"/ws/schema/query/{name}") for name in names]
