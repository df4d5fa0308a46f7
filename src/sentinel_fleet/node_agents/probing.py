"""One run of a probe as its caller sees it: accepted, then progress and findings variant by variant, then the report.

A run takes no time of its own: what it finds follows from the world at the moment it is asked for, and the GPU is held
only while the answer is on its way.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from sentinel.node.v1 import node_pb2
from sentinel_fleet.baseline.fleet import GpuIdentity
from sentinel_fleet.node_agents.catalogue import VARIANTS, ProbeVariant, left_out, light_repetitions
from sentinel_fleet.node_agents.node import NodeNow
from sentinel_fleet.node_agents.permission import ProbePlan
from sentinel_fleet.node_agents.refusals import invalid
from sentinel_fleet.node_agents.silicon import Look, Silicon
from sentinel_fleet.sentinel.facts import ProbeFact
from sentinel_fleet.stable import seed64

PASS, FAIL = node_pb2.PROBE_OUTCOME_PASS, node_pb2.PROBE_OUTCOME_FAIL
NOT_RUN = node_pb2.PROBE_OUTCOME_NOT_RUN
_TROUBLE = {"TIMEOUT": node_pb2.PROBE_OUTCOME_TIMEOUT, "ERROR": node_pb2.PROBE_OUTCOME_ERROR}
_GRAVEST_FIRST = (FAIL, _TROUBLE["TIMEOUT"], _TROUBLE["ERROR"], NOT_RUN, PASS)
_GIB = 1 << 30
_STRETCH_BYTES = 2 * _GIB
_LAUNCH_ERROR = "the launch failed: CUDA_ERROR_LAUNCH_FAILED: unspecified launch failure"
_SOAK_S, _HOTTER_C = 20.0, 16.0
_ADDRESS = 0x7F00_0000_0000


@dataclass(slots=True)
class Run:
    """A plan that was accepted, on its way to the report."""

    node: NodeNow
    gpu: GpuIdentity
    plan: ProbePlan
    number: int
    """Which run on this GPU it is: chance falls anew in each."""
    found: Counter[int] = field(default_factory=Counter)

    def events(self) -> Iterator[node_pb2.ProbeEvent]:
        """All of it, but for what every event says of the run.

        Raises:
            Refusal: the kind has no such variant, or none that this GPU can run.
        """
        yield node_pb2.ProbeEvent(accepted=node_pb2.ProbeAccepted(plan=self.plan.request))
        chosen, notes = self._chosen()
        lost_by = ""
        for variant in chosen:
            look = self._look(variant)
            trouble = None if lost_by else self._silicon.trouble(look)
            for finding in self._findings(variant, look, trouble, lost_by):
                self.found[finding.outcome] += 1
                yield node_pb2.ProbeEvent(finding=finding)
            lost_by = lost_by or (self._why(trouble) if trouble else "")
            done = self._repetitions(variant)
            yield node_pb2.ProbeEvent(progress=node_pb2.ProbeProgress(done=done, total=done, stage=variant.name))
        yield node_pb2.ProbeEvent(report=self._report([*notes, *self._memory_notes(chosen)]))

    def _chosen(self) -> tuple[list[ProbeVariant], list[str]]:
        wanted = self.plan.request.variant
        named = [variant for variant in VARIANTS[self.plan.probe] if wanted in ("", variant.name)]
        if not named:
            raise invalid(f"{self.plan.probe.lower()} has no variant {wanted!r:.80}")
        notes = [why for variant in named if (why := left_out(variant, self.node.compute))]
        able = [variant for variant in named if not left_out(variant, self.node.compute)]
        if not able:
            raise invalid("; ".join(notes))
        return able, notes

    def _findings(
        self, variant: ProbeVariant, look: Look, trouble: ProbeFact | None, lost_by: str
    ) -> Iterable[node_pb2.ProbeFinding]:
        if lost_by:
            reason = f"not started, because the device had failed: {lost_by}"
            yield node_pb2.ProbeFinding(outcome=NOT_RUN, variant=variant.name, reason=reason)
        elif self.plan.probe == "MEMORY":
            yield from self._of_memory(variant, look, trouble)
        else:
            yield from self._of_sms(variant, look, trouble)

    def _of_sms(
        self, variant: ProbeVariant, look: Look, trouble: ProbeFact | None
    ) -> Iterable[node_pb2.ProbeFinding]:  # fmt: skip
        wrong = {} if trouble else self._silicon.wrong(look)
        for sm in self.plan.request.sm_ids or range(self.node.sms):
            if sm >= self.node.sms:
                finding = self._unanswered(variant, NOT_RUN, "no block was seen on this SM")
            else:
                finding = self._finding(variant, trouble, wrong.get(sm), place=sm)
            finding.sm_id = sm
            yield finding

    def _of_memory(
        self, variant: ProbeVariant, look: Look, trouble: ProbeFact | None
    ) -> Iterable[node_pb2.ProbeFinding]:  # fmt: skip
        sizes = self._stretches()
        spoiled = None if trouble else self._silicon.spoiled(look)
        bad = seed64(self.gpu.uuid, "stretch") % max(1, len(sizes))
        for place, size in enumerate(sizes):
            finding = self._finding(variant, trouble, spoiled if place == bad else None, place=place)
            if finding.outcome in (PASS, FAIL):
                finding.tested_bytes = size
            if finding.outcome == FAIL:
                offset = seed64(self.gpu.uuid, "cell") % (size // 4) * 4
                finding.mismatch.byte_offset = offset
                finding.mismatch.device_address = _ADDRESS + place * _STRETCH_BYTES + offset
            yield finding

    def _finding(
        self, variant: ProbeVariant, trouble: ProbeFact | None, wrong: ProbeFact | None, place: int
    ) -> node_pb2.ProbeFinding:
        if trouble is not None:
            return self._unanswered(variant, _TROUBLE[trouble.outcome], self._why(trouble))
        repetitions = self._repetitions(variant)
        right = b"" if self.plan.probe == "MEMORY" else self._right(variant)
        finding = node_pb2.ProbeFinding(
            outcome=PASS if wrong is None else FAIL,
            variant=variant.name,
            expected_hash=right,
            actual_hash=right,
            repetitions=repetitions,
            duration_ns=13_000 * repetitions,
        )
        if wrong is not None:
            self._spoil(finding, wrong, place)
        return finding

    def _unanswered(
        self, variant: ProbeVariant, outcome: node_pb2.ProbeOutcome.ValueType, reason: str
    ) -> node_pb2.ProbeFinding:
        """A finding without an answer; the right one is known all the same, where a CPU can derive it."""
        right = b"" if self.plan.probe in ("MEMORY", "TRANSCENDENTAL") else self._right(variant)
        return node_pb2.ProbeFinding(outcome=outcome, variant=variant.name, reason=reason, expected_hash=right)

    def _right(self, variant: ProbeVariant) -> bytes:
        return _digest(self.plan.probe, variant.name, self.plan.request.seed)

    def _spoil(self, finding: node_pb2.ProbeFinding, wrong: ProbeFact, place: int) -> None:
        """One bit of some words is wrong."""
        drawn = seed64(self.gpu.uuid, finding.variant, place, self.plan.request.seed)
        expected = drawn & 0xFFFFFFFF
        if finding.actual_hash:
            finding.actual_hash = _digest(self.gpu.uuid, finding.variant, place, self.plan.request.seed)
        finding.mismatch_words = 1 + (drawn >> 32) % max(1, int(finding.repetitions))
        finding.mismatch_bits = 1 << wrong.bit
        finding.mismatch.CopyFrom(
            node_pb2.ProbeMismatch(
                byte_offset=(drawn >> 40) % 4096 * 4,
                expected_value=expected.to_bytes(4, "little"),
                actual_value=(expected ^ 1 << wrong.bit).to_bytes(4, "little"),
                differing_bits=[wrong.bit],
            )
        )

    def _report(self, notes: list[str]) -> node_pb2.ProbeReport:
        outcome = next((one for one in _GRAVEST_FIRST if self.found[one]), NOT_RUN)
        report = node_pb2.ProbeReport(
            plan=self.plan.request,
            outcome=outcome,
            passed=self.found[PASS],
            failed=self.found[FAIL],
            errors=self.found[_TROUBLE["ERROR"]],
            timeouts=self.found[_TROUBLE["TIMEOUT"]],
            not_run=self.found[NOT_RUN],
            sms_present=self.node.sms,
            gpu_clock_mhz=int(self._gauge("SM_CLOCK")),
            gpu_temperature_c=round(self._celsius(), 1),
            gpu_power_w=self._gauge("POWER_USAGE"),
            notes=notes,
        )
        report.started.FromNanoseconds(self.node.stamp_ns)
        report.ended.FromNanoseconds(self.node.stamp_ns)
        return report

    @property
    def _silicon(self) -> Silicon:
        return Silicon(self.node.plan.facts, self.node.sms)

    def _look(self, variant: ProbeVariant) -> Look:
        probe = self.plan.probe
        return Look(
            node=self.node.name,
            gpu=self.gpu.index,
            probe=probe,
            at=self.node.since_t0_s,
            celsius=self._celsius(),
            executions=self._repetitions(variant) / light_repetitions(probe),
            luck=(self.node.world.fleet.seed, "asked", self.gpu.uuid, probe, variant.name, self.number),
        )

    def _why(self, trouble: ProbeFact) -> str:
        if trouble.outcome == "TIMEOUT":
            return f"it had not ended after {self.plan.request.deadline_seconds:g} s"
        return _LAUNCH_ERROR

    def _repetitions(self, variant: ProbeVariant) -> int:
        light = light_repetitions(self.plan.probe)
        return int(self.plan.request.repetitions) or (variant.deep if self.plan.is_deep else light)

    def _celsius(self) -> float:
        """A soak heats what the world's course has cooler."""
        now, hot = self._gauge("GPU_TEMP"), self.node.world.fleet.model.busy_c + _HOTTER_C
        return now + max(0.0, hot - now) * (1.0 - math.exp(-self.plan.request.soak_seconds / _SOAK_S))

    def _gauge(self, name: str) -> float:
        return self.node.world.gauges().read(self.node.name, name, self.node.now).get(self.gpu.index, 0.0)

    def _free_bytes(self) -> int:
        used = 4.0 if self.node.is_left(self.gpu.index) else self._gauge("FB_USED")
        return int((self.node.world.fleet.model.memory_mib - used) * (1 << 20))

    def _stretches(self) -> list[int]:
        """The memory that is taken: a light run's one stretch, or all that is free but a reserve."""
        free, share = self._free_bytes(), self.plan.request.memory_share or float(self.plan.is_deep)
        if share == 0:
            return [min(_STRETCH_BYTES, free // 4)]
        return [_STRETCH_BYTES] * max(1, int((free - _STRETCH_BYTES) * share) // _STRETCH_BYTES)

    def _memory_notes(self, chosen: Iterable[ProbeVariant]) -> list[str]:
        if self.plan.probe != "MEMORY":
            return []
        tested, free = sum(self._stretches()), self._free_bytes()
        return [f"{variant.name}: {tested} bytes tested of the {free} that were free" for variant in chosen]


@lru_cache(maxsize=64)
def _digest(*parts: object) -> bytes:
    return sha256("\x1f".join(map(str, parts)).encode()).digest()
