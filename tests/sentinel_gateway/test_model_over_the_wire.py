"""What the model finds, as agents and readers meet it: more probes asked for, deep tests, findings, canaries."""

from __future__ import annotations

import time

import httpx2
import pytest
from tests.sentinel_gateway.driving import GPU, WITHIN_S, Client, batch, execution, neighbours

from sentinel.ext.v1 import events_pb2, tmr_pb2
from sentinel.v1 import common_pb2, probe_pb2, trust_pb2
from sentinel_gateway.app.running import Running


@pytest.fixture
def groups():
    return {"rest": {"listen": "127.0.0.1:0"}}


async def _failed(client: Client, sweeps: int) -> list[probe_pb2.ProbeAck]:
    """SM 7 of the usual GPU fails in so many sweeps."""
    return [
        await client.report(batch(execution(2, sm=7, execution_id=str(n), age_s=120 * (sweeps - n)), sequence=n))
        for n in range(sweeps)
    ]


async def _shown(gateway: Running, path: str):
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.rest_port}") as http:
        return (await http.get(f"/api/v1/{path}")).json()


def _fma(ack: probe_pb2.ProbeAck) -> list[tuple[int, int]]:
    return [(one.period_seconds, one.duration_seconds) for one in ack.schedule_overrides if one.probe_type == 1]


async def test_a_host_with_a_suspect_is_asked_to_probe_twice_as_often_for_a_while(client):
    acks = [*await _failed(client, 2), await client.report(batch(sequence=2)), await client.report(batch(sequence=3))]
    elsewhere = await client.report(batch(host="node-2"))

    assert [period for ack in acks for period in _fma(ack)] == [(30, 600)]
    assert list(elsewhere.schedule_overrides) == []


async def test_a_quarantined_gpu_is_deep_tested_and_the_test_is_shown(gateway, client):
    await client.report(batch(*neighbours(), sequence=8))
    await _failed(client, 3)
    await gateway.core.upkeep()

    ack = await client.report(batch(execution(1, sm=7), sequence=9))
    health = (await _shown(gateway, f"gpu/{GPU}"))["health"]

    test = health["deep_test"]
    assert (health["state"], test["outcome"], test["blamed_sm"], test["failures"]) == ("DEEP_TEST", "OPEN", 7, 0)
    assert 0 < test["share_done"] < 1 <= test["blamed_sm_passes_needed"]
    assert _fma(ack) == [(6, 600)]


async def test_findings_stand_beside_the_gpu_and_in_its_history(gateway, client):
    await _failed(client, 3)

    recent = (await _shown(gateway, f"gpu/{GPU}"))["recent_correlations"]
    history = (await _shown(gateway, f"gpu/{GPU}/history"))["correlations"]

    assert [one["event_id"] for one in recent] == [one["event_id"] for one in history]
    assert {(one["pattern_type"], one["attributed_sm"]) for one in recent} == {("SM_LOCALIZED", 7)}
    assert all(one["attributed_gpu"]["uuid"] == GPU for one in recent)


def _of(letter: str) -> probe_pb2.ProbeExecution:
    made = execution(1, execution_id=letter)
    made.sm.gpu.CopyFrom(common_pb2.GpuIdentifier(uuid=f"GPU-{letter}", hostname="node-1", model="H100"))
    return made


async def test_agents_are_told_which_three_gpus_are_to_compute_the_same(gateway, client):
    await client.report(batch(*map(_of, "abc")))
    followed = client.tmr.FollowCanaries(tmr_pb2.FollowCanariesRequest(hostname="node-1"), timeout=WITHIN_S)
    await followed.initial_metadata()

    await gateway.core.upkeep()
    canary = await followed.read()
    followed.cancel()
    results = [trust_pb2.TmrGpuResult(gpu=gpu, output_fingerprint=b"same", success=True) for gpu in canary.gpus]
    verdict = await client.tmr.ReportTmrResult(
        trust_pb2.TmrResult(canary_id=canary.canary_id, results=results), timeout=WITHIN_S
    )

    assert {gpu.uuid for gpu in canary.gpus} == {"GPU-a", "GPU-b", "GPU-c"}
    assert (canary.timeout_ms, canary.model_id, len(canary.input_hash)) == (30_000, "sentinel-canary", 32)
    assert verdict.outcome == tmr_pb2.TMR_OUTCOME_UNANIMOUS


async def test_the_causes_that_stand_raised_can_be_asked_for(gateway, client, monkeypatch):
    later = time.time_ns() + 61 * 10**9
    for host in ("node-1", "node-2", "node-3"):
        failed = execution(2, execution_id=host)
        failed.sm.gpu.uuid, failed.sm.gpu.hostname = f"GPU-{host}", host
        await client.report(batch(failed, host=host))
    assert (await _causes(client)) == []

    monkeypatch.setattr(gateway.core._actor, "_now_ns", lambda: later)
    await gateway.core.upkeep()
    (cause,) = await _causes(client)

    assert (cause.shared, cause.gpus, cause.of, cause.raised) == ("probe", 3, 3, True)
    assert list(cause.probe_types) == [probe_pb2.PROBE_TYPE_FMA]
    assert cause.HasField("since")


async def _causes(client: Client) -> list[events_pb2.SharedCause]:
    request = events_pb2.ListSharedCausesRequest()
    return list((await client.events.ListSharedCauses(request, timeout=WITHIN_S)).causes)
