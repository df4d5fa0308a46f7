"""Whether a probe may run on a node: what a request may hold, what the operator lets run, whom it would disturb."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sentinel.node.v1 import node_pb2
from sentinel_fleet.baseline.fleet import GpuIdentity
from sentinel_fleet.node_agents.catalogue import light_repetitions
from sentinel_fleet.node_agents.facts import Permission
from sentinel_fleet.node_agents.node import LOST, NodeNow
from sentinel_fleet.node_agents.refusals import invalid, not_found, refused, unavailable
from sentinel_fleet.sentinel.facts import PROBES, ProbeName

_USUAL_DEADLINE_S, _LONGEST_DEADLINE_S = 60.0, 3600.0
_MOST_SMS, _MOST_SM, _MOST_REPETITIONS, _LONGEST_NAME = 4096, 65_535, 1_000_000, 64
_IDLE_PCT = 5.0

PERMISSIONS = {
    "off": node_pb2.PROBE_PERMISSION_OFF,
    "light": node_pb2.PROBE_PERMISSION_LIGHT,
    "deep": node_pb2.PROBE_PERMISSION_DEEP,
}
_KIND_OF: dict[int, ProbeName] = {node_pb2.ProbeKind.Value(f"PROBE_KIND_{name}"): name for name in PROBES}


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """A request with everything filled in."""

    request: node_pb2.ProbeRequest
    probe: ProbeName

    @property
    def is_deep(self) -> bool:
        """Whether it takes all of the GPU."""
        return self.request.depth == node_pb2.PROBE_DEPTH_DEEP

    @property
    def is_beyond_light(self) -> bool:
        """Whether it takes more of the GPU than a light run does by itself."""
        takes_memory = self.probe == "MEMORY" and self.request.memory_share > 0
        more = self.request.repetitions > light_repetitions(self.probe)
        return self.is_deep or self.request.soak_seconds > 0 or takes_memory or more


def plan_of(request: node_pb2.ProbeRequest, fresh_seed: int) -> ProbePlan:
    """What is asked for.

    Raises:
        Refusal: a field cannot be.
    """
    if request.kind not in _KIND_OF:
        raise invalid(f"kind {request.kind} is none of the seven kinds of probe")
    if request.depth not in (0, node_pb2.PROBE_DEPTH_LIGHT, node_pb2.PROBE_DEPTH_DEEP):
        raise invalid(f"depth {request.depth} is neither light nor deep")
    if not request.gpu_uuid:
        raise invalid("gpu_uuid is empty: it names one GPU of this node")
    _check_sizes(request)
    plan = node_pb2.ProbeRequest()
    plan.CopyFrom(request)
    plan.depth = request.depth or node_pb2.PROBE_DEPTH_LIGHT
    plan.seed = request.seed if request.HasField("seed") else fresh_seed
    plan.deadline_seconds = request.deadline_seconds or _USUAL_DEADLINE_S
    return ProbePlan(plan, _KIND_OF[request.kind])


def _check_sizes(request: node_pb2.ProbeRequest) -> None:
    sms = list(request.sm_ids)
    if len(request.variant) > _LONGEST_NAME:
        raise invalid(f"variant has more than {_LONGEST_NAME} characters")
    if len(sms) > _MOST_SMS or len(set(sms)) != len(sms) or max(sms, default=0) > _MOST_SM:
        raise invalid("sm_ids are too many, twice the same, or of no GPU there is")
    deadline_s = request.deadline_seconds or _USUAL_DEADLINE_S
    bounds = (
        ("repetitions", request.repetitions, _MOST_REPETITIONS),
        ("memory_share", request.memory_share, 1),
        ("deadline_seconds", request.deadline_seconds, _LONGEST_DEADLINE_S),
        ("soak_seconds", request.soak_seconds, deadline_s),
    )
    for name, value, most in bounds:
        if not (math.isfinite(value) and 0 <= value <= most):
            raise invalid(f"{name} is {value:g} and may be 0 to {most:g}")


def check_allowed(plan: ProbePlan, allowed: Permission) -> None:
    """Whether the operator of the node lets it run.

    Raises:
        Refusal: no.
    """
    if allowed == "off":
        raise refused("probes are off on this node (setting `probes`)")
    if plan.is_beyond_light and allowed != "deep":
        raise refused("only light probes may run on this node; this one is deep and needs the setting `probes: deep`")


def gpu_of(plan: ProbePlan, node: NodeNow) -> GpuIdentity:
    """The GPU that is meant.

    Raises:
        Refusal: there is none, or the driver has lost it.
    """
    wanted = plan.request.gpu_uuid
    found = next((gpu for gpu in node.gpus if gpu.uuid == wanted), None)
    if found is None:
        raise not_found(f"no GPU {wanted!r:.90} is here; there are: {', '.join(gpu.uuid for gpu in node.gpus)}")
    if found.index in node.lost:
        raise unavailable(f"GPU {wanted!r} cannot be opened: {LOST}")
    return found


def check_idle(plan: ProbePlan, node: NodeNow, gpu: GpuIdentity) -> None:
    """Whether nobody computes on the GPU, where that matters.

    Raises:
        Refusal: somebody does, or nobody can tell.
    """
    if not plan.is_beyond_light:
        return
    if missing := node.missing("telemetry"):
        raise unavailable(f"telemetry: {missing}")
    if pids := [str(one.pid) for one in node.processes if one.gpu == gpu.index]:
        raise refused(
            f"processes compute on {gpu.uuid!r}: {', '.join(pids)}; a deep probe needs an idle GPU: drain the node, or"
            " ask for a light one"
        )
    busy_pct = 0.0 if node.is_left(gpu.index) else node.world.gauges().read(node.name, "GPU_UTIL", node.now)[gpu.index]
    if busy_pct > _IDLE_PCT:
        raise refused(f"{gpu.uuid!r} is {busy_pct:g} % busy with work that no process here shows: drain the node first")
