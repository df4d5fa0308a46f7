"""The read API over HTTP: routes, shapes, strict parameters, codes, who may read."""

from __future__ import annotations

import asyncio
import contextlib
import re
from contextlib import asynccontextmanager

import grpc
import httpx2
import pytest
import pytest_asyncio
from tests.sentinel_gateway.certificates import Authority
from tests.sentinel_gateway.driving import GPU, WITHIN_S, Client, batch, execution, settings, until
from tests.sentinel_gateway.roles import role_settings, token_of

from sentinel_gateway.app.loading import Groups
from sentinel_gateway.app.running import running_gateway

QUARANTINE = 1
REST: Groups = {"rest": {"listen": "127.0.0.1:0"}}

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
module_fixture = pytest_asyncio.fixture(scope="module", loop_scope="module")


@asynccontextmanager
async def _http(gateway, role: str = ""):
    headers = {"authorization": f"Bearer {token_of(role)}"} if role else {}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.rest_port}", headers=headers) as http:
        yield http


@module_fixture
async def http(tmp_path_factory):
    wanted = settings(tmp_path_factory.mktemp("read"), REST)
    async with (
        running_gateway(wanted) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
        _http(gateway) as http,
    ):
        await Client(channel).report(batch(execution(1, sm=1), execution(2, sm=2, execution_id="2")))
        await Client(channel).issue(QUARANTINE)
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


@module_fixture
async def guarded(tmp_path_factory):
    async with running_gateway(role_settings(tmp_path_factory.mktemp("guarded"), REST)) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("role", "fleet", "audit"),
    [("", 401, 401), ("stranger", 401, 401), ("agent", 403, 403), ("viewer", 200, 403), ("auditor", 200, 200)],
)
async def test_roles_are_those_of_grpc(guarded, role, fleet, audit):
    async with _http(guarded, role) as http:
        assert (await http.get("/api/v1/fleet")).status_code == fleet
        assert (await http.get("/api/v1/audit")).status_code == audit
        assert (await http.get("/api/v1/health")).status_code == 200
        assert (await http.get("/metrics")).status_code == 200


def _with_tls(folder, authority):
    certificate, key = authority.server().write(folder, "server")
    (folder / "ca.crt").write_bytes(authority.pem)
    groups: Groups = {
        "tls": {"cert_file": certificate, "key_file": key, "ca_file": folder / "ca.crt", "reload_seconds": 0.01},
        "access": {"certificates": [{"name": "ann", "roles": ["viewer"]}]},
    }
    return settings(folder, {**groups, **REST}, insecure=False)


async def test_with_tls_a_certificate_counts_as_with_grpc(tmp_path):
    authority = Authority()
    pair = authority.client("ann").write(tmp_path, "ann")
    async with running_gateway(_with_tls(tmp_path, authority)) as gateway:
        assert await _status(gateway, tmp_path, pair) == 200
        assert await _status(gateway, tmp_path, None) == 401


async def test_a_renewed_certificate_and_authority_count_and_the_old_ones_no_longer(tmp_path):
    old, new = Authority("old"), Authority("new")
    of_old, of_new = old.client("ann").write(tmp_path, "old"), new.client("ann").write(tmp_path, "new")
    async with running_gateway(_with_tls(tmp_path, old)) as gateway:
        assert await _status(gateway, tmp_path, of_old) == 200
        new.server().write(tmp_path, "server")
        (tmp_path / "ca.crt").write_bytes(new.pem)

        async def is_renewed() -> bool:
            return await _status(gateway, tmp_path, of_new) == 200

        await until(is_renewed, "the new certificate counts")
        assert await _status(gateway, tmp_path, of_old) == NO_CONNECTION


async def _status(gateway, folder, pair) -> int:
    import ssl

    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    if pair:
        context.load_cert_chain(*pair)
    async with httpx2.AsyncClient(base_url=f"https://127.0.0.1:{gateway.rest_port}", verify=context) as http:
        try:
            return (await http.get("/api/v1/fleet")).status_code
        except httpx2.TransportError:
            return NO_CONNECTION


NO_CONNECTION = 0


@pytest.mark.parametrize("words", [b"", b"GET /livez HT"], ids=["nothing", "half a request"])
async def test_who_connects_and_does_not_ask_is_hung_up_on(tmp_path, monkeypatch, words):
    monkeypatch.setattr("sentinel_gateway.rest.server.REQUEST_WITHIN_S", 0.05)
    async with running_gateway(settings(tmp_path, REST)) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.rest_port)
        writer.write(words)

        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), WITHIN_S)
        writer.close()


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
        await Client(channel).report(batch(execution(2), sequence=2))
        assert (await other.get("/metrics")).text == text, "it is not made anew for everybody who asks"

    for line in (
        'sentinel_probe_results_total{probe_type="FMA",result="FAIL"} 1.0',
        'sentinel_events_ingested_total{source="probe"} 1.0',
        'sentinel_quarantine_actions_total{action="QUARANTINE"} 1.0',
        'sentinel_gpu_state_count{state="QUARANTINED"} 1.0',
        "sentinel_grpc_active_streams 0.0",
    ):
        assert line in text
    assert f'sentinel_gpu_state{{gpu="{GPU}",hostname="node-1"}} 3.0' in text
