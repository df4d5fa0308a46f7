"""What an entry's data say, for people: the message that belongs to its type, as JSON has it."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import anomaly_pb2, config_pb2, probe_pb2, trust_pb2

_MESSAGES: dict[int, tuple[type[Message], ...]] = {
    1: (probe_pb2.ProbeExecution, records_pb2.SystemRecord),
    2: (anomaly_pb2.AnomalyEvent,),
    3: (records_pb2.SystemRecord,),
    4: (config_pb2.ConfigUpdate,),
    5: (trust_pb2.TmrResult,),
    6: (records_pb2.SystemRecord,),
}
"""By entry type; where there are several, the first without fields it does not know."""


def decoded(entry_type: int, data: bytes) -> dict[str, Any] | None:
    """The message's name and its fields; None where the data are no message of this type.

    Fields keep the names of the proto files; 64-bit numbers are strings and bytes base64, as protobuf's JSON has them.
    """
    read = [message for kind in _MESSAGES.get(entry_type, ()) if (message := _read(kind, data)) is not None]
    if not read:
        return None
    message = next((one for one in read if not len(UnknownFieldSet(one))), read[0])
    try:
        value = MessageToDict(message, preserving_proto_field_name=True)
    except (ValueError, OverflowError, TypeError):
        return None  # it holds a time that no calendar has
    return {"message": message.DESCRIPTOR.full_name, "value": value}


def _read(kind: type[Message], data: bytes) -> Message | None:
    try:
        return kind.FromString(data)
    except DecodeError:
        return None
