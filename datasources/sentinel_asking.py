"""The reads behind the tools of the `sentinel` source: which calls each question takes, and how its answer is made.

Host names are asked for by prefix, which is all the gateway offers, and compared exactly here. A GPU the gateway does
not know is an observation (`no_data`), not a failure; that its SMs could not be read costs the SMs and not the GPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gcm_sentinel.clients.sentinel import SentinelGateway
from gcm_sentinel.datasources import sentinel_cohorts, sentinel_health, sentinel_past, sentinel_trust
from gcm_sentinel.datasources.cluster_reads import iso
from gcm_sentinel.datasources.sentinel_gpus import alike, last_days, on_node
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.gpu_health import FleetHealth, GpuHealth, GpuHistory

MAX_GPUS = 32
"""Most GPUs of one node that are asked about one by one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: what is sent, and how its answer is read."""

    query: str
    read: Callable[[], Awaitable[ToolResult]]


@dataclass(frozen=True, slots=True)
class Asking:
    """The questions a gateway can be asked at one moment."""

    gateway: SentinelGateway
    now: datetime

    def health_of(self, uuid: str) -> Asked:
        """One GPU."""
        query = f"QueryGpuHealth {uuid} with SMs"

        async def read() -> ToolResult:
            found = await self.gateway.gpu(uuid)
            if found is None:
                return _unknown(query, uuid)
            return sentinel_health.answer([found], query, self.now, node=None, cut=False)

        return Asked(query, read)

    def health_on(self, node: str) -> Asked:
        """All GPUs of a node."""
        query = f"QueryFleetHealth hostname_prefix={node}, exactly {node} of it; QueryGpuHealth with SMs of each"

        async def read() -> ToolResult:
            fleet = await self.gateway.fleet(node)
            mine = on_node(fleet, node)
            if not mine:
                return _nobody(query, fleet, node)
            detailed, failures = await self._detailed(mine)
            result = sentinel_health.answer(detailed, query, self.now, node=node, cut=fleet.truncated)
            return replace(result, note=_short_of(fleet, len(mine), failures))

        return Asked(query, read)

    def comparison(self, node: str) -> Asked:
        """A node's GPUs against everybody."""
        query = f"QueryFleetHealth of all hosts; {node} against cohorts and fleet"

        async def read() -> ToolResult:
            fleet = await self.gateway.fleet()
            if not fleet.gpus:
                return ToolResult(ResultStatus.NO_DATA, query, note="SENTINEL knows no GPU at all: no agent reports.")
            near = await self.gateway.fleet(node) if fleet.truncated else fleet
            mine, _ = await self._detailed(on_node(near, node))
            return sentinel_cohorts.answer(fleet, node, mine, query, self.now)

        return Asked(query, read)

    def history(self, uuid: str, days: int) -> Asked:
        """One GPU's past."""
        window = last_days(self.now, days)
        query = f"GetGpuHistory {uuid} {_words(window)}"

        async def read() -> ToolResult:
            found = await self.gateway.history(uuid, window.start, window.end)
            if found is None:
                return _unknown(query, uuid, window)
            return sentinel_past.history(uuid, found, query, window)

        return Asked(query, read)

    def correlations(self, uuid: str, node: str, days: int) -> Asked:
        """The patterns of one GPU, or of all of a node where `uuid` is empty."""
        window = last_days(self.now, days)
        query = f"GetGpuHistory {uuid or f'of every GPU on host {node}'} {_words(window)}, correlations"

        async def read() -> ToolResult:
            uuids = [uuid]
            if not uuid:
                fleet = await self.gateway.fleet(node)
                uuids = [health.gpu.uuid for health in on_node(fleet, node)][:MAX_GPUS]
                if not uuids:
                    return _nobody(query, fleet, node)
            pasts = await self._pasts(uuids, window)
            return sentinel_past.correlations(pasts, query, window) if pasts else _unknown(query, uuid, window)

        return Asked(query, read)

    def trust(self, node: str) -> Asked:
        """Who agrees with a node's GPUs."""
        query = f"GetTrustGraph, pairs with a GPU on host {node}"

        async def read() -> ToolResult:
            return sentinel_trust.answer(await self.gateway.trust_graph(), node, query)

        return Asked(query, read)

    async def _detailed(self, healths: Sequence[GpuHealth]) -> tuple[tuple[GpuHealth, ...], tuple[str, ...]]:
        """`healths` with their SMs, and why some are without."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._with_sms(health)) for health in healths[:MAX_GPUS]]
        answers = [task.result() for task in tasks]
        pairs = zip(answers, healths[:MAX_GPUS], strict=True)
        found = [answer if isinstance(answer, GpuHealth) else health for answer, health in pairs]
        return (*found, *healths[MAX_GPUS:]), tuple(answer for answer in answers if isinstance(answer, str))

    async def _with_sms(self, health: GpuHealth) -> GpuHealth | str:
        """One GPU with its SMs, or why not."""
        try:
            found = await self.gateway.gpu(health.gpu.uuid)
        except SentinelError as error:
            return str(error)
        return found or "the gateway does not know the GPU any more"

    async def _pasts(self, uuids: Sequence[str], window: TimeRange) -> dict[str, GpuHistory]:
        """The histories of those GPUs the gateway knows, one after the other: a history may be long."""
        found = {uuid: await self.gateway.history(uuid, window.start, window.end) for uuid in uuids}
        return {uuid: past for uuid, past in found.items() if past is not None}


def _words(window: TimeRange) -> str:
    return f"from {iso(window.start)} to {iso(window.end)}"


def _unknown(query: str, uuid: str, window: TimeRange | None = None) -> ToolResult:
    note = (
        f"SENTINEL does not know GPU {uuid}: no agent has reported about it. This says nothing about its health; the"
        " UUID may be another one's since a replacement."
    )
    return ToolResult(ResultStatus.NO_DATA, query, note=note, time_range=window)


def _nobody(query: str, fleet: FleetHealth, node: str) -> ToolResult:
    note = alike(fleet, node)
    if fleet.truncated:
        note += f" The gateway told {len(fleet.gpus)} of {fleet.matching} GPUs on hosts that begin so, the worst first."
        return ToolResult(ResultStatus.ERROR, query, note=note)
    return ToolResult(ResultStatus.NO_DATA, query, note=note)


def _short_of(fleet: FleetHealth, mine: int, failures: Sequence[str]) -> str:
    notes = []
    if fleet.truncated:
        notes.append(
            f"The gateway told {len(fleet.gpus)} of {fleet.matching} GPUs on hosts that begin so, the worst first, and"
            f" {mine} of them are on this one: a healthy GPU of the node may be missing here."
        )
    if failures:
        notes.append(f"The SMs of {len(failures)} GPUs could not be read: {failures[0]}")
    return " ".join(notes)
