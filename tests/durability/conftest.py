"""One simulated fleet, a provider and a webhook receiver that count, and the agent as a process that can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.durability.agent_process import Agent, Life, start
from tests.durability.world_outside import Outside
from tests.postgres import postgres_server, postgres_url

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.stores import open_stores
from gcm_sentinel.storage.census import take_census
from sentinel_fleet.scenario import load
from sentinel_fleet.serve import Fleet, serve

__all__ = ["postgres_server", "postgres_url"]

DEADLINE_S = 90.0

SCENARIO = """
schema: gcm-sentinel/scenario/v1
id: small
title: Bad conditions
section: A
draw:
  node: {node: {}}
fleet: {racks: RACKS, nodes_per_rack: PER_RACK, history: 6h}
facts:
  - condition: {node: "${node}", at: 0s, type: GpuXid, status: "True", reason: R, message: "something is bad"}
trigger: {node: "${node}", condition: GpuXid}
expect:
  fault_class: [inconclusive]
  severity: [warning]
"""


@dataclass(slots=True)
class Stage:
    """Everything around the agent, and where the agent keeps its state."""

    fleet: Fleet
    outside: Outside
    url: str
    folder: Path
    database_url: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    agents: list[Agent] = field(default_factory=list)
    """Every process that was started."""

    @property
    def environment(self) -> dict[str, str]:
        """The agent's settings as its environment."""
        ours = {
            "KUBECONFIG": str(self.fleet.kubeconfig),
            "PROMETHEUS_URL": "",
            "ALERTMANAGER_URL": "",
            "LLM_API": "anthropic",
            "API_KEY": "a-key-for-loopback",
            "LLM_BASE_URL": self.url,
            "WEBHOOK_URL": f"{self.url}/webhook",
            "STATE_DIR": str(self.folder / "state"),
            "DATABASE_URL": self.database_url,
            "SETTLE_SECONDS": "0.3",
            "HTTP_PORT": "0",
            "DRAIN_SECONDS": "5",
            **self.settings,
        }
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GCM_SENTINEL_")}
        return {**clean, **{f"GCM_SENTINEL_{key}": value for key, value in ours.items()}}

    @property
    def journal(self) -> list[str]:
        """The recorded steps, in order."""
        path = self.folder / "journal"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def events(self) -> list[str]:
        """The Events the API server created. One asked for again is refused by its name, and not among them."""
        return [asked.path for asked in self.fleet.requests if asked.method == "POST" and asked.status == 201]

    async def start(self, *, kill_after: int = 0, name: str = "agent", **which: Any) -> Agent:
        """Start the agent; right after it has recorded so many steps it kills itself (`which` count: see `Life`)."""
        journal = self.folder / str(which.pop("journal", "journal"))
        life = Life(self.environment, journal, self.folder / f"{name}.log", kill_after, **which)
        self.agents.append(await asyncio.to_thread(start, life))
        return self.agents[-1]

    def break_nodes(self, most: int) -> None:
        """Give well nodes a bad condition, as their problem detector would, until `most` nodes are bad."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        bad = {"type": "GpuXid", "status": "True", "reason": "R", "message": "something is bad"}
        well = [item.name for item in self.fleet.world.fleet.nodes if item.name != self.fleet.world.trigger.node]
        for name in well[: most - 1]:
            node = json.loads(json.dumps(self.fleet.store.get("nodes", name)))
            others = [item for item in node["status"]["conditions"] if item["type"] != "GpuXid"]
            node["status"]["conditions"] = [*others, {**bad, "lastTransitionTime": now}]
            self.fleet.store.put(node)

    def place(self) -> str:
        """The address of the agent's database."""
        return self.database_url or f"sqlite:///{self.folder / 'state' / 'gcm-sentinel.db'}"

    async def all_delivered(self, incidents: int = 1) -> bool:
        """Whether both sinks have the assessments of `incidents`, and the agent knows it."""
        if len(self.outside.webhooks) < incidents or len(self.events) < incidents:
            return False
        async with open_stores(self.place(), SystemClock()) as stores:
            return not (await take_census(stores.database)).owed


async def stop(process: Agent) -> int:
    """Ask the agent to end, as Kubernetes does."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        return await process.wait()


def scenario_text(nodes: int) -> str:
    """A fleet of about `nodes` nodes, one of which has a bad condition."""
    racks = max(1, nodes // 8)
    return SCENARIO.replace("RACKS", str(racks)).replace("PER_RACK", str(max(2, -(-nodes // racks))))


@pytest.fixture
def staged(tmp_path: Path) -> Callable[..., object]:
    """``async with staged(scenario_text, database_url=…) as stage``: the world around an agent."""

    @asynccontextmanager
    async def open_stage(
        text: str, *, seed: int = 1, outside: Outside | None = None, within: str = "", **settings: str
    ) -> AsyncIterator[Stage]:
        folder = tmp_path / within / "small"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scenario.yaml").write_text(text)
        world = load(folder / "scenario.yaml").realise(seed, anchor=time.time())
        outside, agents = outside or Outside(), list[Agent]()
        runner = web.AppRunner(outside.app())
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listening).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            async with serve(world) as fleet:
                database_url = settings.pop("database_url", "")
                yield Stage(fleet, outside, url, folder.parent, database_url, settings, agents)
        finally:
            for agent in agents:
                agent.kill()
            await runner.cleanup()

    return open_stage


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
