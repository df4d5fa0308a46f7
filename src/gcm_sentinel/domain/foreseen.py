"""What an order would do to others, as it was seen when it was proposed: for whoever decides about it. Pure.

It is read off the evidence by which the desk noted the order, found by the order's digest, so what a person is shown
belongs to exactly the order they decide about.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gcm_sentinel.domain.evidence import DESK, Evidence, ResultStatus
from gcm_sentinel.domain.json_reader import JsonReader


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One line each."""

    affects: tuple[str, ...] = ()
    """Pods it would move or stop, each with its workload, its GPUs and the pods elsewhere that stop with it."""
    spared: tuple[str, ...] = ()
    """What it would leave alone, and why."""
    notes: tuple[str, ...] = ()
    """What else whoever decides must know."""


def foreseen(digest: str, evidence: Iterable[Evidence]) -> Foreseen | None:
    """What the desk noted of the order of that `digest`; None where that is not among `evidence`.

    Raises:
        BadConfiguration: it is not what the desk writes; the message names the place.
    """
    for item in evidence:
        summary = item.result.summary
        if item.source == DESK and item.result.status is ResultStatus.OK and summary.get("digest") == digest:
            reader = JsonReader.of(summary, f"evidence {item.id}")
            return Foreseen(tuple(reader.each("affects", _pod)), reader.texts("spared"), reader.texts("notes"))
    return None


def _pod(reader: JsonReader) -> str:
    owner, gpus = reader.get("owner", str), reader.get("gpus", int)
    gang = ", ".join(reader.texts("gang_elsewhere"))
    words = (f"of {owner}", f"{gpus} GPU{'s' if gpus != 1 else ''}" if gpus else "", gang and f"stops with it: {gang}")
    return f"{reader.get('pod', str)} {'; '.join(filter(None, words))}"
