"""What an entry's data say: the message that belongs to the entry's type, and its fields as JSON has them.

The one place that decides how data are read, for the client library, the gateway's exports and REST answers, and
whoever else shows entries. Whoever may record writes what he likes into `data`, so bytes are read as a message only
where they hold at least one field it has; anything else stays bytes, and `Unread` says why. Texts come out as they were
recorded: whoever shows them escapes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import anomaly_pb2, config_pb2, probe_pb2

Fields = dict[str, Any]
"""Names of the proto files; 64-bit numbers are texts, bytes base64 and times RFC 3339, as protobuf's JSON has them."""

_OWN: dict[int, type[Message]] = {
    1: probe_pb2.ProbeExecution,
    2: anomaly_pb2.AnomalyEvent,
    4: config_pb2.ConfigUpdate,
    5: records_pb2.TmrRecord,  # which every TmrResult can be read as
}
"""By entry type; an entry of any type may hold a SystemRecord instead."""
_TYPES = range(1, 7)


@dataclass(frozen=True, slots=True)
class Content:
    """Data that were read."""

    message: Message
    complete: bool
    """Every byte is accounted for; False where some say more: fields this version does not know, or a field twice."""

    @property
    def name(self) -> str:
        """The message's full name, such as ``sentinel.v1.ProbeExecution``."""
        return str(self.message.DESCRIPTOR.full_name)


@dataclass(frozen=True, slots=True)
class Unread:
    """Data that stay bytes."""

    reason: str
    """For people; holds nothing of the data."""


def read(entry_type: int, data: bytes) -> Content | Unread:
    """The message in an entry's data; where several fit, the first that accounts for every byte."""
    if not data:
        return Unread("there are no data")
    if entry_type not in _TYPES:
        return Unread(f"entry type {entry_type} is not known to this version")
    kinds = [kind for kind in (_OWN.get(entry_type), records_pb2.SystemRecord) if kind is not None]
    found = [content for kind in kinds if (content := _as(kind, data)) is not None]
    if not found:
        names = " and no ".join(kind.DESCRIPTOR.name for kind in kinds)
        return Unread(f"the {len(data)} bytes are no {names}")
    return next((content for content in found if content.complete), found[0])


def fields_of(content: Content) -> Fields | Unread:
    """The message's fields; those that are not set are left out."""
    try:
        return json_format.MessageToDict(content.message, preserving_proto_field_name=True)
    except (json_format.Error, ValueError, OverflowError, TypeError):
        return Unread(f"the {content.name} holds a time that no calendar has")


def _as(kind: type[Message], data: bytes) -> Content | None:
    try:
        message = kind.FromString(data)
    except DecodeError:
        return None
    known = kind()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    return Content(message, known.ByteSize() == len(data)) if known.ListFields() else None
