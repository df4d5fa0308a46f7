"""One turn of the model as one recorded step: asked within a deadline, priced, told to whoever keeps the accounts.

The deadline is applied inside the step, so that a turn that came too late is recorded as such and a replay meets the
same outcome. The turn is passed on in its written form, because a tuple that becomes a list at a replay could send it
another way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import structlog

from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.protocols import Clock, Model
from gcm_sentinel.domain.steps import Steps
from gcm_sentinel.domain.transcript import ModelTurn, ToolSpec, Transcript
from gcm_sentinel.domain.transcript_json import turn_from_json, turn_to_json
from gcm_sentinel.engine.recorded import ASKED, Asked, Cut

log = structlog.get_logger(__name__)

Price: TypeAlias = Callable[[ModelTurn], float | None]
"""What a turn cost in USD; None when its model's price is not known."""

OnTurn: TypeAlias = Callable[[str, int, ModelTurn, float | None], Awaitable[None]]
"""Told of each finished turn, once: the investigation's id, the turn's number from 1, the turn, its cost in USD."""


async def unheard(investigation_id: str, number: int, turn: ModelTurn, cost_usd: float | None) -> None:
    """An `OnTurn` that keeps no accounts."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long one turn may take."""

    left: timedelta
    """Of the limit, at the time the turn is asked for."""
    limit: timedelta
    """The whole investigation's, which is named when it ends a turn."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Asks one model on behalf of one investigation."""

    model: Model
    clock: Clock
    price: Price
    on_turn: OnTurn
    steps: Steps

    async def ask(
        self, transcript: Transcript, tools: tuple[ToolSpec, ...], *, number: int, deadline: Deadline
    ) -> Asked:
        """The next turn, or why there is none; never raises but for a failure of the steps themselves."""

        async def work() -> Asked:
            return await self._ask(transcript, tools, number, deadline)

        return await self.steps.run("turn", work, ASKED)

    async def _ask(self, transcript: Transcript, tools: tuple[ToolSpec, ...], number: int, deadline: Deadline) -> Asked:
        started = self.clock.monotonic()
        answer = await self._answer(transcript, tools, deadline)
        took_s = self.clock.monotonic() - started
        if isinstance(answer, Cut):
            return Asked(answer, self.clock.now(), took_s)
        cost_usd = self.price(answer)
        await self._tell(transcript.incident.investigation_id, number, answer, cost_usd)
        return Asked(answer, self.clock.now(), took_s, cost_usd)

    async def _answer(self, transcript: Transcript, tools: tuple[ToolSpec, ...], deadline: Deadline) -> ModelTurn | Cut:
        fields = {"investigation": transcript.incident.investigation_id, "engine": self.model.name}
        limit = asyncio.timeout(deadline.left.total_seconds())
        try:
            async with limit:
                turn = await self.model.turn(transcript, tools)
            return turn_from_json(json.loads(json.dumps(turn_to_json(turn))))
        except SentinelError as error:
            log.warning("investigation.failed", reason=str(error), **fields)
            return Cut(Outcome.FAILED, str(error))
        except Exception as error:  # the task border: whatever breaks, the incident gets an answer that says so
            if limit.expired() and isinstance(error, TimeoutError):
                seconds = f"{deadline.limit.total_seconds():.0f} s (GCM_SENTINEL_MAX_SECONDS)"
                return Cut(Outcome.PARTIAL, f"no answer within the limit of {seconds}")
            log.exception("investigation.crashed", **fields)
            return crashed(error)

    async def _tell(self, investigation_id: str, number: int, turn: ModelTurn, cost_usd: float | None) -> None:
        """A turn that was paid for is not thrown away because the accounts cannot be written just now."""
        try:
            await self.on_turn(investigation_id, number, turn, cost_usd)
        except SentinelError as error:
            tokens = turn.usage.input_tokens + turn.usage.output_tokens
            fields = {"investigation": investigation_id, "turn": number, "tokens": tokens, "cost_usd": cost_usd}
            log.error("spending.not_recorded", reason=str(error), **fields)  # noqa: TRY400  expected, no trace needed


def crashed(error: Exception) -> Cut:
    """How an investigation ends over a fault of ours; the words hold nothing of the error's."""
    return Cut(Outcome.FAILED, f"a fault inside the agent ({type(error).__name__}); its log says more")
