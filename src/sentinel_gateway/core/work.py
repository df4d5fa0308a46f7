"""Requests: how one is decided and answered, and what a round's requests need together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog

from sentinel_gateway.core.round import Round
from sentinel_gateway.core.settling import settle
from sentinel_gateway.domain.alerts import AlertChanges, Alerts
from sentinel_gateway.domain.errors import Bug, GatewayError
from sentinel_gateway.storage.changes import Needs

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Work(Generic[Answer]):
    """One request: what decides it, what must be looked up before, how much it weighs."""

    decide: Callable[[Round], Answer]
    needs: Callable[[], Needs] = Needs
    """Asked when its round begins, for what must be looked up depends on the rounds before."""
    items: int = 1


@dataclass(slots=True)
class Asked:
    """A request that waits for its turn."""

    work: Work[Any]
    answer: asyncio.Future[Any]


def needs_of(taken: Sequence[Asked]) -> Needs:
    """What must be looked up for all of them."""
    needs = [asked.work.needs() for asked in taken]
    return Needs(
        batches=tuple(key for one in needs for key in one.batches),
        tags=tuple(tag for one in needs for tag in one.tags),
        directives=tuple(key for one in needs for key in one.directives),
        canaries=tuple(key for one in needs for key in one.canaries),
        updates=tuple(key for one in needs for key in one.updates),
    )


def judge(round_: Round) -> None:
    """Judge what the round showed.

    Raises:
        Bug: judging failed, so that whoever's request it was is found.
    """
    try:
        settle(round_)
    except GatewayError:
        raise
    except Exception as error:  # the border of judging: one request must not end the gateway
        log.exception("core.judging_failed")
        raise Bug(f"judging this round failed: {type(error).__name__}") from error


def alerts_of(alerts: Alerts, round_: Round) -> AlertChanges | None:
    """What is to be told because of the round; None where alerting failed, which keeps nothing from being stored."""
    try:
        return alerts.decide(round_.happenings, round_.now_ns)
    except Exception:  # the border of alerting
        log.exception("core.alerting_failed")
        return None


def decide_one(work: Work[Any], round_: Round) -> object:
    """The answer, or the error that is the answer."""
    try:
        return work.decide(round_)
    except GatewayError as error:
        return error
    except Exception as error:
        log.exception("core.request_failed")
        return Bug(f"deciding this request failed: {type(error).__name__}")


def reply(asked: Asked, answer: object) -> None:
    """Answer one; errors are raised where it was asked."""
    if asked.answer.done():
        return
    if isinstance(answer, GatewayError):
        asked.answer.set_exception(answer)
    else:
        asked.answer.set_result(answer)


def fail(taken: Sequence[Asked], error: GatewayError) -> None:
    """Answer all of them with an error."""
    for asked in taken:
        reply(asked, error)
