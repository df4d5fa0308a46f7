"""Checkpoints: tree heads as signed notes, in the formats that transparency logs and their witnesses use.

Body and signature line follow https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note, with Ed25519 and two
extension lines, for the time and the number of the batch. A note may carry more signatures, of witnesses.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sentinel_sdk.ledger.entry import HASH_BYTES

_ED25519 = b"\x01"
_PUBLIC_KEY_BYTES = 32
_DASH = "\N{EM DASH} "
_TIME = "timestamp_ns "
_BATCH = "batch "
_ID_BYTES = 4


class BadNote(ValueError):
    """Raised when a text is no checkpoint, or no key we trust signed it; says what is wrong."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A ledger's name and the key its checkpoints are checked with."""

    origin: str
    public_key: bytes
    """Ed25519, 32 bytes."""

    def __post_init__(self) -> None:
        """Refuse what cannot be written in a note.

        Raises:
            ValueError: an empty name, one with white space or a plus sign, or a key of another length.
        """
        if not self.origin or "+" in self.origin or any(sign.isspace() for sign in self.origin):
            raise ValueError(
                f"a ledger's origin has no white space and no plus sign; {self.origin[:100]!r} cannot be one"
            )
        if len(self.public_key) != _PUBLIC_KEY_BYTES:
            raise ValueError(f"an Ed25519 public key has 32 bytes, not {len(self.public_key)}")

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature line names its key."""
        return sha256(f"{self.origin}\n".encode() + _ED25519 + self.public_key).digest()[:_ID_BYTES]

    @property
    def text(self) -> str:
        """``origin+id+key``, to be handed to whoever shall verify."""
        return f"{self.origin}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public_key).decode()}"

    @classmethod
    def from_text(cls, text: str) -> VerifierKey:
        """The key that `text` writes out.

        Raises:
            BadNote: not ``origin+id+key``, another kind of key, or an id that is not the key's.
        """
        origin, _, rest = text.strip().partition("+")
        shown_id, _, encoded = rest.partition("+")
        raw = _decoded(encoded, "the key")
        if raw[:1] != _ED25519:
            raise BadNote("the key is not an Ed25519 key: expected origin+id+key as `ledger key` prints it")
        try:
            key = cls(origin, raw[1:])
        except ValueError as error:
            raise BadNote(str(error)) from error
        if key.key_id.hex() != shown_id:
            raise BadNote(f"the key's id is {key.key_id.hex()}, the text says {shown_id[:20]!r}: it was copied badly")
        return key

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: what a ledger said about itself at one size."""

    origin: str
    tree_size: int
    root_hash: bytes
    timestamp_ns: int
    """When it was signed, nanoseconds since 1970 UTC."""
    batch_no: int
    """Counts the tree heads of this ledger from 1, so that none can be taken out unnoticed."""

    @property
    def body(self) -> bytes:
        """The bytes that are signed."""
        root = base64.b64encode(self.root_hash).decode()
        return (
            f"{self.origin}\n{self.tree_size}\n{root}\n{_TIME}{self.timestamp_ns}\n{_BATCH}{self.batch_no}\n".encode()
        )


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint with one signature."""

    checkpoint: Checkpoint
    key: VerifierKey
    signature: bytes
    """Ed25519, 64 bytes."""

    @property
    def is_genuine(self) -> bool:
        """Whether the signature is the key's."""
        return self.key.signed(self.checkpoint.body, self.signature)

    @property
    def note(self) -> str:
        """The text to store and hand out."""
        line = base64.b64encode(self.key.key_id + self.signature).decode()
        return f"{self.checkpoint.body.decode()}\n{_DASH}{self.key.origin} {line}\n"


class Signer:
    """Signs the checkpoints of one ledger."""

    def __init__(self, origin: str, private_key: Ed25519PrivateKey) -> None:
        """Sign as `origin`.

        Raises:
            ValueError: a name that cannot stand in a note.
        """
        self._private_key = private_key
        self.key = VerifierKey(origin, private_key.public_key().public_bytes_raw())

    def sign(self, tree_size: int, root_hash: bytes, timestamp_ns: int, batch_no: int) -> SignedCheckpoint:
        """The signed tree head of one size."""
        checkpoint = Checkpoint(self.key.origin, tree_size, root_hash, timestamp_ns, batch_no)
        return SignedCheckpoint(checkpoint, self.key, self._private_key.sign(checkpoint.body))


@dataclass(frozen=True, slots=True)
class Note:
    """A signed checkpoint as it was read, nothing of it checked."""

    checkpoint: Checkpoint
    body: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]
    """Name, key id and signature of each line."""

    def signed_by(self, keys: Iterable[VerifierKey]) -> VerifierKey | None:
        """The first of `keys` that signed it; None where none did."""
        for key in keys:
            for name, key_id, signature in self.signatures:
                if name == key.origin and key_id == key.key_id and key.signed(self.body, signature):
                    return key
        return None


def opened(text: str, keys: Iterable[VerifierKey]) -> Checkpoint:
    """The checkpoint in `text`, signed by one of `keys` whose origin it bears.

    Raises:
        BadNote: it cannot be read, or none of them signed it.
    """
    note = read_note(text)
    key = note.signed_by(keys)
    if key is None:
        raise BadNote("no trusted key signed this checkpoint")
    if key.origin != note.checkpoint.origin:
        raise BadNote(f"the checkpoint is about {note.checkpoint.origin!r}, its signature is by {key.origin!r}")
    return note.checkpoint


def read_note(text: str) -> Note:
    """What a text says, without asking who signed it.

    Raises:
        BadNote: it is not written as a checkpoint is.
    """
    head, gap, tail = text.partition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise BadNote("a checkpoint is a body, an empty line and signature lines, each ended by a line break")
    body = f"{head}\n"
    return Note(_checkpoint(head), body.encode(), tuple(_signature(line) for line in tail[:-1].split("\n")))


def _checkpoint(head: str) -> Checkpoint:
    lines = head.split("\n")
    if len(lines) < 5:
        raise BadNote("a checkpoint has lines for origin, size, root, timestamp_ns and batch")
    root = _decoded(lines[2], "the root")
    if len(root) != HASH_BYTES:
        raise BadNote(f"the root has {len(root)} bytes, not 32")
    size = _number(lines[1], "the size")
    return Checkpoint(lines[0], size, root, _extension(lines, _TIME), _extension(lines, _BATCH))


def _extension(lines: list[str], name: str) -> int:
    """The number in the one extension line of this name; others are for others."""
    found = [line.removeprefix(name) for line in lines[3:] if line.startswith(name)]
    if len(found) != 1:
        raise BadNote(f"a checkpoint has one line {name.strip()!r}, this one has {len(found)}")
    return _number(found[0], name.strip())


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    raw = _decoded(encoded, "a signature")
    if not line.startswith(_DASH) or not name or len(raw) <= _ID_BYTES:
        raise BadNote(f"this is no signature line: {line[:100]!r}")
    return name, raw[:_ID_BYTES], raw[_ID_BYTES:]


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()) or (text[0] == "0" and text != "0") or len(text) > 20:
        raise BadNote(f"{what} of a checkpoint is a decimal number, not {text[:40]!r}")
    return int(text)


def _decoded(text: str, what: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote(f"{what} is not base64: {text[:60]!r}") from error
    if base64.b64encode(raw).decode() != text:
        raise BadNote(f"{what} is not written as base64 should be: {text[:60]!r}")
    return raw
