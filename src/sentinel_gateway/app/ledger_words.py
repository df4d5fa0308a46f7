"""How the `ledger` commands speak: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import typer

from sentinel_gateway.domain.errors import GatewayError
from sentinel_gateway.ledger.reports.shown import visible
from sentinel_gateway.ledger.wording import counted
from sentinel_sdk.ledger.verification import Fault, FaultKind, Verification

OK, BROKEN, NO_ANSWER = 0, 1, 2
"""Exit codes: it verifies; it does not; the question could not be answered."""
_EVERY_S = 2.0
_SECOND_WRITER = (
    "Two writers leave this trace, too: a copied database that was written to, or a restored one that was continued."
)
HINTS = {
    FaultKind.TORN_TAIL: "A crash in the middle of writing does this; tampering is unlikely, but look at the entries.",
    FaultKind.TRUNCATED: "A database restored from a backup looks the same as one whose end was deleted.",
    FaultKind.INSERTED: _SECOND_WRITER,
    FaultKind.SWAPPED: _SECOND_WRITER,
    FaultKind.DROPPED: "No crash does this: entries are stored whole batches at a time.",
    FaultKind.CHANGED: "No crash of the gateway does this; a failing disk or a person with write access does.",
    FaultKind.ROOT_CHANGED: "No crash does this: tree heads are stored together with their entries.",
    FaultKind.SIGNATURE_INVALID: "A key that was replaced without `ledger.key_changed` on record does this, too.",
}
"""What else an operator should know about each kind."""


class Plain(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


def answered(work: Callable[[], int]) -> int:
    """The exit code of `work`; an expected error is one line."""
    try:
        return work()
    except GatewayError as error:
        sys.stderr.write(f"sentinel-gateway: {visible(str(error))}\n")
        return NO_ANSWER


def told(outcome: Verification, about: dict[str, Any], output: Plain) -> int:
    """Print what a verification found; the exit code. `about` goes into the JSON, and its `notes` into the text."""
    if output is Plain.JSON:
        typer.echo(json.dumps({**as_json(outcome), **about}, indent=1))
        return OK if outcome.valid else BROKEN
    seconds = outcome.elapsed.total_seconds()
    heads = counted(outcome.batches_verified, "signed tree heads")
    verified = f"{counted(outcome.entries_verified, 'entries')} and {heads}"
    if outcome.fault is None:
        typer.echo(f"valid: {verified} in {seconds:.2f} s")
    else:
        typer.echo(broken(outcome.fault))
        typer.echo(f"  before it     {verified} verify")
    for note in about.get("notes", ()):
        typer.echo(f"  {visible(note)}")
    return OK if outcome.valid else BROKEN


def broken(fault: Fault) -> str:
    """A fault in lines."""
    lines = [
        f"BROKEN: {fault.kind} at entry {fault.entry_id}",
        f"  expected      {visible(fault.expected)}",
        f"  found         {visible(fault.found)}",
        f"  may mean      {visible(fault.meaning)}.",
    ]
    if hint := HINTS.get(fault.kind):
        lines.append(f"                {hint}")
    lines.append(f"  what to do    {visible(fault.to_do)}.")
    return "\n".join(lines)


def as_json(outcome: Verification) -> dict[str, Any]:
    """A verification as JSON has it."""
    fault = outcome.fault
    return {
        "valid": outcome.valid,
        "kind": str(fault.kind) if fault else None,
        "first_invalid_entry_id": fault.entry_id if fault else None,
        "expected": fault.expected if fault else None,
        "found": fault.found if fault else None,
        "meaning": fault.meaning if fault else None,
        "hint": HINTS.get(fault.kind) if fault else None,
        "to_do": fault.to_do if fault else None,
        "entries_verified": outcome.entries_verified,
        "batches_verified": outcome.batches_verified,
        "elapsed_s": round(outcome.elapsed.total_seconds(), 3),
    }


def progress() -> Callable[[int, int], None]:
    """Tells on standard error how far a long verification is, every two seconds; nothing about a short one."""
    began = last = time.monotonic()

    def tell(done: int, of: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _EVERY_S:
            return
        last = now
        share = f"{done / of:.0%}" if of else ""
        sys.stderr.write(f"verified {done:,} of {counted(of, 'entries')} {share} ({done / (now - began):,.0f}/s)\n")
        sys.stderr.flush()

    return tell
