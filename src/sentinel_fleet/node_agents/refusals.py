"""What a node's agent refuses, as the code and the words that its caller gets. The codes are those of `node.proto`."""

from __future__ import annotations

from grpc import StatusCode


class Refusal(Exception):
    """Raised when a call is not answered."""

    def __init__(self, code: StatusCode, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


def invalid(words: str) -> Refusal:
    """It is wrong and stays wrong."""
    return Refusal(StatusCode.INVALID_ARGUMENT, words)


def not_found(words: str) -> Refusal:
    """There is no such GPU, boot or name."""
    return Refusal(StatusCode.NOT_FOUND, words)


def refused(words: str) -> Refusal:
    """Not allowed here, or not now."""
    return Refusal(StatusCode.FAILED_PRECONDITION, words)


def busy(words: str) -> Refusal:
    """Another probe holds the GPU."""
    return Refusal(StatusCode.RESOURCE_EXHAUSTED, words)


def unavailable(words: str) -> Refusal:
    """A part of the machine is missing or does not answer."""
    return Refusal(StatusCode.UNAVAILABLE, words)
