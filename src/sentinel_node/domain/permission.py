"""Whether a probe may run at all: what the operator allows, and whom it would disturb. Pure.

A deep probe takes all of a GPU, and a workload beside it would suffer and would also spoil the result. So it needs a
GPU that nobody computes on, and where nobody can tell whether somebody does, it is refused as well. Between this look
and the first launch a workload may still start; drain the node first where that matters.
"""

from __future__ import annotations

from enum import StrEnum

from sentinel_node.domain.errors import Refused, Unavailable
from sentinel_node.domain.probes import Depth, ProbeKind, ProbePlan
from sentinel_node.domain.telemetry import GpuSample

_MOST_PIDS = 20
_IDLE_PCT = 5.0
"""A GPU without work shows 0; the driver's own housekeeping a percent or two."""
_PROCESS_LISTS = ("compute_processes", "mps_processes")
LIGHT_REPETITIONS = 16
"""The most that a light run of any kind makes by itself; the catalogue of probes is held against it by a test."""
LIGHT_MEMORY_ROUNDS = 1
"""The same for memory, where one round already goes over all the memory that was taken."""


class Allowed(StrEnum):
    """What the operator lets run, each including the one before."""

    OFF = "off"
    LIGHT = "light"
    DEEP = "deep"


def check_allowed(plan: ProbePlan, allowed: Allowed) -> None:
    """Whether the operator lets it run.

    Raises:
        Refused: not on this node.
    """
    if allowed is Allowed.OFF:
        raise Refused("probes are off on this node (setting `probes`); nobody may run one")
    if plan.depth is Depth.DEEP and allowed is not Allowed.DEEP:
        raise Refused("only light probes are allowed on this node; a deep one needs the setting `probes: deep`")
    if plan.soak_s > 0 and allowed is not Allowed.DEEP:
        raise Refused("a soak loads the whole GPU and counts as deep; it needs the setting `probes: deep`")
    if _is_beyond_light(plan) and allowed is not Allowed.DEEP:
        raise Refused(
            f"more repetitions of {plan.kind} than {_light_repetitions(plan)}, or a share of the memory, count as deep;"
            " they need the setting `probes: deep`"
        )


def needs_idle_gpu(plan: ProbePlan) -> bool:
    """Whether it takes all of the GPU, or may take more of it than a light run does by itself.

    How much memory a light run takes depends on the GPU's cache, which is not known here; so a share that a caller
    names always counts.
    """
    return plan.depth is Depth.DEEP or plan.soak_s > 0 or _is_beyond_light(plan)


def _is_beyond_light(plan: ProbePlan) -> bool:
    takes_memory = plan.kind is ProbeKind.MEMORY and plan.memory_share > 0
    return takes_memory or plan.repetitions > _light_repetitions(plan)


def _light_repetitions(plan: ProbePlan) -> int:
    return LIGHT_MEMORY_ROUNDS if plan.kind is ProbeKind.MEMORY else LIGHT_REPETITIONS


def is_busy(sample: GpuSample | None) -> bool:
    """Whether the driver says that something computes there, of whomever."""
    return sample is not None and (sample.utilization_pct or 0.0) > _IDLE_PCT


def check_idle(plan: ProbePlan, sample: GpuSample | None, own_pids: frozenset[int]) -> None:
    """Whether nobody else computes on the GPU; `sample` is its newest, None where there is none.

    `own_pids` hold contexts for probes and are nobody else's. In a container that does not share the host's process
    numbers the driver shows no process of others, so a GPU that works is not taken for idle either.

    Raises:
        Refused: processes hold it, and are named, or something keeps it busy.
        Unavailable: nobody can tell.
    """
    if not needs_idle_gpu(plan):
        return
    if sample is None:
        raise Unavailable(f"a deep probe needs an idle GPU, and the driver tells nothing of {plan.gpu_uuid!r}")
    if sample.lost:
        raise Unavailable(f"the driver has lost {plan.gpu_uuid!r} ({sample.lost}), so nothing can run on it")
    unreadable = [field for field in sample.unreadable if field.startswith(_PROCESS_LISTS)]
    if sample.compute_processes is None or unreadable:
        why = unreadable[0] if unreadable else "the driver does not tell"
        raise Unavailable(f"a deep probe needs an idle GPU, and its processes cannot be read ({why})")
    others = [pid for pid in sample.compute_processes if pid not in own_pids]
    if others:
        pids = ", ".join(map(str, others[:_MOST_PIDS]))
        more = f" and {len(others) - _MOST_PIDS} more" if len(others) > _MOST_PIDS else ""
        raise Refused(
            f"a deep probe needs an idle GPU, and processes compute on {plan.gpu_uuid!r}: {pids}{more};"
            " drain the node, or run a light one"
        )
    if is_busy(sample):
        raise Refused(
            f"a deep probe needs an idle GPU, and {plan.gpu_uuid!r} is {sample.utilization_pct:g} % busy with"
            " processes that cannot be seen from here; drain the node, or run a light one"
        )
