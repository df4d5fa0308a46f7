"""Records of several launches, added up for each SM, and turned into findings. Pure: decides, and asks no device."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from sentinel_node.domain.probes import Finding, Mismatch, Outcome
from sentinel_node.probes.record import Words, checksum

SATURATED = 2**32 - 1
BLIND = "the block's own comparison found nothing, but the checksum of its outputs is wrong"
INCONSISTENT = "the record of its mismatch is not consistent"
UNLOCATED = "its comparison told of a mismatch and then found none"


@dataclass(frozen=True, slots=True)
class RightOutput:
    """What every SM must compute, one output per set."""

    words: Words
    """Shape (sets, words of a block)."""
    checksums: tuple[int, ...]
    """Of each set."""

    @classmethod
    def of(cls, words: Words) -> RightOutput:
        """Of outputs of shape (sets, words of a block)."""
        width = words.shape[1]
        return cls(words, tuple(checksum(row, number * width) for number, row in enumerate(words)))

    def checksum_of(self, repetitions: int) -> int:
        """What a block that ran so many must have summed up, modulo 2**64."""
        cycles, rest = divmod(repetitions, len(self.checksums))
        return (cycles * sum(self.checksums) + sum(self.checksums[:rest])) % 2**64

    def hash_with(self, first_index: int = 0, output: Words | None = None) -> bytes:
        """SHA-256 of all sets, little endian, with `output` in place of the set that holds word `first_index`."""
        words = self.words.astype("<u4")
        if output is not None:
            words[first_index // words.shape[1]] = output
        return hashlib.sha256(words.tobytes()).digest()


@dataclass(frozen=True, slots=True)
class SmRecord:
    """One SM's record of one launch; the fields' meanings stand in ``cuda/pinning.cuh``."""

    mismatches: int
    first_index: int
    expected: int
    actual: int
    or_of_xor: int
    checksum: int
    repetitions: int
    output: Words | None = None
    """Of the first wrong repetition, where there was one."""

    @classmethod
    def of(cls, row: np.void, output: Words | None) -> SmRecord:
        """As the device wrote it."""
        return cls(
            mismatches=int(row["mismatches"]),
            first_index=int(row["first_index"]),
            expected=int(row["expected"]),
            actual=int(row["actual"]),
            or_of_xor=int(row["or_of_xor"]),
            checksum=int(row["checksum"]),
            repetitions=int(row["repetitions"]),
            output=output,
        )

    @classmethod
    def compared(cls, outputs: Words, right: RightOutput) -> SmRecord:
        """As the device would have written it, from outputs of all sets that the host compares."""
        difference = (outputs ^ right.words).reshape(-1)
        wrong = np.flatnonzero(difference)
        first = int(wrong[0]) if wrong.size else 0
        width = right.words.shape[1]
        return cls(
            mismatches=int(wrong.size),
            first_index=first,
            expected=int(right.words.reshape(-1)[first]),
            actual=int(outputs.reshape(-1)[first]),
            or_of_xor=int(np.bitwise_or.reduce(difference)),
            checksum=sum(checksum(row, number * width) for number, row in enumerate(outputs)) % 2**64,
            repetitions=len(outputs),
            output=outputs[first // width],
        )

    @property
    def mismatch(self) -> Mismatch:
        """Where it first went wrong."""
        difference = self.expected ^ self.actual
        return Mismatch(
            byte_offset=4 * self.first_index,
            expected=self.expected.to_bytes(4, "little"),
            actual=self.actual.to_bytes(4, "little"),
            bits=tuple(bit for bit in range(32) if difference >> bit & 1),
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """One SM so far."""

    sm: int
    repetitions: int = 0
    mismatch_words: int = 0
    mismatch_bits: int = 0
    duration_ns: int = 0
    mismatch: Mismatch | None = None
    actual_hash: bytes = b""
    trouble: str = ""
    """Why it fails without a located mismatch."""
    unended: str = ""
    """Why it is an ERROR though no launch failed."""
    missed: int = 0
    """Rounds that it took no part in."""
    missed_why: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether a wrong answer was seen."""
        return self.mismatch is not None or bool(self.trouble)

    def add(self, record: SmRecord, asked: int, right: RightOutput, duration_ns: int) -> Tally:
        """With one more launch of `asked` repetitions."""
        if record.repetitions != asked:
            why = f"a block began and did not end: {record.repetitions} of {asked} repetitions"
            unended = replace(self, unended=why)
            return unended._with_mismatch(record, right) if record.mismatches else unended
        done = replace(self, repetitions=self.repetitions + asked, duration_ns=self.duration_ns + duration_ns)
        if record.mismatches:
            return done._with_mismatch(record, right)
        if record.checksum != right.checksum_of(asked):
            return replace(done, trouble=BLIND)
        return done

    def miss(self, why: str) -> Tally:
        """With one more round that it took no part in."""
        return replace(self, missed=self.missed + 1, missed_why=why)

    def _with_mismatch(self, record: SmRecord, right: RightOutput) -> Tally:
        counted = replace(
            self,
            mismatch_words=min(self.mismatch_words + record.mismatches, SATURATED),
            mismatch_bits=self.mismatch_bits | record.or_of_xor,
        )
        if record.expected == record.actual:
            return replace(counted, trouble=UNLOCATED)
        if record.first_index >= right.words.size:  # a faulty SM wrote it
            return replace(counted, trouble=INCONSISTENT)
        if self.mismatch is not None:
            return counted
        actual_hash = right.hash_with(record.first_index, record.output)
        return replace(counted, mismatch=record.mismatch, actual_hash=actual_hash)


@dataclass(frozen=True, slots=True)
class CutShort:
    """Why a run did not complete, and so how SMs end that had not failed."""

    outcome: Outcome
    reason: str


def finding_of(tally: Tally, variant: str, right_hash: bytes, cut_short: CutShort | None) -> Finding:
    """How one SM did. A wrong answer that was seen stays a FAIL, whatever came after.

    Args:
        tally: All of its launches.
        variant: Its name.
        right_hash: SHA-256 of the right output; empty where there was none.
        cut_short: None where the run completed.
    """
    outcome, reason = _outcome(tally, cut_short)
    is_pass = outcome is Outcome.PASS
    return Finding(
        outcome=outcome,
        sm=tally.sm,
        variant=variant,
        reason=reason,
        expected_hash=right_hash,
        actual_hash=right_hash if is_pass else tally.actual_hash,
        mismatch=tally.mismatch,
        mismatch_words=tally.mismatch_words,
        mismatch_bits=tally.mismatch_bits,
        repetitions=tally.repetitions,
        duration_ns=tally.duration_ns,
    )


def _outcome(tally: Tally, cut_short: CutShort | None) -> tuple[Outcome, str]:
    if tally.has_failed:
        return Outcome.FAIL, "; ".join(why for why in (tally.trouble, tally.unended) if why)
    if tally.unended:
        return Outcome.ERROR, tally.unended
    if cut_short is not None:
        return cut_short.outcome, cut_short.reason
    if tally.missed:
        return Outcome.NOT_RUN, f"{tally.missed_why} ({tally.missed} rounds, {tally.repetitions} repetitions completed)"
    return Outcome.PASS, ""
