"""What the steps of an investigation leave in the record, and how it is written down and read again.

Everything the loop decides between two steps it decides from these values, so they hold all that could differ at a
replay: the time, durations, the limits and the system text that were in force (settings may have changed since), and
every outcome, failures included. A step therefore never raises: what went wrong is a value like any other. Evidence is
too large for the record; it is named by number and digest and read back from the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.steps import Codec
from gcm_sentinel.domain.transcript import ModelTurn
from gcm_sentinel.domain.transcript_json import turn_from_json, turn_to_json


@dataclass(frozen=True, slots=True)
class Opening:
    """Step ``open``: under what terms the investigation began."""

    at: datetime
    system: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Cut:
    """Why an investigation ends without an assessment of the model's."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Step ``turn``: what the model answered, or why it could not."""

    answer: ModelTurn | Cut
    at: datetime
    """When it ended."""
    took_s: float
    cost_usd: float | None = None
    """None when the price is not known."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Step ``tool:<name>``: where the evidence of a call is, or why there is none."""

    number: int | None
    """7 for the evidence E7; None when nothing was stored."""
    digest: str = ""
    refusal: str = ""
    """What the model is told instead of evidence."""
    took_s: float = 0.0


def _opening_to_json(opening: Opening) -> Json:
    limits = opening.limits
    return {
        "at": opening.at.isoformat(),
        "system": opening.system,
        "limits": {
            "rounds": limits.rounds,
            "tokens": limits.tokens,
            "wall_s": limits.wall.total_seconds(),
            "cost_usd": limits.cost_usd,
            "calls_per_round": limits.calls_per_round,
            "corrections": limits.corrections,
        },
    }


def _opening_from_json(data: Json) -> Opening:
    read = JsonReader.of(data, "step open")
    limits = read.inside("limits")
    return Opening(
        at=read.moment("at"),
        system=read.get("system", str),
        limits=Limits(
            rounds=limits.get("rounds", int),
            tokens=limits.get("tokens", int),
            wall=timedelta(seconds=limits.number("wall_s")),
            cost_usd=limits.number("cost_usd"),
            calls_per_round=limits.get("calls_per_round", int),
            corrections=limits.get("corrections", int),
        ),
    )


def _asked_to_json(asked: Asked) -> Json:
    answer = asked.answer
    return {
        "turn": turn_to_json(answer) if isinstance(answer, ModelTurn) else None,
        "cut": {"outcome": str(answer.outcome), "reason": answer.reason} if isinstance(answer, Cut) else None,
        "at": asked.at.isoformat(),
        "took_s": asked.took_s,
        "cost_usd": asked.cost_usd,
    }


def _asked_from_json(data: Json) -> Asked:
    read = JsonReader.of(data, "step turn")
    return Asked(
        answer=turn_from_json(read.inside("turn").data) if read.has("turn") else _read_cut(read.inside("cut")),
        at=read.moment("at"),
        took_s=read.number("took_s"),
        cost_usd=read.number("cost_usd") if read.has("cost_usd") else None,
    )


def _read_cut(read: JsonReader) -> Cut:
    return Cut(read.member("outcome", Outcome), read.get("reason", str))


def _gathered_to_json(gathered: Gathered) -> Json:
    return {
        "number": gathered.number,
        "digest": gathered.digest,
        "refusal": gathered.refusal,
        "took_s": gathered.took_s,
    }


def _gathered_from_json(data: Json) -> Gathered:
    read = JsonReader.of(data, "step tool")
    return Gathered(
        number=read.optional("number", int),
        digest=read.get("digest", str),
        refusal=read.get("refusal", str),
        took_s=read.number("took_s"),
    )


OPENING: Codec[Opening] = Codec(_opening_to_json, _opening_from_json)
ASKED: Codec[Asked] = Codec(_asked_to_json, _asked_from_json)
GATHERED: Codec[Gathered] = Codec(_gathered_to_json, _gathered_from_json)
