"""March tests are what the literature says, and what they find is what theory says."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_node.probes.memory_march import (
    BACKGROUNDS,
    MARCH_C_MINUS,
    MARCH_SS,
    UNIT_WORD_BITS,
    BackgroundKind,
    MarchTest,
    march,
)
from sentinel_node.probes.software.memory_cells import MODELS, Access, by_groups, found_share, in_order, without_order

CELLS = 16
"""Two digits of two bits."""
COUPLING_AND_DECODER = ("AF", "CFin", "CFid", "CFst")


def found_by(accesses: list[Access], *names: str) -> dict[str, float]:
    """The share of each model's faults, of all models unless some are named."""
    return {m.name: found_share(m, accesses, CELLS) for m in MODELS if not names or m.name in names}


def both_digits(test: MarchTest) -> list[Access]:
    return [*by_groups(test, CELLS, 2, 0), *by_groups(test, CELLS, 2, 2, seed=2)]


@pytest.mark.parametrize(("test", "operations"), [(MARCH_C_MINUS, 10), (MARCH_SS, 22)], ids=["c-", "ss"])
def test_a_test_has_its_published_length(test: MarchTest, operations: int) -> None:
    assert test.operations == operations


def test_notation_is_read_and_written_alike() -> None:
    text = "up w0; up r0 w1; down r1 w0; up r0"

    assert str(march("some", text)) == text


def test_march_c_minus_finds_all_that_it_promises_and_neither_deceptive_reads() -> None:
    found = found_by(list(in_order(MARCH_C_MINUS, CELLS)))

    assert {found[name] for name in ("SAF", "TF", "RDF", *COUPLING_AND_DECODER)} == {1.0}
    assert found["DRDF"] == 0.0
    assert found["WDF"] < 1.0


def test_rounds_over_all_digits_find_every_idempotent_coupling() -> None:
    assert found_by(both_digits(MARCH_C_MINUS), "CFid") == {"CFid": 1.0}


@pytest.mark.slow
def test_march_ss_finds_every_simple_fault() -> None:
    assert set(found_by(list(in_order(MARCH_SS, CELLS))).values()) == {1.0}


def test_without_an_order_of_addresses_a_quarter_of_idempotent_couplings_is_missed() -> None:
    found = found_by(list(without_order(MARCH_C_MINUS, CELLS)), "CFid")

    assert 0.70 < found["CFid"] < 0.82


@pytest.mark.slow
def test_one_round_by_groups_misses_only_what_lies_in_one_group() -> None:
    found = found_by(list(by_groups(MARCH_C_MINUS, CELLS, 2, 0)), *COUPLING_AND_DECODER)

    pairs_in_one_group = 3 / 15
    assert all(1 - pairs_in_one_group <= found[name] < 1 for name in COUPLING_AND_DECODER)


@pytest.mark.slow
@pytest.mark.parametrize("test", [MARCH_C_MINUS, MARCH_SS], ids=["c-", "ss"])
def test_rounds_over_all_digits_find_what_the_test_finds_in_order(test: MarchTest) -> None:
    in_rounds, serially = found_by(both_digits(test)), found_by(list(in_order(test, CELLS)))

    assert all(in_rounds[name] >= share for name, share in serially.items())


def test_any_two_bits_of_a_unit_are_told_apart_by_a_background() -> None:
    words = range(1 << UNIT_WORD_BITS)
    told = [background for background in BACKGROUNDS if background.kind is not BackgroundKind.RANDOM]

    def value(word: int, bit: int) -> tuple[int, ...]:
        inverts = (b.kind is BackgroundKind.BY_WORD and word >> b.bit & 1 for b in told)
        return tuple((b.pattern >> bit & 1) ^ int(inverted) for b, inverted in zip(told, inverts, strict=True))

    assert len({value(word, bit) for word in words for bit in range(32)}) == 32 * len(words)


@pytest.mark.slow
def test_the_table_in_the_documentation_is_what_the_simulator_gives() -> None:
    orders = (
        ("cell by cell, as published", lambda test: list(in_order(test, CELLS))),
        ("any order within an element", lambda test: list(without_order(test, CELLS))),
        ("by groups, one round", lambda test: list(by_groups(test, CELLS, 2, 0))),
        ("by groups, rounds over all bits", both_digits),
    )
    text = (Path(__file__).parents[2] / "docs" / "probes.md").read_text(encoding="utf-8")

    for test in (MARCH_C_MINUS, MARCH_SS):
        for name, accesses in orders:
            shares = [f"{share:.0%}".rstrip("%") for share in found_by(accesses(test)).values()]
            assert f"| `{test.name}` | {name} | {' | '.join(shares)} |" in text
