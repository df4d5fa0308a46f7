"""The command that is a gateway, and how it is started: as a process of its own, by whichever way is at hand."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

COMMAND = "sentinel-gateway"


class GatewayFailed(RuntimeError):
    """The world's gateway could not be started, or did not do what the world needs."""


class Child(Protocol):
    """A gateway's process."""

    async def first_line(self) -> bytes:
        """What it prints once it answers; empty when it ended."""
        ...

    def signal(self, number: int) -> None:
        """Send it a signal; one that has ended does not mind."""
        ...

    async def ended(self) -> None:
        """Wait for its end, and let go of what we hold of it."""
        ...


class Launch(Protocol):
    """Starts the command."""

    async def __call__(self, arguments: Sequence[str], log: Path) -> Child:
        """Start it with these arguments; what it says on standard error is added to the file `log`.

        Raises:
            GatewayFailed: the command is not installed, or nothing can be started.
        """
        ...


class Spawned:
    """A `Child` from the command itself."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def launch(cls, arguments: Sequence[str], log: Path) -> Self:
        """Start the command; it takes a second or two until it answers."""
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                _installed(), *arguments, stdout=asyncio.subprocess.PIPE, stderr=errors, env=environment()
            )
        return cls(process)

    async def first_line(self) -> bytes:
        """As in `Child`."""
        return await self._process.stdout.readline() if self._process.stdout is not None else b""

    def signal(self, number: int) -> None:
        """As in `Child`."""
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def ended(self) -> None:
        """As in `Child`."""
        await self._process.communicate()


def environment() -> Mapping[str, str]:
    """Ours, without the operator's own settings of a gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SENTINEL_")}


def _installed() -> str:
    beside = Path(sys.executable).with_name(COMMAND)
    found = str(beside) if beside.exists() else shutil.which(COMMAND)
    if found is None:
        raise GatewayFailed(f"this world needs a SENTINEL gateway, and the command {COMMAND!r} is not installed")
    return found
