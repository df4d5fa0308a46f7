"""Reports, readings and log lines as text for people and as JSON for programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sentinel_node.domain.diagnosis import Diagnosis
from sentinel_node.domain.kernel import KernelPage
from sentinel_node.domain.probes import Finding, Outcome, ProbeReport
from sentinel_node.domain.telemetry import GpuSample

_NS = 1e9
_SHOWN = 20


def report_words(report: ProbeReport) -> str:
    """A report: the outcome, each variant's counts, and what did not pass."""
    plan, took_s = report.plan, (report.ended_unix_ns - report.started_unix_ns) / _NS
    head = f"{plan.kind} on {plan.gpu_uuid}: {report.outcome.upper()} in {took_s:.2f} s (seed {plan.seed})"
    findings = sorted(report.findings, key=lambda finding: finding.variant)
    counts = [_counts(name, tuple(group)) for name, group in groupby(findings, key=lambda finding: finding.variant)]
    others = _grouped(one for one in report.findings if one.outcome is not Outcome.PASS)
    if len(others) > _SHOWN:
        others = [*others[:_SHOWN], f"  ... and {len(others) - _SHOWN} more"]
    return "\n".join([head, *counts, *others, *(f"  note: {note}" for note in report.notes)])


def _counts(variant: str, findings: tuple[Finding, ...]) -> str:
    told = [(outcome, sum(finding.outcome is outcome for finding in findings)) for outcome in Outcome]
    return f"  {variant or 'all':<16}" + ", ".join(f"{count} {outcome}" for outcome, count in told if count)


def _grouped(findings: Iterable[Finding]) -> list[str]:
    """A line for each thing that was found, with all the places it was found at."""
    places: dict[str, list[Finding]] = {}
    for finding in findings:
        kind = "" if finding.sm is not None else "memory" if finding.tested_bytes else "the whole run"
        places.setdefault(f"{kind}{_words(finding)}", []).append(finding)
    return [f"  {_sms(found)}{words}" for words, found in places.items()]


def _sms(findings: list[Finding]) -> str:
    """Of SMs 0, 1, 2 and 5: ``SM 0-2, 5``; empty where no SM is told."""
    numbers = sorted({one.sm for one in findings if one.sm is not None})
    runs = [[sm for _, sm in run] for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])]
    told = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"SM {told}" if told else ""


def _words(finding: Finding) -> str:
    if finding.mismatch is None:
        return f" ({finding.variant}): {finding.outcome}: {finding.reason}"
    wrong = finding.mismatch
    return (
        f" ({finding.variant}): {finding.outcome}: {finding.mismatch_words} wrong words,"
        f" bits 0x{finding.mismatch_bits:08x}; the first at byte {wrong.byte_offset}:"
        f" {_word(wrong.actual)} in place of {_word(wrong.expected)}, so bit {', '.join(map(str, wrong.bits))}"
    )


def _word(value: bytes) -> str:
    """As the number it is on the GPU, which is little-endian."""
    return f"0x{int.from_bytes(value, 'little'):0{2 * len(value)}x}"


def sample_words(sample: GpuSample) -> str:
    """What the driver told of one GPU; what it did not tell is left out."""
    told = {name: value for name, value in asdict(sample).items() if value not in (None, "", (), [])}
    head = f"{sample.gpu.uuid} ({sample.gpu.model}, {sample.gpu.pci_bus_id})"
    skipped = {"gpu", "unix_ns", "links", "memory_errors"}
    lines = [f"  {name}: {_plain(value)}" for name, value in told.items() if name not in skipped]
    errors = asdict(sample.memory_errors)
    lines += [f"  {name}: {_plain(value)}" for name, value in errors.items() if value is not None]
    active = sum(link.is_active for link in sample.links)
    lines += [f"  nvlinks: {active} of {len(sample.links)} active"] if sample.links else []
    return "\n".join([head, *lines])


def _plain(value: Any) -> str:  # noqa: ANN401  whatever a field of a sample is
    if isinstance(value, dict):
        return ", ".join(f"{name} {'unknown' if count is None else count}" for name, count in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def log_words(page: KernelPage) -> str:
    """Lines with their time in UTC, then what was looked through."""
    lines = [f"{_moment(record.unix_ns)} <{record.level}> {record.message}" for record in page.records]
    coverage = [f"-- {len(lines)} lines of {len(page.boots)} boots, times in UTC"]
    coverage += ["-- older lines matched as well"] if page.is_truncated else []
    coverage += [f"-- {page.lost_lines} lines were overwritten before they were read"] if page.lost_lines else []
    return "\n".join([*lines, *coverage, *(f"-- missing: {word}" for word in page.missing)])


def diagnosis_words(diagnosis: Diagnosis) -> str:
    """Each observation with its figures."""
    lines = [f"{diagnosis.name}: {diagnosis.status.upper()}"]
    for seen in diagnosis.observations:
        figures = ", ".join(f"{figure.name} {figure.value}" for figure in seen.figures)
        lines.append(f"  {seen.status:<8}{seen.subject}: {seen.text}" + (f" ({figures})" if figures else ""))
    return "\n".join(lines)


def report_json(report: ProbeReport) -> str:
    """All of it; bytes as hexadecimal text."""
    return _json(asdict(report) | {"outcome": report.outcome})


def page_json(page: KernelPage) -> str:
    """All of it."""
    return _json(asdict(page))


def as_lines(values: Iterable[GpuSample | Diagnosis]) -> str:
    """A line of JSON for each."""
    return "\n".join(_json(asdict(value)) for value in values)


def _json(value: object) -> str:
    return json.dumps(value, default=lambda one: one.hex() if isinstance(one, bytes) else str(one))


def _moment(unix_ns: int) -> str:
    return f"{datetime.fromtimestamp(unix_ns / _NS, UTC):%Y-%m-%d %H:%M:%S}"
