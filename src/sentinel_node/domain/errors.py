"""Every error of the node agent, by what a caller can do about it.

One tree, so that the service maps classes to status codes in one table and the command to exit codes in another.
"""

from __future__ import annotations


class NodeError(Exception):
    """Something the node agent could not do; the message says what, which value, and what to do next."""


class Invalid(NodeError):
    """The request or a setting is wrong, and stays wrong when repeated."""


class BadConfiguration(Invalid):
    """A setting, or a file that one names, cannot be used."""


class Unauthenticated(NodeError):
    """Nobody we know, or what is shown cannot be read."""


class Denied(NodeError):
    """Somebody we know, whose roles do not allow it."""


class NotFound(NodeError):
    """There is no such GPU, boot or record here."""


class Refused(NodeError):
    """Allowed to nobody now: a deep probe on a busy GPU, or more than `probes` permits."""


class Busy(NodeError):
    """Another probe holds this GPU; ask again when it is done."""


class Unavailable(NodeError):
    """A part of this machine is missing or does not answer: no driver, no CUDA, no kernel log."""


class DeviceFailed(Unavailable):
    """The GPU ended a launch with an error. It is no statement about the values it computes."""


class OutOfMemory(DeviceFailed):
    """The GPU has less memory free than was asked for. Nothing else is wrong with it."""


class DeviceTimeout(Unavailable):
    """The GPU did not end a launch in time."""
