"""CaptureEvidence: named parts with their digests, whatever is missing, then a manifest of all."""

from __future__ import annotations

import hashlib
import json

import grpc
import pytest
from tests.node_service.conftest import Given, connected
from tests.node_service.doubles import BOOT, GPU, NOW_NS, OTHER, WITHIN_S, GivenTelemetry, line, sample

from sentinel.node.v1 import node_pb2
from sentinel_node.domain.errors import Unavailable
from sentinel_node.service.evidence import bounded


async def captured(node, **fields):
    """Contents by name, ends of parts by name, and the manifest."""
    contents: dict[str, bytes] = {}
    parts: dict[str, node_pb2.EvidencePart] = {}
    manifest = None
    async for event in node.CaptureEvidence(node_pb2.EvidenceRequest(**fields), timeout=WITHIN_S):
        assert manifest is None, "the manifest is last"
        if event.HasField("chunk"):
            assert event.chunk.name not in parts, "chunks come before the end of their part"
            contents[event.chunk.name] = contents.get(event.chunk.name, b"") + event.chunk.content
        elif event.HasField("part"):
            parts[event.part.name] = event.part
        else:
            manifest = event.manifest
    return contents, parts, manifest


async def test_every_part_is_there_and_its_digest_is_of_what_was_sent(node):
    contents, parts, _ = await captured(node)

    assert list(parts) == [
        "kernel_log.jsonl",
        "telemetry.json",
        "processes.json",
        "diagnostics/driver.json",
        "diagnostics/pcie_links.json",
    ]
    for name, part in parts.items():
        assert part.sha256 == hashlib.sha256(contents[name]).digest()
        assert part.size_bytes == len(contents[name])


async def test_the_manifest_names_node_boot_gpus_reason_and_every_part(node):
    _, parts, manifest = await captured(node, reason="inc-7")

    assert (manifest.node_name, manifest.boot_id, manifest.reason) == ("node-1", BOOT, "inc-7")
    assert [gpu.uuid for gpu in manifest.gpus] == [GPU.uuid, OTHER.uuid]
    assert list(manifest.parts) == list(parts.values())
    assert manifest.started.ToNanoseconds() == NOW_NS


async def test_the_kernel_log_ends_with_what_was_looked_through(node):
    contents, _, _ = await captured(node)

    first, *_, last = map(json.loads, contents["kernel_log.jsonl"].decode().splitlines())
    assert (first["xid"], first["pci_bus_id"]) == (79, "0000:9b:00.0")
    assert last["coverage"]["missing"] == ["no persistent journal"]


async def test_telemetry_and_processes_are_of_the_gpu_it_is_about(node, given):
    given.telemetry.given = (sample(compute_processes=(4711,)), sample(OTHER, compute_processes=(1,)))

    contents, _, _ = await captured(node, gpu_uuid=GPU.uuid)

    assert [one["gpu"]["uuid"] for one in json.loads(contents["telemetry.json"])] == [GPU.uuid]
    told = json.loads(contents["processes.json"])
    assert told["compute_process_ids"] == [4711]
    assert told["processes"][0]["cgroup"] == "/kubepods/pod7"


async def test_the_last_hour_is_taken_where_no_time_is_named(node, given):
    await captured(node)

    assert NOW_NS - given.kernel_log.asked[0].since_unix_ns == 3600 * 10**9


async def test_a_part_that_cannot_be_had_says_why_and_the_others_come(given):
    given = Given(telemetry=GivenTelemetry(fails=Unavailable("the driver does not answer")), diagnostics=None)

    async with connected(given) as node:
        contents, parts, manifest = await captured(node)

    assert parts["telemetry.json"].missing == "the driver does not answer"
    assert parts["diagnostics.json"].missing == "diagnostics: there is no diagnostics here"
    assert set(contents) == {"kernel_log.jsonl", "processes.json"}
    assert len(manifest.parts) == 4


def test_a_part_is_bounded_and_says_that_its_end_is_left_out():
    part = bounded("a.txt", "text/plain", "é" * 100, 50)

    assert (part.is_truncated, len(part.content)) == (True, 50)
    assert part.content.endswith(b"the end is left out\n")
    assert not bounded("a.txt", "text/plain", "é" * 25, 50).is_truncated


async def test_a_large_part_comes_in_chunks(node, given):
    given.kernel_log.lines = tuple(line(number, "x" * 8000) for number in range(40))

    contents, parts, _ = await captured(node)

    assert parts["kernel_log.jsonl"].size_bytes > 256 << 10
    assert hashlib.sha256(contents["kernel_log.jsonl"]).digest() == parts["kernel_log.jsonl"].sha256


@pytest.mark.parametrize(
    "fields",
    [{"reason": "x" * 501}, {"since": {"seconds": 9}, "until": {"seconds": 5}}],
    ids=["reason", "order"],
)
async def test_what_cannot_be_asked_is_refused(node, fields):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await captured(node, **fields)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
