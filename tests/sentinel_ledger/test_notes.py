"""Checkpoints as signed notes: what was signed is read back, anything else is refused."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_sdk.ledger.checkpoint import BadNote, Checkpoint, Signer, VerifierKey, opened, read_note

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = Signer("example.org/ledger", KEY)
SIGNED = SIGNER.sign(17, bytes(range(32)), 1_800_000_000_000_000_001, 4)


def test_a_note_says_what_was_signed():
    expected = Checkpoint("example.org/ledger", 17, bytes(range(32)), 1_800_000_000_000_000_001, 4)

    assert opened(SIGNED.note, [SIGNER.key]) == expected
    assert SIGNED.is_genuine


def test_a_key_survives_being_written_out():
    assert VerifierKey.from_text(SIGNER.key.text + "\n") == SIGNER.key


@settings(max_examples=200)
@given(place=st.integers(0, len(SIGNED.note) - 1), sign=st.characters(codec="utf-8"))
def test_no_sign_of_a_note_can_be_changed(place, sign):
    changed = SIGNED.note[:place] + sign + SIGNED.note[place + 1 :]
    if changed == SIGNED.note:
        return

    with pytest.raises(BadNote):
        opened(changed, [SIGNER.key])


@given(text=st.text(max_size=200))
def test_any_other_text_is_refused(text):
    with pytest.raises(BadNote):
        opened(text, [SIGNER.key])


def test_the_signature_of_a_stranger_does_not_count():
    stranger = Signer("example.org/ledger", Ed25519PrivateKey.generate())

    with pytest.raises(BadNote, match="no trusted key"):
        opened(stranger.sign(17, bytes(32), 1, 1).note, [SIGNER.key])


def test_a_key_signs_for_its_own_ledger_only():
    other = Signer("example.org/other", KEY)
    note = Checkpoint("example.org/ledger", 1, bytes(32), 1, 1)
    line = other.sign(1, bytes(32), 1, 1).note.split("\n\n")[1]

    with pytest.raises(BadNote):
        opened(f"{note.body.decode()}\n{line}", [other.key])


def test_the_signature_of_a_witness_may_stand_beside_ours():
    witness = Signer("witness.example", Ed25519PrivateKey.generate())
    line = witness.sign(17, bytes(range(32)), 1, 1).note.split("\n\n")[1]

    assert len(read_note(SIGNED.note + line).signatures) == 2
    assert opened(SIGNED.note + line, [SIGNER.key]).tree_size == 17


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a+b+c",
        "a+00000000+AQ==",
        SIGNER.key.text[:-3] + "AA=",
        SIGNER.key.text.replace("+", "+0", 1),
        "a b+1+x",
    ],
)
def test_a_text_that_is_no_key_is_refused(text):
    with pytest.raises(BadNote):
        VerifierKey.from_text(text)
