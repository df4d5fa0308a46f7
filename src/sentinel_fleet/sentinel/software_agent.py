"""A probe agent of software GPUs: sweeps by a schedule, and reports what comparing found as any agent does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sentinel_fleet.sentinel.facts import ProbeName
from sentinel_fleet.sentinel.silicon.faults import Fault
from sentinel_fleet.sentinel.silicon.probing import Compared, probed
from sentinel_fleet.sentinel.silicon.schedules import Schedule, due
from sentinel_fleet.stable import seed64, stable_uuid
from sentinel_sdk.types import GpuIdentifier, MismatchDetail, ProbeExecution, ProbeResult, ProbeType, SmIdentifier

Faults = Mapping[str, Sequence[Fault]]
"""By GPU."""
_ORDINARY_NS = 210_000


@dataclass(slots=True)
class SoftwareAgent:
    """The agent of one host; seconds count from its start."""

    gpus: Sequence[GpuIdentifier]
    sms: int
    schedule: Schedule
    seed: int = 1

    def is_due(self, second: int) -> bool:
        """Whether anything runs at this second."""
        return any(True for _ in due(self.schedule, second))

    def executions(self, second: int, when: datetime, faults: Faults) -> list[ProbeExecution]:
        """Everything that runs at a second, which is `when` by its clock."""
        return [one for probe, sweep in due(self.schedule, second) for one in self._swept(probe, sweep, when, faults)]

    def _swept(self, probe: ProbeName, sweep: int, when: datetime, faults: Faults) -> Iterator[ProbeExecution]:
        seed = seed64(self.seed, probe, sweep)
        for gpu in self.gpus:
            here = faults.get(gpu.uuid, ())
            for sm in self.schedule[probe].sms(sweep, self.sms):
                on_sm = tuple(fault for fault in here if fault.sm in (None, sm))
                outcome = probed(probe, seed, on_sm, gpu.uuid, sm)
                execution_id = stable_uuid(self.seed, gpu.uuid, probe, sm, when)
                yield execution(outcome, execution_id, ProbeType[probe], SmIdentifier(gpu=gpu, sm_id=sm), when)


def execution(
    outcome: Compared, execution_id: str, probe: ProbeType, sm: SmIdentifier, when: datetime
) -> ProbeExecution:
    """What a comparison found, for the wire."""
    wrong = outcome.mismatch
    detail = None
    if wrong is not None:
        detail = MismatchDetail(
            byte_offset=wrong.byte_offset,
            expected_value=wrong.expected,
            actual_value=wrong.actual,
            differing_bits=list(wrong.bits),
        )
    return ProbeExecution(
        execution_id=execution_id,
        probe_type=probe,
        sm=sm,
        result=ProbeResult.PASS if wrong is None else ProbeResult.FAIL,
        expected_hash=outcome.expected_hash,
        actual_hash=outcome.actual_hash,
        mismatch_detail=detail,
        execution_time_ns=_ORDINARY_NS,
        timestamp=when,
    )
