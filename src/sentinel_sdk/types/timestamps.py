"""Between `google.protobuf.Timestamp` and aware datetimes, in integers only: a float of seconds loses microseconds.

A datetime holds microseconds, so the last three digits of a Timestamp's nanoseconds do not survive being read; what was
written from a datetime comes back equal. A Timestamp that is absent, or zero, is None: senders write zero for "never".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import AfterValidator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_DAY = 86_400


def as_utc(moment: datetime) -> datetime:
    """The same moment, aware and in UTC. A naive datetime is taken as UTC, as `datetime.utcnow()` makes it."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


UtcDatetime = Annotated[datetime, AfterValidator(as_utc)]
"""A datetime field that is always aware and in UTC."""


def to_timestamp(moment: datetime) -> Timestamp:
    """`moment` for the wire."""
    since = as_utc(moment) - EPOCH
    return Timestamp(seconds=since.days * _SECONDS_PER_DAY + since.seconds, nanos=since.microseconds * 1000)


def from_timestamp(stamp: Timestamp) -> datetime | None:
    """The moment, or None for zero.

    Raises:
        OverflowError: outside the years 1 to 9999.
    """
    if not stamp.seconds and not stamp.nanos:
        return None
    return EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def nanoseconds(stamp: Timestamp) -> int:
    """Nanoseconds since 1970 UTC."""
    return stamp.seconds * 1_000_000_000 + stamp.nanos
