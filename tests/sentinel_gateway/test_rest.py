"""The read API over HTTP: routes, shapes, strict parameters, codes, who may read."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager

import grpc
import httpx2
import pytest
from tests.sentinel_gateway.certificates import Authority
from tests.sentinel_gateway.driving import GPU, Client, batch, execution, settings

from sentinel_gateway.app.loading import Groups
from sentinel_gateway.app.running import running_gateway
from sentinel_gateway.domain.access import token_digest

QUARANTINE = 1


@pytest.fixture
def groups():
    return {"rest": {"listen": "127.0.0.1:0"}}


@asynccontextmanager
async def _http(gateway, token: str = ""):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.rest_port}", headers=headers) as http:
        yield http


@pytest.fixture
async def http(gateway, client):
    await client.report(batch(execution(1, sm=1), execution(2, sm=2, execution_id="2")))
    await client.issue(QUARANTINE)
    async with _http(gateway) as http:
        yield http


async def test_a_gpu_is_told_with_its_sms(http):
    answer = (await http.get(f"/api/v1/gpu/{GPU}")).json()

    assert answer["health"]["state"] == "QUARANTINED"
    assert answer["health"]["gpu"]["hostname"] == "node-1"
    assert [sm["probe_fail_count"] for sm in answer["health"]["sm_health"]] == [0, 1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", answer["health"]["last_probe_time"])
    assert answer["health"]["last_anomaly_time"] is None
    assert answer["recent_correlations"] == []


async def test_the_fleet_is_filtered(http):
    everything = (await http.get("/api/v1/fleet")).json()
    some = (await http.get("/api/v1/fleet?state=quarantined,SUSPECT&hostname_prefix=node&model=h100")).json()
    none = (await http.get("/api/v1/fleet?state=HEALTHY")).json()

    assert (everything["summary"]["total_gpus"], everything["summary"]["quarantined"]) == (1, 1)
    assert (some["total_matching"], none["total_matching"], none["gpu_health"]) == (1, 0, [])


async def test_history_is_paged(http):
    first = (await http.get(f"/api/v1/gpu/{GPU}/history?limit=1")).json()
    second = (await http.get(f"/api/v1/gpu/{GPU}/history", params=_next(first))).json()

    assert first["next_page_token"]
    both = first["state_transitions"] + second["state_transitions"]
    assert [(each["from_state"], each["to_state"]) for each in both] == [("HEALTHY", "QUARANTINED")]


def _next(page):
    return {"limit": 10, "page_token": page["next_page_token"]}


async def test_the_ledger_is_queried_with_hex_hashes(http):
    page = (await http.get(f"/api/v1/audit?gpu_uuid={GPU}&type=QUARANTINE_ACTION&order=desc&limit=5")).json()

    assert page["total_count"] == 1
    entry = page["entries"][0]
    assert entry["entry_type"] == "QUARANTINE_ACTION"
    assert re.fullmatch(r"[0-9a-f]{64}", entry["entry_hash"])
    assert entry["gpu"]["uuid"] == GPU


async def test_trust_is_told(http):
    answer = (await http.get("/api/v1/trust")).json()

    assert (answer["edges"], answer["total_gpus"], answer["min_trust_score"]) == ([], 1, 0.0)


async def test_the_condition_of_the_gateway_is_told(http):
    answer = await http.get("/api/v1/health")

    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["database_connected"], told["active_agents"]) == ("healthy", True, 1)
    assert [(await http.get(path)).text for path in ("/health", "/livez", "/readyz")] == ["OK"] * 3


REFUSED = [
    ("/api/v1/gpu/GPU-nobody-knows", 404, "GPU-nobody-knows"),
    ("/api/v1/gpu/7", 400, "gpu.uuid"),
    ("/api/v1/fleet?stat=HEALTHY", 400, "did you mean 'state'"),
    ("/api/v1/fleet?state=WELL", 400, "HEALTHY"),
    ("/api/v1/fleet?model=a&model=b", 400, "2 times"),
    (f"/api/v1/gpu/{GPU}/history?start=yesterday", 400, "2026-03-24T12:00:00Z"),
    (f"/api/v1/gpu/{GPU}/history?start=2026-13-01T00:00:00Z", 400, "start"),
    (f"/api/v1/gpu/{GPU}/history?limit=0", 400, "limit"),
    (f"/api/v1/gpu/{GPU}/history?limit=ten", 400, "limit"),
    (f"/api/v1/gpu/{GPU}/history?page_token=nonsense", 400, "token"),
    ("/api/v1/audit?order=sideways", 400, "asc"),
    ("/api/v1/audit?type=NOTHING", 400, "PROBE_RESULT"),
    ("/api/v1/trust?x=1", 400, "unknown query parameter"),
    ("/api/v1/nothing", 404, "GET only"),
]


async def test_a_request_that_cannot_be_is_refused(http):
    got = [(path, await http.get(path), words) for path, _, words in REFUSED]

    told = [(path, each.status_code, words in each.json()["error"]["message"]) for path, each, words in got]
    assert told == [(path, status, True) for path, status, _ in REFUSED]


async def test_nothing_can_be_changed_here(http):
    answer = await http.post("/api/v1/quarantine", json={"gpu_uuid": GPU, "action": "CONDEMN"})

    assert answer.status_code == 404
    assert "gRPC" in answer.json()["error"]["message"]
    assert (await http.post("/api/v1/fleet")).status_code == 405


TOKENS = [{"name": name, "sha256": token_digest(name), "roles": [name]} for name in ("viewer", "auditor", "agent")]


@pytest.fixture
async def guarded(tmp_path):
    groups: Groups = {"tls": {"enabled": False}, "access": {"tokens": TOKENS}, "rest": {"listen": "127.0.0.1:0"}}
    async with running_gateway(settings(tmp_path, groups, insecure=False)) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("token", "fleet", "audit"),
    [("", 401, 401), ("stranger", 401, 401), ("agent", 403, 403), ("viewer", 200, 403), ("auditor", 200, 200)],
)
async def test_roles_are_those_of_grpc(guarded, token, fleet, audit):
    async with _http(guarded, token) as http:
        assert (await http.get("/api/v1/fleet")).status_code == fleet
        assert (await http.get("/api/v1/audit")).status_code == audit
        assert (await http.get("/api/v1/health")).status_code == 200
        assert (await http.get("/metrics")).status_code == 200


async def test_with_tls_a_certificate_counts_as_with_grpc(tmp_path):
    authority = Authority()
    certificate, key = authority.server().write(tmp_path, "server")
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    pair = authority.client("ann").write(tmp_path, "ann")
    groups: Groups = {
        "tls": {"cert_file": certificate, "key_file": key, "ca_file": tmp_path / "ca.crt"},
        "access": {"certificates": [{"name": "ann", "roles": ["viewer"]}]},
        "rest": {"listen": "127.0.0.1:0"},
    }
    async with running_gateway(settings(tmp_path, groups, insecure=False)) as gateway:
        assert await _status(gateway, tmp_path, pair) == 200
        assert await _status(gateway, tmp_path, None) == 401


async def _status(gateway, folder, pair) -> int:
    import ssl

    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    if pair:
        context.load_cert_chain(*pair)
    async with httpx2.AsyncClient(base_url=f"https://127.0.0.1:{gateway.rest_port}", verify=context) as http:
        return (await http.get("/api/v1/fleet")).status_code


async def test_metrics_count_what_happened(tmp_path):
    groups: Groups = {"rest": {"listen": "127.0.0.1:0"}, "metrics": {"listen": "127.0.0.1:0"}}
    async with (
        running_gateway(settings(tmp_path, groups)) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
        _http(gateway) as http,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.metrics_port}") as other,
    ):
        await Client(channel).report(batch(execution(2)))
        await Client(channel).issue(QUARANTINE)
        text = (await http.get("/metrics")).text
        assert (await other.get("/metrics")).status_code == 200
        assert (await other.get("/api/v1/fleet")).status_code == 404

    for line in (
        'sentinel_probe_results_total{probe_type="FMA",result="FAIL"} 1.0',
        'sentinel_events_ingested_total{source="probe"} 1.0',
        'sentinel_quarantine_actions_total{action="QUARANTINE"} 1.0',
        'sentinel_gpu_state_count{state="QUARANTINED"} 1.0',
        "sentinel_grpc_active_streams 0.0",
    ):
        assert line in text
    assert GPU not in text
