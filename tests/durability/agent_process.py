"""The agent as a process that dies on command: `serve` with the settings of its environment.

    python agent_process.py JOURNAL KILL_AFTER

Every step it records (not those answered from the record) is a line of JOURNAL; right after the KILL_AFTER-th line of
its own life it kills itself with SIGKILL, 0 for never.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from gcm_sentinel.app.logs import configure
from gcm_sentinel.app.serve import serve
from gcm_sentinel.app.settings import load
from gcm_sentinel.clients.durable.config import StepReport


class Journal:
    """Writes down recorded steps and dies when it has written enough of them."""

    def __init__(self, path: Path, kill_after: int) -> None:
        self._path = path
        self._left = kill_after

    def __call__(self, report: StepReport) -> None:
        if report.replayed:
            return
        with self._path.open("a") as file:
            file.write(f"{report.key} {report.name}\n")
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    configure("INFO")
    asyncio.run(serve(load(), on_recorded=Journal(Path(sys.argv[1]), int(sys.argv[2]))))
