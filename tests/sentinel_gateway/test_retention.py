"""Old entries of the ledger go while the gateway runs, once a day, and what is left still verifies."""

from __future__ import annotations

import time

import grpc
from tests.sentinel_gateway.driving import WITHIN_S, Client, batch, execution, settings

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import audit_pb2
from sentinel_gateway.app.running import running_gateway

DAY_NS = 24 * 3600 * 10**9
SYSTEM = audit_pb2.AUDIT_ENTRY_TYPE_SYSTEM_EVENT


class _Clock:
    def __init__(self) -> None:
        self.ns = time.time_ns() - 100 * DAY_NS

    def __call__(self) -> int:
        return self.ns


async def _trail(client):
    answer = await client.audit.QueryAuditTrail(audit_pb2.AuditQueryRequest(limit=1000), timeout=WITHIN_S)
    return answer.entries


async def _ran_for_100_days(folder, retention_days: float):
    """Ids of the entries before and after, the events after, and whether the ledger verifies."""
    clock = _Clock()
    wanted = settings(folder, {"ledger": {"retention_days": retention_days}, "probes": {"max_age_hours": 8760}})
    async with (
        running_gateway(wanted, now_ns=clock) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
    ):
        client = Client(channel)
        await client.report(batch(execution(2, age_s=101 * 86400)))
        before = [entry.entry_id for entry in await _trail(client)]
        clock.ns += 100 * DAY_NS
        await gateway.core.upkeep()
        after = await _trail(client)
        verified = await client.audit.VerifyChain(
            audit_pb2.ChainVerificationRequest(verify_merkle_roots=True), timeout=WITHIN_S
        )
    return before, after, verified


async def test_entries_older_than_the_operator_wants_are_removed_and_the_cut_is_on_record(tmp_path):
    before, after, verified = await _ran_for_100_days(tmp_path, 30)

    assert not set(before) & {entry.entry_id for entry in after}
    events = [records_pb2.SystemRecord.FromString(entry.data).event for entry in after if entry.entry_type == SYSTEM]
    assert "ledger.retention_cut" in events
    assert verified.valid, verified.failure_description


async def test_without_a_wish_everything_is_kept(tmp_path):
    before, after, verified = await _ran_for_100_days(tmp_path, 0)

    assert set(before) <= {entry.entry_id for entry in after}
    assert verified.valid
