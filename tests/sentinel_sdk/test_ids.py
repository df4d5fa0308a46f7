"""Ids made here are UUIDs of version 7, ordered by time."""

from __future__ import annotations

import uuid

from sentinel_sdk.ids import uuid7


def test_the_example_of_the_standard():
    """RFC 9562, appendix A.6."""
    random = (0xCC3 << 62) | (0x18C4DC0C0C07398F & (1 << 62) - 1)

    assert uuid7(lambda: 0x017F22E279B0 * 1_000_000, lambda _bits: random) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def test_version_and_variant_are_right_whatever_the_random_bits():
    lowest, highest = (uuid.UUID(uuid7(random_bits=bits)) for bits in (lambda _: 0, lambda count: (1 << count) - 1))

    assert (lowest.version, lowest.variant) == (highest.version, highest.variant) == (7, uuid.RFC_4122)


def test_a_later_id_sorts_after_an_earlier_one():
    assert uuid7(lambda: 1_000_000, lambda _bits: (1 << 74) - 1) < uuid7(lambda: 2_000_000, lambda _bits: 0)


def test_ids_differ():
    assert len({uuid7() for _ in range(1000)}) == 1000
