"""What followers are told, for the wire."""

from __future__ import annotations

from typing import Any

from sentinel.ext.v1 import events_pb2
from sentinel.v1 import probe_pb2
from sentinel_gateway.domain.directives import DirectiveRecord
from sentinel_gateway.domain.happened import GuardChange, Happened, Happening
from sentinel_gateway.domain.history import Correlation, StateTransition
from sentinel_gateway.services.directive_messages import record_to_wire
from sentinel_gateway.services.health_messages import correlation_to_wire, transition_to_wire
from sentinel_gateway.services.wire_values import gpu_to_wire, timestamp


def event_to_wire(happened: Happened) -> events_pb2.Event:
    """Something that happened; a position alone where nothing did."""
    if happened.what is None:
        return events_pb2.Event(position=happened.position)
    return events_pb2.Event(
        position=happened.position,
        time=timestamp(happened.time_ns),
        gpu=gpu_to_wire(happened.gpu) if happened.gpu else None,
        **_what(happened.what),
    )


def _what(what: Happening) -> dict[str, Any]:
    """The field of `what` it stands in; any message of the four."""
    match what:
        case StateTransition():
            return {"state": transition_to_wire(what)}
        case Correlation():
            return {"correlation": correlation_to_wire(what)}
        case DirectiveRecord():
            return {"directive": record_to_wire(what)}
        case GuardChange():
            return {"shared_cause": shared_cause(what)}


def shared_cause(change: GuardChange) -> events_pb2.SharedCause:
    """A cause that many GPUs share."""
    return events_pb2.SharedCause(
        key=change.key,
        shared=change.shared,
        value=change.value,
        gpus=change.gpus,
        of=change.of,
        raised=change.raised,
        description=change.description,
        probe_types=[probe_pb2.ProbeType.ValueType(kind) for kind in change.probe_types],
        since=timestamp(change.since_ns) if change.since_ns else None,
    )
