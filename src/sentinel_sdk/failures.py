"""What a failed call means for whoever made it: the error to raise, and whether sending it again could ever help.

gRPC does not say whether a status came from the server or from a connection that was never made, so its words decide
when to look at the endpoint ourselves. They were read off grpcio 1.85; where another version words it otherwise, gRPC's
message stands as it is and the call is repeated like any other.
"""

from __future__ import annotations

import logging
import re
from concurrent.futures import Future
from dataclasses import dataclass, replace

import grpc

from sentinel_sdk import handshake
from sentinel_sdk.errors import InvalidArgumentError, SentinelError, from_rpc, from_status, on_one_line
from sentinel_sdk.retry import Reconnects
from sentinel_sdk.target import Target
from sentinel_sdk.tls_diagnosis import Diagnosis

log = logging.getLogger("sentinel_sdk")
_NOT_CONNECTED = (
    "failed to connect to all addresses",
    "errors resolving",
    "DNS resolution failed",
    "Name resolution failure",
)
_CUT_OFF = ("Received RST_STREAM", "Stream removed")
"""How a server that is stopped, or a proxy before it, ends what was under way."""
_CUTTING_OFF = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
_TOO_LARGE = re.compile(r"message larger than max(?: \((\d+) vs\.? (\d+)\))?", re.IGNORECASE)
_ANSWER_TOO_LARGE = "CLIENT: Received"
_SPOKEN_BY_NOBODY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


@dataclass(frozen=True, slots=True)
class TooLarge:
    """What was sent is larger than the other side takes, or than we may send."""

    limit_bytes: int | None
    """None where nobody said."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt."""

    error: SentinelError
    lasting: bool = False
    """Waiting does not help, whatever the status."""
    too_large: TooLarge | None = None

    def after(self, earlier: SentinelError | None) -> SentinelError:
        """The error to end with; names the cause of earlier attempts where the last one only ran out of time."""
        if (
            earlier is None
            or self.error.code is not grpc.StatusCode.DEADLINE_EXCEEDED
            or earlier.code == self.error.code
        ):
            return self.error
        return from_status(grpc.StatusCode.DEADLINE_EXCEEDED, f"{self.error}; before that: {earlier}")


class Reach:
    """What one connection has found out about its endpoint."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._place = handshake.place_of(target.endpoint, dict(target.options), target.tls)
        self._has_answered = False

    def answered(self) -> None:
        """Something came from there."""
        self._has_answered = True

    def failure_of(self, error: grpc.RpcError) -> Failure:
        """What a failed call means, before anybody has looked at the endpoint."""
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.CANCELLED or (code in _CUTTING_OFF and details.startswith(_CUT_OFF)):
            # Who cancels here never asks; so it was the other side, which is going away, or the channel was replaced.
            self._has_answered = True
            return Failure(from_status(grpc.StatusCode.UNAVAILABLE, f"the call was cut off: {details}"))
        if code not in _SPOKEN_BY_NOBODY:
            self._has_answered = True
        if code is grpc.StatusCode.DEADLINE_EXCEEDED and not self._has_answered:
            return Failure(from_status(code, f"{details}: nothing was heard from {self._target.endpoint} at all"))
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and (found := _TOO_LARGE.search(details)):
            return _of_size(found, details)
        return Failure(from_rpc(error))

    def renewed(self) -> Target | None:
        """The target with certificates that were renewed on disk; None where nothing changed that can be used."""
        try:
            return self._target.renewed()
        except InvalidArgumentError as error:
            log.warning("tls.renewed_files_unusable endpoint=%s error=%s", self._target.endpoint, error)
            return None

    def go_on_with(self, target: Target) -> None:
        """From now on this is how the endpoint is connected to."""
        log.info("tls.renewed endpoint=%s", target.endpoint)
        self._target = target
        self._place = self._place and replace(self._place, tls=target.tls)

    def look(self) -> Future[Diagnosis | None] | None:
        """Begin to look at the endpoint; None where only gRPC can get there."""
        return handshake.look(self._place) if self._place else None


def is_unconnected(failure: Failure) -> bool:
    """Whether there was no connection at all."""
    return failure.error.code is grpc.StatusCode.UNAVAILABLE and str(failure.error).startswith(_NOT_CONNECTED)


def explained(failure: Failure, found: Diagnosis | None) -> Failure:
    """`failure` with what was found out about its cause, if anything, and gRPC's own words on a line below."""
    error = failure.error
    if found is None or error.code is None:
        return failure
    return Failure(from_status(error.code, f"{found.words}\ngRPC says: {error}"), found.lasting)


def wait_after(failure: Failure, reconnects: Reconnects, path: str) -> float:
    """How long to wait before opening the stream at `path` again, in seconds.

    Raises:
        SentinelError: it is no use.
    """
    delay_s = None if failure.lasting else reconnects.delay_after(failure.error.code)
    if delay_s is None:
        raise failure.error
    log.warning("stream.reconnect method=%s delay_s=%.3f error=%s", path, delay_s, on_one_line(failure.error))
    return delay_s


def of_no_acknowledgement(*, ended: bool) -> Failure:
    """A stream whose server ended it too early, or said nothing for too long."""
    if ended:
        return Failure(
            from_status(grpc.StatusCode.UNAVAILABLE, "the server ended the stream before it acknowledged everything")
        )
    return Failure(from_status(grpc.StatusCode.DEADLINE_EXCEEDED, "no acknowledgement came in time"))


def _of_size(found: re.Match[str], details: str) -> Failure:
    """Somebody takes no message of this size, however often it comes."""
    size, limit = found[1], found[2]
    is_answer = _ANSWER_TOO_LARGE in details
    what = "the answer" if is_answer else "the message"
    who = "this client takes (grpc.max_receive_message_length)" if is_answer else "is taken"
    sizes = f"{size} bytes, {limit} at most" if limit else "nobody said by how much"
    words = f"{what} is larger than {who}: {sizes} (gRPC: {details})"
    too_large = None if is_answer else TooLarge(int(limit) if limit else None)
    return Failure(from_status(grpc.StatusCode.RESOURCE_EXHAUSTED, words), lasting=True, too_large=too_large)
