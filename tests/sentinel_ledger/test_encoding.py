"""The canonical bytes: as documented, covering every column, different for different entries."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel_sdk.ledger.checkpoint import Checkpoint, VerifierKey
from sentinel_sdk.ledger.encoding import canonical, entry_hash
from sentinel_sdk.ledger.entry import GENESIS_HASH, Entry, EntryGpu

DOCUMENT = Path(__file__).parents[2] / "docs" / "sentinel-ledger.md"
TEXT = st.text("a\0ü☃", max_size=3)
GPU = st.builds(EntryGpu, TEXT, TEXT, st.integers(0, (1 << 32) - 1), TEXT, TEXT, TEXT)
ENTRY = st.builds(
    Entry,
    st.integers(0, (1 << 64) - 1),
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.binary(max_size=8),
    st.none() | GPU,
    st.binary(min_size=32, max_size=32),
    st.just(b""),
)
FIRST = Entry(1, 6, 1_800_000_000_123_456_789, b"abc", None, GENESIS_HASH, b"")
SECOND = Entry(
    2,
    1,
    -1,
    b"",
    EntryGpu("GPU-1", "nöde", 3, "H100", "", "96.00"),
    entry_hash(FIRST),
    b"",
)


@given(one=ENTRY, other=ENTRY)
def test_different_entries_have_different_bytes(one, other):
    assert (canonical(one) == canonical(other)) == (one == other)


@given(entry=ENTRY, change=st.sampled_from(["uuid", "hostname", "model", "driver_version", "firmware_version"]))
def test_a_text_that_moves_from_one_field_to_the_next_is_seen(entry, change):
    gpu = entry.gpu or EntryGpu("GPU-1")
    moved = replace(gpu, **{change: getattr(gpu, change) + "x"})

    assert canonical(replace(entry, gpu=gpu)) != canonical(replace(entry, gpu=moved))


def test_an_absent_gpu_is_not_an_empty_one():
    assert canonical(FIRST) != canonical(replace(FIRST, gpu=EntryGpu("")))


def test_root_and_own_hash_are_not_hashed():
    assert canonical(replace(FIRST, entry_hash=b"x" * 32, merkle_root=b"y" * 32)) == canonical(FIRST)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(FIRST, entry_id=-1),
        replace(FIRST, timestamp_ns=1 << 63),
        replace(FIRST, previous_hash=b""),
        replace(FIRST, gpu=EntryGpu("", device_index=-1)),
    ],
    ids=["entry_id", "timestamp_ns", "previous_hash", "device_index"],
)
def test_what_does_not_fit_is_refused(wrong):
    with pytest.raises(ValueError, match=r"fit|32"):
        canonical(wrong)


@pytest.mark.parametrize("entry", [FIRST, SECOND], ids=["first", "second"])
def test_the_vectors_in_the_documentation(entry):
    numbers = re.sub(r"\s", "", DOCUMENT.read_text())

    assert canonical(entry).hex() in numbers
    assert entry_hash(entry).hex() in numbers


def test_the_checkpoint_in_the_documentation():
    key = VerifierKey("example.org/ledger", bytes(range(32)))
    body = Checkpoint("example.org/ledger", 2, bytes(range(32)), 1_800_000_000_123_456_789, 1).body.decode()

    assert body in DOCUMENT.read_text()
    assert key.text in DOCUMENT.read_text()
