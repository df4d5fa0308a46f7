"""What a failed call means for whoever made it: the error to raise, and whether sending it again could ever help.

gRPC does not say whether a status came from the server or from a connection that was never made, so its words decide
when to look at the endpoint ourselves. They were read off grpcio 1.85; where another version words it otherwise, gRPC's
message stands as it is and the call is repeated like any other.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

import grpc

from sentinel_sdk import handshake
from sentinel_sdk.errors import SentinelError, from_rpc, from_status
from sentinel_sdk.target import Target
from sentinel_sdk.tls_diagnosis import Diagnosis

_NOT_CONNECTED = (
    "failed to connect to all addresses",
    "errors resolving",
    "DNS resolution failed",
    "Name resolution failure",
)
_CUT_OFF = ("Received RST_STREAM", "Stream removed")
"""How a server that is stopped, or a proxy before it, ends what was under way."""
_SPOKEN_BY_NOBODY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt."""

    error: SentinelError
    lasting: bool = False
    """Waiting does not help, whatever the status."""

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
        self._endpoint = target.endpoint
        self._place = handshake.place_of(target.endpoint, dict(target.options), target.tls)
        self._has_answered = False

    def answered(self) -> None:
        """Something came from there."""
        self._has_answered = True

    def failure_of(self, error: grpc.RpcError) -> SentinelError:
        """The error of a failed call, before anybody has looked at the endpoint."""
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.CANCELLED or details.startswith(_CUT_OFF):
            # Who cancels here never asks; so it was the other side, which is going away.
            return from_status(grpc.StatusCode.UNAVAILABLE, f"the call was cut off: {details}")
        if code not in _SPOKEN_BY_NOBODY:
            self._has_answered = True
        if code is grpc.StatusCode.DEADLINE_EXCEEDED and not self._has_answered:
            return from_status(code, f"{details}: nothing was heard from {self._endpoint} at all")
        return from_rpc(error)

    def look_after(self, error: SentinelError) -> Future[Diagnosis | None] | None:
        """Begin to look at the endpoint; None where the error has another cause than a missing connection."""
        is_unconnected = error.code is grpc.StatusCode.UNAVAILABLE and str(error).startswith(_NOT_CONNECTED)
        return handshake.look(self._place) if is_unconnected and self._place else None


def explained(error: SentinelError, found: Diagnosis | None) -> Failure:
    """`error` with what was found out about its cause, if anything."""
    if found is None or error.code is None:
        return Failure(error)
    return Failure(from_status(error.code, f"{found.words} (gRPC: {error})"), found.lasting)


def of_no_acknowledgement(*, ended: bool) -> Failure:
    """A stream whose server ended it too early, or said nothing for too long."""
    if ended:
        return Failure(
            from_status(grpc.StatusCode.UNAVAILABLE, "the server ended the stream before it acknowledged everything")
        )
    return Failure(from_status(grpc.StatusCode.DEADLINE_EXCEEDED, "no acknowledgement came in time"))
