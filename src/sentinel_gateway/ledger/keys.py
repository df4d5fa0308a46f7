"""The key that signs tree heads: an Ed25519 key in a PEM file only its owner may read, made at the first start.

Whoever has this file can sign another history, so it should not lie in backups of the database. Without it nothing can
be appended under the old name; a new key begins a new line in the ledger, recorded as such.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_sdk.ledger.checkpoint import Signer

log = structlog.get_logger(__name__)

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def load_signer(path: Path, origin: str) -> Signer:
    """The signer for `origin` with the key in `path`, which is made where it is missing.

    Raises:
        BadConfiguration: a name that cannot stand in a checkpoint, a file that is no such key, that others may read or
            that cannot be made.
    """
    try:
        if not path.exists():
            _make(path)
        private_key = _read(path)
    except OSError as error:
        raise BadConfiguration(f"the signing key {str(path)!r} cannot be used: {error.strerror}") from error
    try:
        return Signer(origin, private_key)
    except ValueError as error:
        raise BadConfiguration(str(error)) from error


def _make(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    log.info("ledger.key_made", path=str(path))


def _read(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & _OTHERS:
        raise BadConfiguration(f"the signing key {str(path)!r} may be read by others: chmod 600 it")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadConfiguration(f"{str(path)!r} is no private key in PEM without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadConfiguration(
            f"{str(path)!r} is not an Ed25519 key: make one with `openssl genpkey -algorithm ed25519`"
        )
    return key
