"""`grpc.health.v1`: what health checks hear, which follows the database and the end of the process."""

from __future__ import annotations

from collections.abc import Iterable

from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio


class Liveness:
    """The health of all services together: they share one core and one database."""

    def __init__(self, services: Iterable[str]) -> None:
        self._names = ("", *services)
        self.servicer = aio.HealthServicer()
        self.is_serving = False

    async def set_serving(self, *, serving: bool) -> None:
        """Tell whoever asks or watches; the same again tells nobody."""
        self.is_serving = serving
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in self._names:
            await self.servicer.set(name, status)

    async def stop(self) -> None:
        """NOT_SERVING for good."""
        self.is_serving = False
        await self.servicer.enter_graceful_shutdown()
