"""`gcm-sentinel serve` as a process of its own, and what it takes: memory, processor time, and when it says what."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.cluster.servers import free_ports, until

_START_WITHIN_S = 120
_END_WITHIN_S = 60
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Said:
    """One line of its log."""

    event: str
    at: float
    """Epoch seconds."""
    fields: dict[str, Any]


@dataclass(frozen=True)
class RunningAgent:
    """The agent's process."""

    pid: int
    log: Path

    def said(self, event: str) -> list[Said]:
        """What it has logged under this name so far."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if f'"{event}"' in line]
        return [Said(event, datetime.fromisoformat(one["timestamp"]).timestamp(), one) for one in found]

    @property
    def resident_mib(self) -> float:
        """What it holds in memory."""
        return resident_mib(self.pid)

    @property
    def processor_s(self) -> float:
        """Processor time since it was started, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def resident_mib(pid: int) -> float:
    """What a process holds in memory."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


@contextmanager
def serving_agent(kubeconfig: Path, folder: Path, allowed: Sequence[str] = ()) -> Iterator[RunningAgent]:
    """The agent in mode `recommend` with the playbook engine, from when it has listed all nodes.

    `allowed` are the nodes that it investigates; all where none is named.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GCM_SENTINEL_KUBECONFIG": str(kubeconfig),
        "GCM_SENTINEL_STATE_DIR": str(folder / "state"),
        "GCM_SENTINEL_HTTP_PORT": str(free_ports(1)[0]),
        "GCM_SENTINEL_NODE_ALLOWLIST": ",".join(allowed),
        "GCM_SENTINEL_LLM_API": "playbook",
        "GCM_SENTINEL_PROMETHEUS_URL": "",
        "GCM_SENTINEL_ALERTMANAGER_URL": "",
    }
    log = folder / "agent.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "gcm_sentinel", "serve"]
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment, cwd=folder)  # noqa: S603 - ours
    try:
        agent = RunningAgent(process.pid, log)
        ended = lambda: "" if process.poll() is None else log.read_text()[-2000:]  # noqa: E731 - one expression
        until(lambda: bool(agent.said("watch.listed")), _START_WITHIN_S, "the nodes are listed", broken=ended)
        yield agent
    finally:
        process.terminate()
        process.wait(_END_WITHIN_S)
