"""A GPU in software computes what the golden answers say, by other means; faults show as the bits they break."""

from __future__ import annotations

import struct
from hashlib import sha256
from itertools import pairwise

import pytest

from sentinel_fleet.sentinel.facts import PROBES
from sentinel_fleet.sentinel.silicon import operands
from sentinel_fleet.sentinel.silicon.aes import encrypted
from sentinel_fleet.sentinel.silicon.faults import Fault, FaultKind, NotSimulated, fault_of
from sentinel_fleet.sentinel.silicon.float32 import bits_of, fma, value_of
from sentinel_fleet.sentinel.silicon.golden import golden
from sentinel_fleet.sentinel.silicon.probing import compared, probed
from sentinel_fleet.sentinel.silicon.schedules import AGGRESSIVE, DEFAULT, due, idle

KEPT = "7f6c5769f729e2859bf5a23ddf70108f9adeae4f166be0ddf76b40e921ff5755"
"""SHA-256 of the known answer of 4,096 bytes."""
FAULTS = {
    "FMA": Fault(FaultKind.WEIGHT_BIT, bit=19, where=5),
    "TENSOR_CORE": Fault(FaultKind.TENSOR_BIT, bit=9, where=2),
    "TRANSCENDENTAL": Fault(FaultKind.NOISE, stddev=0.001),
    "MEMORY": Fault(FaultKind.STUCK_MEMORY_BIT, bit=13, where=40),
    "REGISTER_FILE": Fault(FaultKind.REGISTER_XOR, bit=23, where=17),
    "SHARED_MEMORY": Fault(FaultKind.SHARED_MEMORY, bit=4, where=17),
}


@pytest.mark.parametrize("probe", PROBES)
def test_a_sound_sm_gives_the_golden_answer_whatever_the_operands(probe):
    outcomes = [probed(probe, seed) for seed in range(20)]

    assert [one.mismatch for one in outcomes] == [None] * 20
    assert len({one.actual_hash for one in outcomes}) == 20


@pytest.mark.parametrize(
    ("a", "b", "c", "right"),
    [
        (1.0 + 2**-23, 1.0 + 2**-23, -1.0 - 2**-22, 2**-46),
        (1.0, 1.0, 2**-24, 1.0),
        (1.0 + 2**-23, 1.0, 2**-24, 1.0 + 2**-22),
        (2**-75, 2**-75, 0.0, 0.0),
        (2**-75, 2**-74, 0.0, 2**-149),
        (-(2**-100), 2**-100, -0.0, -0.0),
        (2.0**127, 2.0, 0.0, float("inf")),
        (2.0, 3.0, -6.0, 0.0),
    ],
)
def test_multiplying_and_adding_round_once_to_even_down_to_subnormals(a, b, c, right):
    assert fma(bits_of(a), bits_of(b), bits_of(c)) == bits_of(right)


def test_aes_gives_the_known_answers():
    plain = bytes((number * 0x9E3779B9 + 0x6A09E667) % 2**32 >> 24 for number in range(4096))

    assert sha256(encrypted(operands.AES_KEY, plain)).hexdigest() == KEPT


def test_sums_of_the_tensor_probe_are_exact_in_single_precision():
    for seed in range(20):
        answers = struct.unpack("<64f", golden("TENSOR_CORE", seed))
        assert all(abs(one) * 4096 <= 2**24 and one * 4096 == int(one * 4096) for one in answers)


@pytest.mark.parametrize("probe", FAULTS)
def test_a_fault_is_found_in_every_cycle_by_the_probe_of_what_it_breaks(probe):
    found = [probed(probe, seed, (FAULTS[probe],), seed) for seed in range(30)]

    assert all(one.mismatch and one.actual_hash != one.expected_hash for one in found)


@pytest.mark.parametrize("probe", ["MEMORY", "REGISTER_FILE", "SHARED_MEMORY"])
def test_a_mismatch_tells_the_very_bit(probe):
    mismatch = probed(probe, 3, (FAULTS[probe],)).mismatch

    assert mismatch
    assert mismatch.bits == (FAULTS[probe].bit,)
    assert golden(probe, 3)[mismatch.byte_offset :].startswith(mismatch.expected)


def test_no_bit_of_a_weight_above_the_lowest_is_masked():
    weights = [Fault(FaultKind.WEIGHT_BIT, bit=bit, where=where) for bit in range(1, 23) for where in range(1, 64, 9)]

    assert all(probed("FMA", 11, (one,)).mismatch for one in weights)


def test_a_fault_that_is_not_always_there_spoils_its_share():
    now_and_then = Fault(FaultKind.STUCK_RESULT, bit=20, share=0.05)
    spoiled = sum(probed("FMA", 1, (now_and_then,), number).mismatch is not None for number in range(400))

    assert 8 <= spoiled <= 35


def test_a_description_tells_the_whole_fault_and_another_none():
    for fault in FAULTS.values():
        assert fault_of(fault.told()) == fault
    for words in ("a test", "{}", '{"kind": "cosmic"}', '{"kind": "noise", "colour": 1}'):
        with pytest.raises(NotSimulated, match="software GPU"):
            fault_of(words)


def test_the_first_word_that_differs_is_told():
    outcome = compared(b"\x00\x00\x00\x00\x01\x00\x00\x00", b"\x00\x00\x00\x00\x03\x00\x00\x80")

    assert outcome.mismatch
    assert (outcome.mismatch.byte_offset, outcome.mismatch.bits) == (4, (1, 31))


def test_sweeps_take_turns_until_every_sm_was_visited():
    visited = [set(DEFAULT["AES"].sms(sweep, 132)) for sweep in range(4)]

    assert set.union(*visited) == set(range(132))
    assert sum(map(len, visited)) == 132


def test_an_idle_gpu_is_probed_twice_as_often():
    seconds = [second for second in range(61) if "FMA" in dict(due(idle(AGGRESSIVE), second))]

    assert {later - one for one, later in pairwise(seconds)} == {15}


def test_special_functions_are_rounded_correctly():
    assert value_of(bits_of(0.1)) != 0.1
    (sine,) = struct.unpack_from("<f", golden("TRANSCENDENTAL", 5))
    assert -1 <= sine <= 1
