"""Probe reports as `sentinel.v1` executions: one for each SM that gave an outcome. Pure.

What the wire cannot say, and what is made of it:

* **Number formats.** The wire knows probe types only. The findings of one SM become one execution: the gravest
  outcome, and hashes over the hashes of all formats in their order. So an SM counts once in a run, as the gateway's
  model has it, and one that is wrong in one format of five fails every run and not a fifth of them.
* **Kernels that are not proven** on a GPU yet give no verdict: their PASS and TIMEOUT are left out.
* **NOT_RUN** has no number. Such an SM is left out: silence is what the gateway takes for "nothing is known". So is one
  that passed in some formats and did not run in others, for it was not tested as a pass would say.
* **Memory** belongs to no SM, and the wire asks for one. The execution names the number after the GPU's last SM, 132 of
  a GPU with 132 SMs. Named as SM 0, failures of the memory would blame that SM, and in a deep test its other probes
  would pass for the memory. As a number of its own, memory is judged, tested and blamed by itself.
  Where the number of SMs is unknown (nothing was heard of the run), there is no such number, and it is left out.
* **Execution time** is an SM's part of the GPU time of the run: it ran side by side with others, and the gateway adds
  up what it is told (`probes.whole_gpu`, its default). The sum over a run is the time it held the GPU.

Times are whole microseconds, because the client library's values hold no more and a signature covers all digits.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from sentinel.v1 import common_pb2, probe_pb2
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Finding, Outcome, ProbeKind, ProbeReport
from sentinel_node.reporting.identifiers import identifier, timestamp

PROBE_TYPES: Mapping[ProbeKind, probe_pb2.ProbeType.ValueType] = {
    ProbeKind.FMA: probe_pb2.PROBE_TYPE_FMA,
    ProbeKind.TENSOR_CORE: probe_pb2.PROBE_TYPE_TENSOR_CORE,
    ProbeKind.TRANSCENDENTAL: probe_pb2.PROBE_TYPE_TRANSCENDENTAL,
    ProbeKind.AES: probe_pb2.PROBE_TYPE_AES,
    ProbeKind.MEMORY: probe_pb2.PROBE_TYPE_MEMORY,
    ProbeKind.REGISTER_FILE: probe_pb2.PROBE_TYPE_REGISTER_FILE,
    ProbeKind.SHARED_MEMORY: probe_pb2.PROBE_TYPE_SHARED_MEMORY,
}
_RESULTS: Mapping[Outcome, probe_pb2.ProbeResult.ValueType] = {
    Outcome.FAIL: probe_pb2.PROBE_RESULT_FAIL,
    Outcome.TIMEOUT: probe_pb2.PROBE_RESULT_TIMEOUT,
    Outcome.ERROR: probe_pb2.PROBE_RESULT_ERROR,
    Outcome.PASS: probe_pb2.PROBE_RESULT_PASS,
}
"""The gravest first; NOT_RUN has no number."""
_OF_GPUS = (Outcome.PASS, Outcome.TIMEOUT)
"""What speaks of the GPU, and so is not said of it by a kernel that is itself not proven; a FAIL is an ERROR there."""
_LARGEST_VALUE = 4096
"""Bytes of a mismatch that are told: the gateway refuses executions that are much larger."""


@dataclass(frozen=True, slots=True)
class Executions:
    """What a report came to for the wire."""

    messages: tuple[probe_pb2.ProbeExecution, ...]
    not_run: int
    """SMs that are left out because nothing ran on them, or not all that should have."""
    unplaced: int = 0
    """Findings of memory that are left out because the GPU's number of SMs is unknown."""

    @property
    def has_failed(self) -> bool:
        """Whether one of them is a FAIL."""
        return any(one.result == probe_pb2.PROBE_RESULT_FAIL for one in self.messages)


def executions_of(report: ProbeReport, gpu: GpuIdentity, hostname: str, new_id: Callable[[], str]) -> Executions:
    """The executions of a report, in order of SMs, not signed yet; `new_id` makes UUIDs of version 7."""
    report = replace(
        report, findings=tuple(one for one in report.findings if one.is_proven or one.outcome not in _OF_GPUS)
    )
    by_sm, unplaced = _by_sm(report)
    side_by_side = Counter(one.variant for one in report.findings if one.sm is not None and one.duration_ns)
    named = identifier(gpu, hostname)
    messages, not_run = [], 0
    for sm, findings in sorted(by_sm.items()):
        if {one.outcome for one in findings} - {Outcome.PASS} == {Outcome.NOT_RUN}:
            not_run += 1
            continue
        message = _message(findings, side_by_side)
        message.execution_id = new_id()
        message.sm.CopyFrom(common_pb2.SmIdentifier(gpu=named, sm_id=sm))
        _measured(message, report)
        messages.append(message)
    return Executions(tuple(messages), not_run, unplaced)


def _by_sm(report: ProbeReport) -> tuple[Mapping[int, list[Finding]], int]:
    """Findings by the SM they are told of, and how many can be told of none; see the module.

    A run that failed as a whole is told of the first SM that it was for. What did not run as a whole is missing on all.
    """
    by_sm: defaultdict[int, list[Finding]] = defaultdict(list)
    is_memory, first = report.plan.kind is ProbeKind.MEMORY, report.plan.sms[0] if report.plan.sms else 0
    missing, unplaced = [], 0
    for finding in report.findings:
        if finding.sm is not None:
            by_sm[finding.sm].append(finding)
        elif is_memory and not report.sms_present:
            unplaced += 1
        elif is_memory:
            by_sm[report.sms_present].append(finding)
        elif finding.outcome is Outcome.NOT_RUN:
            missing.append(finding)
        else:
            by_sm[first].append(finding)
    for sm in (tuple(by_sm) or (first,)) if missing else ():
        by_sm[sm].extend(missing)
    return by_sm, unplaced


def _message(findings: Sequence[Finding], side_by_side: Mapping[str, int]) -> probe_pb2.ProbeExecution:
    outcome = next(one for one in _RESULTS if any(finding.outcome is one for finding in findings))
    message = probe_pb2.ProbeExecution(
        result=_RESULTS[outcome],
        expected_hash=_together(one.expected_hash for one in findings),
        actual_hash=_together(one.actual_hash for one in findings),
        execution_time_ns=sum(_part_ns(one, side_by_side) for one in findings),
    )
    wrong = next((one.mismatch for one in findings if one.outcome is Outcome.FAIL and one.mismatch), None)
    if wrong is not None:
        detail = probe_pb2.MismatchDetail(
            byte_offset=wrong.byte_offset,
            expected_value=wrong.expected[:_LARGEST_VALUE],
            actual_value=wrong.actual[:_LARGEST_VALUE],
            differing_bits=wrong.bits[:_LARGEST_VALUE],
        )
        message.mismatch_detail.CopyFrom(detail)
    return message


def _measured(message: probe_pb2.ProbeExecution, report: ProbeReport) -> None:
    """What is the same for all executions of a report."""
    message.probe_type = PROBE_TYPES[report.plan.kind]
    message.gpu_clock_mhz = report.gpu_clock_mhz
    message.gpu_temperature_c = report.temperature_c
    message.gpu_power_w = report.power_w
    message.timestamp.CopyFrom(timestamp(report.ended_unix_ns))


def _part_ns(finding: Finding, side_by_side: Mapping[str, int]) -> int:
    if finding.sm is None or not finding.duration_ns:
        return finding.duration_ns
    return finding.duration_ns // side_by_side[finding.variant]


def _together(hashes: Iterable[bytes]) -> bytes:
    """One hash as it is, several as the hash of all; those of formats that came to none are left out."""
    known = [one for one in hashes if one]
    return sha256(b"".join(known)).digest() if len(known) > 1 else b"".join(known)
