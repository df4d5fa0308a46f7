"""A gateway as a process of its own, which can be signalled and killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from tests.sentinel_gateway.driving import WITHIN_S, Client


@dataclass(frozen=True, slots=True)
class Process:
    """A gateway that has said where it listens."""

    child: asyncio.subprocess.Process
    said: Mapping[str, Any]

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """A client of it."""
        async with grpc.aio.insecure_channel(self.said["grpc"][0]) as channel:
            yield Client(channel)

    async def logged(self, event: str) -> None:
        """Read its log until an event stands in it."""
        assert self.child.stderr is not None
        async with asyncio.timeout(WITHIN_S):
            while event.encode() not in (line := await self.child.stderr.readline()):
                assert line, f"it ended without {event}"

    async def kill(self) -> None:
        """SIGKILL, and wait."""
        self.child.kill()
        await self.child.wait()

    async def signalled(self, number: signal.Signals) -> int:
        """Send a signal; gives the exit code."""
        self.child.send_signal(number)
        return await asyncio.wait_for(self.child.wait(), WITHIN_S)


@asynccontextmanager
async def serving(environment: Mapping[str, str], *arguments: str) -> AsyncIterator[Process]:
    """`serve --insecure` on free ports; killed at the end where it still runs."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sentinel_gateway", "serve", "--insecure", "--port", "0", "--rest-port", "0", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**_clean(), **environment},
    )  # fmt: skip
    try:
        assert child.stdout is not None
        line = await asyncio.wait_for(child.stdout.readline(), WITHIN_S)
        if not line:
            raise AssertionError((await _rest(child)).decode())
        yield Process(child, json.loads(line))
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def _rest(child: asyncio.subprocess.Process) -> bytes:
    return (await child.communicate())[1]


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SENTINEL_")}


def environment_of(groups: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Settings as variables."""
    return {
        f"SENTINEL_GATEWAY__{group}__{key}".upper(): str(value)
        for group, keys in groups.items()
        for key, value in keys.items()
    }
