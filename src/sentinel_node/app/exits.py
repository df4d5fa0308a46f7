"""What the process's exit code means."""

from __future__ import annotations

from enum import IntEnum

from sentinel_node.domain.errors import BadConfiguration, Invalid, NodeError, NotFound, Refused


class Exit(IntEnum):
    """The exit code of every command."""

    OK = 0
    UNMET = 1
    """It ran, and the answer is not the wanted one: a probe that did not pass, a check that found something."""
    USAGE = 2
    """A flag, setting or file that cannot be used, or something that is not allowed here."""
    OUTSIDE = 4
    """A part of the machine is missing or does not answer."""


def of_error(error: NodeError) -> Exit:
    """The exit code for an error that ends a command."""
    return Exit.USAGE if isinstance(error, BadConfiguration | Invalid | NotFound | Refused) else Exit.OUTSIDE
