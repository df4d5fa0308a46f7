"""What Prometheus holds of a real gateway after some minutes in which something of everything happened to its fleet.

The gateway is fed over gRPC and scraped over HTTP every half minute of its own clock, so minutes pass in no time.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from tests.sentinel_acceptance.place import Agent, Fleet, opened

from sentinel_fleet.ports import LabelMatcher
from sentinel_fleet.prom.budget import Budget
from sentinel_fleet.prom.evaluate import evaluate_instant
from sentinel_fleet.prom.parsing import parse_query
from sentinel_fleet.prom.regex import compile_anchored
from sentinel_fleet.prom.storage import Storage
from sentinel_sdk import SentinelClient, types
from sentinel_sdk.errors import SentinelError

BAD, DEAD = 1, 5
FAILURES, SUSPICIOUS = 3, 2
"""Sweeps in which an SM of the first and of the second host fails: enough to be quarantined, and to be suspected."""
GPUS, OTHERS, SMS = 4, 2, 8
"""GPUs of the first and of the second host."""
TARGET = {"namespace": "gpus", "pod": "gateway-0"}
VARIABLES = {"$namespace": ".*", "$hostname": ".*", "$gpu": ".*", "$__rate_interval": "5m", "$__range": "10m"}
"""As Grafana fills them in where everything is chosen."""


@dataclass(frozen=True)
class Kept:
    """One series."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    def samples(self, start: float, end: float) -> list[tuple[float, float]]:
        return [point for point in self.points if start <= point[0] <= end]


@dataclass
class Scraped:
    """A series source of everything that was scraped."""

    points: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    until_s: float = 0.0
    gpu: str = ""
    """UUID of the GPU with the dead SM."""
    counters: set[str] = field(default_factory=set)
    """Names of all counters, also of those that count nothing yet."""

    def add(self, text: str, at_s: float) -> None:
        """One scrape."""
        self.until_s = at_s
        for family in text_string_to_metric_families(text):
            self.counters |= {f"{family.name}_total"} if family.type == "counter" else set()
            for sample in family.samples:
                labels = {"__name__": sample.name, **sample.labels, **TARGET}
                self.points[tuple(sorted(labels.items()))].append((at_s, sample.value))

    def select(self, matchers: Sequence[LabelMatcher]) -> Iterable[Kept]:
        for key, points in self.points.items():
            labels = dict(key)
            if all(_holds(matcher, labels.get(matcher.name, "")) for matcher in matchers):
                yield Kept(labels, points)

    def metadata(self) -> Mapping[str, tuple[str, str]]:
        return {}

    def names(self) -> set[str]:
        """Of all metrics."""
        return {dict(key)["__name__"] for key in self.points} | self.counters

    def answer(self, query: str) -> dict[str, float]:
        """Values at the last scrape, by the values of their labels, or nothing for what has none."""
        for variable, value in VARIABLES.items():
            query = query.replace(variable, value)
        at_ms = int(self.until_s * 1000)
        found = evaluate_instant(parse_query(query), Storage(self, Budget(), at_ms), at_ms)
        return {" ".join(dict(labels).values()): points[-1][1] for labels, points in found.series}


def _holds(matcher: LabelMatcher, value: str) -> bool:
    if matcher.op in ("=", "!="):
        return (value == matcher.value) is (matcher.op == "=")
    return (compile_anchored(matcher.value).fullmatch(value) is not None) is (matcher.op == "=~")


def scraped(folder: Path) -> Scraped:
    """Feed a gateway and scrape it."""
    return asyncio.run(_scraped(folder))


async def _scraped(folder: Path) -> Scraped:
    kept = Scraped()
    async with opened(folder, {"metrics": {"listen": "127.0.0.1:0"}}) as fleet:
        kept.gpu = await _fed(fleet, kept)
    return kept


async def _fed(fleet: Fleet, kept: Scraped) -> str:
    """Feed and scrape; gives the UUID of the GPU with the dead SM."""
    agent = await fleet.host("node-1", gpus=GPUS, sms=SMS)
    other = await fleet.host("node-2", gpus=OTHERS, sms=SMS)
    agent.took_s = 0.01
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{fleet.gateway.metrics_port}") as http:
        await _verified(fleet, http)
        await _feed(fleet, agent, other, kept, http)
    return agent.gpus[BAD].uuid


async def _verified(fleet: Fleet, http: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while "sentinel_audit_chain_verified 1.0" not in (await http.get("/metrics")).text:
            await fleet.passes(1)


async def _feed(fleet: Fleet, agent: Agent, other: Agent, kept: Scraped, http: httpx2.AsyncClient) -> None:
    """A dead SM, a suspicious one, an anomaly, a vote against a GPU, a directive, and somebody who is not let in."""

    async def half_a_minute() -> None:
        await fleet.passes(30)
        kept.add((await http.get("/metrics")).text, fleet.clock.ns / 1e9)

    await half_a_minute()
    for number in range(FAILURES):
        await agent.sweep({(BAD, DEAD)})
        await other.sweep({(0, DEAD)} if number < SUSPICIOUS else ())
        await half_a_minute()
        await half_a_minute()
    await _anomaly(fleet, agent)
    await _vote(fleet, agent)
    await half_a_minute()
    action = types.QuarantineAction.QUARANTINE
    await fleet.clients["olga"].aissue_quarantine(other.gpus[1].uuid, action, "its fan is broken", "olga")
    await _refused(fleet)
    await half_a_minute()
    await half_a_minute()


async def _anomaly(fleet: Fleet, agent: Agent) -> None:
    """One of an inference monitor, and one that lies in the future."""
    gpu, source = agent.gpus[0], types.AnomalySource.INFERENCE_MONITOR
    kind, severity = types.AnomalyType.LOGIT_DRIFT, types.Severity.WARNING
    late = datetime.fromtimestamp(fleet.clock.ns / 1e9 + 86400, UTC)
    events = [
        types.AnomalyEvent(event_id=name, anomaly_type=kind, source=source, gpu=gpu, severity=severity, timestamp=time)
        for name, time in (("a", agent.now()), ("b", late))
    ]
    async with fleet.clients["agent"].aanomaly_stream("node-1") as stream:
        await stream.send(events)


async def _vote(fleet: Fleet, agent: Agent) -> None:
    """Two GPUs against the first."""
    results = [
        types.TmrGpuResult(gpu=gpu, output_fingerprint=(b"y" if number else b"x") * 32, success=True)
        for number, gpu in enumerate((agent.gpus[0], *agent.gpus[2:4]))
    ]
    await fleet.clients["agent"].areport_tmr_result(
        types.TmrResult(canary_id="c-1", results=results, timestamp=agent.now())
    )


async def _refused(fleet: Fleet) -> None:
    endpoint = f"127.0.0.1:{fleet.gateway.grpc_port}"
    async with await SentinelClient.aconnect(endpoint, tls_config=False, token="stolen") as stranger:
        with suppress(SentinelError):
            await stranger.aquery_fleet_health()
