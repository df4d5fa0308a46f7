"""What the process's exit code means."""

from __future__ import annotations

from enum import IntEnum

from sentinel_gateway.domain.errors import BadConfiguration, Bug, GatewayError, Refused


class Exit(IntEnum):
    """The exit code of every command."""

    OK = 0
    UNMET = 1
    """It ran, and the answer is not the wanted one."""
    USAGE = 2
    """A flag, setting or file that cannot be used."""
    OUTSIDE = 4
    """Something outside could not be reached."""
    BUG = 5


def of_error(error: GatewayError) -> Exit:
    """The exit code for an error that ends a command."""
    if isinstance(error, Bug):
        return Exit.BUG
    if isinstance(error, BadConfiguration | Refused):
        return Exit.USAGE
    return Exit.OUTSIDE
