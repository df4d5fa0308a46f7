"""What was measured and noticed, as messages of the client library. Ids and fingerprints come from the world's seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from sentinel_fleet.sentinel.agents import Agents, ProbedGpu
from sentinel_fleet.sentinel.facts import ProbeName
from sentinel_fleet.sentinel.moments import Compared, Noticed
from sentinel_fleet.sentinel.monitors.found import Found
from sentinel_fleet.sentinel.sweeps import Execution
from sentinel_fleet.stable import seed64, stable_uuid
from sentinel_sdk.types import (
    AnomalyBatch,
    AnomalyEvent,
    AnomalySource,
    AnomalyType,
    GpuIdentifier,
    GpuTelemetryReport,
    MismatchDetail,
    ProbeExecution,
    ProbeResult,
    ProbeResultBatch,
    ProbeType,
    Severity,
    SmIdentifier,
    TelemetryBatch,
    ThermalReading,
    TmrGpuResult,
    TmrResult,
)

_INFERENCE, _INVARIANT = ("LOGIT_DRIFT", "ENTROPY_ANOMALY", "KL_DIVERGENCE"), "INVARIANT_VIOLATION"
_TIMEOUT_NS, _ORDINARY_NS = 500_000_000, 210_000
_THROTTLES_AT_C = 87.0


class Messages:
    """Makes messages for one world."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents
        self._seed = agents.world.plan.fleet.seed
        self._gpu: Callable[[ProbedGpu], GpuIdentifier] = lru_cache(maxsize=None)(identifier)
        self._sm: Callable[[ProbedGpu, int], SmIdentifier] = lru_cache(maxsize=None)(self._sm_of)

    def moment(self, node: str, at: float) -> datetime:
        """A moment (seconds from T0) by the node's own clock."""
        anchor = self._agents.world.anchor
        return datetime.fromtimestamp(anchor + at + self._agents.clock_ahead_s(node, at), UTC)

    def probes(self, node: str, at: float, results: Iterable[Execution]) -> ProbeResultBatch:
        """A batch of an agent."""
        return ProbeResultBatch(
            agent_hostname=node,
            executions=[self._execution(one) for one in results],
            batch_timestamp=self.moment(node, at),
        )

    def telemetry(self, node: str, at: float, results: Iterable[Execution]) -> TelemetryBatch:
        """How warm the GPUs were on which something was found."""
        last = {one.gpu: one for one in results}
        reports = [self._telemetry(one) for one in last.values()]
        return TelemetryBatch(agent_hostname=node, reports=reports, batch_timestamp=self.moment(node, at))

    def anomaly(self, noticed: Noticed) -> AnomalyBatch:
        """A batch of a monitor."""
        gpu, when = self._agents.gpu(noticed.node, noticed.gpu), self.moment(noticed.node, noticed.at)
        event_id = stable_uuid(self._seed, "anomaly", gpu.uuid, noticed.found.type, noticed.at)
        event = anomaly_event(noticed.found, identifier(gpu), event_id, when)
        return AnomalyBatch(source_hostname=noticed.node, events=[event], batch_timestamp=when)

    def canary(self, compared: Compared) -> TmrResult:
        """What three GPUs made of the same work."""
        fact = compared.fact
        canary_id = stable_uuid(self._seed, "canary", fact.gpus, fact.at, compared.round)
        results = [
            TmrGpuResult(
                gpu=identifier(self._agents.gpu(node, gpu)),
                output_fingerprint=_digest(canary_id, "odd" if place == fact.odd else ""),
                execution_time_ns=38_000_000 + seed64(canary_id, place) % 900_000,
                success=True,
            )
            for place, (node, gpu) in enumerate(fact.gpus)
        ]
        when = self.moment(fact.gpus[0][0], compared.at)
        return TmrResult(canary_id=canary_id, results=results, timestamp=when)

    def _execution(self, one: Execution) -> ProbeExecution:
        execution_id = stable_uuid(self._seed, one.gpu.uuid, one.probe, one.at)
        right = _golden(one.gpu.model, one.probe)
        failed = one.outcome == "FAIL"
        return ProbeExecution(
            execution_id=execution_id,
            probe_type=ProbeType[one.probe],
            sm=self._sm(one.gpu, one.sm),
            result=ProbeResult[one.outcome],
            expected_hash=right,
            actual_hash=_digest(one.gpu.uuid, one.sm, one.probe, one.bit) if failed else right,
            mismatch_detail=_mismatch(execution_id, one.bit) if failed else None,
            execution_time_ns=_TIMEOUT_NS if one.outcome == "TIMEOUT" else _ORDINARY_NS,
            gpu_clock_mhz=1755,
            gpu_temperature_c=one.celsius,
            timestamp=self.moment(one.gpu.node, one.at),
        )

    def _sm_of(self, gpu: ProbedGpu, sm: int) -> SmIdentifier:
        return SmIdentifier(gpu=self._gpu(gpu), sm_id=sm)

    def _telemetry(self, one: Execution) -> GpuTelemetryReport:
        reading = ThermalReading(
            gpu=identifier(one.gpu),
            temperature_c=one.celsius,
            throttle_active=one.celsius >= _THROTTLES_AT_C,
            memory_temperature_c=one.celsius + 8.0,
            timestamp=self.moment(one.gpu.node, one.at),
        )
        return GpuTelemetryReport(thermal=reading)


def anomaly_event(found: Found, gpu: GpuIdentifier, event_id: str, when: datetime) -> AnomalyEvent:
    """What a detector found, for the wire."""
    source = AnomalySource.TRAINING_MONITOR
    if found.type in _INFERENCE:
        source = AnomalySource.INFERENCE_MONITOR
    elif found.type == _INVARIANT:
        source = AnomalySource.INVARIANT_CHECKER
    return AnomalyEvent(
        event_id=event_id,
        anomaly_type=AnomalyType[found.type],
        source=source,
        gpu=gpu,
        severity=Severity[found.severity],
        score=found.score,
        threshold=found.threshold,
        details=found.details,
        timestamp=when,
        layer_name=found.layer,
        model_id=found.model,
        step_number=found.step,
    )


def identifier(gpu: ProbedGpu) -> GpuIdentifier:
    """A GPU for the wire."""
    return GpuIdentifier(
        uuid=gpu.uuid,
        hostname=gpu.node,
        device_index=gpu.index,
        model=gpu.model,
        driver_version=gpu.driver,
        firmware_version=gpu.firmware,
    )


@lru_cache(maxsize=64)
def _golden(model: str, probe: ProbeName) -> bytes:
    return _digest("golden", model, probe)


def _digest(*parts: object) -> bytes:
    return sha256("\x1f".join(map(str, parts)).encode()).digest()


def _mismatch(execution_id: str, bit: int) -> MismatchDetail:
    """Two words that differ in one bit, somewhere in the output."""
    drawn = seed64(execution_id)
    right = drawn & 0xFFFFFFFF
    return MismatchDetail(
        byte_offset=(drawn >> 32) % 4096 * 4,
        expected_value=right.to_bytes(4, "little"),
        actual_value=(right ^ (1 << bit)).to_bytes(4, "little"),
        differing_bits=[bit],
    )
