"""The right answers are right: against the C library, exact fractions, published vectors and NumPy's own formats."""

from __future__ import annotations

import ctypes
import ctypes.util
from fractions import Fraction

import numpy as np
import pytest

from sentinel_node.probes.aes import encrypt, s_box
from sentinel_node.probes.counter_random import draw, low_words
from sentinel_node.probes.exact import fma_fp32, fma_fp64
from sentinel_node.probes.formats import BF16, E4M3, E5M2, F64, FP16, INT8, TF32, Format
from sentinel_node.probes.record import Words, checksum
from sentinel_node.probes.silicon import HEALTHY
from sentinel_node.probes.tensor_core import Operands, tiles

EDGES = [0x00000001, 0x007FFFFF, 0x00800000, 0x00800001, 0x3F800000, 0x3F7FFFFF, 0x3F800001, 0x7F7FFFFF, 0x00000000]


def c_library_fma(a: Words, b: Words, c: Words) -> list[int]:
    function = ctypes.CDLL(ctypes.util.find_library("m")).fmaf
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float] * 3
    values = zip(*(each.view(np.float32).tolist() for each in (a, b, c)), strict=True)
    words: list[int] = np.array([function(*each) for each in values], dtype=np.float32).view(np.uint32).tolist()
    return words


def test_float32_agrees_with_the_c_library_at_the_edges() -> None:
    edges = np.array([sign | bits for bits in EDGES for sign in (0, 1 << 31)], dtype=np.uint32)
    a, b, c = (each.reshape(-1) for each in np.meshgrid(edges, edges, edges))

    assert fma_fp32(a, b, c).tolist() == c_library_fma(a, b, c)


def ties(bits: int) -> tuple[F64, F64]:
    """Factors whose products lie half-way between two numbers of so many bits, with an even or an odd one below."""
    odd = np.arange(1, 32, 2).astype(np.float64)
    j, k = (each.reshape(-1) for each in np.meshgrid(odd, odd))
    return 1 + np.ldexp(j, -(bits // 2)), 1 + np.ldexp(k, -(bits - bits // 2))


@pytest.mark.parametrize("tip", [2**-80, -(2**-80), 2**-149, -(2**-149), 0.0])
def test_float32_agrees_with_the_c_library_where_double_rounding_would_not(tip: float) -> None:
    a, b = (each.astype(np.float32).view(np.uint32) for each in ties(24))
    c = np.full(len(a), tip, dtype=np.float32).view(np.uint32)

    assert fma_fp32(a, b, c).tolist() == c_library_fma(a, b, c)


@pytest.mark.parametrize("tip", [2**-150, -(2**-150), 0.0])
def test_float64_agrees_with_exact_fractions_where_double_rounding_would_not(tip: float) -> None:
    a, b = ties(53)

    exact = [float(Fraction(x) * Fraction(y) + Fraction(tip)) for x, y in zip(a.tolist(), b.tolist(), strict=True)]

    assert fma_fp64(a, b, np.full(len(a), tip)).tolist() == exact


def split_mix(state: int) -> int:
    """The published SplitMix64 step, with Python's integers."""
    z = (state + 0x9E3779B97F4A7C15) % 2**64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)


def test_an_operand_is_a_function_of_seed_set_lane_and_index() -> None:
    seed, number, lane, index = 2**64 - 3, 2**32 - 1, 2**20 - 1, 2**12 - 1

    expected = split_mix(seed ^ split_mix(number << 32 | lane << 12 | index))

    assert draw(seed, [number], [lane], index).tolist() == [[expected]]
    assert split_mix(0) == 0xE220A8397B1DCDAF  # the first output for seed 0 of the published generator


def test_the_checksum_tells_words_that_changed_places() -> None:
    words = np.array([7, 8, 9], dtype=np.uint32)

    assert len({checksum(words), checksum(words[::-1]), checksum(words, first_position=1)}) == 3


def test_float64_agrees_with_exact_fractions() -> None:
    bits = draw(11, np.arange(3), np.arange(400), 0)
    exponents = (bits >> np.uint64(57)) + np.uint64(960)
    a, b, c = ((bits & np.uint64(0x800FFFFFFFFFFFFF)) | (exponents << np.uint64(52))).view(np.float64)

    terms = zip(*([Fraction(value) for value in each.tolist()] for each in (a, b, c)), strict=True)

    assert fma_fp64(a, b, c).tolist() == [float(x * y + z) for x, y, z in terms]


def columns(text: str) -> tuple[Words, ...]:
    return tuple(np.array([int(text[at : at + 8], 16)], dtype=np.uint32) for at in range(0, 32, 8))


@pytest.mark.parametrize(
    ("key", "plain", "cipher"),
    [
        ("000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff", "69c4e0d86a7b0430d8cdb78070b4c55a"),
        ("2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734", "3925841d02dc09fbdc118597196a0b32"),
    ],
    ids=["FIPS-197 C.1", "FIPS-197 B"],
)
def test_aes_gives_the_published_ciphertext(key: str, plain: str, cipher: str) -> None:
    found = encrypt(s_box(), columns(key), columns(plain), HEALTHY)

    assert "".join(f"{int(word[0]):08x}" for word in found) == cipher


@pytest.mark.parametrize("entry", [(0x00, 0x63), (0x53, 0xED), (0xFF, 0x16)])
def test_the_s_box_is_fips_197_s(entry: tuple[int, int]) -> None:
    assert int(s_box()[entry[0]]) == entry[1]


def test_half_precision_is_read_as_numpy_reads_it() -> None:
    finite = np.array([bits for bits in range(65536) if bits >> 10 & 31 != 31], dtype=np.uint16)

    assert FP16.values(finite.view(np.uint32)).reshape(-1).tolist() == finite.view(np.float16).astype(float).tolist()


@pytest.mark.parametrize(
    ("form", "register", "values"),
    [
        (BF16, 0xC0403F80, [1.0, -3.0]),
        (TF32, 0x40490000, [3.140625]),
        (E4M3, 0x017EB838, [1.0, -1.0, 448.0, 2**-9]),
        (E5M2, 0x017BBC3C, [1.0, -1.0, 57344.0, 2**-16]),
        (INT8, 0x80FF7F01, [1, 127, -1, -128]),
    ],
    ids=lambda each: each.name if isinstance(each, Format) else None,
)
def test_formats_are_read_as_published(form: Format, register: int, values: list[float]) -> None:
    assert form.values(np.array(register, dtype=np.uint32)).tolist() == values


@pytest.mark.parametrize("form", [FP16, BF16, TF32, E4M3, E5M2], ids=lambda form: form.name)
def test_dot_products_are_exact_in_any_order_of_addition(form: Format) -> None:
    """Four accumulated tiles are multiples of one unit and below 2**22 of them, or 2**13 in eight bits."""
    sets = np.arange(4, dtype=np.uint64)
    operands, state = Operands.of(form, 5, sets), low_words(draw(5, sets, np.arange(256), 0))
    steps = [tiles(form, operands, state, step) for step in range(4)]

    total = sum(np.abs(a) @ np.abs(b) for a, b in steps)
    units = [_unit(a)[..., :, None] * _unit(np.swapaxes(b, -1, -2))[..., None, :] for a, b in steps]

    limit = 2**13 if form in (E4M3, E5M2) else 2**22
    assert np.all(total / np.min(units, axis=0) <= limit)


@pytest.mark.parametrize("form", [FP16, BF16, TF32, E4M3, E5M2], ids=lambda form: form.name)
def test_no_operand_is_denormal_infinite_or_nan_for_the_manual_leaves_those_open(form: Format) -> None:
    sets = np.arange(8, dtype=np.uint64)
    operands, state = Operands.of(form, 5, sets), low_words(draw(5, sets, np.arange(256), 0))

    for step in range(4):
        for registers in operands.registers(form, state, step):
            values, fields = np.abs(form.values(registers)), _exponents(form, registers)
            assert ((fields > 0) | (values == 0)).all()
            assert fields.max() < (1 << form.exponent_bits) - 1


def _exponents(form: Format, registers: Words) -> Words:
    shifts = np.arange(form.elements, dtype=np.uint32) * np.uint32(form.width) + np.uint32(form.mantissa_bits)
    fields: Words = registers[..., None] >> shifts & np.uint32((1 << form.exponent_bits) - 1)
    return fields


def _unit(rows: F64) -> F64:
    """The largest power of two of which all of a row's elements are multiples."""
    mantissa, exponent = np.frexp(rows)
    whole = np.ldexp(mantissa, 24).astype(np.int64)
    units = np.where(rows == 0, np.inf, np.ldexp((whole & -whole).astype(np.float64), exponent - 24))
    least: F64 = units.min(axis=-1)
    return least
