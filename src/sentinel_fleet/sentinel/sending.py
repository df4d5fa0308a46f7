"""Sends what happened to the gateway with the ordinary client library: agents, monitors, and people with tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import groupby

from sentinel_fleet.sentinel.agents import Agents
from sentinel_fleet.sentinel.command import GatewayFailed
from sentinel_fleet.sentinel.facts import DirectiveFact, RecordFact
from sentinel_fleet.sentinel.messages import Messages, identifier
from sentinel_fleet.sentinel.moments import REFUSED_AFTER_S, Compared, Moment, Noticed, Probed, Said
from sentinel_fleet.sentinel.process import AGENT
from sentinel_fleet.sentinel.sweeps import Execution
from sentinel_fleet.stable import stable_uuid
from sentinel_sdk import SentinelClient
from sentinel_sdk.ingest_awaiting import AsyncIngestStream
from sentinel_sdk.types import (
    AuditEntry,
    AuditEntryType,
    ProbeAck,
    ProbeResultBatch,
    QuarantineAction,
    QuarantineDirective,
    SystemRecord,
)

_BATCH = 4000
"""Executions an agent sends at once; the gateway takes 10,000."""

Connect = Callable[[str], Awaitable[SentinelClient]]
"""A client for the holder of a token, by name."""


async def send(agents: Agents, everything: Sequence[Moment], connect: Connect) -> None:
    """Play moments in their order.

    Raises:
        GatewayFailed: it took less than it should.
    """
    async with AsyncExitStack() as stack:
        player = _Sender(agents, stack, connect)
        for moment in everything:
            await player.send(moment)


class _Sender:
    def __init__(self, agents: Agents, stack: AsyncExitStack, connect: Connect) -> None:
        self._agents, self._stack, self._connect = agents, stack, connect
        self._messages = Messages(agents)
        self._clients: dict[str, SentinelClient] = {}
        self._streams: dict[str, AsyncIngestStream[ProbeResultBatch, ProbeAck]] = {}

    async def send(self, moment: Moment) -> None:
        match moment:
            case Probed(by_node=by_node):
                await self._probed(by_node)
            case Noticed():
                await self._noticed(moment)
            case Compared():
                await (await self._client(AGENT)).areport_tmr_result(self._messages.canary(moment))
            case Said(fact=DirectiveFact() as fact):
                await self._ordered(fact)
            case Said(fact=RecordFact() as fact):
                await self._recorded(fact)

    async def _probed(self, by_node: Mapping[str, Sequence[Execution]]) -> None:
        client = await self._client(AGENT)
        async with asyncio.TaskGroup() as group:
            for node, results in by_node.items():
                if node not in self._streams:
                    self._streams[node] = await self._stack.enter_async_context(client.aprobe_stream(node))
                group.create_task(self._of_node(client, node, results))

    async def _of_node(self, client: SentinelClient, node: str, results: Sequence[Execution]) -> None:
        if found := [one for one in results if not one.passed]:
            async with client.atelemetry_stream(node) as readings:
                await readings.send(self._messages.telemetry(node, results[-1].at, found))
        for some in self._batches(node, results):
            await self._send(node, some)

    def _batches(self, node: str, results: Sequence[Execution]) -> Iterator[Sequence[Execution]]:
        """At most so many at once, and none across the moment at which the node's clock went wrong."""
        for _, alike in groupby(results, lambda one: self._agents.clock_ahead_s(node, one.at)):
            batch = list(alike)
            yield from (batch[first : first + _BATCH] for first in range(0, len(batch), _BATCH))

    async def _send(self, node: str, results: Sequence[Execution]) -> None:
        """One batch. Nothing of it may be refused, but that its clock is wrong: then all of it must be."""
        at = results[-1].at
        ack = await self._streams[node].send(self._messages.probes(node, at, results))
        is_skewed = self._agents.clock_ahead_s(node, at) > REFUSED_AFTER_S
        if is_skewed is ack.accepted or (ack.rejection_reason and not is_skewed):
            raise GatewayFailed(f"results of {node} were taken otherwise than meant: {ack}")

    async def _noticed(self, noticed: Noticed) -> None:
        client = await self._client(AGENT)
        async with client.aanomaly_stream(noticed.node) as stream:
            ack = await stream.send(self._messages.anomaly(noticed))
        if not ack.accepted:
            raise GatewayFailed(f"an anomaly on {noticed.node} was not taken: {ack.rejection_reason}")

    async def _ordered(self, fact: DirectiveFact) -> None:
        gpu = self._agents.gpu(fact.node, fact.gpu)
        directive = QuarantineDirective(
            directive_id=stable_uuid(self._agents.world.plan.fleet.seed, "directive", gpu.uuid, fact.action, fact.at),
            gpu=identifier(gpu),
            action=QuarantineAction[fact.action],
            reason=fact.reason,
            initiated_by=fact.by,
        )
        answer = await (await self._client(fact.by)).aissue_directive(directive)
        if not answer.accepted:
            raise GatewayFailed(f"{fact.action} of {gpu.uuid} was refused: {answer.rejection_reason}")

    async def _recorded(self, fact: RecordFact) -> None:
        record = SystemRecord(event=fact.event, fields=fact.fields)
        entry = AuditEntry(
            entry_type=AuditEntryType.SYSTEM_EVENT, data=record.to_proto().SerializeToString(deterministic=True)
        )
        times = (self._messages.moment("", fact.at + number * fact.every) for number in range(fact.times))
        entries = [entry.model_copy(update={"timestamp": moment}) for moment in times]
        await (await self._client(fact.by)).aingest_audit_entries(entries)

    async def _client(self, name: str) -> SentinelClient:
        if name not in self._clients:
            self._clients[name] = await self._stack.enter_async_context(await self._connect(name))
        return self._clients[name]
