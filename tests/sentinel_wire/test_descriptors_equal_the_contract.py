"""Every name, number, type, label and stream flag of `sentinel.v1` and `sentinel.internal` is the published one."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from tests.sentinel_wire.rows import contract, contract_files, ours, rows_of

from sentinel.v1 import common_pb2

SRC = Path(__file__).resolve().parents[2] / "src"
FILES = contract_files()


@pytest.mark.parametrize("path", FILES)
def test_a_file_says_what_is_published_and_nothing_else(path):
    published = {row for row in contract() if row[1] == path}

    described = rows_of([ours(path)])

    assert published - described == set()
    assert described - published == set()


@pytest.mark.parametrize("package", ["v1", "internal"])
def test_a_package_has_the_published_files_and_no_others(package):
    modules = {f"sentinel/{package}/{file.name}" for file in (SRC / "sentinel" / package).glob("*_pb2.py")}

    assert modules == {path.replace(".proto", "_pb2.py") for path in FILES if path.split("/")[1] == package}


def test_the_counts_are_the_published_ones():
    files = [ours(path) for path in FILES]
    rows = rows_of(files)

    counts = {
        "files": len(files),
        "messages": sum(len(file.message_type) for file in files),
        "enums": sum(len(file.enum_type) for file in files),
        "services": sum(len(file.service) for file in files),
        **{kind: sum(row[0] == kind for row in rows) for kind in ("rpc", "field", "enum")},
    }

    assert counts == {
        "files": 11,
        "messages": 60,
        "enums": 11,
        "services": 8,
        "rpc": 15,
        "field": 310,
        "enum": 64,
    }


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_plain_proto3_with_one_java_class_a_message(path):
    file = ours(path)

    fields = [field for message in file.message_type for field in message.field]
    nested = [inner for message in file.message_type for inner in message.nested_type if not inner.options.map_entry]

    assert file.syntax == "proto3"
    assert file.options.java_multiple_files
    assert not file.options.HasField("go_package")
    assert not any(field.proto3_optional for field in fields)
    assert not any(message.reserved_range or message.reserved_name for message in file.message_type)
    assert nested == []
    assert list(file.extension) == []


def test_the_oneofs_are_the_published_two():
    oneofs = {
        (message.name, oneof.name)
        for path in FILES
        for message in ours(path).message_type
        for oneof in message.oneof_decl
    }

    assert oneofs == {("ConfigUpdate", "update"), ("FaultInjectionRequest", "target")}


def test_severities_stand_beside_their_enum_without_a_prefix():
    names = common_pb2.DESCRIPTOR.enum_types_by_name["Severity"].values_by_name

    assert list(names) == ["SEVERITY_UNSPECIFIED", "INFO", "WARNING", "HIGH", "CRITICAL"]
    assert [common_pb2.INFO, common_pb2.WARNING, common_pb2.HIGH, common_pb2.CRITICAL] == [1, 2, 3, 4]
    assert common_pb2.Severity.Value("INFO") == common_pb2.INFO
    assert descriptor_pool.Default().FindFileContainingSymbol("sentinel.v1.INFO") == common_pb2.DESCRIPTOR


def test_every_other_enum_value_carries_its_prefix():
    values = {(enum.name, value.name) for path in FILES for enum in ours(path).enum_type for value in enum.value}

    unprefixed = {name for enum, name in values if not name.replace("_", "").startswith(enum.upper())}

    assert unprefixed == {"INFO", "WARNING", "HIGH", "CRITICAL"}
