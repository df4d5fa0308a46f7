"""Triple modular redundancy: three GPUs compute the same thing, and the majority says who is wrong.

Fingerprints are compared byte by byte. The reporter's own view of consensus is not asked for: the gateway votes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import IntEnum

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.identity import Gpu, checked_gpu
from sentinel_gateway.domain.text import MAX_NAME, checked_text

PARTICIPANTS = 3


class TmrOutcome(IntEnum):
    """What a vote says; numbers equal `sentinel.ext.v1.TmrOutcome`."""

    UNANIMOUS = 1
    DISSENT = 2
    NO_CONSENSUS = 3
    INSUFFICIENT = 4


@dataclass(frozen=True, slots=True)
class TmrRequest:
    """`sentinel.v1.TmrRequest`: the same work for three GPUs."""

    canary_id: str
    gpus: tuple[Gpu, Gpu, Gpu]
    input_hash: bytes = b""
    model_id: str = ""
    target_layer: str = ""
    """Empty for a full forward pass."""
    timeout_ms: int = 0


@dataclass(frozen=True, slots=True)
class OpenCanary:
    """A canary that the gateway scheduled, and whose results are waited for."""

    number: int
    """Grows from canary to canary."""
    request: TmrRequest
    due_ns: int
    """When it is given up."""


@dataclass(frozen=True, slots=True)
class TmrGpuResult:
    """`sentinel.v1.TmrGpuResult`."""

    gpu: Gpu
    output_fingerprint: bytes = b""
    execution_time_ns: int = 0
    success: bool = True
    error_message: str = ""


@dataclass(frozen=True, slots=True)
class TmrReport:
    """What is believed of a `sentinel.v1.TmrResult`."""

    canary_id: str
    results: tuple[TmrGpuResult, ...]
    time_ns: int | None = None


@dataclass(frozen=True, slots=True)
class TmrVerdict:
    """`sentinel.ext.v1.TmrVerdict`."""

    canary_id: str
    outcome: TmrOutcome
    consensus_hash: bytes = b""
    """The fingerprint of the majority; empty where there is none."""
    dissenting_gpu: Gpu | None = None
    duplicate: bool = False
    """This canary was counted before."""


def checked(report: TmrReport, max_bytes: int) -> TmrReport:
    """`report`, where it can be voted on.

    Raises:
        Invalid: no canary id, more than three results, a GPU twice, a UUID that is none, more than `max_bytes` in it.
    """
    if not report.canary_id:
        raise Invalid("canary_id is empty: it is how a canary that is reported twice is counted once")
    checked_text("canary_id", report.canary_id, MAX_NAME)
    if len(report.results) > PARTICIPANTS:
        raise Invalid(f"a canary runs on {PARTICIPANTS} GPUs, this one has {len(report.results)} results")
    uuids = [checked_gpu(result.gpu).uuid for result in report.results]
    if len(set(uuids)) != len(uuids):
        raise Invalid(f"canary {report.canary_id}: the same GPU stands in it twice")
    size = sum(len(result.output_fingerprint) + len(result.error_message) for result in report.results)
    if size > max_bytes:
        raise Invalid(f"canary {report.canary_id}: its results have {size} bytes, at most {max_bytes} are taken")
    return report


def vote(report: TmrReport) -> TmrVerdict:
    """What the majority of the successful results says."""
    voters = [result for result in report.results if result.success and result.output_fingerprint]
    if len(voters) < PARTICIPANTS:
        return TmrVerdict(report.canary_id, TmrOutcome.INSUFFICIENT)
    consensus, votes = Counter(result.output_fingerprint for result in voters).most_common(1)[0]
    if votes == 1:
        return TmrVerdict(report.canary_id, TmrOutcome.NO_CONSENSUS)
    if votes == PARTICIPANTS:
        return TmrVerdict(report.canary_id, TmrOutcome.UNANIMOUS, consensus)
    dissenter = next(result.gpu for result in voters if result.output_fingerprint != consensus)
    return TmrVerdict(report.canary_id, TmrOutcome.DISSENT, consensus, dissenter)
