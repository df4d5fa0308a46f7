"""GPUs that do what a driver does at its worst, opened by name in a probe's process."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from sentinel_node.device.opening import OpenSoftware
from sentinel_node.domain.errors import Unavailable
from sentinel_node.probes.software.device import SoftwareDevice
from sentinel_node.probes.software.twins import twins


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


class _NeverReady(SoftwareDevice):
    def prepare(self, source, entry):
        """A compiler on a host that is much too busy."""
        time.sleep(3600)


class _Hanging(SoftwareDevice):
    def synchronise(self, deadline_s):
        """A wait within the driver that has no end, whatever it was told."""
        time.sleep(3600)


def that_never_compiles(gpu):
    return _NeverReady(twins(), 4, (), gpu)


def that_hangs(gpu):
    return _Hanging(twins(), 4, (), gpu)


@dataclass(frozen=True, slots=True)
class ThatHangsOnce:
    """Hangs in the first process that opens it."""

    folder: str

    def __call__(self, gpu):
        try:
            Path(self.folder, "hung").touch(exist_ok=False)
        except FileExistsError:
            return OpenSoftware(sm_count=4)(gpu)
        return that_hangs(gpu)


def that_is_missing(gpu):
    raise Unavailable("CUDA finds no GPU here")


def that_breaks(gpu):
    """A mistake of ours."""
    raise IndexError("no such record")


def that_ends_its_agent(gpu):
    """The agent is killed while the driver does not come back."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)
