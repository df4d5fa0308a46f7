"""The agent as a process that dies on command: `serve` with settings of its own, told which step is its last.

Importing the agent takes longer than all it does in most of these tests. So processes are forked from one that has
imported it, has opened nothing and runs no thread (the standard library's `forkserver`); each is a process with an
end of its own all the same, and SIGKILL leaves of it what it leaves of any other.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from gcm_sentinel.clients.durable.config import StepReport

_IMPORTED = ("gcm_sentinel.app.serve", "gcm_sentinel.llm.anthropic", "gcm_sentinel.clients.sentinel", "dbos._dbos")


@dataclass(frozen=True, slots=True)
class Life:
    """How one process lives."""

    environment: Mapping[str, str]
    journal: Path
    """Every step it records (not those answered from the record) is a line of it."""
    log: Path
    kill_after: int = 0
    """It kills itself right after so many steps that it recorded itself; 0 for never."""
    of: str = ""
    """Steps of this kind of job alone count; of any where it is empty."""
    spares: tuple[str, ...] = ()
    """Steps whose names begin like one of these do not count."""


class Agent:
    """One such process, as asyncio's own look to who starts them."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process

    @property
    def returncode(self) -> int | None:
        """How it ended, minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.returncode is None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it without a word."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Until it has ended; how."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        return int(self._process.exitcode or 0)


def start(life: Life) -> Agent:
    """Start one."""
    nursery = multiprocessing.get_context("forkserver")
    nursery.set_forkserver_preload(list(_IMPORTED))
    process = nursery.Process(target=_live, args=(life,), daemon=True)
    process.start()
    return Agent(process)


class Journal:
    """Writes down recorded steps and dies when it has written enough of them."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._left = life.kill_after

    def __call__(self, report: StepReport) -> None:
        if report.replayed:
            return
        with self._life.journal.open("a") as file:
            file.write(f"{report.key} {report.name}\n")
        if self._life.of in ("", report.kind) and not report.name.startswith(self._life.spares):
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _live(life: Life) -> None:
    """What the process does. The test itself has no use for these imports."""
    from gcm_sentinel.app.logs import configure
    from gcm_sentinel.app.serve import serve
    from gcm_sentinel.app.settings import load

    os.environ.clear()
    os.environ.update(life.environment)
    with life.log.open("ab") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())
    configure("INFO")
    asyncio.run(serve(load(), on_recorded=Journal(life)))
