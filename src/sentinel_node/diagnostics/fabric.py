"""The check `fabric`: is each GPU registered with its NVLink fabric?

Where there are NVSwitches, CUDA does not start on a GPU that is not.
"""

from __future__ import annotations

from collections.abc import Sequence

from sentinel_node.diagnostics.machine import Machine, subject_of
from sentinel_node.domain.diagnosis import Observation, Status, figures
from sentinel_node.domain.fabric import GpuFabric


def check(machine: Machine) -> tuple[Observation, ...]:
    """Look at each GPU's registration."""
    return fabric_observations(machine.driver.fabric())


def fabric_observations(fabrics: Sequence[GpuFabric]) -> tuple[Observation, ...]:
    """One for each GPU."""
    found = [_observation(fabric) for fabric in fabrics]
    return tuple(found) or (Observation(Status.UNKNOWN, "node", "The driver lists no GPU."),)


def _observation(fabric: GpuFabric) -> Observation:
    told = figures(
        state=fabric.state or None,
        error=fabric.error or None,
        cluster_uuid=fabric.cluster_uuid or None,
        clique_id=fabric.clique_id,
        troubles=",".join(fabric.troubles) or None,
    )
    status, text = _judged(fabric)
    return Observation(status, subject_of(fabric.gpu), text, told)


def _judged(fabric: GpuFabric) -> tuple[Status, str]:
    if fabric.unreadable:
        return Status.UNKNOWN, f"Its registration cannot be read: {fabric.unreadable}."
    if fabric.error:
        return Status.BAD, f"Its registration with the fabric failed: {fabric.error}."
    if fabric.troubles:
        return Status.BAD, f"The fabric complains: {', '.join(fabric.troubles)}."
    return _BY_STATE.get(fabric.state, (Status.UNKNOWN, f"The driver tells a state that is not known: {fabric.state}."))


_BY_STATE = {
    "": (Status.UNKNOWN, "This driver does not tell its registration."),
    "not_supported": (Status.OK, "It belongs to no NVLink fabric."),
    "not_started": (Status.BAD, "Its registration has not begun: the fabric manager does not run, or has not seen it."),
    "in_progress": (Status.WARNING, "Its registration is under way; if that lasts, the fabric manager is stuck."),
    "completed": (Status.OK, "It is registered with the fabric."),
}
