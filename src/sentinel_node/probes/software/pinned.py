"""The twin of ``cuda/pinned_probe.cuh``: claims, compares, reports and sums up for each SM that a block lands on.

Healthy SMs are alike, so their output is computed once and their records are copies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentinel_node.probes.record import RECORD, Words, checksum
from sentinel_node.probes.silicon import HEALTHY
from sentinel_node.probes.software.emulation import Call, FaultySilicon
from sentinel_node.probes.software.faults import BlindComparison, FalseVote, Moved, ResultFault, Unended
from sentinel_node.probes.variant import Program

CYCLES_PER_REPETITION = 10_000
"""Any number: a software GPU has no clock."""


@dataclass(frozen=True, slots=True)
class PinnedEmulation:
    """Runs a pinned variant's twin as its kernel would."""

    program: Program

    def __call__(self, call: Call) -> None:
        """See `Emulation`."""
        records, wanted = call.array(0, RECORD), call.array(2, np.uint32)
        assert records is not None  # noqa: S101 - never null
        assert wanted is not None  # noqa: S101 - never null
        slots, healthy = call.number(1), _Block.of(call, self.program)
        for sm in call.sms:
            if sm >= slots or not wanted[sm] or records[sm]["claimed"]:
                continue
            faults = call.faults_of(ResultFault, sm)  # type: ignore[type-abstract]
            block = _Block.of(call, self.program, faults) if faults else healthy
            records[sm] = block.record(sm, call)
            block.write_output(sm, call)


@dataclass(frozen=True, slots=True)
class _Block:
    """What one block computes."""

    words: Words
    """Shape (repetitions, words of a block)."""
    sets: npt.NDArray[np.uint64]
    """Which set each repetition used."""
    golden: Words | None
    """Of each repetition, same shape."""

    @classmethod
    def of(cls, call: Call, program: Program, faults: tuple[ResultFault, ...] = ()) -> _Block:
        seed, set_count, repetitions = call.number(5), call.number(6), call.number(7)
        sets = np.arange(repetitions, dtype=np.uint64) % np.uint64(set_count)
        if faults:
            words = program(seed, sets, FaultySilicon(faults))
        else:
            words = program(seed, np.arange(set_count, dtype=np.uint64), HEALTHY)[sets.astype(np.intp)]
        golden = call.array(3, np.uint32)
        if golden is None:
            return cls(words, sets, None)
        return cls(words, sets, golden[: set_count * words.shape[1]].reshape(set_count, -1)[sets.astype(np.intp)])

    @property
    def wrong(self) -> Words:
        """The differences, shape (repetitions, words of a block)."""
        return np.zeros_like(self.words) if self.golden is None else self.words ^ self.golden

    def record(self, sm: int, call: Call) -> npt.NDArray[np.void]:
        record = np.zeros((), dtype=RECORD)
        record["claimed"] = 1
        if call.faults_of(Unended, sm):
            return record
        record["smid_after"] = sm + 1 if call.faults_of(Moved, sm) else sm
        width = self.words.shape[1]
        sums = (checksum(row, int(number) * width) for row, number in zip(self.words, self.sets, strict=True))
        record["checksum"] = sum(sums) % 2**64
        record["cycles"] = CYCLES_PER_REPETITION * len(self.sets)
        record["repetitions"] = len(self.sets)
        if not call.faults_of(BlindComparison, sm):
            self._report(record)
        if not record["mismatches"] and call.faults_of(FalseVote, sm):
            record["mismatches"] = 1
        return record

    def _report(self, record: npt.NDArray[np.void]) -> None:
        wrong = self.wrong
        if self.golden is None or not wrong.any():
            return
        repetition = int(np.flatnonzero(wrong.any(axis=1))[0])
        at = int(np.flatnonzero(wrong[repetition])[0])
        record["mismatches"] = np.count_nonzero(wrong)
        record["first_index"] = int(self.sets[repetition]) * wrong.shape[1] + at
        record["expected"] = self.golden[repetition, at]
        record["actual"] = self.words[repetition, at]
        record["or_of_xor"] = np.bitwise_or.reduce(wrong.reshape(-1))
        record["first_repetition"] = repetition

    def write_output(self, sm: int, call: Call) -> None:
        """The first wrong repetition; every set's output where there is nothing to compare with."""
        outputs = call.array(4, np.uint32)
        assert outputs is not None  # noqa: S101 - never null
        wrong = self.wrong.any(axis=1)
        if self.golden is None:
            words = self.words.reshape(-1)
        elif wrong.any():
            words = self.words[int(np.flatnonzero(wrong)[0])]
        else:
            return
        outputs[sm * words.size : (sm + 1) * words.size] = words
