"""Everything else that is asked, in its turn: configuration, what components say, faults."""

from __future__ import annotations

from sentinel_gateway.core import records
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.configuration import (
    ComponentAck,
    ComponentState,
    ConfigChange,
    ConfigResult,
    Payload,
    VersionedUpdate,
)
from sentinel_gateway.domain.errors import AlreadyThere, Busy, NotKnown
from sentinel_gateway.domain.faults import Fault, FaultRequest, activated


def apply_config(change: ConfigChange, payload: Payload, pushed_by: str, round_: Round) -> ConfigResult:
    """Put an update with an id into force, once.

    Raises:
        AlreadyThere: the id was used for another update.
    """
    if (earlier := round_.update(change.update_id)) is not None:
        if (earlier.payload, earlier.reason) == (payload, change.reason):
            return ConfigResult(earlier.update_id, applied=True, version=earlier.version)
        raise AlreadyThere(f"update id {change.update_id!r} was used for another update: make a new one")
    update = VersionedUpdate(
        version=round_.configuration.version + 1,
        update_id=change.update_id,
        initiated_by=change.initiated_by or pushed_by,
        reason=change.reason,
        payload=payload,
        time_ns=round_.now_ns,
        pushed_by=pushed_by,
    )
    round_.put_update(update)
    round_.entries.append(records.config_change(update))
    return ConfigResult(update.update_id, applied=True, version=update.version)


def take_component_ack(ack: ComponentAck, round_: Round) -> None:
    """Keep what a component says; what it could not apply is recorded.

    Raises:
        Busy: more components than may become known.
    """
    most = round_.settings.ingest.max_hosts
    if round_.components.get(ack.component_id) is None and len(round_.components) >= most:
        raise Busy(f"this gateway was told to take {most} components, and knows as many")
    round_.components.put(ack.component_id, ComponentState(ack, round_.now_ns))
    if ack.update_id and not ack.applied:
        fields = {"component": ack.component_id, "update_id": ack.update_id, "error": ack.error}
        round_.entries.append(records.system("config.not_applied", fields, round_.now_ns))


def inject_fault(request: FaultRequest, injection_id: str, by: str, round_: Round) -> Fault:
    """Register a fault.

    Raises:
        NotKnown: nobody ever reported about the GPU.
    """
    if round_.gpus.get(request.gpu.uuid) is None:
        raise NotKnown(f"nobody ever reported about GPU {request.gpu.uuid!r}")
    fault = activated(request, injection_id, by, round_.now_ns)
    round_.faults.put(injection_id, fault)
    _tell_of_fault("fault.injected", fault, by, round_)
    return fault


def clear_fault(injection_id: str, by: str, round_: Round) -> Fault:
    """Take a fault from the register.

    Raises:
        NotKnown: none with this id is active.
    """
    fault = round_.faults.get(injection_id)
    if fault is None:
        raise NotKnown(f"no fault {injection_id!r} is active")
    round_.faults.remove(injection_id)
    _tell_of_fault("fault.cleared", fault, by, round_)
    return fault


def expire_faults(round_: Round) -> None:
    """Take every fault from the register whose time has run out."""
    for fault in [fault for fault in round_.faults.values() if fault.is_over(round_.now_ns)]:
        round_.faults.remove(fault.injection_id)
        _tell_of_fault("fault.expired", fault, round_.settings.name, round_)


def _tell_of_fault(event: str, fault: Fault, by: str, round_: Round) -> None:
    request = fault.request
    fields = {
        "injection_id": fault.injection_id,
        "type": str(request.fault_type),
        "sm_id": "" if request.sm_id is None else str(request.sm_id),
        "description": request.description,
        "by": by,
    }
    round_.entries.append(records.system(event, fields, round_.now_ns, request.gpu))
