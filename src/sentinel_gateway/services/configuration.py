"""Configuration that is pushed to agents and monitors, and the undeclared `ApplyConfig` that both clients call.

On `ConfigStream` the component speaks first: its first acknowledgement, which may be empty but for its name and the
version it has, opens the stream; updates it lacks follow. A component that stops sending still receives.
"""

# ruff: noqa: N802  methods are named as on the wire

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sentinel.v1 import config_pb2, config_pb2_grpc
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.roles import Caller
from sentinel_gateway.services.authentication import Context, calling
from sentinel_gateway.services.config_messages import component_ack, config_change, config_result, update_to_wire

_GATEWAY = "sentinel-gateway"


class ConfigService(config_pb2_grpc.ConfigServiceServicer):
    """`sentinel.v1.ConfigService`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def ConfigStream(  # type: ignore[override]  # it writes by itself, which gRPC takes as well as a generator
        self, request_iterator: AsyncIterator[config_pb2.ConfigAck], context: Context
    ) -> None:
        """Tell a component what it lacks, then each update as it comes."""
        caller = calling()
        first = await anext(request_iterator, None)
        if first is None:
            return
        component = first.component_id or caller.name
        await self._heard(caller, first, component)
        await context.send_initial_metadata(())
        reading = asyncio.create_task(self._read(caller, request_iterator, component))
        sending = asyncio.create_task(self._send(context, component, first.config_version))
        try:
            await asyncio.wait((reading, sending), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            await sending
        finally:
            reading.cancel()
            sending.cancel()
            await asyncio.gather(reading, sending, return_exceptions=True)

    async def _read(self, caller: Caller, acks: AsyncIterator[config_pb2.ConfigAck], component: str) -> None:
        async for ack in acks:
            await self._heard(caller, ack, component)

    async def _send(self, context: Context, component: str, after_version: int) -> None:
        async for update in self._core.follow_config(component, after_version):
            await context.write(update_to_wire(update))

    async def _heard(self, caller: Caller, ack: config_pb2.ConfigAck, component: str) -> None:
        """The opening message of a stream says who it is; only one that names an update is an acknowledgement."""
        if ack.update_id:
            await self._core.config_acked(caller, component_ack(ack, ack.component_id or component))

    async def ApplyConfig(self, request: config_pb2.ConfigUpdate, context: Context) -> config_pb2.ConfigAck:
        """Push an update to everybody it concerns."""
        return config_result(await self._core.apply_config(calling(), config_change(request)), _GATEWAY)
