"""Findings over probes that this investigation asked a node for: is an SM of the suspect, and of no other, wrong.

Only a whole pass is a pass. What both GPUs get wrong is the host's, the driver's or the probe's before it is this
GPU's. A kind without an answer decides nothing either way; `gaps.py` says so.
Memory is left out: where ECC is on, an uncorrectable error ends the probe as ERROR, which says nothing, and a corrected
one is never seen, so its answer would not tell the memory faults apart.
"""

from __future__ import annotations

from gcm_sentinel.domain.summaries import ProbeGpuSummary
from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations, Seen

_NOT_COMPARED = 0.7
"""Strength of a failure that no GPU beside it was held against: the host or the probe may be at fault."""
_WRONG = ("fails_alone", "fails_uncompared")


@predicate("probe_sms")
def sm_probe_fails(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A probe asked for now failed on an SM of this GPU, and not on the one beside it."""
    if gpu is None:
        return UNKNOWN
    for seen in _of_gpu(obs, gpu):
        if seen.data["comparison"] in _WRONG:
            return _failed(seen, gpu)
        if (other := _not_this_gpu(seen, gpu)) is not None:
            return other
    return UNKNOWN


@predicate("probe_sms")
def sm_probe_repeats(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Probes of two kinds or more, asked for now, failed on the same SM of this GPU, and not on the one beside it.

    One wrong result may be an upset that never returns; another circuit of the same SM that is wrong too is none.
    """
    if gpu is None:
        return UNKNOWN
    for seen in _of_gpu(obs, gpu):
        if seen.data["comparison"] in _WRONG and _of_sms(seen.data):
            return _repeated(seen, gpu)
        if (other := _not_this_gpu(seen, gpu)) is not None:
            return other
    return UNKNOWN


@predicate("probe_sms")
def probe_fails_beside_too(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The GPU beside the suspect gets the same probes wrong; about any suspect of the node where no GPU is meant."""
    for seen in obs.probed if gpu is None else _of_gpu(obs, gpu):
        if not _of_sms(seen.data):
            continue
        if seen.data["comparison"] == "fails_on_both":
            return yes("the GPU beside the suspect gets probes wrong as it does", seen.figure("comparison"))
        if seen.data["comparison"] in ("fails_alone", "passes"):
            return no()
    return UNKNOWN


def _of_gpu(obs: Observations, gpu: GpuRef) -> list[Seen[ProbeGpuSummary]]:
    return [seen for seen in obs.probed if seen.data["gpu"] == gpu.uuid]


def _not_this_gpu(seen: Seen[ProbeGpuSummary], gpu: GpuRef) -> Finding | None:
    """A whole pass, or a failure that is not its own; None where neither was told."""
    if seen.data["comparison"] == "fails_on_both" and _of_sms(seen.data):
        return no(f"the GPU beside {gpu.label} fails probes as it does", seen.figure("comparison"), absence=False)
    if seen.data["comparison"] == "passes" and _of_sms(seen.data):
        return no(f"the SMs of {gpu.label} passed exact probes just now", seen.figure("comparison"), absence=False)
    return None


def _of_sms(told: ProbeGpuSummary) -> bool:
    return any(kind["kind"] != "memory" for kind in told["kinds"])


def _failed(seen: Seen[ProbeGpuSummary], gpu: GpuRef) -> Finding:
    for place, kind in enumerate(seen.data["kinds"]):
        if not kind["failing_sms"] or kind["failing_sms"][0]["sm"] is None:
            continue
        detail = f"the {kind['kind']} probe of {gpu.label} was wrong on SM {kind['failing_sms'][0]['sm']}"
        cites = (seen.figure("comparison"), seen.figure(f"kinds[{place}].failing_sms[0].sm"))
        return yes(detail + _beside(seen), *cites, strength=_strength(seen))
    return UNKNOWN


def _repeated(seen: Seen[ProbeGpuSummary], gpu: GpuRef) -> Finding:
    sms = seen.data["repeating_sms"]
    if not sms:
        return no()
    kinds = [kind["kind"] for kind in seen.data["kinds"] if any(wrong["sm"] == sms[0] for wrong in kind["failing_sms"])]
    detail = f"probes of {len(kinds)} kinds ({', '.join(kinds)}) were wrong on SM {sms[0]} of {gpu.label}"
    cites = (seen.figure("comparison"), seen.figure("repeating_sms"))
    return yes(detail + _beside(seen), *cites, strength=_strength(seen))


def _beside(seen: Seen[ProbeGpuSummary]) -> str:
    return "; the GPU beside it passed" if seen.data["comparison"] == "fails_alone" else ""


def _strength(seen: Seen[ProbeGpuSummary]) -> float:
    return 1.0 if seen.data["comparison"] == "fails_alone" else _NOT_COMPARED
