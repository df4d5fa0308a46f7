"""The signing key, for commands that write to the ledger while the gateway does not run."""

from __future__ import annotations

from pathlib import Path

from sentinel_gateway.app.ledger_place import Place
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.ledger.keys import load_signer
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_sdk.ledger.checkpoint import Signer


def signer_of(place: Place, path: Path) -> Signer:
    """The signer of the newest tree head: a command must not be what changes the ledger's key or name.

    Raises:
        BadConfiguration: there is no key at `path`, or it is another one.
    """
    if not path.is_file():
        raise BadConfiguration(f"this is signed, and there is no key {str(path)!r}: name the gateway's --config")
    signer = load_signer(path, place.settings().ledger.origin)
    with place.reading() as database:
        head = LedgerReader(database).checkpoint()
    if head is not None and head.key != signer.key:
        raise BadConfiguration(
            f"the ledger is signed as {head.key.text!r}, and this would sign as {signer.key.text!r}:"
            " name the gateway's --config"
        )
    return signer
