"""What several rounds over one stretch of memory came to, and its finding. Pure: decides, and asks no device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sentinel_node.domain.probes import Finding, Outcome
from sentinel_node.probes.memory_plan import UNIT_BYTES, Step, Stretch, words_read
from sentinel_node.probes.memory_record import Cause, StretchRecord
from sentinel_node.probes.tally import INCONSISTENT, CutShort

NOTHING = StretchRecord(0, 0, 0, ())
_SHOWN_SMS = 4


@dataclass(frozen=True, slots=True)
class StretchTally:
    """One stretch so far."""

    stretch: Stretch
    reads: int
    """Of each word in one round."""
    address: int = 0
    """Where it begins, in the GPU's virtual memory; 0 before it was taken."""
    words_due: int = 0
    """That the launches which ended were to compare."""
    backgrounds: tuple[str, ...] = ()
    """Names of those it was marched over with."""
    record: StretchRecord = NOTHING
    duration_ns: int = 0

    def add(self, row: np.void, steps: tuple[Step, ...], duration_ns: int) -> StretchTally:
        """With launches that have ended, and the record as it is after them."""
        names = tuple(dict.fromkeys((*self.backgrounds, *(step.background.name for step in steps))))
        return replace(
            self,
            words_due=self.words_due + words_read(self.stretch, steps),
            backgrounds=names,
            record=StretchRecord.of(row),
            duration_ns=self.duration_ns + duration_ns,
        )

    def holds(self, address: int) -> bool:
        """Whether the address is in this stretch; what a faulty SM wrote down need not be."""
        return 0 <= address - self.address < self.stretch.size_bytes

    @property
    def rounds(self) -> int:
        """Completed."""
        return self.words_due // (self.reads * self.stretch.size_bytes // 4)


def finding_of(tally: StretchTally, variant: str, rounds: int, cut_short: CutShort | None) -> Finding:
    """How one stretch did. A wrong word that was seen stays a FAIL, whatever came after.

    It is told of the SM that read it where that SM alone is to blame, so that memory is not.

    Args:
        tally: All of its launches.
        variant: The test's name.
        rounds: How many it was to have.
        cut_short: None where the run completed.
    """
    outcome, reason = _outcome(tally, rounds, cut_short)
    record = tally.record
    first = next((word for word in record.wrong if tally.holds(word.address)), None)
    return Finding(
        outcome=outcome,
        sm=record.blamed_sm if outcome is Outcome.FAIL else None,
        variant=variant,
        reason=reason,
        mismatch=first.mismatch(first.address - tally.address) if first else None,
        mismatch_words=record.mismatches,
        mismatch_bits=record.or_of_xor,
        repetitions=tally.rounds,
        duration_ns=tally.duration_ns,
        tested_bytes=tally.stretch.size_bytes if tally.rounds else 0,
    )


def _outcome(tally: StretchTally, rounds: int, cut_short: CutShort | None) -> tuple[Outcome, str]:
    if tally.record.mismatches:
        is_located = all(tally.holds(word.address) for word in tally.record.wrong)
        return Outcome.FAIL, told_of(tally.record) if is_located else INCONSISTENT
    if tally.record.words != tally.words_due:
        return Outcome.ERROR, f"{tally.record.words} words were compared where {tally.words_due} were due"
    if cut_short is not None and tally.rounds < rounds:
        return cut_short.outcome, f"{cut_short.reason} ({tally.rounds} of {rounds} rounds completed)"
    return Outcome.PASS, ""


def told_of(record: StretchRecord) -> str:
    """Which it was, memory or the SM that read it, in words: of the wrong words that were kept."""
    counts = [(cause, sum(word.cause is cause for word in record.wrong)) for cause in Cause]
    causes = ", ".join(f"{count} {cause.value}" for cause, count in counts if count)
    readers = sorted({word.reader for word in record.wrong if word.reader is not None})
    again = sorted({word.reader_again for word in record.wrong if word.reader_again is not None})
    if record.blamed_sm is not None:
        return f"reader SM: SM {record.blamed_sm} alone read them wrong, SM {_few(again)} read them right ({causes})"
    if Cause.MEMORY in {word.cause for word in record.wrong}:
        return f"memory: read wrong by SM {_few(readers)}, and again by SM {_few(again)} ({causes})"
    if again:
        why = f"right by SM {_few(again)} after it, which is too little to blame either"
        return f"memory or its reader: read wrong by SM {_few(readers)}, and {why} ({causes})"
    return f"memory or its reader: read wrong by SM {_few(readers)}, and by no other SM again" if readers else ""


def _few(sms: list[int]) -> str:
    shown = ", ".join(map(str, sms[:_SHOWN_SMS]))
    return f"{shown} and {len(sms) - _SHOWN_SMS} more" if len(sms) > _SHOWN_SMS else shown


def notes_of(tallies: Sequence[StretchTally], variant: str, free_bytes: int, all_bytes: int) -> tuple[str, ...]:
    """What a reader must know: how much was tested, with what, and where more words were wrong."""
    tested = sum(tally.stretch.size_bytes for tally in tallies if tally.rounds)
    of_all = f" and {tested / all_bytes:.1%} of all {all_bytes}" if all_bytes else ""
    names = ", ".join(dict.fromkeys(name for tally in tallies for name in tally.backgrounds))
    share = f"{variant}: {tested} bytes tested, {tested / free_bytes:.1%} of the {free_bytes} that were free{of_all}"
    units = f"{variant}: backgrounds {names}; units of {UNIT_BYTES} bytes"
    return (share, units, *(_more(tally, variant) for tally in tallies if tally.record.mismatches))


def _more(tally: StretchTally, variant: str) -> str:
    record = tally.record
    shown = ", ".join(f"{word.address:#x} bits {','.join(map(str, word.bits))}" for word in record.wrong)
    told = f"; {why}" if (why := told_of(record)) else ""
    return f"{variant}: {record.mismatches} wrong reads, among the first {shown}{told}"
