"""Who was not let in stands in the ledger and in the metrics, and cannot fill either."""

from __future__ import annotations

import httpx2
import pytest
from tests.sentinel_gateway.driving import WITHIN_S, batch, code_of, until

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import audit_pb2, correlation_pb2
from sentinel_gateway.domain.access import token_digest

HEADER = "authorization"
GUESS, VIEWER = ((HEADER, "Bearer guess"),), ((HEADER, "Bearer v"),)


@pytest.fixture
def groups():
    tokens = [{"name": "vic", "sha256": token_digest("v"), "roles": ["viewer"]}]
    return {"access": {"tokens": tokens}, "rest": {"listen": "127.0.0.1:0"}}


async def _refusals(client) -> list[records_pb2.SystemRecord]:
    page = await client.audit.QueryAuditTrail(audit_pb2.AuditQueryRequest(limit=1000), timeout=WITHIN_S)
    records = [
        records_pb2.SystemRecord.FromString(entry.data)
        for entry in page.entries
        if entry.entry_type == audit_pb2.AUDIT_ENTRY_TYPE_SYSTEM_EVENT
    ]
    return [record for record in records if record.event == "auth.refused"]


async def test_each_kind_is_recorded_once_however_often_it_happens(gateway, client):
    fleet, issue = client.correlation.QueryFleetHealth, client.quarantine.IssueDirective
    from sentinel.v1 import quarantine_pb2

    for _ in range(20):
        await code_of(fleet(correlation_pb2.FleetHealthRequest(), metadata=GUESS, timeout=WITHIN_S))
        await code_of(issue(quarantine_pb2.QuarantineDirective(), metadata=VIEWER, timeout=WITHIN_S))

    async def both() -> bool:
        return len(await _refusals(client)) >= 2

    await until(both, "both kinds are recorded")
    told = {(r.fields["who"], r.fields["what"].rpartition("/")[2], r.fields["why"]) for r in await _refusals(client)}
    assert told == {("unknown", "QueryFleetHealth", "unauthenticated"), ("vic", "IssueDirective", "denied")}
    assert len(await _refusals(client)) == 2


async def test_refusals_over_http_are_recorded_and_counted(gateway, client):
    await client.report(batch())
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.rest_port}") as http:
        await http.get("/api/v1/fleet", headers={HEADER: "Bearer guess"})
        text = (await http.get("/metrics")).text

    async def recorded() -> bool:
        return any(record.fields["what"] == "GET /api/v1/fleet" for record in await _refusals(client))

    await until(recorded, "the refusal is recorded")
    assert 'sentinel_refused_calls_total{reason="unauthenticated"} 1.0' in text


async def test_the_token_itself_is_recorded_nowhere(gateway, client):
    await code_of(client.correlation.QueryFleetHealth(correlation_pb2.FleetHealthRequest(), metadata=GUESS))

    async def recorded() -> bool:
        return bool(await _refusals(client))

    await until(recorded, "the refusal is recorded")
    assert all("guess" not in str(record) for record in await _refusals(client))
