"""A running core over a real database and a real ledger, with a clock that only moves when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.alerts import Alerts
from sentinel_gateway.domain.directives import DirectiveRequest
from sentinel_gateway.domain.health import Action
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import ProbeBatch, ProbeExecution, ProbeResult, ProbeType
from sentinel_gateway.domain.roles import Caller, Role
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.ledger.keys import load_signer
from sentinel_gateway.ledger.writer import LedgerWriter
from sentinel_gateway.storage.database import Database
from sentinel_gateway.storage.store import Store
from sentinel_sdk.signing import Key, Keys, sign

NOW_NS = 1_800_000_000_000_000_000
SECOND_NS = 1_000_000_000
AGENT = Caller("node-1", frozenset({Role.AGENT}), "certificate")
JANE = Caller("jane", frozenset({Role.OPERATOR, Role.ADMIN}), "token")
OMAR = Caller("omar", frozenset({Role.ADMIN}), "token")


class Clock:
    """Nanoseconds since 1970."""

    def __init__(self) -> None:
        self.ns = NOW_NS

    def __call__(self) -> int:
        return self.ns

    def sleep(self, seconds: float) -> None:
        """Let time go by."""
        self.ns += int(seconds * SECOND_NS)


@dataclass
class Place:
    """Where a gateway lives; it can be started there again and again."""

    url: str
    folder: Path
    settings: CoreSettings = field(default_factory=CoreSettings)
    keys: Keys = field(default_factory=Keys)
    clock: Clock = field(default_factory=Clock)
    alerts: Alerts | None = None

    @asynccontextmanager
    async def loaded(self) -> AsyncIterator[Core]:
        """A core that does not run yet."""
        signer = load_signer(self.folder / "key.pem", "test")
        note = self.folder / "checkpoint"
        with Database.open(self.url) as database, LedgerWriter.open(database, signer, note, self.clock) as ledger:
            core = Core(Store(database), ledger, self.settings, self.keys, self.clock, self.alerts)
            await core.load()
            yield core

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Core]:
        """A core that runs until leaving."""
        async with self.loaded() as core, asyncio.TaskGroup() as group:
            group.create_task(core.run())
            yield core
            await core.stop()


def gpu(number: int = 0, hostname: str = "node-1") -> Gpu:
    """One of many GPUs."""
    return Gpu(f"GPU-{number:08d}-0000-0000-0000-000000000000", hostname, number % 8, "NVIDIA H100 80GB HBM3", "550.1")


def execution(
    number: int = 0,
    result: int = ProbeResult.PASS,
    sm_id: int = 0,
    on: Gpu | None = None,
    probe_type: int = ProbeType.FMA,
) -> ProbeExecution:
    """A probe that ran `number` milliseconds before now."""
    time_ns = NOW_NS - number * 1_000_000
    return ProbeExecution(
        f"run-{number}", int(probe_type), on or gpu(), sm_id, int(result), bytes(32), bytes(32), time_ns=time_ns
    )


def failures(count: int, sm_id: int = 0, on: Gpu | None = None) -> tuple[ProbeExecution, ...]:
    """An SM fails in so many sweeps, half a minute apart, the last of them now."""
    return tuple(execution(30_000 * number, ProbeResult.FAIL, sm_id, on) for number in reversed(range(count)))


def batch(*executions: ProbeExecution, sequence: int = 0, hostname: str = "node-1") -> ProbeBatch:
    """A batch."""
    return ProbeBatch(hostname, executions, sequence, NOW_NS)


def signed(executions: Sequence[ProbeExecution], key: Key) -> list[ProbeExecution]:
    """The executions with our signature."""
    return [replace(one, hmac_signature=sign(one, key)) for one in executions]


def asking(action: Action, directive_id: str = "", on: Gpu | None = None, **more: object) -> DirectiveRequest:
    """A directive about a GPU."""
    request = DirectiveRequest((on or gpu()).uuid, action, "because", directive_id=directive_id)
    return replace(request, **more)  # type: ignore[arg-type]
