"""Gateways for whoever plays many worlds: forks of one process that has loaded the command (`nursery.py`).

    async with warm_gateways() as launch:
        async with serve(world, launch=launch) as fleet: ...

Where there are no descriptors of processes (other systems than Linux), the command itself is started each time.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sentinel_fleet.sentinel.command import COMMAND, GatewayFailed, Launch, Spawned, environment


class Forked:
    """A `Child` that the nursery forked: known by a descriptor, which no other process can take over."""

    def __init__(self, handle: int, output: asyncio.StreamReader, pipe: asyncio.ReadTransport) -> None:
        self._handle: int | None = handle
        """None once it has ended."""
        self._output = output
        self._pipe = pipe

    async def first_line(self) -> bytes:
        """As in `Child`."""
        return await self._output.readline()

    def signal(self, number: int) -> None:
        """As in `Child`."""
        if self._handle is not None:
            with suppress(ProcessLookupError):  # it ended by itself
                signal.pidfd_send_signal(self._handle, number)

    async def ended(self) -> None:
        """As in `Child`."""
        handle, loop, gone = self._handle, asyncio.get_running_loop(), asyncio.Event()
        if handle is None:
            return
        loop.add_reader(handle, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(handle)
        self._handle = None
        os.close(handle)
        self._pipe.close()


class Nursery:
    """The nursery's process, started when the first gateway is wanted, and the other end of its socket."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = asyncio.Lock()

    async def launch(self, arguments: Sequence[str], log: Path) -> Forked:
        """Have a gateway forked."""
        order = json.dumps({"arguments": list(arguments), "environment": dict(environment())}).encode()
        reading, writing = os.pipe()
        with log.open("ab") as errors:
            try:
                async with self._turn:
                    handle = await asyncio.to_thread(self._order, order, [writing, errors.fileno()])
            except OSError as error:
                os.close(reading)
                raise GatewayFailed(f"{COMMAND!r} could not be loaded: {error}; is it installed?") from error
            finally:
                os.close(writing)
        output = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        pipe, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(reading, "rb", buffering=0)
        )
        return Forked(handle, output, pipe)

    def _order(self, order: bytes, descriptors: list[int]) -> int:
        control = self._control or self._start()
        socket.send_fds(control, [order], descriptors)
        answer, handles, _, _ = socket.recv_fds(control, 1, 1)
        if not answer:
            raise ConnectionResetError("it ended")
        return handles[0]

    def _start(self) -> socket.socket:
        self._control, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "sentinel_fleet.sentinel.nursery", str(its.fileno())],
                pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, env=environment(),
            )  # fmt: skip
        return self._control

    async def end(self) -> None:
        """Kill what is left of its gateways, and end it."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)


@asynccontextmanager
async def warm_gateways() -> AsyncIterator[Launch]:
    """Starts gateways quickly until the block ends; those that are left then are killed. The first one waits for the
    command to be loaded, in a process beside us; where none is wanted, there is no such process.
    """
    if not hasattr(os, "pidfd_open"):
        yield Spawned.launch
        return
    nursery = Nursery()
    try:
        yield nursery.launch
    finally:
        await nursery.end()
