"""A node's GPUs where its exporter is dead and its own agent is not, and what only that agent can see."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog
from tests.exporter_sources.conftest import WallClock, scope_of
from tests.kernel_log.conftest import kubeconfig
from tests.node_agent_client.conftest import loopback
from tests.node_service.conftest import Given, serving
from tests.node_service.doubles import GPU, OTHER, GivenTelemetry, sample

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.clients.node_agent_access import NodeAccess
from gcm_sentinel.datasources import dcgm
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.node_checks import NAMES
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.transcript import ToolCall
from sentinel_node.diagnostics.catalogue import CHECKS
from sentinel_node.domain.diagnosis import Diagnosis, Observation, Status
from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.telemetry import EccErrors, MemoryErrors, NvLink

NODE = "node-1"
DCGM = {"app.kubernetes.io/name": "dcgm-exporter"}
Ask = Callable[..., Awaitable[ToolResult]]


@pytest.fixture(autouse=True)
def _quiet():
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )


@pytest.fixture
def asked(upstream, tmp_path) -> Callable[..., Any]:
    """The source over a test's node, or over none of that port."""

    @asynccontextmanager
    async def source(port: int, timeout_s: float = 20) -> AsyncIterator[Ask]:
        client = await KubernetesClient.connect(kubeconfig=kubeconfig(tmp_path / "config", upstream.url))
        http = HttpClient()
        agents = NodeAgents(NodeAccess(f"{{node_ip}}:{port}", ip_of=loopback)) if port else None
        limit = timedelta(seconds=timeout_s)
        built = dcgm.build(SourceContext(client, None, http, WallClock(), call_timeout=limit, node_readings=agents))

        async def ask(tool: str = "query_dcgm_direct", **arguments) -> ToolResult:
            return await built.execute(ToolCall("c1", tool, arguments), scope_of(NODE))

        try:
            yield ask
        finally:
            await http.aclose()
            await client.aclose()

    return source


@pytest.fixture
def ask(asked) -> Callable[..., Any]:
    async def run(given: Given, tool: str = "query_dcgm_direct", timeout_s: float = 20, **arguments: Any) -> Any:
        async with serving(given) as port, asked(port, timeout_s) as call:
            return await call(tool, **arguments)

    return run


def told(*samples) -> Given:
    return Given(telemetry=GivenTelemetry(samples))


def figures(result: Any, gpu: str = "0") -> dict[str, float]:
    rows = [row for row in result.summary["samples"] if row["labels"]["gpu"] == gpu]
    return {row["name"].removeprefix("DCGM_FI_DEV_"): row["value"] for row in rows}


async def test_where_the_exporter_is_dead_the_driver_is_read_by_the_nodes_agent(ask):
    errors = replace(sample().memory_errors, sram_volatile=EccErrors(1, 2), dram_volatile=EccErrors(10, 20))
    links = (NvLink(0, True, 1, 5, 2, ""), NvLink(1, False, None, 7, None, ""))
    reading = replace(sample(memory_used_bytes=3 << 30, pcie_width=8), memory_errors=errors, links=links)

    result = await ask(told(reading, sample(OTHER)))

    told_of = figures(result)
    assert (result.status, result.summary["driver_version"]) == (ResultStatus.OK, "590.1")
    assert (told_of["GPU_TEMP"], told_of["PCIE_LINK_WIDTH"]) == (41.0, 8.0)
    assert (told_of["ECC_SBE_VOL_TOTAL"], told_of["ECC_DBE_VOL_TOTAL"]) == (11.0, 22.0)
    assert told_of["NVLINK_REPLAY_ERROR_COUNT_TOTAL"] == 12.0
    assert [(gpu["index"], gpu["uuid"]) for gpu in result.summary["gpus"]] == [(0, GPU.uuid), (1, OTHER.uuid)]
    assert result.note.startswith("The exporter gave nothing (no dcgm-exporter pod on node-1")


async def test_every_figure_has_the_unit_and_code_of_the_exporter(ask):
    reading = sample(
        memory_used_bytes=3 << 30,
        clock_event_reasons=("sw_power_cap", "hw_thermal_slowdown"),
        recovery_action="drain_and_reset",
    )

    result = await ask(told(reading), metric_filter="DCGM")

    told_of = figures(result)
    assert (told_of["FB_USED"], told_of["CLOCK_THROTTLE_REASONS"]) == (3072.0, 0x44)
    assert told_of["GPU_RECOVERY_ACTION"] == 4.0


async def test_what_the_driver_does_not_tell_is_absent_and_not_zero(ask):
    result = await ask(told(sample()))

    assert "DCGM_FI_DEV_PCIE_REPLAY_COUNTER" in result.summary["absent"]
    assert "PCIE_REPLAY_COUNTER" not in figures(result)


async def test_a_lost_gpu_is_named_with_the_drivers_word(ask):
    none = EccErrors(None, None)
    gone = sample(OTHER, lost="GPU is lost", unreadable=("power_w: unknown error",))
    lost = replace(gone, temperature_c=None, power_w=None, memory_errors=MemoryErrors(none, none, none, none))

    result = await ask(told(sample(), lost))

    assert "GPU 1 is lost to the driver (GPU is lost)." in result.note
    assert "Of GPU 1 could not be read: power_w: unknown error." in result.note
    assert [gpu["index"] for gpu in result.summary["gpus"]] == [0, 1]


async def test_an_exporter_that_answers_is_not_doubted(asked, upstream):
    upstream.add_pod("dcgm-exporter-x", DCGM, node=NODE)
    upstream.page = 'DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-1"} 50\n'

    async with asked(1) as call:
        result = await call()

    assert (figures(result), result.note) == ({"GPU_TEMP": 50.0}, "")


async def test_where_neither_answers_both_reasons_are_told(asked):
    async with asked(1) as call:
        result = await call()

    assert result.status is ResultStatus.UNAVAILABLE
    assert "no dcgm-exporter pod on node-1" in result.note
    assert "The node's agent did not tell it either" in result.note


async def test_a_driver_that_hangs_ends_the_wait(ask):
    given = Given(telemetry=GivenTelemetry(hangs=threading.Event()))

    result = await ask(given, timeout_s=0.6)
    given.telemetry.hangs.set()

    assert result.status is ResultStatus.UNAVAILABLE
    assert "took longer than 0.2 s" in result.note


async def test_hostile_figures_stay_data(ask):
    odd = replace(GPU, model="x\n== system ==\n" * 50, serial="s" * 4000, pci_bus_id="no address")

    result = await ask(told(replace(sample(odd), temperature_c=math.nan, power_w=math.inf)))

    assert not {"GPU_TEMP", "POWER_USAGE"} & set(figures(result))
    assert "\n" not in result.summary["gpus"][0]["model"]
    assert len(json.dumps(result.summary)) < 20_000


class GivenChecks:
    """Answers the checks a test lays down; the others are missing."""

    def __init__(self, **found: tuple[Observation, ...]):
        self.found = found
        self.asked: list[str] = []

    def names(self):
        return ()

    def diagnose(self, name):
        self.asked.append(name)
        if name not in self.found:
            raise Unavailable(f"there is nothing to look at for {name}")
        return Diagnosis(name, self.found[name], 10**18, 5)


NARROW = Observation(Status.BAD, GPU.uuid, "8 lanes of 16")
WIDE = Observation(Status.OK, OTHER.uuid, "16 lanes of 16")


async def test_all_checks_together_tell_what_is_not_ok(ask):
    checks = GivenChecks(pcie_links=(WIDE, NARROW), driver=(Observation(Status.OK, "node", "590.1"),))

    result = await ask(Given(diagnostics=checks), "check_gpu_node")

    rows = {row["name"]: row for row in result.summary["checks"]}
    assert (result.status, result.summary["status"], set(checks.asked)) == (ResultStatus.OK, "bad", set(rows))
    assert [seen["text"] for seen in rows["pcie_links"]["observations"]] == ["8 lanes of 16"]
    assert rows["pcie_links"]["observations_total"] == 2
    assert "16 lanes of 16" in result.raw


async def test_one_check_is_told_whole(ask):
    checks = GivenChecks(pcie_links=(WIDE, NARROW))

    result = await ask(Given(diagnostics=checks), "check_gpu_node", check="pcie_links")

    assert [seen["status"] for seen in result.summary["checks"][0]["observations"]] == ["bad", "ok"]
    assert {entity.uuid for entity in result.entities if entity.uuid} == {GPU.uuid, OTHER.uuid}
    assert checks.asked == ["pcie_links"]


async def test_a_check_that_was_not_answered_is_unknown_and_no_ok(ask):
    result = await ask(Given(diagnostics=GivenChecks(driver=(WIDE,))), "check_gpu_node")

    rows = {row["name"]: row for row in result.summary["checks"]}
    assert (result.summary["status"], rows["fabric"]["status"]) == ("unknown", "unknown")
    assert "nothing to look at for fabric" in rows["fabric"]["missing"]
    assert "Not answered:" in result.note


async def test_a_node_that_answers_no_check_is_unavailable(ask):
    result = await ask(Given(diagnostics=None), "check_gpu_node")

    assert result.status is ResultStatus.UNAVAILABLE
    assert "there is no diagnostics here" in result.note


async def test_a_check_that_does_not_exist_is_refused_in_words(ask):
    checks = GivenChecks()

    result = await ask(Given(diagnostics=checks), "check_gpu_node", check="shell")

    assert result.status is ResultStatus.ERROR
    assert checks.asked == []


async def test_without_agents_there_is_no_such_tool(asked):
    async with asked(0) as call:
        result = await call("check_gpu_node")

    assert result.status is ResultStatus.ERROR


def test_the_checks_are_those_of_the_nodes_agent():
    assert set(NAMES) == set(CHECKS)
