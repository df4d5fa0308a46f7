"""Processes by number, from procfs. Arguments and environment may hold secrets and are never opened."""

from __future__ import annotations

import os
from pathlib import Path

from sentinel_node.domain.processes import HostProcess
from sentinel_node.kernel.files import text

_NS_PER_S = 1_000_000_000
# Of /proc/PID/stat after the name, which may itself hold blanks and brackets; proc(5) counts them from 3.
_STATE, _START_TICKS = 0, 19


class ProcessFiles:
    """Reads the processes of the host whose procfs lies below `root`; blocks."""

    def __init__(self, root: Path = Path("/"), ticks_per_s: int = 0) -> None:
        self._proc = root / "proc"
        self._ticks_per_s = ticks_per_s or os.sysconf("SC_CLK_TCK")

    def describe(self, pids: tuple[int, ...]) -> tuple[HostProcess, ...]:
        """What is known of these processes; one that has ended meanwhile is left out."""
        booted_s = self._booted_s()
        found = (self._describe(pid, booted_s) for pid in pids)
        return tuple(process for process in found if process is not None)

    def _describe(self, pid: int, booted_s: int) -> HostProcess | None:
        folder = self._proc / str(pid)
        name, bracket, rest = text(folder / "stat").partition("(")[2].rpartition(")")
        values = rest.split()
        if not bracket or len(values) <= _START_TICKS:
            return None
        started_ns = int(values[_START_TICKS]) * _NS_PER_S // self._ticks_per_s
        return HostProcess(
            pid=pid,
            name=name,
            user_id=_user_id(text(folder / "status")),
            started_unix_ns=booted_s * _NS_PER_S + started_ns if booted_s else 0,
            cgroup=_cgroup(text(folder / "cgroup")),
            state=values[_STATE],
        )

    def _booted_s(self) -> int:
        for line in text(self._proc / "stat").splitlines():
            if line.startswith("btime "):
                return int(line.split()[1])
        return 0


def _user_id(status: str) -> int:
    """The real user; -1 where it is not told."""
    for line in status.splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[1])
    return -1


def _cgroup(lines: str) -> str:
    """The unified group's path, or with version 1 the longest, which is the one that names a pod."""
    paths = [line.split(":", 2)[2] for line in lines.splitlines() if line.count(":") > 1]
    return max(paths, key=len, default="")
