"""The gateway's ingest: signed probe results that one core takes in a second, and the memory of a large fleet.

A result is decoded from its message, its HMAC is checked, it is judged, counted, and stored durably with its batch
before the batch is answered; only the sockets are left out. Results are told for each second of processor time of the
whole process, all its threads together: what one core does that has nothing else to do. Beside a healthy fleet one is
measured in which a dead SM fails again and again, because failures cost more: each has an entry in the ledger, and the
fleet is looked at for a common cause.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from gcm_sentinel.evals.bench.figure import Figure
from sentinel.v1 import common_pb2, probe_pb2
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.roles import Caller, Role
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.ledger.keys import load_signer
from sentinel_gateway.ledger.writer import LedgerWriter
from sentinel_gateway.services.ingest_messages import probe_batch
from sentinel_gateway.storage.database import Database
from sentinel_gateway.storage.store import Store
from sentinel_sdk.signing import Key, Keys, sign_messages

HOSTS, GPUS_OF_HOST, SMS = 1250, 8, 132
_MEASURED_HOSTS = 40
_AT_ONCE = 20
"""Batches that wait for their answers at the same time, as streams of so many hosts do."""
_ROUNDS = 3
_CLAIM = "reference claims 1167 events/s on 8-12 replicas of 8 cores"
AGENT = Caller("bench", frozenset({Role.AGENT}), "certificate")
KEY = Key(b"bench")


def ingest() -> Iterator[Figure]:
    """Results a second of a healthy fleet and of one with a dead SM, and what 10,000 GPUs cost."""
    memory_mib = asyncio.run(_memory())
    healthy, failing = asyncio.run(_throughput(fails=False)), asyncio.run(_throughput(fails=True))
    yield Figure("signed probe results, healthy, one core", healthy, "/s", f"> 20000 ({_CLAIM})")
    yield Figure("signed probe results, a dead SM, one core", failing, "/s", f"> 20000 ({_CLAIM})")
    yield Figure(f"{HOSTS * GPUS_OF_HOST} GPUs of {SMS} SMs, memory", memory_mib, "MiB", "< 1024")


async def _throughput(*, fails: bool) -> float:
    """The best of some rounds, for whatever else the machine does only takes away."""
    async with filled() as core:
        return max([await _round(core, number, fails=fails) for number in range(_ROUNDS)])


@asynccontextmanager
async def filled() -> AsyncIterator[Core]:
    """A core with its database and ledger that knows `HOSTS` hosts."""
    async with _running(Keys(KEY)) as core:
        await _fill(core)
        yield core


async def _fill(core: Core) -> None:
    """Make the fleet known, so that what is measured is a large one."""
    for first in range(0, HOSTS, HOSTS // 10):
        async with asyncio.TaskGroup() as group:
            for host in range(first, first + HOSTS // 10):
                executions = [execution(host, device, SMS - 1) for device in range(GPUS_OF_HOST)]
                group.create_task(core.report_probes(AGENT, probe_batch(batch_of(host, 0, executions))))


async def _round(core: Core, number: int, *, fails: bool) -> float:
    messages = [_sweep(host, number + 1, fails=fails).SerializeToString() for host in range(_MEASURED_HOSTS)]
    began_s = time.process_time()
    for first in range(0, len(messages), _AT_ONCE):
        async with asyncio.TaskGroup() as group:
            for message in messages[first : first + _AT_ONCE]:
                batch = probe_pb2.ProbeResultBatch.FromString(message)
                group.create_task(core.report_probes(AGENT, probe_batch(batch)))
    return _MEASURED_HOSTS * GPUS_OF_HOST * SMS / (time.process_time() - began_s)


async def _memory() -> float:
    async with _running(Keys(KEY)) as core:
        before = _resident_mib()
        await _fill(core)
        return _resident_mib() - before


def _sweep(host: int, sequence: int, *, fails: bool) -> probe_pb2.ProbeResultBatch:
    executions = [execution(host, device, sm) for device in range(GPUS_OF_HOST) for sm in range(SMS)]
    if fails and host == 0:
        executions[7].result = probe_pb2.PROBE_RESULT_FAIL
    return batch_of(host, sequence, executions)


def batch_of(host: int, sequence: int, executions: Sequence[probe_pb2.ProbeExecution]) -> probe_pb2.ProbeResultBatch:
    """A signed batch of a host's agent."""
    sign_messages(executions, KEY)
    return probe_pb2.ProbeResultBatch(agent_hostname=_name(host), executions=executions, sequence_number=sequence)


def execution(host: int, device: int, sm_id: int) -> probe_pb2.ProbeExecution:
    """A probe that passes now, not signed yet."""
    gpu = common_pb2.GpuIdentifier(
        uuid=f"GPU-{host * GPUS_OF_HOST + device:08d}-0000-0000-0000-000000000000",
        hostname=_name(host),
        device_index=device,
        model="NVIDIA H100 80GB HBM3",
        driver_version="580.1",
        firmware_version="96.00",
    )
    one = probe_pb2.ProbeExecution(
        execution_id=f"{time.time_ns()}",
        probe_type=probe_pb2.PROBE_TYPE_FMA,
        sm=common_pb2.SmIdentifier(gpu=gpu, sm_id=sm_id),
        result=probe_pb2.PROBE_RESULT_PASS,
        expected_hash=bytes(32),
        actual_hash=bytes(32),
        execution_time_ns=1_000_000,
        gpu_clock_mhz=1980,
        gpu_temperature_c=61.0,
        gpu_power_w=400.0,
    )
    one.timestamp.FromNanoseconds(time.time_ns())
    return one


def _name(host: int) -> str:
    return f"node-{host}"


@asynccontextmanager
async def _running(keys: Keys) -> AsyncIterator[Core]:
    with tempfile.TemporaryDirectory(prefix="ingest-bench-") as name:
        folder = Path(name)
        signer = load_signer(folder / "key.pem", "bench.example/ledger")
        with (
            Database.open(f"sqlite:///{folder}/gateway.db") as database,
            LedgerWriter.open(database, signer, folder / "checkpoint", time.time_ns) as ledger,
        ):
            core = Core(Store(database), ledger, CoreSettings(), keys, time.time_ns)
            await core.load()
            async with asyncio.TaskGroup() as group:
                group.create_task(core.run())
                yield core
                await core.stop()


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20
