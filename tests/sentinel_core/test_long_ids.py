"""Agents may send ids of any length; the ledger keeps all of them, memory and tables their beginnings."""

from __future__ import annotations

from dataclasses import replace

from tests.sentinel_core.gateway import AGENT, Place, batch, execution
from tests.sentinel_core.test_what_is_recorded import executions

from sentinel.v1.probe_pb2 import ProbeExecution
from sentinel_gateway.domain.anomalies import AnomalyBatch, AnomalyEvent
from sentinel_gateway.domain.probes import ProbeResult
from sentinel_gateway.domain.text import MAX_NAME

LONG = "x" * 60_000


async def test_what_is_kept_of_an_id_is_short(either: Place):
    failed = execution(0, ProbeResult.FAIL)
    async with either.running() as core:
        await core.report_probes(AGENT, batch(replace(failed, execution_id=LONG)))
        await core.report_anomalies(AGENT, AnomalyBatch("m", (AnomalyEvent(LONG, 1, failed.gpu),), 0))
        known = core._memory.gpus[failed.gpu.uuid]

        kept = [one.event_id for one in (*core._memory.sightings.values(), *core._memory.anomalous.values())]
        kept += [one.event_id for one in known.signs] + [one.event_id for one in known.recent]
        assert set(map(len, kept)) == {MAX_NAME}
    assert [ProbeExecution.FromString(one.data).execution_id for one in executions(either)] == [LONG]
