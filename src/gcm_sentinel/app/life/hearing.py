"""Whether this process can judge who of the others lives: only while it could have heard them.

Just after the database was away nobody has been heard of, and silence is no death. Else the first replica to come back
would take the work of all others, which are alive, and paid turns with it, or bury what they are in the middle of.
"""

from __future__ import annotations

from gcm_sentinel.app.life.upkeep import BEAT_S
from gcm_sentinel.domain.protocols import Clock

_MISSED_S = 2 * BEAT_S
_HEARD_AGAIN_S = 30.0
"""After the database was away: a replica's connecting (10 s), pause between attempts (10 s) and beat, and some."""


class Hearing:
    """What the beats of one process say of the database between them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beaten_at_s: float | None = None
        self._judges_from_s = 0.0

    def beaten(self) -> None:
        """This process's own beat was stored just now."""
        now_s, last_s = self._clock.monotonic(), self._beaten_at_s
        self._beaten_at_s = now_s
        if last_s is not None and now_s - last_s > _MISSED_S:
            self._judges_from_s = now_s + _HEARD_AGAIN_S

    @property
    def may_judge(self) -> bool:
        """Not before the first beat, not while one is missing, and not just after that."""
        now_s, last_s = self._clock.monotonic(), self._beaten_at_s
        return last_s is not None and now_s - last_s <= _MISSED_S and self._judges_from_s <= now_s
