"""The multi-function unit (MUFU): approximations whose exact bits only the hardware knows.

They are the same on every SM of a GPU, and NVIDIA documents how far they may be from the true value. So what most SMs
computed is taken as right, an SM that differs in one bit fails, and where even the majority is outside the bound every
SM that agrees with it fails. What that cannot see is a fault that all SMs share and that stays within the bound.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sentinel_node.domain.probes import ProbeKind
from sentinel_node.probes.counter_random import U64, draw, high_words, low_words
from sentinel_node.probes.majority import Bound
from sentinel_node.probes.pinned import PinnedProbe
from sentinel_node.probes.record import Words
from sentinel_node.probes.silicon import Silicon
from sentinel_node.probes.variant import Dose, InLoop, Variant

F64 = npt.NDArray[np.float64]
THREADS = 256
STEPS = 16
MIX = np.uint32(0x9E3779B1)

FUNCTIONS: tuple[Callable[[F64], F64], ...] = (
    np.exp2,
    np.log2,
    np.sin,
    np.cos,
    lambda x: 1 / np.sqrt(x),
    np.reciprocal,
    np.tanh,
)
DOCUMENTED_ERROR = (
    (2 * 2**-23, 0.0),
    (2**-22, 2**-22),
    (0.0, 2**-20.5),
    (0.0, 2**-20.5),
    (2**-22.9, 0.0),
    (2**-23, 0.0),
    (2**-11, 0.0),
)
"""Of each function, relative and absolute; the larger of the two counts. PTX ISA 9.1, sections 9.7.3.13 to 9.7.3.22
(https://docs.nvidia.com/cuda/parallel-thread-execution/#floating-point-instructions-ex2 and those beside it):

* ex2: "2 ulp from correctly rounded result across the full range of inputs"; an ulp is at most 2**-23 of a number;
* lg2: absolute 2**-22 for inputs in (0.5, 2), relative 2**-22 elsewhere;
* sin, cos: absolute 2**-20.5 in [-2pi, 2pi]; arguments here are below 1;
* rsqrt: relative 2**-22.9 over all positive finite numbers; rcp: 1 ulp over all; tanh: relative 2**-11 over all.
"""
MARGIN = 2
"""The bound is there for gross faults that all SMs share, and must never fail a healthy GPU: twice what is documented,
which also covers the half ulp of the correctly rounded result that ex2's figure is counted from."""


def program(seed: int, sets: U64, silicon: Silicon) -> Words:
    """The twin of kernel ``transcendental``, with correctly rounded results in place of the hardware's."""
    state = np.zeros((len(sets), THREADS), dtype=np.uint32)
    words: list[Words] = []
    for step in range(STEPS):
        for function, argument in zip(FUNCTIONS, _arguments(seed, sets, step), strict=True):
            rounded = function(argument.view(np.float32).astype(np.float64)).astype(np.float32)
            words.append(silicon.result("mufu", rounded.view(np.uint32)))
            state = state * MIX + words[-1]
    return np.concatenate([*words[: len(FUNCTIONS)], state], axis=1)


def reference(seed: int, sets: U64, output: Words) -> Bound:
    """The true values of the first arguments, and which words of `output` are near enough; the state always is."""
    value, is_within = output.copy(), np.ones(output.shape, dtype=np.bool_)
    for number, argument in enumerate(_arguments(seed, sets, 0)):
        true = FUNCTIONS[number](argument.view(np.float32).astype(np.float64))
        place = slice(number * THREADS, (number + 1) * THREADS)
        found = output[:, place].copy().view(np.float32).astype(np.float64)
        relative, absolute = DOCUMENTED_ERROR[number]
        margin = MARGIN * np.maximum(np.abs(true) * relative, absolute)
        value[:, place] = true.astype(np.float32).view(np.uint32)
        is_within[:, place] = np.abs(found - true) <= margin
    return Bound(value, is_within)


def _arguments(seed: int, sets: U64, step: int) -> tuple[Words, ...]:
    random = draw(seed, sets, np.arange(THREADS, dtype=np.uint64), step)
    sign = low_words(random) & np.uint32(0x80000000)
    wide, small = _argument(random, 64, 127), _argument(random, 119, 7) | sign
    return _argument(random, 121, 7) | sign, wide, small, small, wide, wide | sign, small


def _argument(random: U64, lowest: int, mask: int) -> Words:
    field = np.uint32(lowest) + (high_words(random) & np.uint32(mask))
    return (field << np.uint32(23)) | (low_words(random) & np.uint32(0x007FFFFF))


TRANSCENDENTAL = PinnedProbe(
    ProbeKind.TRANSCENDENTAL,
    (
        Variant(
            kind=ProbeKind.TRANSCENDENTAL,
            name="fp32",
            source="transcendental.cu",
            entry="transcendental",
            threads=THREADS,
            words=8,
            light=Dose(sets=4, repetitions=16),
            deep=Dose(sets=16, repetitions=16384),
            instructions=(InLoop("MUFU", 7, depth=2),),
            program=program,
            is_golden_known=False,
        ),
    ),
    reference,
)
