"""The comparison is not blind: one changed word or number on either side makes it fail, and says where."""

from __future__ import annotations

import pytest
from tests.sentinel_wire.rows import contract, contract_files, ours, rows_of

PROBE = "sentinel/v1/probe.proto"


@pytest.fixture(scope="module")
def described():
    return rows_of(ours(path) for path in contract_files())


def message(file, name):
    return next(found for found in file.message_type if found.name == name)


def field(file, name, field_name):
    return next(found for found in message(file, name).field if found.name == field_name)


@pytest.mark.parametrize("kind", ["file", "rpc", "enum", "field"])
def test_any_changed_cell_of_the_published_table(described, kind):
    published = contract()

    for row in (row for row in published if row[0] == kind):
        for column in range(1, len(row)):
            changed = (*row[:column], f"{row[column]}9", *row[column + 1 :])

            assert (published - {row}) | {changed} != described


def renumber(file):
    field(file, "ProbeExecution", "hmac_signature").number = 14


def rename(file):
    field(file, "ProbeExecution", "hmac_signature").name = "signature"


def retype(file):
    double = field(file, "ProbeExecution", "gpu_power_w")
    double.type = double.TYPE_DOUBLE


def repeat(file):
    repeated = field(file, "ProbeExecution", "mismatch_detail")
    repeated.label = repeated.LABEL_REPEATED


def make_unary(file):
    file.service[0].method[0].client_streaming = False


def move(file):
    file.package = "sentinel.v2"


def add_a_field(file):
    message(file, "ProbeAck").field.add(name="extra", number=5, type=field(file, "ProbeAck", "accepted").type)


def drop_a_message(file):
    file.message_type.remove(message(file, "ProbeScheduleOverride"))


@pytest.mark.parametrize("change", [renumber, rename, retype, repeat, make_unary, move, add_a_field, drop_a_message])
def test_a_changed_descriptor(change):
    file = ours(PROBE)
    change(file)

    assert rows_of([file]) != {row for row in contract() if row[1] == PROBE}


def test_the_difference_names_the_field():
    file = ours(PROBE)
    renumber(file)

    found = rows_of([file]) - contract()

    assert found == {("field", PROBE, "ProbeExecution", "14", "hmac_signature", "bytes", "")}
