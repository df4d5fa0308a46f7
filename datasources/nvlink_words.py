"""The hex words of an Xid 74 read bit by bit through the knowledge base. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from gcm_sentinel.datasources.knowledge_tables import by_key

VALID_WORDS = (1, 3, 4, 5)
"""Which of the seven words mean anything, counted from one."""


def decode_words(words: Sequence[int]) -> list[str]:
    """What each set bit says, ``word 1 bit 21: signal_integrity``; bits the table lacks say so."""
    known = by_key("nvlink_words")
    told: list[str] = []
    for place in VALID_WORDS:
        if place > len(words):
            break
        value = words[place - 1]
        for bit in range(value.bit_length()):
            if value >> bit & 1:
                row = known.get(f"{place}.{bit}")
                told.append(row["name"] if row else f"word {place} bit {bit}: not in the table")
    return told
