"""Pushing configuration to agents and monitors."""

from __future__ import annotations

from sentinel_sdk import methods
from sentinel_sdk.errors import invalid
from sentinel_sdk.ids import uuid7
from sentinel_sdk.rpc import Call, call
from sentinel_sdk.types.config import ConfigAck, ConfigUpdate


def update_config(update: ConfigUpdate) -> Call[ConfigAck]:
    """Push one change. An `update_id` is made where it is unset, in the message that is sent only.

    Raises:
        InvalidArgumentError: it carries no payload, or more than one; nothing was sent.
    """
    if len(update.payloads) != 1:
        raise invalid(
            "a ConfigUpdate carries exactly one of probe_schedule, overhead_budget, sampling_rate and threshold; "
            f"this one carries {', '.join(update.payloads) or 'none'}"
        )
    complete = update.model_copy(update={"update_id": update.update_id or uuid7()})
    return call(methods.APPLY_CONFIG, complete.to_proto(), lambda reply: ConfigAck.from_proto(reply.message))
