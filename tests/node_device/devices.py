"""GPUs that do what a driver does at its worst, opened by name in a probe's process."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from sentinel_node.device.opening import OpenSoftware
from sentinel_node.domain.errors import Unavailable


@dataclass(frozen=True, slots=True)
class ThatTakesUp:
    """Writes down in a folder which process opened it."""

    folder: str

    def __call__(self, gpu):
        with open(f"{self.folder}/opened", "a") as file:  # noqa: PTH123
            file.write(f"{os.getpid()}\n")
        return OpenSoftware(sm_count=4)(gpu)


def that_kills(gpu):
    """A fault of the driver that ends the process, as a segmentation fault does."""
    os.kill(os.getpid(), signal.SIGSEGV)


def that_exits(gpu):
    raise SystemExit(3)


def that_never_answers(gpu):
    """A call into the driver that does not come back."""
    time.sleep(3600)


def that_is_missing(gpu):
    raise Unavailable("CUDA finds no GPU here")


def that_breaks(gpu):
    """A mistake of ours."""
    raise IndexError("no such record")


def that_ends_its_agent(gpu):
    """The agent is killed while the driver does not come back."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)
