"""Signatures of probe executions: who made a result, and that nothing in it was changed on the way.

Our form covers fields 1 to 12 of `sentinel.v1.ProbeExecution`: HMAC-SHA256 over a domain tag and a canonical encoding.
Serialised messages are not signed, because the same message may be serialised in more than one way. The encoding,
big-endian, without padding: the tag; the lengths (4 bytes each) of the eight texts and hashes; the numbers in their
width on the wire; a byte that says whether there is a time, its seconds (8 bytes) and nanoseconds (4); a byte that says
whether there is a mismatch; the texts and hashes; the mismatch with its lengths before it. As all lengths stand in
front, no two executions have the same encoding, but that a missing GPU or SM encodes like an empty one.

The form of the reference's C++ agent covers neither result nor time nor temperature, so whoever can change one of its
messages can turn a PASS into a FAIL. It is only taken by `Keys` that say so.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct, pack
from typing import Protocol

from sentinel.v1 import probe_pb2

_TAG = b"sentinel.probe.execution.v1\x00"
_BATCH_TAG = b"sentinel.probe.batch.v1\x00"
_NS_PER_S = 1_000_000_000
_FIXED = Struct(">28s8IiIIiQIffBqIB").pack
_MISMATCH = Struct(">QIII").pack
_LENGTH = Struct(">I").pack
_LEGACY = Struct("<QB").pack
_SM = Struct("<I").pack
_HASH_BYTES = 32
_BLOCK_BYTES = 64
_LEGACY_DIGITS = 20
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class SignedGpu(Protocol):
    """A GPU as an execution names it."""

    @property
    def uuid(self) -> str: ...
    @property
    def hostname(self) -> str: ...
    @property
    def device_index(self) -> int: ...
    @property
    def model(self) -> str: ...
    @property
    def driver_version(self) -> str: ...
    @property
    def firmware_version(self) -> str: ...


class SignedMismatch(Protocol):
    """Where the output differed."""

    @property
    def byte_offset(self) -> int: ...
    @property
    def expected_value(self) -> bytes: ...
    @property
    def actual_value(self) -> bytes: ...
    @property
    def differing_bits(self) -> Sequence[int]: ...


class SignedExecution(Protocol):
    """What a signature covers, and the signature; the gateway's own value and `Execution` both are one."""

    @property
    def execution_id(self) -> str: ...
    @property
    def probe_type(self) -> int: ...
    @property
    def gpu(self) -> SignedGpu: ...
    @property
    def sm_id(self) -> int: ...
    @property
    def result(self) -> int: ...
    @property
    def expected_hash(self) -> bytes: ...
    @property
    def actual_hash(self) -> bytes: ...
    @property
    def mismatch(self) -> SignedMismatch | None: ...
    @property
    def execution_time_ns(self) -> int: ...
    @property
    def gpu_clock_mhz(self) -> int: ...
    @property
    def gpu_temperature_c(self) -> float: ...
    @property
    def gpu_power_w(self) -> float: ...
    @property
    def time_ns(self) -> int | None: ...
    @property
    def hmac_signature(self) -> bytes: ...


class Execution:
    """A message read as a `SignedExecution`."""

    def __init__(self, message: probe_pb2.ProbeExecution) -> None:
        self.execution_id = message.execution_id
        self.probe_type = int(message.probe_type)
        self.gpu = message.sm.gpu
        self.sm_id = message.sm.sm_id
        self.result = int(message.result)
        self.expected_hash = message.expected_hash
        self.actual_hash = message.actual_hash
        self.mismatch = message.mismatch_detail if message.HasField("mismatch_detail") else None
        self.execution_time_ns = message.execution_time_ns
        self.gpu_clock_mhz = message.gpu_clock_mhz
        self.gpu_temperature_c = message.gpu_temperature_c
        self.gpu_power_w = message.gpu_power_w
        self.time_ns = _time_ns(message)
        self.hmac_signature = message.hmac_signature


def _time_ns(message: probe_pb2.ProbeExecution) -> int | None:
    if not message.HasField("timestamp"):
        return None
    return message.timestamp.seconds * _NS_PER_S + message.timestamp.nanos


def canonical(execution: SignedExecution) -> bytes:
    """The bytes our signature covers."""
    gpu, mismatch, time_ns = execution.gpu, execution.mismatch, execution.time_ns
    execution_id, uuid, hostname = execution.execution_id.encode(), gpu.uuid.encode(), gpu.hostname.encode()
    model, driver, firmware = gpu.model.encode(), gpu.driver_version.encode(), gpu.firmware_version.encode()
    expected, actual = execution.expected_hash, execution.actual_hash
    seconds, nanos = divmod(time_ns, _NS_PER_S) if time_ns is not None else (0, 0)
    fixed = _FIXED(
        _TAG,
        len(execution_id),
        len(uuid),
        len(hostname),
        len(model),
        len(driver),
        len(firmware),
        len(expected),
        len(actual),
        execution.probe_type,
        gpu.device_index,
        execution.sm_id,
        execution.result,
        execution.execution_time_ns,
        execution.gpu_clock_mhz,
        execution.gpu_temperature_c,
        execution.gpu_power_w,
        time_ns is not None,
        seconds,
        nanos,
        mismatch is not None,
    )
    body = b"".join((fixed, execution_id, uuid, hostname, model, driver, firmware, expected, actual))
    return body if mismatch is None else body + _mismatch(mismatch)


def _mismatch(mismatch: SignedMismatch) -> bytes:
    expected, actual, bits = mismatch.expected_value, mismatch.actual_value, mismatch.differing_bits
    lengths = _MISMATCH(mismatch.byte_offset, len(expected), len(actual), len(bits))
    return lengths + expected + actual + pack(f">{len(bits)}I", *bits)


def legacy_digest(execution: SignedExecution) -> bytes | None:
    """What the reference's C++ agent signs; None for an execution it could not have sent."""
    probe_id, expected, actual = execution.execution_id, execution.expected_hash, execution.actual_hash
    if not (
        probe_id.isascii() and probe_id.isdecimal() and len(probe_id) <= _LEGACY_DIGITS and int(probe_id) < 1 << 64
    ):
        return None
    if len(expected) != _HASH_BYTES or len(actual) != _HASH_BYTES or not 0 <= execution.probe_type < 256:
        return None
    head = _LEGACY(int(probe_id), execution.probe_type)
    return hashlib.sha256(head + execution.gpu.uuid.encode() + _SM(execution.sm_id) + expected + actual).digest()


class Key:
    """A secret, prepared for many signatures: the parts of HMAC-SHA256 that depend on it alone are computed once."""

    def __init__(self, secret: bytes) -> None:
        if not secret:
            raise ValueError("an empty key signs nothing")
        block = (secret if len(secret) <= _BLOCK_BYTES else hashlib.sha256(secret).digest()).ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))

    def tag(self, message: bytes) -> bytes:
        """HMAC-SHA256 of `message`."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def signs(self, execution: SignedExecution, encoded: bytes, *, legacy: bool) -> bool:
        """Whether this key made the execution's signature; `encoded` is its `canonical` form."""
        signature = execution.hmac_signature
        if hmac.compare_digest(self.tag(encoded), signature):
            return True
        digest = legacy_digest(execution) if legacy else None
        return digest is not None and hmac.compare_digest(self.tag(digest), signature)


def sign(execution: SignedExecution, key: Key) -> bytes:
    """The 32 bytes of our signature."""
    return key.tag(canonical(execution))


def sign_messages(messages: Iterable[probe_pb2.ProbeExecution], key: Key) -> None:
    """Set `hmac_signature` of every message; all other fields must be complete before."""
    for message in messages:
        message.hmac_signature = sign(Execution(message), key)


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """What was found about the signatures of a batch."""

    digest: bytes
    """SHA-256 over the encoded executions and their signatures: the same for the same content only."""
    refused: frozenset[int]
    """Places of the executions whose signature is missing or wrong."""
    signed: bool = False
    """Whether signatures were asked for, so that the others are genuine."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of a fleet's agents. Without any, executions are taken unsigned."""

    shared: Key | None = None
    """For hosts that have none of their own."""
    by_hostname: Mapping[str, Key] = field(default_factory=dict)
    accept_legacy: bool = False
    """Also take the form of the reference's C++ agent."""

    @property
    def needed(self) -> bool:
        """Whether executions must be signed."""
        return self.shared is not None or bool(self.by_hostname)

    def check(self, hostname: str, executions: Sequence[SignedExecution]) -> CheckedBatch:
        """Verify all signatures of a batch from `hostname`. A host without a key has every execution refused, unless no
        host needs one.
        """
        encoded = [canonical(execution) for execution in executions]
        content = hashlib.sha256(_BATCH_TAG)
        for execution, message in zip(executions, encoded, strict=True):
            content.update(message + _LENGTH(len(execution.hmac_signature)) + execution.hmac_signature)
        return CheckedBatch(content.digest(), self._refused(hostname, executions, encoded), self.needed)

    def _refused(
        self, hostname: str, executions: Sequence[SignedExecution], encoded: Sequence[bytes]
    ) -> frozenset[int]:
        if not self.needed:
            return frozenset()
        key = self.by_hostname.get(hostname, self.shared)
        if key is None:
            return frozenset(range(len(executions)))
        pairs = enumerate(zip(executions, encoded, strict=True))
        legacy = self.accept_legacy
        return frozenset(place for place, (one, message) in pairs if not key.signs(one, message, legacy=legacy))
