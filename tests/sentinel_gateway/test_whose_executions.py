"""Every execution of a batch is about the GPU that it names itself, in whatever order agents send them."""

from __future__ import annotations

import pytest

from sentinel.v1 import common_pb2, probe_pb2
from sentinel_gateway.services.ingest_messages import probe_batch
from sentinel_gateway.services.wire_values import gpu_from_wire

A = common_pb2.GpuIdentifier(uuid="GPU-a", hostname="node-1", device_index=0, model="H100")
B = common_pb2.GpuIdentifier(uuid="GPU-b", hostname="node-1", device_index=1, model="H100")
RENAMED = common_pb2.GpuIdentifier(uuid="GPU-a", hostname="node-1", device_index=0, model="H200")
NAMELESS = common_pb2.GpuIdentifier()


@pytest.mark.parametrize(
    "named",
    [(A, A, B, B), (A, B, A, B), (A, RENAMED, A), (NAMELESS, A), (NAMELESS, NAMELESS), (A, NAMELESS)],
    ids=["one after the other", "in turn", "described anew", "nameless first", "nameless", "nameless last"],
)
def test_an_execution_is_about_the_gpu_it_names(named):
    sms = [common_pb2.SmIdentifier(gpu=gpu, sm_id=number) for number, gpu in enumerate(named)]
    batch = probe_pb2.ProbeResultBatch(executions=[probe_pb2.ProbeExecution(sm=sm) for sm in sms])

    read = probe_batch(batch).executions

    assert [one.gpu for one in read] == [gpu_from_wire(gpu) for gpu in named]
    assert [one.sm_id for one in read] == list(range(len(named)))


def test_an_execution_without_a_place_is_about_no_gpu():
    (read,) = probe_batch(probe_pb2.ProbeResultBatch(executions=[probe_pb2.ProbeExecution()])).executions

    assert (read.gpu, read.sm_id) == (gpu_from_wire(NAMELESS), 0)
