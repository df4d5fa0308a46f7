"""One probe per GPU on the whole machine: a lock on a file for each GPU, between the agent, the command and others.

The lock is the kernel's (`flock`) on an open file, so it goes with the process that holds it however that ends, and no
holder can be stale. What stands in the file only tells others who it is; it decides nothing. A file is never removed:
whoever had it open would then hold a lock that nobody else can see. It is the agent's alone to open, because whoever
can open it can lock it; one that root makes, and a folder, belongs to whom the folder around it belongs.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import ExitStack, suppress
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
        with ExitStack() as on_error:
            on_error.callback(os.close, descriptor)  # or the GPU would stay locked by nobody, until this process ends
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy(_words(gpu_uuid, _told(descriptor))) from error
            except OSError as error:
                raise Unavailable(f"GPU {gpu_uuid!r} cannot be locked here: {error.strerror}") from error
            _write(descriptor, json.dumps(asdict(Holder(self._pid, what))))
            on_error.pop_all()
        self._held[gpu_uuid] = descriptor

    def give_back(self, gpu_uuid: str) -> None:
        """Let go of a GPU that was taken."""
        descriptor = self._held.pop(gpu_uuid)
        _write(descriptor, "")
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
            _make(self._folder)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with ExitStack() as on_error:
                on_error.callback(os.close, descriptor)
                _hand_over(descriptor, self._folder)
                on_error.pop_all()
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
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(descriptor: int, text: str) -> None:
    with suppress(OSError):  # a full disk: others then hear of no name, and of the lock all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def _make(folder: Path) -> None:
    """With the folders around it; each that root makes belongs to whom the one around it belongs."""
    if folder.exists():
        return
    _make(folder.parent)
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        _hand_over(descriptor, folder.parent)
    finally:
        os.close(descriptor)


def _hand_over(descriptor: int, around: Path) -> None:
    """What root makes is its neighbours', or an agent that is not root would be shut out."""
    if os.geteuid() == 0:
        owner = around.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
