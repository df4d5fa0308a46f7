"""What the results of a deep probing prove, and how that is told to people. Pure.

Two things are proof: one wrong result, whatever else was not answered; and right results throughout, where every probe
was answered. Everything else proves nothing and is told as not verified: ERROR, TIMEOUT, NOT_RUN, a report that never
came and a probe that was not asked for are no pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from gcm_sentinel.domain.node_probes import ProbeKind, ProbeOrder, ProbeOutcome
from gcm_sentinel.domain.probe_result import ProbeResult

_MOST_SMS = 8
_LONGEST_WHY = 200
_GIB = 1 << 30


def verdict(suspect: str, asked: Sequence[ProbeOrder], results: Sequence[ProbeResult]) -> tuple[bool, str]:
    """Whether anything is proven of GPU `suspect`, and what was found, in words.

    `asked` are its probes, in their order; `results` are those of any GPU.
    """
    ours = [one for one in results if one.gpu_uuid == suspect]
    theirs = {one.title: one for one in results if one.gpu_uuid != suspect}
    failed = [one for one in ours if one.outcome is ProbeOutcome.FAIL]
    passed = [one for one in ours if one.outcome is ProbeOutcome.PASS]
    silent = [*map(_silent, (one for one in ours if not one.answers)), *_not_asked(asked, ours)]
    parts = [
        *(f"{one.title} FAIL on {_where(one)}, {_beside(theirs.get(one.title))}{_kept(one)}" for one in failed),
        *([f"PASS: {', '.join(f'{one.title}{_tested(one)}{_kept(one)}' for one in passed)}"] if passed else []),
        *([f"no answer, which is no pass: {', '.join(silent)}"] if silent else []),
    ]
    words = "; ".join(parts)
    if failed:
        return True, f"the GPU computes wrongly: {words}"
    if silent or not passed:
        return False, f"not verified: {words or 'nothing was probed'}"
    return True, f"nothing wrong was found, which proves little: {words}"


def _where(result: ProbeResult) -> str:
    more = len(result.failing) - _MOST_SMS + result.failing_more
    shown = ", ".join(map(str, result.failing[:_MOST_SMS]))
    return f"{shown} and {more} more" if more > 0 else shown


def _beside(result: ProbeResult | None) -> str:
    """What the GPU beside it says of a failure."""
    if result is None or result.outcome is None:
        return "compared with no other GPU"
    if result.outcome is ProbeOutcome.PASS:
        return f"alone: GPU {result.gpu_uuid} beside it passes{_kept(result)}"
    if result.outcome is ProbeOutcome.FAIL:
        return f"and GPU {result.gpu_uuid} beside it fails too{_kept(result)}: suspect host, driver and probe first"
    return f"GPU {result.gpu_uuid} beside it gave no answer ({str(result.outcome).upper()}){_kept(result)}"


def _silent(result: ProbeResult) -> str:
    why = f" ({result.words[0][:_LONGEST_WHY]})" if result.words else ""
    said = "no report" if result.outcome is None else str(result.outcome).upper()
    return f"{result.title} {said}{why}{_kept(result)}"


def _not_asked(asked: Sequence[ProbeOrder], ours: Sequence[ProbeResult]) -> list[str]:
    told = {(one.kind, one.soak_s) for one in ours}
    left = [one for one in asked if (one.kind, int(one.soak.total_seconds())) not in told]
    return [f"{one.kind} {'soaked ' if one.soak else ''}not asked" for one in left]


def _tested(result: ProbeResult) -> str:
    """How much of the memory a pass of it is about: what was not free was not tested."""
    if result.kind is not ProbeKind.MEMORY:
        return ""
    size = f"{result.tested_bytes / _GIB:.2f} GiB tested" if result.tested_bytes else "nobody told how much was tested"
    return f" ({size})"


def _kept(result: ProbeResult) -> str:
    return f" [{result.evidence}]" if result.evidence else ""
