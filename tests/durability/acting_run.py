"""Runs a scene to its end, by one agent or by many that are killed one after the other; the API server is the witness.

An agent is killed at two kinds of moments: right after it has recorded a step, and at the moment when a change of its
making is done in the cluster (or at the gateway), before the answer to it is sent.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import grpc
from tests.durability.acting_scenes import REQUEST, Scene, full_name, node_of, pods_there, the_node
from tests.durability.agent_process import Agent
from tests.durability.conftest import DEADLINE_S, Stage
from tests.sentinel_gateway.driving import Client, batch, execution, neighbours
from tests.sentinel_gateway.driving import settings as gateway_settings

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.stores import open_stores
from gcm_sentinel.domain.action_record import ActionRecord, ActionState
from gcm_sentinel.storage.census import take_census
from sentinel.ext.v1 import directives_pb2
from sentinel_gateway.app.running import running_gateway

OURS = ("gpuresets", "rebootnodes")
_OF_THE_MOMENT = ("gcm-sentinel/timestamp",)
SPARED_ONCE_SEEN = ("pause", "look:")
"""They come again and again, and a job may be started 20 times only."""


class Witness:
    """Remembers each change that an agent made, as often as it was made; may kill who made it."""

    def __init__(self, stage: Stage, *, kills: bool) -> None:
        self.stage = stage
        self._kills = kills
        self.changes: list[str] = []
        stage.fleet.store.listen(self._look)

    def saw(self, change: str) -> None:
        """A change was made; its first time is the last thing its agent did."""
        first = change not in self.changes
        self.changes.append(change)
        if self._kills and first:
            self.stage.agents[-1].kill()

    def _look(self, plural: str, change: Any) -> None:
        after, before = change.record.obj, change.previous.obj if change.previous else {"metadata": {}}
        if plural == "pods" and "deletionTimestamp" in after["metadata"] and change.type == "MODIFIED":
            self._now("evicted", full_name(after), "deletionTimestamp" not in before["metadata"])
        elif plural == "nodes":
            self._now("cordoned", after["metadata"]["name"], _is_out(after) and not _is_out(before))
            self._now("asked", after["metadata"]["name"], REQUEST in _notes(after) and REQUEST not in _notes(before))
            for key in _taints(after) - _taints(before):
                self._now("tainted", key, True)
        elif plural in OURS:
            self._now("made", plural, change.type == "ADDED")

    def _now(self, what: str, about: str, happened: bool) -> None:
        if happened:
            self.saw(f"{what} {about}")


def _is_out(node: dict[str, Any]) -> bool:
    return bool(node.get("spec", {}).get("unschedulable"))


def _notes(node: dict[str, Any]) -> dict[str, str]:
    return dict(node["metadata"].get("annotations") or {})


def _taints(node: dict[str, Any]) -> set[str]:
    found = node.get("spec", {}).get("taints") or []
    return {taint["key"] for taint in found if taint["key"].startswith("gcm-sentinel/")}


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a scene."""

    record: ActionRecord
    changes: tuple[str, ...]
    requests: Counter[str]
    """How often each request that changes something was sent; those that were refused for a budget left out."""
    deaths: int
    steps: tuple[str, ...]
    """Recorded steps of the action."""
    picture: dict[str, Any] = field(default_factory=dict)
    """What stands at the end, without what is another thing in every run."""


async def through(stage: Stage, scene: Scene, *, killed: bool) -> Told:
    """A scene that was prepared, from the sick node to the last sink that was told."""
    witness = Witness(stage, kills=killed)
    async with gateway(stage, witness) if scene.gateway else nothing():
        record, deaths = None, 0
        while record is None:
            agent = await stage.start(kill_after=int(killed), of="acting", spares=_spared(stage))
            record = await ended(stage, scene, agent)
            deaths += record is None
    told = Told(record, tuple(witness.changes), requests(stage), deaths, acting_steps(stage))
    told.picture.update(picture(stage, told))
    return told


def _spared(stage: Stage) -> tuple[str, ...]:
    """Steps after which nobody is killed: single captures, what comes again and again, what follows the end."""
    seen = acting_steps(stage)
    again = [name for name in seen if name.startswith(SPARED_ONCE_SEEN)]
    return ("tool:", "deliver:", "next", *again)


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    """Without a gateway."""
    yield


async def ended(stage: Stage, scene: Scene, agent: Agent) -> ActionRecord | None:
    """The action once it has ended and everybody was told; None when the agent died first."""
    async with asyncio.timeout(DEADLINE_S):
        while agent.returncode is None:
            steps = acting_steps(stage)
            if any(step.startswith("send:") for step in steps):
                scene.answer(stage)
            record = await told_to_all(stage) if "ended" in steps else None
            if record is not None:
                return record
            await asyncio.sleep(0.05)
    return None


async def told_to_all(stage: Stage) -> ActionRecord | None:
    """The action, once it has ended and no sink is owed anything."""
    async with open_stores(stage.place(), SystemClock()) as stores:
        found = await stores.actions.in_state(*ActionState)
        owed = (await take_census(stores.database)).owed
    return found[0] if len(found) == 1 and found[0].ended_at and not owed else None


def acting_steps(stage: Stage) -> tuple[str, ...]:
    """The recorded steps of the action."""
    lines = [line.rpartition(" ") for line in stage.journal]
    return tuple(name for key, _, name in lines if "@" in key)


def requests(stage: Stage) -> Counter[str]:
    """What the API server was asked to change by an action: no verdicts, no dry runs, nothing a budget held back."""
    return Counter(
        f"{asked.method} {asked.path}"
        for asked in stage.fleet.requests
        if "/events" not in asked.path
        and "dryRun" not in asked.query + asked.body
        and asked.status != 429
        and not _only_tells(asked.body)
    )


def _only_tells(body: str) -> bool:
    return any(f'"gcm-sentinel/{key}"' in body for key in ("severity", "action-state"))


def picture(stage: Stage, told: Told) -> dict[str, Any]:
    """What stands at the end; not how many answers were heard, for one that died has heard fewer."""
    node, record = the_node(stage), told.record

    def plain(words: str) -> str:
        return words.replace(record.order.incident_id, "INCIDENT").replace(record.order.handle, "HANDLE")

    return {
        "state": record.state,
        "note": plain(record.note),
        "out": _is_out(node),
        "taints": sorted(_taints(node)),
        "notes": {key: plain(said) for key, said in _notes(node).items() if key not in _OF_THE_MOMENT},
        "pods": sorted(full_name(pod) for pod in pods_there(stage)),
        "asked": [plain(str(made["spec"])) for plural in OURS for made in stage.fleet.store.list(plural)],
        "webhooks": len(stage.outside.webhooks) > 0,
    }


@asynccontextmanager
async def gateway(stage: Stage, witness: Witness) -> AsyncIterator[None]:
    """A real one, which knows the sick node's GPUs; whoever has a directive carried out there is seen by `witness`."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(running_gateway(gateway_settings(stage.folder / "gateway")))
        address = f"127.0.0.1:{running.grpc_port}"
        client = Client(await stack.enter_async_context(grpc.aio.insecure_channel(address)))
        results = [execution(), *neighbours()]
        for one in results:
            one.sm.gpu.hostname = node_of(stage)
        await client.report(batch(*results, host=node_of(stage)))
        held = answers_held(running.grpc_port, _Directives(client, witness))
        access = {"ENDPOINT": f"127.0.0.1:{await stack.enter_async_context(held)}", "PLAINTEXT": "true"}
        stage.settings.update({f"SENTINEL_{key}": value for key, value in access.items()}, SENTINEL_WATCH="false")
        yield


class _Directives:
    """Looks for directives that the witness does not know."""

    def __init__(self, client: Client, witness: Witness) -> None:
        self._client = client
        self._witness = witness

    async def __call__(self) -> None:
        listed = await self._client.directives.ListDirectives(directives_pb2.ListDirectivesRequest())
        for found in listed.directives:
            change = f"directed {found.directive.directive_id}"
            if change not in self._witness.changes:
                self._witness.saw(change)


@asynccontextmanager
async def answers_held(port: int, before: Callable[[], Awaitable[None]]) -> AsyncIterator[int]:
    """The port of a relay to `port`; `before` runs before anything of an answer is passed on."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pass(reader, up_writer, None), _pass(up_reader, writer, before))

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, before: Callable[[], Awaitable[None]] | None
) -> None:
    with suppress(ConnectionError):  # one side was killed: the other hears that it is over
        while found := await reader.read(65536):
            if before is not None:
                await before()
            writer.write(found)
            await writer.drain()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
