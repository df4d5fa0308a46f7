"""A small gateway over real gRPC that keeps a log of events and can be stopped and started again on its port.

What it remembers is in this object, so a restart of the server loses connections and nothing else; `forget` drops the
oldest events as retention does.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from sentinel.ext.v1 import directives_pb2, events_pb2
from sentinel.v1 import common_pb2, correlation_pb2, health_pb2, probe_pb2, quarantine_pb2

T0 = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)
HEALTHY, SUSPECT, QUARANTINED, DEEP_TEST, CONDEMNED = 1, 2, 3, 4, 5
MODEL = "NVIDIA H200"


def uuid(number: int) -> str:
    """As NVML writes them."""
    return f"GPU-{number:08x}-0000-4000-8000-000000000000"


def stamp(minutes: float) -> Timestamp:
    """So many minutes after T0."""
    made = Timestamp()
    made.FromDatetime(T0 + timedelta(minutes=minutes))
    return made


class EventGateway:
    """What it knows: states, failing GPUs, waiting directives, the log."""

    def __init__(self) -> None:
        self.log: list[events_pb2.Event] = []
        self.gpus: dict[str, health_pb2.GpuHealth] = {}
        self.directives: list[directives_pb2.DirectiveRecord] = []
        self.forgotten = 0
        """Events up to this position are gone."""
        self.fail: dict[str, tuple[grpc.StatusCode, str]] = {}
        self.is_cut_off = False
        """Every stream ends before it told of anything that was."""
        self.is_mute = False
        """Streams are taken, and never answered."""
        self.followed: list[int | None] = []
        """Where each stream began; None for from now on."""
        self.port = _free_port()
        self._server: grpc.aio.Server | None = None
        self._rung = asyncio.Event()
        self._open = 0

    @property
    def endpoint(self) -> str:
        """host:port, the same after a restart."""
        return f"127.0.0.1:{self.port}"

    @property
    def followers(self) -> int:
        """Streams open now."""
        return self._open

    def gpu(self, number: int, host: str = "gpu-1", *, failing: bool = False, **told: Any) -> common_pb2.GpuIdentifier:
        """There is a GPU; `failing` lately."""
        gpu = common_pb2.GpuIdentifier(uuid=uuid(number), hostname=host, device_index=number, model=MODEL, **told)
        health = health_pb2.GpuHealth(gpu=gpu, state=health_pb2.GPU_HEALTH_STATE_HEALTHY, probe_fail_count=5 * failing)
        health.probe_failure_rate = 5.0 * failing
        self.gpus[gpu.uuid] = health
        return gpu

    def becomes(self, number: int, state: Any, minutes: float = 0, why: str = "SM 57 failed in 4 sweeps") -> None:
        """A GPU changes its state, and the log tells."""
        health = self.gpus[uuid(number)]
        change = correlation_pb2.StateTransition(
            from_state=health.state, to_state=state, timestamp=stamp(minutes), reason=why, initiated_by="gateway"
        )
        self.quietly(number, state, minutes, why)
        self.tell(events_pb2.Event(time=stamp(minutes), gpu=health.gpu, state=change))

    def quietly(self, number: int, state: Any, minutes: float = 0, why: str = "") -> None:
        """A GPU stands in a state that no event in the log tells of."""
        health = self.gpus[uuid(number)]
        health.state, health.state_change_reason = state, why
        health.state_changed_at.CopyFrom(stamp(minutes))

    def correlates(self, number: int | None, kind: Any, minutes: float = 0, severity: Any = 4) -> None:
        """Events are correlated, of one GPU or of many."""
        found = correlation_pb2.CorrelationEvent(
            event_id=f"c{len(self.log)}", pattern_type=kind, confidence=0.91, timestamp=stamp(minutes),
            severity=severity, description="the test blames one SM", recommended_action="have it deep-tested",
        )  # fmt: skip
        told = events_pb2.Event(time=stamp(minutes), correlation=found)
        if number is not None:
            told.gpu.CopyFrom(self.gpus[uuid(number)].gpu)
            told.correlation.attributed_gpu.CopyFrom(told.gpu)
        self.tell(told)

    def directs(self, number: int, status: Any, minutes: float = 0, *, name: str = "d-1") -> None:
        """A directive waits, or was decided."""
        gpu, condemn = self.gpus[uuid(number)].gpu, quarantine_pb2.QUARANTINE_ACTION_CONDEMN
        order = quarantine_pb2.QuarantineDirective(
            directive_id=name, gpu=gpu, action=condemn, reason="deep test failed"
        )
        record = directives_pb2.DirectiveRecord(
            directive=order, status=status, issued_by="gateway", issued_at=stamp(minutes)
        )
        self.directives = [one for one in self.directives if one.directive.directive_id != name]
        if status == directives_pb2.DIRECTIVE_STATUS_WAITING:
            self.directives.append(record)
        self.tell(events_pb2.Event(time=stamp(minutes), gpu=gpu, directive=record))

    def shares(self, shared: str, value: str, minutes: float = 0, *, raised: bool = True) -> None:
        """Many GPUs are found to fail for one reason, or no longer."""
        key = f"{shared}/{value}/"
        cause = events_pb2.SharedCause(
            key=key, shared=shared, value=value, gpus=4, of=8, raised=raised, description="its golden answer is wrong"
        )
        cause.probe_types.append(probe_pb2.PROBE_TYPE_TENSOR_CORE)
        self.tell(events_pb2.Event(time=stamp(minutes), shared_cause=cause))

    def tell(self, event: events_pb2.Event) -> None:
        """Append to the log."""
        event.position = self.head + 1
        self.log.append(event)
        self._rung.set()
        self._rung = asyncio.Event()

    @property
    def head(self) -> int:
        """Position of the newest event."""
        return self.log[-1].position if self.log else self.forgotten

    def forget(self) -> None:
        """Everything so far is forgotten."""
        self.forgotten = self.head
        self.log.clear()

    async def start(self) -> None:
        """Listen on the port."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        for service, methods in self._methods().items():
            handlers: dict[str, Any] = {name: self._handler(name, *method) for name, method in methods.items()}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        self._server.add_insecure_port(self.endpoint)
        await self._server.start()

    async def stop(self) -> None:
        """Cut every connection and listen no more."""
        if self._server is not None:
            await self._server.stop(0)
            self._server = None

    def _methods(self) -> dict[str, dict[str, tuple[Any, Any]]]:
        return {
            "sentinel.v1.CorrelationService": {
                "QueryFleetHealth": (correlation_pb2.FleetHealthRequest, self._fleet),
                "QueryGpuHealth": (correlation_pb2.HealthQueryRequest, self._health),
            },
            "sentinel.ext.v1.DirectiveService": {
                "ListDirectives": (directives_pb2.ListDirectivesRequest, self._listed),
            },
            "sentinel.ext.v1.EventService": {"FollowEvents": (events_pb2.FollowEventsRequest, None)},
        }

    def _handler(self, name: str, kind: Any, answer: Any) -> Any:
        async def unary(request: Any, context: Any) -> Any:
            if name in self.fail:
                await context.abort(*self.fail[name])
            found = answer(request)
            if found is None:
                await context.abort(grpc.StatusCode.NOT_FOUND, "nobody ever reported about it")
            return found

        if answer is not None:
            return grpc.unary_unary_rpc_method_handler(
                unary, kind.FromString, lambda message: message.SerializeToString()
            )
        return grpc.unary_stream_rpc_method_handler(
            self._follow, kind.FromString, lambda message: message.SerializeToString()
        )

    def _fleet(self, request: Any) -> Any:
        wanted = set(request.state_filter)
        found = [health for health in self.gpus.values() if not wanted or health.state in wanted]
        return correlation_pb2.FleetHealthResponse(gpu_health=found, total_matching=len(found))

    def _health(self, request: Any) -> Any:
        health = self.gpus.get(request.gpu.uuid)
        return None if health is None else correlation_pb2.HealthQueryResponse(health=health)

    def _listed(self, _request: Any) -> Any:
        return directives_pb2.ListDirectivesResponse(directives=self.directives)

    async def _follow(self, request: events_pb2.FollowEventsRequest, context: Any) -> AsyncIterator[events_pb2.Event]:
        if "FollowEvents" in self.fail:
            await context.abort(*self.fail["FollowEvents"])
        position = request.after_position
        self.followed.append(None if request.from_now else position)
        if self.is_mute:
            await asyncio.Event().wait()
        await context.send_initial_metadata((("sentinel-stream", "open"),))
        if request.from_now:
            position = self.head
            yield events_pb2.Event(position=position)
        elif 0 < position < self.forgotten or position > self.head:
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, f"events after {position} were forgotten")
        if self.is_cut_off:
            return
        self._open += 1
        try:
            while True:
                rung = self._rung
                for event in [event for event in self.log if event.position > position]:
                    position = event.position
                    yield event
                await rung.wait()
        finally:
            self._open -= 1


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def serving(gateway: EventGateway) -> AsyncIterator[EventGateway]:
    """Serve it."""
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()
