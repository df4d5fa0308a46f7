"""One run of a probe as it is told: counts by outcome, failing SMs with their bits, what it reached. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from gcm_sentinel.datasources.sentinel_gpus import plain
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.node_agent import NodeGpu
from gcm_sentinel.domain.node_probes import ProbeFinding, ProbeKind, ProbeOutcome, ProbeRun
from gcm_sentinel.domain.summaries import Comparison, FailingSmSummary, ProbeSideSummary

_ANSWERS = frozenset({ProbeOutcome.PASS, ProbeOutcome.FAIL})
_MOST_WORDS = 12


def side(run: ProbeRun | SentinelError, gpu: NodeGpu, kind: ProbeKind) -> ProbeSideSummary:
    """How one GPU did, or why nothing came back."""
    if isinstance(run, SentinelError):
        return {
            "gpu": plain(gpu.uuid, 90), "outcome": None, "counts": {}, "seed": None, "gpu_clock_mhz": None,
            "temperature_c": None, "tested_bytes": 0, "tested_share": None, "words": [plain(str(run), 700)],
        }  # fmt: skip
    tested = sum(finding.tested_bytes for finding in run.findings)
    of_memory = kind is ProbeKind.MEMORY and gpu.memory_bytes > 0
    return {
        "gpu": plain(gpu.uuid, 90),
        "outcome": str(run.outcome),
        "counts": {str(outcome): count for outcome in ProbeOutcome if (count := run.count(outcome))},
        "seed": run.order.seed,
        "gpu_clock_mhz": run.gpu_clock_mhz or None,
        "temperature_c": run.temperature_c or None,
        "tested_bytes": tested,
        "tested_share": round(min(1.0, tested / gpu.memory_bytes), 4) if of_memory else None,
        "words": _words(run),
    }


def _words(run: ProbeRun) -> list[str]:
    reasons = [f"{finding.outcome}: {finding.reason}" for finding in run.findings if finding.outcome not in _ANSWERS]
    return [plain(words) for words in dict.fromkeys([*run.notes, *reasons])][:_MOST_WORDS]


def compare(suspect: ProbeRun | SentinelError, sibling: ProbeRun | SentinelError | None) -> Comparison:
    """What both runs say together; only PASS and FAIL are answers."""
    ours, theirs = _answer(suspect), _answer(sibling)
    if ours is ProbeOutcome.FAIL:
        if theirs is ProbeOutcome.FAIL:
            return "fails_on_both"
        return "fails_alone" if theirs is ProbeOutcome.PASS else "fails_uncompared"
    if ours is None and not _passed_in_part(suspect):
        return "no_answer"
    if theirs is ProbeOutcome.FAIL:
        return "only_sibling_fails"
    return "passes" if ours is ProbeOutcome.PASS else "passes_in_part"


def _answer(run: ProbeRun | SentinelError | None) -> ProbeOutcome | None:
    """PASS where everything passed, FAIL where anything failed, else None; counted, so it does not rest on one word."""
    if not isinstance(run, ProbeRun) or not run.findings:
        return None
    if run.count(ProbeOutcome.FAIL) or run.outcome is ProbeOutcome.FAIL:
        return ProbeOutcome.FAIL
    all_passed = run.outcome is ProbeOutcome.PASS and run.count(ProbeOutcome.PASS) == len(run.findings)
    return ProbeOutcome.PASS if all_passed else None


def _passed_in_part(run: ProbeRun | SentinelError) -> bool:
    return isinstance(run, ProbeRun) and run.count(ProbeOutcome.PASS) > 0


def failing(run: ProbeRun | SentinelError) -> list[FailingSmSummary]:
    """The SMs with wrong results, the most wrong words first."""
    if not isinstance(run, ProbeRun):
        return []
    failed: defaultdict[int | None, list[ProbeFinding]] = defaultdict(list)
    for finding in run.findings:
        if finding.outcome is ProbeOutcome.FAIL:
            failed[finding.sm].append(finding)
    told = [_sm(sm, of_sm) for sm, of_sm in failed.items()]
    return sorted(told, key=lambda one: (-one["wrong_words"], -1 if one["sm"] is None else one["sm"]))


def _sm(sm: int | None, failed: Sequence[ProbeFinding]) -> FailingSmSummary:
    first = next((one.mismatch for one in failed if one.mismatch), None)
    bits = 0
    for one in failed:
        bits |= one.mismatch_bits
    return {
        "sm": sm,
        "variants": [plain(one.variant, 40) for one in failed],
        "wrong_words": sum(one.mismatch_words for one in failed),
        "bits": f"{bits:#010x}",
        "byte_offset": first.byte_offset if first else None,
        "expected": first.expected[:16].hex() if first else "",
        "actual": first.actual[:16].hex() if first else "",
    }


def lines(kind: ProbeKind, run: ProbeRun | SentinelError | None, role: str) -> Iterable[str]:
    """The whole of a run: passes by variant, everything else one by one."""
    if run is None:
        return
    if isinstance(run, SentinelError):
        yield f"{kind} on the {role}: no run: {plain(str(run), 700)}"
        return
    gpu, run_id = plain(run.gpu.uuid, 90), plain(run.run_id, 80)
    yield f"{kind} on the {role} {gpu}: {run.outcome}, seed {run.order.seed}, run {run_id}"
    by_variant: defaultdict[str, list[ProbeFinding]] = defaultdict(list)
    for finding in run.findings:
        by_variant[finding.variant].append(finding)
    for variant, of_variant in by_variant.items():
        yield f"  {plain(variant, 40)}: {sum(one.outcome is ProbeOutcome.PASS for one in of_variant)} pass"
        yield from (f"    {_line(one)}" for one in of_variant if one.outcome is not ProbeOutcome.PASS)
    yield from (f"  note: {plain(note)}" for note in run.notes)


def _line(finding: ProbeFinding) -> str:
    place = "memory" if finding.sm is None else f"SM {finding.sm}"
    wrong = finding.mismatch
    if wrong is None:
        return f"{place}: {finding.outcome} {plain(finding.reason)}".rstrip()
    return (
        f"{place}: {finding.outcome}, {finding.mismatch_words} wrong words, bits {finding.mismatch_bits:#010x};"
        f" first at byte {wrong.byte_offset}: {wrong.actual[:16].hex()} in place of {wrong.expected[:16].hex()}"
    )
