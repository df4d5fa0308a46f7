"""A fleet that fails: how many failing results one core takes in a second, and how long the event loop stands still.

Twice: an SM of each of 10,000 GPUs fails within one moment, which is the most that a wrong probe does; and all SMs of a
few hosts fail. Each failure has an entry in the ledger, its GPU is looked at again, and the fleet is looked at for what
they share. Garbage is collected as `serve` has it done. Rates are told for each second of processor time of the whole
process, as in `ingest`.

What stands still is told in processor time of the loop's own thread between two turns of it, so that a busy machine
makes it no longer; what else waits for the interpreter comes on top, 5 ms each time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gcm_sentinel.evals.bench.figure import Figure
from gcm_sentinel.evals.bench.ingest import AGENT, GPUS_OF_HOST, HOSTS, SMS, batch_of, execution, filled
from sentinel.v1 import probe_pb2
from sentinel_gateway.app.garbage import collect_rarely
from sentinel_gateway.core.core import Core
from sentinel_gateway.services.ingest_messages import probe_batch

_FEW_HOSTS = 40
_ROUNDS = 3
_LOOK_EVERY_S = 0.002


@dataclass(slots=True)
class Standstill:
    """The longest time between two turns of the loop."""

    cpu_s: float = 0.0


def outage() -> Iterator[Figure]:
    """Both kinds of failing fleets."""
    for hosts, sms, what in ((HOSTS, 1, "one SM each of 10000 GPUs"), (_FEW_HOSTS, SMS, "all SMs of 320 GPUs")):
        rate, standstill = asyncio.run(_measured(hosts, sms))
        yield Figure(f"failing results, {what}, one core", rate, "/s", "> 10000" if sms > 1 else "-")
        yield Figure(f"event loop stands still, {what}", standstill.cpu_s * 1000, "ms", "< 100")


async def _measured(hosts: int, sms: int) -> tuple[float, Standstill]:
    """The best rate of some sweeps, and the worst standstill."""
    standstill, rates = Standstill(), []
    async with filled() as core:
        collect_rarely()
        for sequence in range(1, _ROUNDS + 1):
            messages = [_sweep(host, sequence, sms).SerializeToString() for host in range(hosts)]
            async with _watched(standstill):
                began_s = time.process_time()
                await _send(core, messages)
                rates.append(hosts * GPUS_OF_HOST * sms / (time.process_time() - began_s))
    return max(rates), standstill


async def _send(core: Core, messages: list[bytes]) -> None:
    async with asyncio.TaskGroup() as group:
        for message in messages:
            await asyncio.sleep(0)
            batch = probe_batch(probe_pb2.ProbeResultBatch.FromString(message))
            group.create_task(core.report_probes(AGENT, batch))


def _sweep(host: int, sequence: int, sms: int) -> probe_pb2.ProbeResultBatch:
    executions = [execution(host, device, sm) for device in range(GPUS_OF_HOST) for sm in range(sms)]
    for one in executions:
        one.result = probe_pb2.PROBE_RESULT_FAIL
    return batch_of(host, sequence, executions)


@asynccontextmanager
async def _watched(standstill: Standstill) -> AsyncIterator[None]:
    """Take the time of every turn of the loop meanwhile."""
    over = asyncio.Event()

    async def watch() -> None:
        last_s = time.thread_time()
        while not over.is_set():
            await asyncio.sleep(_LOOK_EVERY_S)
            now_s = time.thread_time()
            standstill.cpu_s, last_s = max(standstill.cpu_s, now_s - last_s), now_s

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        yield
        over.set()
