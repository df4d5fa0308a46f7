"""A SENTINEL server whose answers each test writes: real gRPC over a real socket, no behaviour of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from sentinel_sdk import methods
from sentinel_sdk.rpc import Method

Behaviour = Callable[[Any, grpc.ServicerContext], Any]
_M = TypeVar("_M")
METHODS = {one.path: one for one in vars(methods).values() if isinstance(one, Method)}
_ANSWERED_IN_PARTS = {
    methods.STREAM_DIRECTIVES.path,
    methods.GENERATE_REPORT.path,
    methods.FOLLOW_EVENTS.path,
    methods.FOLLOW_CANARIES.path,
}
_CONVERSATIONS = {
    methods.CONFIG_STREAM.path,
    methods.STREAM_PROBE_RESULTS.path,
    methods.STREAM_ANOMALY_EVENTS.path,
    methods.STREAM_TELEMETRY.path,
}


def made(kind: type[_M], /, **fields: Any) -> _M:
    """A message with its submessages written as dicts and its enumerations as numbers."""
    return kind(**fields)


@dataclass(frozen=True)
class Seen:
    """One call as it arrived."""

    path: str
    request: Any
    metadata: dict[str, str]
    at: float


class ScriptedServer(grpc.GenericRpcHandler):
    """Answers with what `on` was told; everything else is UNIMPLEMENTED."""

    def __init__(
        self, credentials: grpc.ServerCredentials | None = None, *, max_receive_bytes: int = 4 * 2**20
    ) -> None:
        self.seen: list[Seen] = []
        self._behaviours: dict[str, Behaviour] = {}
        self._credentials = credentials
        self._options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", max_receive_bytes)]
        self._server = self._started(0)

    @property
    def endpoint(self) -> str:
        return f"localhost:{self.port}"

    def on(self, method: Method[Any, Any], behaviour: Behaviour) -> None:
        """Answer `method` with what `behaviour` returns, or iterates over, for a request and a context."""
        self._behaviours[method.path] = behaviour

    def answers(self, method: Method[Any, Any], message: Any) -> None:
        """Answer `method` always the same."""
        self.on(method, lambda _request, _context: message)

    def requests(self, method: Method[Any, Any]) -> list[Any]:
        return [call.request for call in self.seen if call.path == method.path]

    def stop(self) -> None:
        self._server.stop(0).wait()

    def go_away(self) -> threading.Event:
        """Take nothing new and let what is under way go on; the event is set when it has ended."""
        return self._server.stop(30)

    def start_again(self, credentials: grpc.ServerCredentials | None = None) -> None:
        """On the same port, after `stop`; with other credentials, if any are given."""
        self._credentials = credentials or self._credentials
        self._server = self._started(self.port)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        method, behaviour = METHODS.get(details.method), self._behaviours.get(details.method)
        if method is None or behaviour is None:
            return None
        kinds = (method.request.FromString, method.response.SerializeToString)
        metadata = {key: value for key, value in details.invocation_metadata if isinstance(value, str)}

        def single(request, context):
            self.seen.append(Seen(method.path, request, metadata, time.monotonic()))
            return behaviour(request, context)

        if details.method in _CONVERSATIONS:
            self.seen.append(Seen(method.path, None, metadata, time.monotonic()))
            return grpc.stream_stream_rpc_method_handler(behaviour, *kinds)
        if details.method in _ANSWERED_IN_PARTS:
            return grpc.unary_stream_rpc_method_handler(single, *kinds)
        return grpc.unary_unary_rpc_method_handler(single, *kinds)

    def _started(self, port: int) -> grpc.Server:
        server = grpc.server(ThreadPoolExecutor(16), handlers=[self], options=self._options)
        address = f"localhost:{port}"
        self.port = (
            server.add_secure_port(address, self._credentials)
            if self._credentials
            else server.add_insecure_port(address)
        )
        server.start()
        return server


def failing_first(times: int, code: grpc.StatusCode, then: Behaviour) -> Behaviour:
    """Fails `times` times, then behaves like `then`."""
    left = iter(range(times))

    def behave(request: Any, context: grpc.ServicerContext) -> Any:
        if next(left, None) is not None:
            context.abort(code, f"not now: {code.name}")
        return then(request, context)

    return behave


def until_ended(context: grpc.ServicerContext) -> Iterator[Any]:
    """A stream on which nothing more comes, for as long as the client wants it."""
    ended = threading.Event()
    if context.add_callback(ended.set):
        ended.wait(30)
    yield from ()


def then_quiet(messages: Iterable[Any]) -> Behaviour:
    """A stream of messages that stays open."""

    def behave(_request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield from messages
        yield from until_ended(context)

    return behave


def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True
