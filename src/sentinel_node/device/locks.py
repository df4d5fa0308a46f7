"""One probe per GPU on the whole machine: a lock on a file for each GPU, between the agent, the command and others.

The lock is the kernel's (`flock`) on an open file, so it goes with the process that holds it however that ends, and no
holder can be stale. What stands in the file only tells others who it is; it decides nothing. A file is never removed:
whoever had it open would then hold a lock that nobody else can see. It is the agent's alone to open, because whoever
can open it can lock it; one that root makes belongs to whom the folder belongs.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from sentinel_node.domain.errors import Busy, Unavailable

FOLDER = "gpu-locks"
"""In the agent's state directory."""
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a GPU, by its own account."""

    pid: int
    """As it counts processes itself, which in a container need not be as the host does."""
    what: str


class GpuLocks:
    """A folder of locks. Safe from every thread, where a GPU is taken once at a time."""

    def __init__(self, folder: Path, pid: int | None = None) -> None:
        """Nothing is made before the first lock."""
        self._folder = folder
        self._pid = os.getpid() if pid is None else pid
        self._held: dict[str, int] = {}

    def take(self, gpu_uuid: str, what: str) -> None:
        """Lock a GPU against other processes.

        Raises:
            Busy: another one holds it; says which, and what for.
            Unavailable: there can be no lock here, so nobody knows whether the GPU is free.
        """
        descriptor = self._opened(gpu_uuid)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _told(descriptor)
            os.close(descriptor)
            raise Busy(_words(gpu_uuid, holder)) from error
        _write(descriptor, json.dumps(asdict(Holder(self._pid, what))))
        self._held[gpu_uuid] = descriptor

    def give_back(self, gpu_uuid: str) -> None:
        """Let go of a GPU that was taken."""
        descriptor = self._held.pop(gpu_uuid)
        try:
            _write(descriptor, "")
        finally:
            os.close(descriptor)

    def check(self) -> None:
        """Whether there can be locks at all.

        Raises:
            Unavailable: there cannot.
        """
        os.close(self._opened("check"))

    def _opened(self, gpu_uuid: str) -> int:
        path = self._folder / f"{gpu_uuid}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            if os.geteuid() == 0:
                folder = self._folder.stat()
                os.fchown(descriptor, folder.st_uid, folder.st_gid)
            return descriptor
        except OSError as error:
            raise Unavailable(
                f"{str(path)!r} cannot be opened ({error.strerror}): without this lock nobody knows who else probes the"
                " GPU; run as the agent's user, or name another folder for both by the setting `state_dir`"
            ) from error


def _words(gpu_uuid: str, holder: Holder | None) -> str:
    who = f"process {holder.pid}, {holder.what}" if holder else "another process"
    return f"GPU {gpu_uuid!r} is held by {who}: one probe per GPU at a time, ask again when it ended"


def _told(descriptor: int) -> Holder | None:
    """What stands in the file; None where its holder is about to write it, or is about to leave."""
    try:
        told = json.loads(os.pread(descriptor, _LONGEST, 0))
        return Holder(int(told["pid"]), str(told["what"]))
    except (ValueError, KeyError, TypeError):
        return None


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
