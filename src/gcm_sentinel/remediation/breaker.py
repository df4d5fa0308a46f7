"""When the circuit breaker opens: more of the fleet is out than may be, and more was to be done. Pure.

A house that is merely full refuses and opens nothing, because its last places were taken by our own count. More out
than may be means that somebody or something else takes nodes out, and then a person has to see it before we go on,
even when the share has come down again by itself. It opens for an order that nothing else speaks against only: what a
model asks for out of scope, or about a node that others keep, is no reason to stop everything.
"""

from __future__ import annotations

from gcm_sentinel.domain.acting_policy import ActingPolicy, Capacity
from gcm_sentinel.domain.gate import Case, Ruling, Verdict, over_capacity


def trips(case: Case, ruling: Ruling) -> str:
    """Why the breaker opens after this ruling; empty where it does not."""
    declared = case.declaration
    if ruling.verdict is not Verdict.REFUSED or declared is None or not declared.takes_out_of_service:
        return ""
    if ruling.reasons != (over_capacity(case.world.capacity, case.node, case.policy, declared),):
        return ""
    return overload(case.world.capacity, case.policy)


def overload(capacity: Capacity, policy: ActingPolicy) -> str:
    """By how much the fleet is over its limit before anything more goes; empty where it is not."""
    out = len((capacity.out | capacity.reserved) & capacity.nodes)
    may = capacity.allowed(policy.max_out_of_service)
    if out <= may:
        return ""
    return (
        f"{out} of {len(capacity.nodes)} GPU nodes were out of service, {may} may be, and more was to be done to a node"
    )
