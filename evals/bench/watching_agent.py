"""The agent's intake alone, as a process of its own: the real watcher and the real storage in a SQLite file.

`python -m gcm_sentinel.evals.bench.watching_agent KUBECONFIG DATABASE CHANGES STORM`. Says ``synced`` once all nodes
are listed, and at the end one line of JSON with what was measured.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.domain.trigger import Trigger
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.triggers import Triggers
from gcm_sentinel.watch.kubernetes import NodeConditionWatcher


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class _Labels:
    """An observer that keeps one label of each node, as topology does."""

    def __init__(self) -> None:
        self.racks: dict[str, str] = {}

    def seen(self, node: str, labels: Mapping[str, str]) -> None:
        self.racks[node] = labels.get("topology.kubernetes.io/rack", "")

    def gone(self, node: str) -> None:
        self.racks.pop(node, None)


@dataclass
class _Measured:
    """What was stored, when, in how many transactions."""

    changes: int
    latencies_s: list[float] = field(default_factory=list)
    batches: int = 0
    storm_from_s: float = 0.0

    def stored(self, batch: Sequence[Trigger]) -> None:
        now = time.monotonic()
        moments = [float(trigger.message) for trigger in batch]
        self.latencies_s += [now - moment for moment in moments]
        if len(self.latencies_s) > self.changes:
            self.batches += 1
            self.storm_from_s = self.storm_from_s or min(moments)


async def _until_synced(watcher: NodeConditionWatcher, started_s: float) -> float:
    ticks = asyncio.Event()
    while not watcher.synced:
        with suppress(TimeoutError):
            await asyncio.wait_for(ticks.wait(), 0.01)
    print("synced", flush=True)
    return time.monotonic() - started_s


async def main(kubeconfig: Path, database: Path, changes: int, storm: int) -> None:
    """Watch and store until everything has come; then say what it took."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    clock, measured, observer = _Clock(), _Measured(changes), _Labels()
    connecting = KubernetesClient.connect(kubeconfig=kubeconfig)
    async with Database.open(f"sqlite:///{database}", clock=clock) as opened, aclosing(await connecting) as client:
        triggers = Triggers(opened)
        known = await triggers.wrong_now("kubernetes")
        watcher = NodeConditionWatcher(client, clock=clock, known=known, observer=observer)
        syncing = asyncio.create_task(_until_synced(watcher, time.monotonic()))
        async with aclosing(watcher.batches()) as batches:
            async for batch in batches:
                await triggers.store(batch)
                measured.stored(batch)
                if len(measured.latencies_s) >= changes + storm:
                    break
        print(json.dumps(_told(measured, await syncing, len(observer.racks))), flush=True)


def _told(measured: _Measured, list_s: float, nodes: int) -> dict[str, object]:
    status = Path("/proc/self/status").read_text().splitlines()
    resident_kib = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    return {
        "nodes": nodes,
        "list_s": list_s,
        "latencies_s": sorted(measured.latencies_s[: measured.changes]),
        "storm_s": time.monotonic() - measured.storm_from_s if measured.storm_from_s else 0.0,
        "storm_batches": measured.batches,
        "rss_mib": resident_kib / 1024,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cpu_s": time.process_time(),
    }


if __name__ == "__main__":
    _config, _file, *_counts = sys.argv[1:]
    asyncio.run(main(Path(_config), Path(_file), *map(int, _counts)))
