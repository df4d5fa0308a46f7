"""The limits at the moment of beginning: what is counted in the transaction that begins an action, or does not.

The gate has looked at the same limits before; here they hold, because nobody else begins anything meanwhile.
"""

from __future__ import annotations

from dataclasses import replace

from gcm_sentinel.domain.acting_policy import ActingPolicy, Capacity
from gcm_sentinel.domain.action_record import ActionRecord
from gcm_sentinel.domain.gate import Ruling, Verdict, over_capacity
from gcm_sentinel.domain.operations import DECLARED
from gcm_sentinel.remediation.breaker import overload
from gcm_sentinel.storage.abroad import Abroad


class Limits:
    """What `Actions.begin` asks about one action; remembers what it said."""

    def __init__(self, record: ActionRecord, counted: Capacity, policy: ActingPolicy, *, approved: bool) -> None:
        """`counted` is the fleet as it was just read; `approved` says that a person has, so the rate is no matter."""
        self._record = record
        self._counted = counted
        self._policy = policy
        self._approved = approved
        self.ruling: Ruling | None = None
        """What stands against it; None while nothing does."""
        self.overload = ""
        """Why the circuit breaker has to open; empty where it has not."""
        self.busy = False
        """Whether all that stands against it is something under way on the same node: it may begin later."""

    def __call__(self, abroad: Abroad) -> str:
        """Why the action may not begin; empty where it may."""
        capacity = replace(self._counted, reserved=abroad.reserved)
        self.ruling = self._refusal(abroad, capacity) or self._too_many(abroad) or self._taken(abroad)
        return self.ruling.reason if self.ruling else ""

    def _refusal(self, abroad: Abroad, capacity: Capacity) -> Ruling | None:
        node = self._record.takes_out
        if not node:
            return None
        if abroad.breaker.is_open:
            return _refused(f"the circuit breaker is open ({abroad.breaker.reason}): a person has to reset it")
        reason = over_capacity(capacity, node, self._policy, DECLARED[self._record.order.operation])
        if reason is None:
            return None
        self.overload = overload(capacity, self._policy)
        return _refused(reason)

    def _taken(self, abroad: Abroad) -> Ruling | None:
        node = self._record.node
        if node not in abroad.busy:
            return None
        self.busy = True
        return _refused(f"{abroad.busy[node]} is under way on {node}")

    def _too_many(self, abroad: Abroad) -> Ruling | None:
        begun, may = len(abroad.begun), self._policy.max_per_hour
        if self._approved or begun < may:
            return None
        return Ruling(Verdict.ASK, (f"{begun} actions began within the last hour meanwhile, {may} may",))


def _refused(reason: str) -> Ruling:
    return Ruling(Verdict.REFUSED, (reason,))
