"""Lines of workload and service logs that mean something to a GPU investigator, recognised and counted. Pure.

One table serves container logs and systemd journals. A line counts for one kind, the first of the table that fits;
`xid_text` and `instruction_text` are looked for in every line besides, because they say something about the line: that
a program (not the kernel) printed it, and that it tries to steer whoever reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gcm_sentinel.datasources.cluster_reads import iso
from gcm_sentinel.domain.summaries import LogPattern

_EXAMPLE_MAX = 400


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line and its time, None when its log gave none."""

    at: datetime | None
    text: str


_KINDS: tuple[tuple[str, str], ...] = (
    (
        "cuda_ecc",
        r"uncorrectable ECC error|CUDA_ERROR_ECC_UNCORRECTABLE|cudaErrorECCUncorrectable|CUDA_ERROR_CONTAINED",
    ),
    ("cuda_illegal_access", r"illegal memory access|CUDA_ERROR_ILLEGAL_ADDRESS|misaligned address"),
    (
        "cuda_oom",
        r"CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY"
        r"|RESOURCE_EXHAUSTED: Out of memory",
    ),
    (
        "cuda_not_initialized",
        r"system not yet initialized|CUDA_ERROR_SYSTEM_NOT_READY|CUDA_ERROR_NOT_INITIALIZED|no CUDA-capable device"
        r"|CUDA_ERROR_NO_DEVICE|cudaErrorInsufficientDriver|system driver mismatch|CUDA driver version is insufficient",
    ),
    (
        "cuda_launch_failure",
        r"unspecified launch failure|CUDA_ERROR_LAUNCH_FAILED|CUDA_ERROR_LAUNCH_TIMEOUT|device-side assert"
        r"|CUDA_ERROR_ASSERT|CUBLAS_STATUS_EXECUTION_FAILED|CUDNN_STATUS_EXECUTION_FAILED"
        r"|CUDA error: (?:an illegal instruction|unknown error|the launch timed out|invalid device)",
    ),
    (
        "version_mismatch",
        r"version mismatch|driver/library version|(?:does not|doesn't) match the (?:driver|version)"
        r"|incompatible version|API mismatch",
    ),
    ("nvml_unknown_error", r"NVML: Unknown Error|NVML_ERROR_UNKNOWN"),
    (
        "nccl_timeout",
        r"collective operation timeout|NCCL watchdog thread (?:terminated|got|received)|heartbeat monitor timed out"
        r"|NCCL (?:operations?|collectives?|kernels?)\b.*\b(?:timed out|timeout)|watchdog\b.*\btimed out",
    ),
    (
        "nccl_net_error",
        r"NCCL WARN.*(?:NET/|ibv_|network|Connection|Call to (?:connect|recv|send))|remote process exited"
        r"|ncclRemoteError|ncclSystemError|NET/IB ?: Got (?:completion|async)|IBV_WC_\w*ERR",
    ),
    (
        "host_oom",
        r"Out of memory: Killed process|oom-kill|OOMKilled|Memory cgroup out of memory|\bMemoryError\b"
        r"|Cannot allocate memory",
    ),
    ("x509_expired", r"certificate has expired|certificate is not yet valid|certificate[^.;]{0,40}\bexpired\b"),
    ("traceback", r"Traceback \(most recent call last\)"),
    (
        "other_error",
        r"(?-i:\b(?:ERROR|FATAL|CRITICAL|PANIC|[Ff]ailed|Aborted)\b|\bpanic:|Segmentation fault|core dumped|\bE\d{4} )",
    ),
)
"""Kind -> what its lines look like; the specific stands before the general. Communication libraries print their
settings at start (a timeout, a network): only complaints count, not settings."""

_COMPILED = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _KINDS)

_XID = re.compile(r"NVRM: ?(?:GPU|Xid)|\bXid \(PCI:")

_COMMAND = re.compile(
    r"\bignore (?:all |any |the )*(?:previous|prior|above|earlier|other)\b.{0,30}"
    r"\b(?:instruction|prompt|rule|alert|error|context)"
    r"|\bdisregard (?:all|any|the|your|previous|prior)\b"
    r"|\bmark (?:this |the )?(?:node|gpu|host|incident)\b.{0,20}\b(?:healthy|ok|resolved|good)"
    r"|\b(?:run|execute|please|must|should|then|now)\b.{0,40}\bkubectl \w+"
    r"|\byou (?:are|act as) (?:now )?(?:an? |the )?(?:ai|assistant|agent|language model|sre)\b"
    r"|</?(?:system|instructions?|assistant)>",
    re.IGNORECASE,
)
"""Orders that have no business in a log, whoever they are addressed to."""
_ADDRESSEE = re.compile(
    r"\b(?:diagnostic|investigat\w+|ai|llm|automated|sre|on-?call|remediation|autonomous)[ -]+"
    r"(?:agents?|assistants?|bots?|models?|operators?)\b"
    r"|\b(?:system|security|admin\w*) (?:notice|override|instruction)s?\b"
    r"|\battention[ :,]+(?:all )?(?:agents?|operators?|assistants?|sre)\b"
    r"|\b(?:dear|hey|note to) (?:the )?(?:ai|agent|assistant|operator)s?\b",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"\b(?:must|should|please|do not|don't|execute|mark|report|treat|conclude|ignore|delete|uncordon|cordon|drain"
    r"|reboot|suppress|classify|this is (?:only )?a (?:drill|test))\b",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Tally:
    count: int
    first_at: datetime | None
    last_at: datetime | None
    example: str


def recognise(lines: Iterable[LogEntry | str]) -> list[LogPattern]:
    """The kinds found in a log, in the order of their first line; each with its first line as example.

    A bare string is a line without a time.
    """
    tallies: dict[str, _Tally] = {}
    for entry in lines:
        line = LogEntry(None, entry) if isinstance(entry, str) else entry
        for kind in kinds_of(line.text):
            tally = tallies.get(kind)
            if tally is None:
                tallies[kind] = _Tally(1, line.at, line.at, line.text.strip()[:_EXAMPLE_MAX])
                continue
            tally.count += 1
            tally.first_at = tally.first_at or line.at
            tally.last_at = line.at or tally.last_at
    return [
        LogPattern(
            kind=kind,
            count=tally.count,
            first_at=iso(tally.first_at),
            last_at=iso(tally.last_at),
            example=tally.example,
        )
        for kind, tally in tallies.items()
    ]


def kinds_of(text: str) -> list[str]:
    """The kinds one line counts for."""
    found = [kind for kind, pattern in _COMPILED if pattern.search(text)][:1]
    if _XID.search(text):
        found = ["xid_text"]
    if _COMMAND.search(text) or (_ADDRESSEE.search(text) and _ORDER.search(text)):
        found.append("instruction_text")
    return found
