"""Many entries together: how probes ended, which anomalies came, who stands where."""

from __future__ import annotations

from typing import Any

import pytest

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import anomaly_pb2, probe_pb2

PROBE, ANOMALY, ACTION, SYSTEM = 1, 2, 3, 6
ONE, TWO = (f"GPU-{number:08x}-0000-4000-8000-000000000000" for number in (1, 2))
FMA, TENSOR = probe_pb2.PROBE_TYPE_FMA, probe_pb2.PROBE_TYPE_TENSOR_CORE
FAIL, TIMEOUT = probe_pb2.PROBE_RESULT_FAIL, probe_pb2.PROBE_RESULT_TIMEOUT
TOOL = "query_audit_ledger"


def wrong(uuid: str, sm: int, kind: Any = FMA, celsius: float = 75.0, bit: int = 19) -> bytes:
    made = probe_pb2.ProbeExecution(probe_type=kind, result=FAIL, gpu_temperature_c=celsius)
    made.sm.gpu.uuid, made.sm.sm_id = uuid, sm
    made.mismatch_detail.differing_bits.append(bit)
    return made.SerializeToString()


def summed(result: Any, count: int) -> bytes:
    record = records_pb2.SystemRecord(event="probe.summary")
    record.probe_summary.counts.add(probe_type=FMA, result=result, count=count)
    return record.SerializeToString()


async def asked(double: Any, ask: Any, **arguments: Any) -> Any:
    return (await ask(TOOL, days=3000, limit=200, **arguments)).summary


async def test_wrong_results_are_told_by_type_sm_bit_and_temperature(double, ask):
    for sm, celsius in ((57, 76.0), (57, 81.0)):
        double.ledger.add(wrong(ONE, sm, celsius=celsius), PROBE, ONE)

    (found,) = (await asked(double, ask))["probes"]

    assert (found["probe_type"], found["result"], found["count"], found["uuids"]) == ("FMA", "FAIL", 2, [ONE])
    assert (found["sms"], found["differing_bits"]) == ([57], [19])
    assert (found["coldest_c"], found["hottest_c"]) == (76.0, 81.0)


async def test_probe_types_and_gpus_are_told_apart(double, ask):
    double.ledger.add(wrong(ONE, 1), PROBE, ONE)
    double.ledger.add(wrong(TWO, 2), PROBE, TWO)
    double.ledger.add(wrong(TWO, 2, TENSOR), PROBE, TWO)

    found = (await asked(double, ask))["probes"]

    assert [(item["probe_type"], item["count"], item["gpus"]) for item in found] == [
        ("FMA", 2, 2),
        ("TENSOR_CORE", 1, 1),
    ]


async def test_timeouts_stand_in_summaries_and_are_no_wrong_results(double, ask):
    double.ledger.add(summed(TIMEOUT, 40), PROBE, ONE)
    double.ledger.add(wrong(TWO, 1), PROBE, TWO)

    first, second = (await asked(double, ask))["probes"]

    assert (first["result"], second["result"], second["count"]) == ("FAIL", "TIMEOUT", 40)


async def test_anomalies_tell_gpus_jobs_and_steps(double, ask):
    for uuid, job in ((ONE, "replica-7"), (ONE, "replica-11")):
        event = anomaly_pb2.AnomalyEvent(
            anomaly_type=anomaly_pb2.ANOMALY_TYPE_LOSS_SPIKE, model_id=job, step_number=88120
        )
        event.gpu.uuid = uuid
        double.ledger.add(event.SerializeToString(), ANOMALY, uuid)

    (found,) = (await asked(double, ask))["anomalies"]

    assert (found["count"], found["uuids"], found["steps"]) == (2, [ONE], [88120])
    assert sorted(found["models"]) == ["replica-11", "replica-7"]


async def test_what_happened_is_told_with_its_newest_words(double, ask):
    for agent in ("node-1", "node-2"):
        record = records_pb2.SystemRecord(event="ingest.refused", fields={"hostname": agent, "reason": "in the future"})
        double.ledger.add(record.SerializeToString(), SYSTEM)

    (found,) = (await asked(double, ask))["events"]

    assert (found["event"], found["count"]) == ("ingest.refused", 2)
    assert "node-2" in found["words"]


@pytest.mark.parametrize("states", [[(1, 2), (2, 3)], [(1, 3), (3, 3)]], ids=["the newest counts", "no change is none"])
async def test_the_newest_recorded_state_of_a_gpu_is_told(double, ask, states):
    for before, after in states:
        record = records_pb2.SystemRecord(event="gpu.state")
        record.state_change.from_state, record.state_change.to_state = before, after
        double.ledger.add(record.SerializeToString(), ACTION, ONE)

    (found,) = (await asked(double, ask))["states"]

    assert (found["uuid"], found["state"]) == (ONE, "QUARANTINED")
