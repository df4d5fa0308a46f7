"""What the process's exit code means."""

from __future__ import annotations

from enum import IntEnum

from sentinel_node.domain.diagnosis import Status
from sentinel_node.domain.errors import BadConfiguration, Invalid, NodeError, NotFound, Refused
from sentinel_node.domain.probes import Outcome


class Exit(IntEnum):
    """The exit code of every command."""

    OK = 0
    UNMET = 1
    """It ran and found something: a probe that failed, a check with a warning or worse, a part that is missing."""
    USAGE = 2
    """A flag, setting or file that cannot be used, or something that is not allowed here."""
    UNKNOWN = 3
    """It ran, and nobody can say: a probe that gave no answer, a check that could not read what it looks at."""
    OUTSIDE = 4
    """A part of the machine is missing or does not answer."""


def of_outcome(outcome: Outcome) -> Exit:
    """The exit code of a probe."""
    return {Outcome.PASS: Exit.OK, Outcome.FAIL: Exit.UNMET}.get(outcome, Exit.UNKNOWN)


def of_status(status: Status) -> Exit:
    """The exit code of a check."""
    return {Status.OK: Exit.OK, Status.UNKNOWN: Exit.UNKNOWN}.get(status, Exit.UNMET)


def of_error(error: NodeError) -> Exit:
    """The exit code for an error that ends a command."""
    return Exit.USAGE if isinstance(error, BadConfiguration | Invalid | NotFound | Refused) else Exit.OUTSIDE
