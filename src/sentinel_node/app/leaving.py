"""The process's last resort: leave, whatever still hangs in it. Small, for every command brings it along."""

from __future__ import annotations

import multiprocessing
import os
import threading


def leave_after(seconds: float, code: int) -> None:
    """Leave the process then, whatever hangs in it. It may well end by itself before that."""
    timer = threading.Timer(seconds, leave, (code,))
    timer.daemon = True  # goes on while Python waits for all others
    timer.start()


def leave(code: int) -> None:
    """End this process now, and kill those of its probes."""
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(code)
