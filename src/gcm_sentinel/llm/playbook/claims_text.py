"""The words of an assessment: templates filled from what was found, and findings turned into checkable claims."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from gcm_sentinel.domain.assessment import Citation, Claim
from gcm_sentinel.domain.observed import Observed
from gcm_sentinel.llm.playbook.beliefs import Belief, Findings
from gcm_sentinel.llm.playbook.entities import observed, part, switch, workloads
from gcm_sentinel.llm.playbook.finding import Finding
from gcm_sentinel.llm.playbook.findings import moved
from gcm_sentinel.llm.playbook.findings.kernel_view import Hit, near
from gcm_sentinel.llm.playbook.findings.ledger import hidden
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.malformed import safely
from gcm_sentinel.llm.playbook.observations import Observations

CONTEXT = (
    "condition_bad", "not_ready", "allocatable_short", "allocatable_zero", "work_running", "pod_failed",
    "others_run_on", "gpus_live", "exporter_down", "series_ended", "gang", "held_by_person", "only_this_node",
    "many_nodes",
)  # fmt: skip
"""Findings that are told whatever the verdict is, because whoever acts on it must know them."""
ALWAYS = ("instruction_in_log", "message_contradicts", "maintenance_forged")
"""Findings a reader must be warned of."""
_AGAIN = ("repeats", "came_back", "happened")
_REACH = {
    True: ": power supply, cable or auxiliary power of the node. An Xid 54 on one GPU is its consequence",
    False: " and on no other GPU of the node: its own power lead or board. What feeds all of them is well",
}
"""What a power brake points at: on several GPUs (or not told apart), and on a single one."""
_MOST = 14
_TELLING = 0.15
"""How far the absence of something must have moved a hypothesis to be worth a claim."""


def words(obs: Observations, belief: Belief, findings: Findings) -> defaultdict[str, str]:
    """What the templates of a hypothesis may name; an unknown word is empty."""
    plain = {"node": obs.node, "gpu": "a GPU", "condition": obs.trigger.kind, "workload": "a workload"}
    plain |= {"corruption": "a GPU computes wrong results", "reporter": "GPU exporter"}
    return defaultdict(str, safely(lambda: _words(obs, belief, findings), plain, "words"))


def _words(obs: Observations, belief: Belief, findings: Findings) -> dict[str, str]:
    gpu = belief.subject
    told = workloads(obs, gpu)
    hits = [hit for hit in near(obs, gpu) if hit.hardware] or near(obs, gpu)
    places = [place for hit in hits for place in hit.data["places"]]
    servers = (
        [item["device"] for item in obs.kernel.data["records"] if item["kind"] == "nfs_not_responding"]
        if obs.kernel
        else []
    )
    mismatch = findings.get("fabric_version_mismatch", None)
    single = part(obs, belief)
    return {
        "node": obs.node,
        "gpu": gpu.label if gpu else "a GPU",
        "condition": obs.trigger.kind,
        "xids": _xids(belief, hits),
        "place": places[0] if places and places[0].startswith("link") else "an NVLink",
        "workload": told[0].name if told else "a workload",
        "server": servers[0] if servers else "behind the mount",
        "switch": next((entity.name for entity in switch(obs)), "above the node"),
        "nodes": " and other nodes" if findings.get("many_nodes", None).holds else "",
        "again": ", again"
        if any(item.finding.key.startswith(_AGAIN) and item.finding.holds for item in belief.weighed)
        else "",
        "mismatch": ": its version is not the driver's" if mismatch.holds else "",
        "certificate": ": its certificate has expired" if findings.get("certificate_expired", None).holds else "",
        "why": _why(findings),
        "corruption": corruption(findings, gpu),
        "partner": " of its partner" if findings.get("partner_dissents", gpu).holds else "",
        "held": _held(obs),
        "reporter": "probe agent" if findings.get("unknown_to_sentinel", None).holds else "GPU exporter",
        "braked": f"{single.label} of {obs.node}" if single else obs.node,
        "reach": _REACH[single is None],
        "moved_to": next((f" but on {ref.node}" for ref, _ in moved.places(obs)), ""),
        "maintenance": _sentence(findings.get("maintenance_now", None).detail),
    }


def corruption(findings: Findings, gpu: GpuRef | None) -> str:
    """Who computes wrong results, as nearly as that is known: an SM, a GPU, when."""
    who = gpu.label if gpu else "a GPU"
    on_sm, now = findings.get("one_sm_fails", gpu), findings.get("sm_probe_repeats", gpu)
    if on_sm.holds:
        found = f"{on_sm.detail.rsplit(' stand on ', 1)[-1]} of {who} computes wrong results"
    elif now.holds and not findings.get("gpu_wide_failures", gpu).holds:
        found = f"{now.detail.split(' were wrong on ', 1)[-1].split(';')[0]} computes wrong results"
    elif findings.get("outvoted_again", gpu).holds:
        found = f"{who} is outvoted by its partners again and again: it computes wrong results"
    else:
        found = f"{who} computes wrong results on many SMs"
    when = " while it is warm" if findings.get("fails_warm", gpu).holds else ""
    return found + when + (" now and then" if findings.get("fails_seldom", gpu).holds else "")


def _held(obs: Observations) -> str:
    found = hidden(obs)
    return f", which hides that GPU {found['uuid']} on {found['node']} was quarantined or should be" if found else ""


def _xids(belief: Belief, hits: Sequence[Hit]) -> str:
    named = {
        hit.data["xid"]
        for hit in hits
        if any(str(hit.data["xid"]) in item.finding.detail for item in belief.speaking_for)
    }
    codes = sorted(named or {hit.data["xid"] for hit in hits})
    return ", ".join(map(str, codes[:4]))


def _why(findings: Findings) -> str:
    detail = findings.get("daemonset_broken(device-plugin)", None).detail
    return f" {detail[detail.index('(') :]}" if "(" in detail else ""


def _sentence(text: str) -> str:
    return f"{_capital(text)}." if text else ""


def _capital(text: str) -> str:
    """A capital first letter, unless the first word is a name."""
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first.isalpha() else text


def fill(template: str, values: defaultdict[str, str]) -> str:
    """A template with its words; a sentence begins with a capital."""
    return _capital(template.format_map(values))


def claims(obs: Observations, beliefs: Iterable[Belief], findings: Findings) -> tuple[Claim, ...]:
    """Claims of the hypotheses that make up the verdict, then the context, each once; only what can be checked."""
    told: list[Finding] = []
    for belief in beliefs:
        told += [item.finding for item in belief.speaking_for if item.finding.holds]
        told += [item.finding for item in belief.speaking_for if not item.finding.holds and item.moved > _TELLING][:2]
        told.append(findings.get(f"on_other_gpu({belief.fault_class})", belief.subject))
        told += [findings.get(key, belief.subject) for key in ALWAYS]
        told += [findings.get(key, belief.subject) for key in CONTEXT]
    told += [findings.get("sm_probe_fails", gpu) for gpu in obs.gpus]  # decided only for those that were probed
    register = observed(obs)
    made: dict[str, Claim] = {}
    for finding in told:
        claim = _claim(finding, register)
        if claim is not None and claim.text not in made:
            made[claim.text] = claim
    return tuple(made.values())[:_MOST]


def _claim(finding: Finding, register: Observed) -> Claim | None:
    if finding.holds is None or not finding.detail or not finding.cites or register.strangers(finding.detail):
        return None
    absence = finding.absence
    cites = tuple(Citation(cite.evidence, cite.quote) for cite in finding.cites if cite.quote or absence)
    return Claim(_sentence(finding.detail.rstrip(".")), cites, absence) if cites else None
