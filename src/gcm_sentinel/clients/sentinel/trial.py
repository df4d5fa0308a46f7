"""A call the client library refuses to make: recording nothing. Imported when it is made, as it imports the library.

The gateway looks at roles before it looks at the request, so that an empty request says whether we may record without
anything being recorded.
"""

from __future__ import annotations

from sentinel.v1 import audit_pb2
from sentinel_sdk import methods
from sentinel_sdk.faces import awaited
from sentinel_sdk.rpc import Call, call


def record_nothing() -> Call[int]:
    """Ask for no entries to be recorded; how many were.

    Raises:
        InvalidArgumentError: we may record, and this is nothing to record.
    """
    return call(methods.INGEST_EVENTS, audit_pb2.AuditIngestRequest(), lambda reply: reply.message.entries_ingested)


arecord_nothing = awaited(record_nothing)
