"""A world's gateway from its start to its end: spawned, told what happened, damaged where that happened, served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sentinel_fleet.sentinel.agents import Agents
from sentinel_fleet.sentinel.command import Launch, Spawned
from sentinel_fleet.sentinel.damage import hide_quarantine, tear_tail
from sentinel_fleet.sentinel.facts import CrashFact, TamperFact
from sentinel_fleet.sentinel.moments import moments
from sentinel_fleet.sentinel.plan import SentinelPlan
from sentinel_fleet.sentinel.process import INVESTIGATOR, KEYS, GatewayProcess, new_tokens
from sentinel_fleet.sentinel.sending import send
from sentinel_fleet.world import World
from sentinel_sdk import SentinelClient
from sentinel_sdk.ledger.checkpoint import VerifierKey


@dataclass(frozen=True, slots=True)
class ServedSentinel:
    """Where the gateway is, and what its operator gave to an investigator."""

    endpoint: str
    """host:port, plain text, on loopback."""
    token: str
    """Of role responder: it may read everything, and act as far as an agent may."""
    ledger_keys: Path
    """The ledger's public key, as a line."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway on its way up."""

    world: World
    plan: SentinelPlan
    process: GatewayProcess

    async def serve(self) -> ServedSentinel:
        """Tell it everything that happened, and leave it as it should be found.

        Raises:
            GatewayFailed: it did not start, or took less than it should.
            SentinelError: a call failed.
        """
        agents = Agents(self.world, self.plan)
        everything = moments(agents)  # while the process starts
        endpoint = await self.process.endpoint()

        async def connect(name: str) -> SentinelClient:
            return await SentinelClient.aconnect(endpoint, tls_config=False, token=self.process.tokens[name])

        await send(agents, everything, connect)
        keys = self.process.folder / KEYS
        async with await connect(INVESTIGATOR) as client:
            head = await client.aget_checkpoint()
        keys.write_text(VerifierKey(head.note.partition("\n")[0], head.public_key).text + "\n", encoding="utf-8")
        if await self._damaged(agents):
            await self.process.spawn()
            endpoint = await self.process.endpoint()
        return ServedSentinel(endpoint, self.process.tokens[INVESTIGATOR], keys)

    async def _damaged(self, agents: Agents) -> bool:
        """Whether something happened to the database, for which the process had to end."""
        forgeries, crashes = self.plan.of(TamperFact), self.plan.of(CrashFact)
        if crashes:
            await self.process.kill()
        elif forgeries:
            await self.process.stop()
        for crash in crashes:
            tear_tail(self.process.database, crash.unsealed)
        for forgery in forgeries:
            hide_quarantine(self.process.database, agents.gpu(forgery.node, forgery.gpu).uuid, forgery.how)
        return bool(forgeries or crashes)


@asynccontextmanager
async def beginning(
    world: World, plan: SentinelPlan, folder: Path, launch: Launch | None = None
) -> AsyncIterator[Gateway]:
    """A gateway that starts while the rest of the world is made; ended with the block. `launch` starts its processes,
    by default from the command.

    Raises:
        GatewayFailed: the command is not installed.
    """
    process = GatewayProcess(folder, new_tokens({fact.by for fact in plan.said}), launch or Spawned.launch)
    await process.spawn()
    try:
        yield Gateway(world, plan, process)
    finally:
        await process.kill()
