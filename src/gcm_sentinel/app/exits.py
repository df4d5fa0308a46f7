"""Exit codes, and how an error becomes one line on standard error."""

from __future__ import annotations

from enum import IntEnum

from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.errors import BadConfiguration, Bug, NotFound, Refused, SentinelError


class Exit(IntEnum):
    """What the process's exit code means."""

    OK = 0
    UNMET = 1
    """It ran, and the answer is not the wanted one (a case failed, doctor found something missing or broken)."""
    USAGE = 2
    """A flag, setting, scenario or name that cannot be used."""
    INCONCLUSIVE = 3
    """The investigation ended without a conclusion, or a budget cut it short."""
    OUTSIDE = 4
    """Something outside could not be reached or refused us."""
    BUG = 5


def of_error(error: SentinelError) -> Exit:
    """The exit code for an error that ends a command."""
    if isinstance(error, Bug):
        return Exit.BUG
    if isinstance(error, BadConfiguration | NotFound | Refused):
        return Exit.USAGE
    return Exit.OUTSIDE


def of_outcome(outcome: Outcome) -> Exit:
    """The exit code for how an investigation ended."""
    return {Outcome.CONCLUDED: Exit.OK, Outcome.FAILED: Exit.OUTSIDE}.get(outcome, Exit.INCONCLUSIVE)
