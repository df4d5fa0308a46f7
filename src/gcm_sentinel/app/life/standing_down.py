"""Standing down: where the agent's mode does not let it act any more, what it had asked for or begun comes to an end.

Only once no living replica acts: while a rolling upgrade still runs the former mode somewhere, what is under way there
is carried on there. Nothing is written to the cluster. What was not begun has sent nothing and is refused; of what was
begun nobody knows how far it came, so it has failed, and a person must look. Its job is cancelled before that, so that
it is not taken up again where the agent acts once more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from gcm_sentinel.app.life.action_keys import job_of
from gcm_sentinel.app.life.hearing import Hearing
from gcm_sentinel.app.life.refusing import refuse
from gcm_sentinel.app.life.upkeep import DEAD_AFTER
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.action_record import NOT_BEGUN, UNDER_WAY, ActionRecord, ActionState
from gcm_sentinel.domain.modes import Effect, Mode, permits
from gcm_sentinel.domain.operations import DECLARED
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.storage.actions import Step

log = structlog.get_logger(__name__)

EVERY_S = 15.0
_STANDS_ASIDE = frozenset(str(mode) for mode in Mode if not permits(mode, Effect.REMEDIATE).allowed)

Cancel = Callable[[str], Awaitable[None]]


class StandingDown:
    """Ends the actions that an agent in an acting mode has left."""

    def __init__(
        self, stores: Stores, mode: Mode, cancel: Cancel, clock: Clock, *, executor: str, hearing: Hearing | None = None
    ) -> None:
        """`cancel` has nobody go on with the job of a key; `executor` is this process in the records.

        `hearing` is that of its beats; None where no other process shares the database.
        """
        self._stores = stores
        self._mode = mode
        self._cancel = cancel
        self._clock = clock
        self._executor = executor
        self._hearing = hearing

    async def stand_down(self) -> None:
        """Look at every action that is not over once.

        Raises:
            Retryable: a database is away.
        """
        if self._hearing is not None and not self._hearing.may_judge:
            return  # those that act may just not have been heard
        if await self._others_act():
            return
        for record in await self._stores.actions.in_state(*NOT_BEGUN):
            await self._withdraw(record)
        for record in await self._stores.actions.in_state(*UNDER_WAY):
            await self._give_up(record)

    async def _others_act(self) -> bool:
        """Whether another replica lives whose mode lets it act; one that does not say its mode may."""
        living = await self._stores.executors.living(DEAD_AFTER)
        return any(mode not in _STANDS_ASIDE for name, mode in living.items() if name != self._executor)

    async def _withdraw(self, record: ActionRecord) -> None:
        note, now = f"the agent's mode is {self._mode} now", self._clock.now()
        if await refuse(self._stores, record, Step(ActionState.REFUSED, now, note=note, leaves=NOT_BEGUN)):
            log.warning("action.stood_down", action=record.id, was=str(record.state), mode=str(self._mode))

    async def _give_up(self, record: ActionRecord) -> None:
        await self._cancel(job_of(record))
        note = f"the mode was changed while it ran; a person must look at: {_what_stands(record)}"
        if await self._stores.actions.advance(record.id, Step(ActionState.FAILED, self._clock.now(), note=note)):
            log.error("action.left_behind", action=record.id, was=str(record.state), note=note)


def _what_stands(record: ActionRecord) -> str:
    """What may be left of an action that nobody goes on with."""
    order, declared = record.order, DECLARED[record.order.operation]
    sent = "all of it was sent" if record.state is ActionState.CARRIED else "some or all of it may have been sent"
    where = "" if record.node == order.target.name else f" on {record.node}"
    back = f", taken back by {declared.undo}" if declared.undo else ", which nothing takes back"
    back = ", of which nothing is left" if declared.leaves_nothing else back
    return f"{order.target.kind} {order.target.name}{where} ({order.operation}: {sent}{back})"
