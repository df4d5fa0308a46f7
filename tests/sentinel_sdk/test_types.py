"""The models say what the wire says, and lose nothing that a datetime can hold."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.message import Message as Proto
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.sentinel_sdk.scripted import made

from sentinel.v1 import audit_pb2, health_pb2
from sentinel_sdk import types
from sentinel_sdk.types import AuditEntry, ConfigUpdate, GpuHealth, GpuHealthState, GpuIdentifier, SmHealth
from sentinel_sdk.types.enums import WireEnum
from sentinel_sdk.types.message import Message
from sentinel_sdk.types.timestamps import from_timestamp, to_timestamp

PUBLIC = [getattr(types, name) for name in types.__all__]
MODELS = [one for one in PUBLIC if issubclass(one, Message)]
ENUMS = [one for one in PUBLIC if issubclass(one, WireEnum)]
BESIDE_THE_WIRE = {("DirectiveResponse", "waiting"), ("AuditEntry", "timestamp_ns")}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_of_a_message_is_a_field_of_its_model(model):
    beside = {field for name, field in BESIDE_THE_WIRE if name == model.__name__}

    assert model.wire is not Proto
    assert set(model.model_fields) - beside == set(model.wire.DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_has_a_default_that_is_the_wire_s(model):
    assert model.from_proto(model.wire()) == model.model_validate({"limit": 0} if "Filters" in model.__name__ else {})


def test_a_query_asks_for_a_hundred_entries_unless_told_otherwise():
    assert types.AuditQueryFilters().to_proto().limit == 100


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
def test_members_are_named_and_numbered_like_the_wire_s(enum):
    fields = [field for model in MODELS for field in model.wire.DESCRIPTOR.fields if field.enum_type is not None]
    on_wire = next((field.enum_type for field in fields if field.enum_type.name == enum.__name__), None)
    if on_wire is None:
        from sentinel.ext.v1 import ledger_pb2

        on_wire = ledger_pb2.DESCRIPTOR.enum_types_by_name[enum.__name__]
    prefix = on_wire.values_by_number[0].name.removesuffix("UNSPECIFIED")

    assert {member.name: member.value for member in enum} == {
        value.name.removeprefix(prefix): value.number for value in on_wire.values
    }


def test_an_absent_submessage_is_none_and_an_empty_one_is_not():
    absent = AuditEntry.from_proto(made(audit_pb2.AuditEntry))
    empty = AuditEntry.from_proto(made(audit_pb2.AuditEntry, gpu={}))

    assert absent.gpu is None
    assert empty.gpu == GpuIdentifier()
    assert empty.to_proto().HasField("gpu")


def test_a_model_comes_back_from_the_wire_as_it_was():
    moment = datetime(2026, 3, 1, 12, 30, 15, 123457, tzinfo=UTC)
    health = GpuHealth(
        gpu=GpuIdentifier(uuid="GPU-1"), state=GpuHealthState.SUSPECT, last_probe_time=moment, sm_health=[SmHealth()]
    )

    again = GpuHealth.from_proto(health_pb2.GpuHealth.FromString(health.to_proto().SerializeToString()))

    assert again == health


class TestAnUnknownNumber:
    def test_is_a_member_named_after_it(self):
        state = GpuHealth.from_proto(made(health_pb2.GpuHealth, state=9)).state

        assert state == 9
        assert state.name == "UNKNOWN_9"
        assert isinstance(state, GpuHealthState)
        assert not state.known

    def test_equals_itself_and_no_other(self):
        assert GpuHealthState(9) == GpuHealthState(9)
        assert len({GpuHealthState(9), GpuHealthState(9), GpuHealthState(-3)}) == 2
        assert GpuHealthState(9) not in list(GpuHealthState)

    def test_survives_pickling_copying_and_json(self):
        health = GpuHealth(state=GpuHealthState(9))

        assert pickle.loads(pickle.dumps(health)) == health  # noqa: S301 - our own bytes
        assert copy.deepcopy(health) == health
        assert GpuHealth.model_validate_json(health.model_dump_json()) == health

    def test_goes_back_to_the_wire(self):
        assert GpuHealth(state=GpuHealthState(17)).to_proto().state == 17

    @pytest.mark.parametrize("value", ["HEALTHY", 2**31, 1.5, True, None])
    def test_is_an_integer_of_the_wire_s_width(self, value):
        if value is True:
            assert GpuHealthState(value) is GpuHealthState.HEALTHY
            return
        with pytest.raises(ValueError, match="is not a valid GpuHealthState"):
            GpuHealthState(value)


class TestTimes:
    @given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
    def test_keep_their_microseconds(self, moment):
        assert from_timestamp(to_timestamp(moment)) == moment

    def test_are_aware_and_in_utc(self):
        read = from_timestamp(Timestamp(seconds=1_700_000_000, nanos=123_456_789))

        assert read == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
        assert read.tzinfo is UTC

    def test_naive_input_is_taken_as_utc(self):
        naive = datetime(2026, 1, 1, 12, 0)  # noqa: DTZ001 - what utcnow() makes

        assert types.AuditQueryFilters(start_time=naive).start_time == datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
        assert to_timestamp(naive) == to_timestamp(naive.replace(tzinfo=UTC))

    def test_of_another_zone_are_converted(self):
        moment = datetime(2026, 1, 1, 12, 0, tzinfo=timezone(timedelta(hours=5)))

        assert types.AuditQueryFilters(start_time=moment).model_dump()["start_time"].hour == 7

    def test_zero_and_absent_are_none(self):
        assert GpuHealth.from_proto(made(health_pb2.GpuHealth, last_probe_time=Timestamp())).last_probe_time is None

    def test_before_1970_are_taken(self):
        moment = datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

        assert from_timestamp(to_timestamp(moment)) == moment

    def test_of_an_entry_keep_their_nanoseconds_on_the_way_through(self):
        wire = made(audit_pb2.AuditEntry, entry_id=1, timestamp=Timestamp(seconds=5, nanos=123_456_789))

        entry = AuditEntry.from_proto(wire)

        assert entry.timestamp_ns == 5_123_456_789
        assert entry.to_proto() == wire

    def test_of_an_entry_that_was_changed_count_as_changed(self):
        entry = AuditEntry.from_proto(made(audit_pb2.AuditEntry, timestamp=Timestamp(seconds=5, nanos=123_456_789)))

        entry.timestamp = datetime(2026, 1, 1, tzinfo=UTC)

        assert entry.to_proto().timestamp == to_timestamp(entry.timestamp)


def test_a_misspelt_field_is_an_error():
    with pytest.raises(ValidationError, match="gpu_uuid"):
        types.AuditQueryFilters.model_validate({"gpu_uuid": "GPU-1"})


def test_a_field_may_be_changed_and_is_checked():
    filters = types.AuditQueryFilters()

    filters.page_token = "next"

    assert filters.to_proto().page_token == "next"
    with pytest.raises(ValidationError):
        setattr(filters, "limit", "many")  # noqa: B010 - a type checker would refuse it


def test_hashes_survive_json():
    entry = AuditEntry(entry_id=1, entry_hash=b"\xff\x00" * 16)

    assert AuditEntry.model_validate_json(entry.model_dump_json()) == entry


def test_defaults_are_not_shared():
    GpuHealth().sm_health.append(SmHealth())

    assert GpuHealth().sm_health == []


def test_the_payloads_of_an_update_are_named():
    update = ConfigUpdate(threshold=types.ThresholdUpdate(), overhead_budget=types.OverheadBudgetUpdate())

    assert update.payloads == ("overhead_budget", "threshold")
