"""What one probe of a deep probing came to, small enough for the record of a step, and whole as text for evidence.

Five outcomes that are never mixed, and one case beside them: no report came, which is neither. Text that a node sent
is cut to plain lines, because it is another machine's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeVar

from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.node_probes import ProbeFinding, ProbeKind, ProbeOrder, ProbeOutcome, ProbeRun

_Key = TypeVar("_Key")
ANSWERS = frozenset({ProbeOutcome.PASS, ProbeOutcome.FAIL})
"""Outcomes that say something of the silicon."""
_MOST_SMS = 64
"""Failing SMs that are told one by one; a GPU on which more fail has another fault than one of SMs."""
_MOST_VARIANTS, _LONGEST_VARIANT = 16, 80
_MOST_WORDS, _LONGEST_WORDS = 8, 300


@dataclass(frozen=True, slots=True)
class FailingSm:
    """Where results were wrong."""

    sm: int | None
    """None for memory, which belongs to no SM."""
    variants: tuple[str, ...]
    """The first so many."""
    wrong_words: int
    bits: int
    """OR of all differences of 32-bit words."""
    variants_more: int = 0

    def __str__(self) -> str:
        """``SM 17 (bits 0x00000400; fp16, bf16)``."""
        where = "memory" if self.sm is None else f"SM {self.sm}"
        more = f" and {self.variants_more} more" if self.variants_more else ""
        return f"{where} (bits {self.bits:#010x}; {', '.join(self.variants)}{more})"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe and what came of it."""

    kind: ProbeKind
    gpu_uuid: str
    soak_s: int
    outcome: ProbeOutcome | None
    """None where no report came."""
    counts: tuple[tuple[ProbeOutcome, int], ...] = ()
    """Findings by outcome."""
    failing: tuple[FailingSm, ...] = ()
    """The first so many."""
    failing_more: int = 0
    words: tuple[str, ...] = ()
    """Why there was no answer, and what the node noted."""
    evidence: str = ""
    """Id of the evidence that keeps it whole."""
    tested_bytes: int = 0
    """Of memory, by each of its tests; 0 where none was, or nobody told."""

    @property
    def answers(self) -> bool:
        """Whether it says anything of the silicon."""
        return self.outcome in ANSWERS

    @property
    def title(self) -> str:
        """``fma``, ``fma soaked 120 s``."""
        return f"{self.kind} soaked {self.soak_s} s" if self.soak_s else str(self.kind)


def result_of(run: ProbeRun, evidence: str) -> ProbeResult:
    """What a run came to."""
    sms = _groups((one for one in run.findings if one.outcome is ProbeOutcome.FAIL), lambda one: one.sm)
    counts = tuple((outcome, count) for outcome in ProbeOutcome if (count := run.count(outcome)))
    told = tuple(_failing(sm, failed) for sm, failed in islice(sms.items(), _MOST_SMS))
    order, more = run.order, max(0, len(sms) - _MOST_SMS)
    soak_s = int(order.soak.total_seconds())
    parts = (counts, told, more, _words(run), evidence, _tested_bytes(run))
    return ProbeResult(order.kind, order.gpu_uuid, soak_s, run.outcome, *parts)


def no_result(order: ProbeOrder, why: str) -> ProbeResult:
    """A probe of which no report came."""
    return ProbeResult(order.kind, order.gpu_uuid, int(order.soak.total_seconds()), None, words=(plain(why),))


def to_json(result: ProbeResult) -> JsonObject:
    """As JSON; `from_json` reads it."""
    failing: list[JsonObject] = [
        {
            "sm": one.sm,
            "variants": list(one.variants),
            "variants_more": one.variants_more,
            "wrong_words": one.wrong_words,
            "bits": one.bits,
        }
        for one in result.failing
    ]
    return {
        "kind": str(result.kind),
        "gpu_uuid": result.gpu_uuid,
        "soak_seconds": result.soak_s,
        "outcome": None if result.outcome is None else str(result.outcome),
        "counts": {str(outcome): count for outcome, count in result.counts},
        "failing": failing,
        "failing_more": result.failing_more,
        "words": list(result.words),
        "evidence": result.evidence,
        "tested_bytes": result.tested_bytes,
    }


def from_json(data: object) -> ProbeResult:
    """The result in `data`.

    Raises:
        BadConfiguration: it is not what `to_json` writes; the message names the place.
    """
    reader = JsonReader.of(data, "probe result")
    counts = reader.inside("counts")
    return ProbeResult(
        kind=reader.member("kind", ProbeKind),
        gpu_uuid=reader.get("gpu_uuid", str),
        soak_s=reader.get("soak_seconds", int),
        outcome=reader.member("outcome", ProbeOutcome) if reader.has("outcome") else None,
        counts=tuple((outcome, counts.get(outcome, int)) for outcome in ProbeOutcome if counts.has(outcome)),
        failing=tuple(reader.each("failing", _failing_from_json)),
        failing_more=reader.get("failing_more", int),
        words=reader.texts("words"),
        evidence=reader.get("evidence", str),
        tested_bytes=reader.optional("tested_bytes", int) or 0,
    )


def lines_of(run: ProbeRun) -> Iterator[str]:
    """The whole of a run: passes by variant, everything else one by one."""
    yield f"{run.order.kind} on {run.gpu.uuid}: {run.outcome}, seed {run.order.seed}, run {plain(run.run_id)}"
    yield f"SMs {run.sms_present or 'unknown'}, {_while(run)}"
    for variant, found in _groups(run.findings, lambda one: one.variant).items():
        passed = sum(finding.outcome is ProbeOutcome.PASS for finding in found)
        yield f"{plain(variant)}: {passed} of {len(found)} pass"
        yield from (f"  {_line(one)}" for one in found if one.outcome is not ProbeOutcome.PASS)
    yield from (f"note: {plain(note)}" for note in run.notes)


def plain(text: str, longest: int = _LONGEST_WORDS) -> str:
    """`text` as one printable line of bounded length."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * longest])
    words = " ".join(shown.split())
    is_whole = len(words) <= longest and len(text) <= 4 * longest
    return words if is_whole else f"{words[:longest]} ..."


def _groups(findings: Iterable[ProbeFinding], by: Callable[[ProbeFinding], _Key]) -> dict[_Key, list[ProbeFinding]]:
    """Those that are alike together, in the order in which their first ones came."""
    groups: dict[_Key, list[ProbeFinding]] = {}
    for finding in findings:
        groups.setdefault(by(finding), []).append(finding)
    return groups


def _tested_bytes(run: ProbeRun) -> int:
    """Of memory: what every test went over, as each goes over the same."""
    by_variant: dict[str, int] = {}
    for one in run.findings if run.order.kind is ProbeKind.MEMORY else ():
        by_variant[one.variant] = by_variant.get(one.variant, 0) + one.tested_bytes
    return min(by_variant.values(), default=0)


def _failing(sm: int | None, failed: list[ProbeFinding]) -> FailingSm:
    bits = 0
    for one in failed:
        bits |= one.mismatch_bits
    variants = list(dict.fromkeys(one.variant for one in failed))
    shown = tuple(plain(variant, _LONGEST_VARIANT) for variant in variants[:_MOST_VARIANTS])
    return FailingSm(sm, shown, sum(one.mismatch_words for one in failed), bits, len(variants) - len(shown))


def _failing_from_json(reader: JsonReader) -> FailingSm:
    sm = reader.optional("sm", int)
    return FailingSm(
        sm=sm,
        variants=reader.texts("variants"),
        wrong_words=reader.get("wrong_words", int),
        bits=reader.get("bits", int),
        variants_more=reader.optional("variants_more", int) or 0,
    )


def _words(run: ProbeRun) -> tuple[str, ...]:
    reasons = (f"{one.outcome}: {one.reason}" for one in run.findings if one.outcome not in ANSWERS)
    return tuple(plain(words) for words in islice(dict.fromkeys(chain(reasons, run.notes)), _MOST_WORDS))


def _while(run: ProbeRun) -> str:
    told = [(run.gpu_clock_mhz, "MHz"), (run.temperature_c, "°C"), (run.power_w, "W")]
    return ", ".join(f"{figure:g} {unit}" for figure, unit in told if figure) or "clock, heat and power unknown"


def _line(finding: ProbeFinding) -> str:
    place = "memory" if finding.sm is None else f"SM {finding.sm}"
    wrong = finding.mismatch
    if wrong is None:
        return f"{place}: {finding.outcome} {plain(finding.reason)}".rstrip()
    return (
        f"{place}: {finding.outcome}, {finding.mismatch_words} wrong words, bits {finding.mismatch_bits:#010x}; first"
        f" at byte {wrong.byte_offset}: {wrong.actual[:16].hex()} in place of {wrong.expected[:16].hex()}"
    )
