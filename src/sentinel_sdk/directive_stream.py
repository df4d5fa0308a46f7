"""Following directives as they happen: what was already delivered, and where to go on after a broken connection.

A directive that waits for a person is sent twice, first when it begins to wait and again when it is approved, so what
is delivered once is the pair of id and approval. After a broken connection the server is asked for everything after the
last directive that was handled; what it repeats nevertheless is dropped.
"""

from __future__ import annotations

from collections import OrderedDict

from sentinel.v1 import quarantine_pb2
from sentinel_sdk import methods
from sentinel_sdk.conversion import can_be_sent
from sentinel_sdk.following import Course
from sentinel_sdk.rpc import Metadata
from sentinel_sdk.types.enums import QuarantineAction
from sentinel_sdk.types.quarantine import QuarantineDirective

RESUME_METADATA = "sentinel-resume-after"
_REMEMBERED = 10_000
"""How many delivered directives are known again; far more than any server sends twice."""


class Directives(Course[QuarantineDirective]):
    """Directives of a host and an action, or all."""

    method = methods.STREAM_DIRECTIVES
    ends_with_the_server = True

    def __init__(
        self, hostname_filter: str = "", action_filter: QuarantineAction = QuarantineAction.UNSPECIFIED
    ) -> None:
        self._request = quarantine_pb2.DirectiveSubscription(hostname_filter=hostname_filter)
        # mypy-protobuf wants the wire's own enumeration, whose numbers are the same.
        self._request.action_filter = int(action_filter)  # type: ignore[assignment]
        self._last = ""
        self._delivered: OrderedDict[tuple[str, bool], None] = OrderedDict()

    def request(self) -> quarantine_pb2.DirectiveSubscription:
        """The subscription; where to go on stands in the metadata."""
        return self._request

    def metadata(self) -> Metadata:
        """What tells the server where to go on; empty on the first connection."""
        return ((RESUME_METADATA, self._last),) if self._last and can_be_sent(self._last) else ()

    def read(self, message: quarantine_pb2.QuarantineDirective) -> QuarantineDirective | None:
        """A directive that was not delivered before."""
        directive = QuarantineDirective.from_proto(message)
        return None if _delivery(directive) in self._delivered else directive

    def handled(self, item: QuarantineDirective) -> None:
        """A connection that breaks now goes on after this one."""
        if not item.directive_id:
            return
        self._last = item.directive_id
        self._delivered[_delivery(item)] = None
        if len(self._delivered) > _REMEMBERED:
            self._delivered.popitem(last=False)


def _delivery(directive: QuarantineDirective) -> tuple[str, bool]:
    return directive.directive_id, directive.approval is not None
