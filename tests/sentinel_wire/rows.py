"""The wire as rows of text: the published contract (`contract.tsv`) and our descriptors can be compared as sets.

A row is one file, rpc, enum value or field. Types of the row's own package stand without it, as in the contract.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

Row = tuple[str, ...]


def contract() -> frozenset[Row]:
    """What is published; rows start with the kind and the file."""
    text = Path(__file__).with_name("contract.tsv").read_text("utf-8")
    return frozenset(tuple(line.split("\t")) for line in text.splitlines())


def contract_files() -> list[str]:
    """Paths of the published files, below `proto/`."""
    return sorted(row[1] for row in contract() if row[0] == "file")


def ours(path: str) -> FileDescriptorProto:
    """What our generated module says of one file."""
    module = importlib.import_module(path.removesuffix(".proto").replace("/", ".") + "_pb2")
    described = FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(described)
    return described


def rows_of(files: Iterable[FileDescriptorProto]) -> frozenset[Row]:
    """The same rows from descriptors."""
    return frozenset(row for file in files for row in _rows_of_file(file))


def _rows_of_file(file: FileDescriptorProto) -> Iterator[Row]:
    yield ("file", file.name, file.package, " ".join(sorted(file.dependency)), file.options.java_package)
    for service in file.service:
        for rpc in service.method:
            asked = "stream " * rpc.client_streaming + _local(rpc.input_type, file)
            answered = "stream " * rpc.server_streaming + _local(rpc.output_type, file)
            yield ("rpc", file.name, service.name, rpc.name, asked, answered)
    for enum in file.enum_type:
        for value in enum.value:
            yield ("enum", file.name, enum.name, value.name, str(value.number))
    for message in file.message_type:
        for field in message.field:
            yield (
                "field",
                file.name,
                message.name,
                str(field.number),
                field.name,
                *_type_and_label(field, message, file),
            )


def _type_and_label(field: FieldDescriptorProto, message: DescriptorProto, file: FileDescriptorProto) -> Row:
    entries = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    if (entry := entries.get(field.type_name.rpartition(".")[2])) is not None:
        key, value = (_type(part, file) for part in entry.field)
        return (f"map<{key}, {value}>", "")
    if field.HasField("oneof_index"):
        return (_type(field, file), f"oneof {message.oneof_decl[field.oneof_index].name}")
    return (_type(field, file), "repeated" if field.label == FieldDescriptorProto.LABEL_REPEATED else "")


def _type(field: FieldDescriptorProto, file: FileDescriptorProto) -> str:
    return _local(field.type_name, file) or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def _local(full_name: str, file: FileDescriptorProto) -> str:
    return full_name.removeprefix(".").removeprefix(f"{file.package}.")
