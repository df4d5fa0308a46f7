"""Evidence before it is destroyed: what a reset or reboot would take away, gathered as named parts.

What can only be had while the machine is as it is comes first: the kernel's ring overwrites itself. A part that cannot
be had says why and never keeps the others from coming; so a hung driver costs its own deadline and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, field

from google.protobuf.json_format import MessageToJson

from sentinel_node.domain.diagnosis import Diagnosis
from sentinel_node.domain.errors import NodeError
from sentinel_node.domain.kernel import KernelQuery
from sentinel_node.domain.seams import Diagnostics, KernelLog, Processes, Telemetry
from sentinel_node.domain.telemetry import GpuSample
from sentinel_node.service.kernel_messages import MOST_LINES, json_lines
from sentinel_node.service.part import Part
from sentinel_node.service.reading_messages import diagnosis_message, sample_message

MOST_PART_BYTES = 8 << 20
_JSON = "application/json"
_JSON_LINES = "application/x-ndjson"
_CUT = b"\n... the end is left out\n"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where evidence comes from."""

    kernel_log: Part[KernelLog]
    telemetry: Part[Telemetry]
    diagnostics: Part[Diagnostics]
    processes: Part[Processes]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the evidence is about."""

    gpu_uuid: str
    """Empty for all."""
    since_unix_ns: int
    until_unix_ns: int
    """0 for now."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """One part: its content, or why there is none."""

    name: str
    media_type: str
    content: bytes = field(default=b"", repr=False)
    is_truncated: bool = False
    missing: str = ""

    @property
    def sha256(self) -> bytes:
        """Of the content."""
        return hashlib.sha256(self.content).digest()


async def gather(sources: Sources, wanted: Wanted, node_name: str) -> AsyncIterator[Gathered]:
    """The parts, each as soon as it is there."""
    yield await _part("kernel_log.jsonl", _JSON_LINES, lambda: _kernel_log(sources, wanted))
    samples: list[GpuSample] = []
    yield await _part("telemetry.json", _JSON, lambda: _telemetry(sources, wanted, samples, node_name))
    yield await _part("processes.json", _JSON, lambda: _processes(sources, samples))
    try:
        names = await sources.diagnostics.ask(lambda diagnostics: diagnostics.names())
    except NodeError as error:
        yield Gathered("diagnostics.json", _JSON, missing=str(error))
        return
    for name in names:
        yield await _diagnosis(sources, name.name, node_name)


async def _part(name: str, media_type: str, content: Callable[[], Awaitable[str]]) -> Gathered:
    try:
        return bounded(name, media_type, await content())
    except NodeError as error:
        return Gathered(name, media_type, missing=str(error))


def bounded(name: str, media_type: str, text: str, most_bytes: int = MOST_PART_BYTES) -> Gathered:
    """A part with as much of a text as it may have; at least 30 bytes."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= most_bytes:
        return Gathered(name, media_type, encoded)
    return Gathered(name, media_type, encoded[: most_bytes - len(_CUT)] + _CUT, is_truncated=True)


async def _kernel_log(sources: Sources, wanted: Wanted) -> str:
    query = KernelQuery(wanted.since_unix_ns, wanted.until_unix_ns, limit=MOST_LINES)
    return json_lines(await sources.kernel_log.ask(lambda log: log.read(query)))


async def _telemetry(sources: Sources, wanted: Wanted, samples: list[GpuSample], node_name: str) -> str:
    """Also fills `samples`, whose processes are the next part."""
    read = await sources.telemetry.ask(lambda telemetry: telemetry.samples())
    samples.extend(sample for sample in read if wanted.gpu_uuid in ("", sample.gpu.uuid))
    messages = [sample_message(sample, node_name) for sample in samples]
    return "[" + ",\n".join(MessageToJson(message, preserving_proto_field_name=True) for message in messages) + "]\n"


async def _processes(sources: Sources, samples: list[GpuSample]) -> str:
    pids = tuple(sorted({pid for sample in samples for pid in sample.compute_processes or ()}))
    found = await sources.processes.ask(lambda processes: processes.describe(pids))
    return json.dumps({"compute_process_ids": pids, "processes": [asdict(process) for process in found]}, indent=1)


async def _diagnosis(sources: Sources, name: str, node_name: str) -> Gathered:
    def ask(diagnostics: Diagnostics) -> Diagnosis:
        return diagnostics.diagnose(name)

    async def content() -> str:
        message = diagnosis_message(await sources.diagnostics.ask(ask, is_of_whole=False), node_name)
        return MessageToJson(message, preserving_proto_field_name=True)

    return await _part(f"diagnostics/{name}.json", _JSON, content)
