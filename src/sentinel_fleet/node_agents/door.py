"""The doors of all nodes' agents: one port on every node's address, and one server behind them.

gRPC does not tell a service at which address it was called. So each connection is handed on from the address it came
in at: the server sees the node's own address as its caller's, and knows who is asked. Here agents are also silent.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from sentinel_fleet.ports import SourceFaults

_READ_BYTES = 64 << 10
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Doors:
    """Hands connections on to the server at `port`."""

    port: int
    node_of: Callable[[str], str | None]
    """The node with an agent at an address; None where nobody listens."""
    faults: SourceFaults
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def entered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            await self._hand_on(reader, writer)
        except (OSError, asyncio.CancelledError):  # a side is gone, or the world ends: there is nobody to tell
            writer.transport.abort()

    async def close(self) -> None:
        """End what is open."""
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, peer = writer.get_extra_info("sockname")[0], writer.get_extra_info("peername")[0]
        node = self.node_of(address) if str(peer).startswith("127.") else None
        fault = self.faults.fault("node_agent", node)
        if node is None or fault == "refuse":
            writer.transport.abort()
            return
        if fault == "timeout":
            await asyncio.get_running_loop().create_future()
        server = await asyncio.open_connection(_LOOPBACK, self.port, local_addr=(address, 0))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, server[1]))
                group.create_task(_pump(server[0], writer))
        except* OSError:  # one side was cut off: the other has ended with it
            server[1].transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_READ_BYTES):
            writer.write(data)
            await writer.drain()
    finally:
        with suppress(OSError):
            writer.close()


@asynccontextmanager
async def open_doors(doors: Doors, listener: socket.socket) -> AsyncIterator[None]:
    """Let callers in until the block ends."""
    server = await asyncio.start_server(doors.entered, sock=listener)
    try:
        yield
    finally:
        server.close()
        await doors.close()
