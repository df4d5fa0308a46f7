"""Findings over probes that this investigation asked a node for: is an SM of the suspect, and of no other, wrong.

Only a whole pass is a pass. What both GPUs get wrong is the host's, the driver's or the probe's, and not this GPU's.
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


@predicate("probe_sms")
def sm_probe_fails(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A probe asked for now failed on an SM of this GPU, and not on the one beside it."""
    for seen in obs.probed:
        if gpu is None or seen.data["gpu"] != gpu.uuid:
            continue
        if seen.data["comparison"] in ("fails_alone", "fails_uncompared"):
            return _failed(seen, gpu)
        if seen.data["comparison"] == "fails_on_both" and _of_sms(seen.data):
            return no("the GPU beside it fails as it does", seen.figure("comparison"), absence=False)
        if seen.data["comparison"] == "passes" and _of_sms(seen.data):
            return no("its SMs passed exact probes just now", seen.figure("comparison"), absence=False)
    return UNKNOWN


def _of_sms(told: ProbeGpuSummary) -> bool:
    return any(kind["kind"] != "memory" for kind in told["kinds"])


def _failed(seen: Seen[ProbeGpuSummary], gpu: GpuRef) -> Finding:
    for place, kind in enumerate(seen.data["kinds"]):
        if not kind["failing_sms"] or kind["failing_sms"][0]["sm"] is None:
            continue
        sm, alone = kind["failing_sms"][0]["sm"], seen.data["comparison"] == "fails_alone"
        beside = "; the GPU beside it passed" if alone else ""
        detail = f"the {kind['kind']} probe of {gpu.label} was wrong on SM {sm}{beside}"
        cites = (seen.figure("comparison"), seen.figure(f"kinds[{place}].failing_sms[0].sm"))
        return yes(detail, *cites, strength=1.0 if alone else _NOT_COMPARED)
    return UNKNOWN
