"""The life of a GPU: its states, what may be done to it, and which state follows. A GPU nobody spoke of is HEALTHY.

Twelve edges exist; CONDEMNED has none out of it. `Action` has two members that no directive can carry: the gateway
marks and clears suspects itself. Who may not overrule reinstates only into the state it took the GPU out of, so that a
suspect comes back as one (`gpus.given_back`). Numbers equal the wire's.
"""

from __future__ import annotations

from enum import Enum, IntEnum

from sentinel_gateway.domain.errors import IllegalState


class HealthState(IntEnum):
    """Where a GPU stands."""

    HEALTHY = 1
    SUSPECT = 2
    QUARANTINED = 3
    DEEP_TEST = 4
    CONDEMNED = 5


class Action(Enum):
    """What can be done to a GPU's state."""

    QUARANTINE = 1
    REINSTATE = 2
    CONDEMN = 3
    SCHEDULE_DEEP_TEST = 4
    MARK_SUSPECT = "mark_suspect"
    CLEAR_SUSPECT = "clear_suspect"


_H, _S, _Q, _D, _C = HealthState

EDGES: dict[HealthState, dict[Action, HealthState]] = {
    _H: {Action.MARK_SUSPECT: _S, Action.QUARANTINE: _Q, Action.CONDEMN: _C},
    _S: {Action.QUARANTINE: _Q, Action.CONDEMN: _C, Action.REINSTATE: _H, Action.CLEAR_SUSPECT: _H},
    _Q: {Action.SCHEDULE_DEEP_TEST: _D, Action.CONDEMN: _C, Action.REINSTATE: _H},
    _D: {Action.CONDEMN: _C, Action.REINSTATE: _H},
    _C: {},
}
"""What each state allows, and where it leads."""


def after(state: HealthState, action: Action) -> HealthState:
    """The state that follows.

    Raises:
        IllegalState: `state` does not allow `action`; names what it allows.
    """
    if (follows := EDGES[state].get(action)) is not None:
        return follows
    allowed = ", ".join(other.name for other in EDGES[state]) or "nothing: it is final"
    raise IllegalState(f"a GPU that is {state.name} cannot be given {action.name}; it allows {allowed}")
