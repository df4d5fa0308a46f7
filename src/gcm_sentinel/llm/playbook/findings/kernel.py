"""Findings over the kernel log: which Xids, on which GPU, near the trigger or long ago, leading or following.

Codes in arguments may be ranges (``xid(144-150)``). "Near" is decided by `timeline.closeness`; a log that does not
reach back before the trigger makes absence unknown.
"""

from __future__ import annotations

from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.findings.kernel_view import (
    FOLLOWERS,
    Hit,
    bits,
    bursts_with,
    cite,
    codes,
    hits,
    near,
    whose,
    words_of_74,
)
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations, moment
from gcm_sentinel.llm.playbook.timeline import anchor, kernel_covers

_LOG = "kernel_log"
_LATELY_S = 6 * 3600
_RECORDS_ONLY = frozenset({63, 92})
"""Hardware-class Xids that only record something the GPU has dealt with."""


def _absent(obs: Observations, what: str) -> Finding:
    """`what` is not there, if the log that was read can show it."""
    if obs.kernel is None or not kernel_covers(obs):
        return UNKNOWN
    return no(f"the kernel log since {obs.kernel.data['covers_from']} has no {what}", obs.kernel.whole())


def _named(wanted: frozenset[int]) -> str:
    return "Xid " + ", ".join(str(code) for code in sorted(wanted)[:6])


def _says(obs: Observations, hit: Hit, tail: str = "") -> str:
    data = hit.data
    times = f"{data['count']} times, last" if data["count"] > 1 else "once,"
    return (
        f"{whose(obs, data['pci']).label} logged Xid {data['xid']} ({data['name']}) {times} at {data['last_at']}{tail}"
    )


@predicate(_LOG)
def xid(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The GPU logged one of these Xids around the trigger."""
    wanted = codes(args)
    found = near(obs, gpu, wanted)
    if not found:
        return _absent(obs, _named(wanted) + " near the trigger")
    return yes(_says(obs, found[0]), *(cite(obs, hit) for hit in found[:3]), strength=found[0].close)


@predicate(_LOG)
def lead_xid(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """One of these Xids is the first hardware record of its burst around the trigger, on this GPU."""
    wanted = codes(args)
    found = near(obs, gpu, wanted)
    if not found:
        return _absent(obs, _named(wanted) + " near the trigger")
    leading = [hit for hit in found if hit.data["lead"]]
    if leading:
        return yes(_says(obs, leading[0], " and leads its burst"), cite(obs, leading[0]), strength=leading[0].close)
    return no(_says(obs, found[0], ", but another fault led the burst"), cite(obs, found[0]), absence=False)


@predicate(_LOG)
def xid_ever(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """One of these Xids stands anywhere in the present boot's log; weaker the older it is."""
    wanted = codes(args)
    found = [hit for hit in hits(obs, gpu, wanted) if hit.data["boot"] == 0]
    if not found:
        return _absent(obs, _named(wanted))
    last = max(found, key=lambda hit: hit.data["last_at"])
    return yes(_says(obs, last), *(cite(obs, hit) for hit in found[:2]), strength=max(last.close, 0.5))


@predicate(_LOG)
def repeats(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The GPU logged these Xids in several bursts: the fault comes back."""
    wanted = codes(args)
    found = hits(obs, gpu, wanted)
    if not found:
        return _absent(obs, _named(wanted))
    times = bursts_with(obs, gpu, wanted)
    if len(times) < 2:
        return no()
    detail = f"{_named(wanted)} came in {len(times)} separate bursts on {whose(obs, found[0].data['pci']).label}"
    return yes(f"{detail}, the first at {min(times)}", *(cite(obs, hit) for hit in found[:2]))


@predicate(_LOG)
def many_processes(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The same Xid hit at least three processes on one GPU: who repeats is the GPU, not the job."""
    wanted = codes(args)
    found = near(obs, gpu, wanted)
    if not found:
        return _absent(obs, _named(wanted))
    pids = {pid for hit in found for pid in hit.data["pids"]}
    names = {name for hit in found for name in hit.data["processes"]}
    if len(pids) < 3:
        return no()
    label = whose(obs, found[0].data["pci"]).label
    detail = f"{_named(wanted)} hit {len(pids)} processes ({', '.join(sorted(names)[:4])}) on {label}"
    return yes(detail, *(cite(obs, hit) for hit in found[:2]), strength=1.0 if len(names) > 1 else 0.6)


@predicate(_LOG)
def one_place(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The Xid repeats at a single location (GPC and TPC, link, bank)."""
    found = [hit for hit in hits(obs, gpu, codes(args)) if hit.data["boot"] == 0]
    places = {place for hit in found for place in hit.data["places"]}
    if not places:
        return UNKNOWN if found or obs.kernel is None else _absent(obs, _named(codes(args)))
    if len(places) > 1 or sum(hit.data["count"] for hit in found) < 2:
        return no()
    return yes(
        f"every {_named(codes(args))} names the same place, {places.pop()}", *(cite(obs, hit) for hit in found[:2])
    )


@predicate(_LOG)
def several_places(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The Xid names many locations of the GPU, as one bad access by a whole grid does."""
    found = near(obs, gpu, codes(args))
    places = {place for hit in found for place in hit.data["places"]}
    if not found:
        return _absent(obs, _named(codes(args)))
    if len(places) < 2:
        return no()
    return yes(f"{_named(codes(args))} names {len(places)} places of the GPU", *(cite(obs, hit) for hit in found[:2]))


@predicate(_LOG)
def several_gpus(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The Xid came on more than one GPU of the node around the trigger."""
    found = near(obs, None, codes(args))
    addresses = sorted({hit.data["pci"] for hit in found})
    if not found:
        return _absent(obs, _named(codes(args)))
    if len(addresses) < 2:
        return no()
    return yes(
        f"{_named(codes(args))} came on {len(addresses)} GPUs of the node", *(cite(obs, hit) for hit in found[:3])
    )


@predicate(_LOG)
def solo(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Xids of these codes came in a single burst of the whole log, and the node has no other hardware Xid since."""
    wanted = codes(args)
    found = hits(obs, gpu, wanted)
    if not found:
        return _absent(obs, _named(wanted))
    others = [hit for hit in near(obs, None) if hit.hardware and hit.data["xid"] not in wanted]
    lines = sum(hit.data["count"] for hit in found)
    if len(bursts_with(obs, gpu, wanted)) > 1 or lines > 50 or others:
        return no()
    return yes(_says(obs, found[0], " and never again"), cite(obs, found[0]), strength=max(found[0].close, 0.5))


@predicate(_LOG)
def past_xid(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """These Xids stand in the log, but only before the present boot or long before the trigger."""
    wanted = codes(args) or frozenset(range(1, 1000)) - FOLLOWERS - _RECORDS_ONLY
    found = [hit for hit in hits(obs, gpu, wanted) if hit.hardware]
    if not found:
        return UNKNOWN if obs.kernel is None else no()
    if any(hit.data["boot"] == 0 and hit.close > 0 for hit in found):
        return no()
    last = max(found, key=lambda hit: hit.data["last_at"])
    where = "before the present boot" if last.data["boot"] < 0 else "long before the trigger"
    return yes(_says(obs, last, f", {where}"), cite(obs, last))


@predicate(_LOG)
def flood(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """One process logged the same application Xid a thousand times or more."""
    found = [hit for hit in near(obs, gpu, codes(args)) if hit.data["count"] >= 1000]
    if not found:
        return _absent(obs, "flood of Xid lines")
    return yes(_says(obs, found[0], f", by {len(found[0].data['pids'])} process ids"), cite(obs, found[0]))


@predicate(_LOG)
def hardware_xid(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A hardware-class Xid other than those given stands near the trigger."""
    found = [hit for hit in near(obs, gpu) if hit.hardware and hit.data["xid"] not in codes(args)]
    if not found:
        return _absent(obs, "hardware-class Xid near the trigger")
    return yes(_says(obs, found[0]), cite(obs, found[0]), strength=found[0].close)


@predicate(_LOG)
def other_gpu_led(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Another GPU's hardware fault led the burst: this one's records are those of a victim."""
    led = [hit for hit in near(obs, None) if hit.hardware and hit.data["lead"] and hit.data["xid"] not in codes(args)]
    strangers = [hit for hit in led if gpu is None or not gpu.at(hit.data["pci"])]
    if not strangers:
        return _absent(obs, "other GPU's fault leading the burst")
    return yes(_says(obs, strangers[0], ", before the others"), cite(obs, strangers[0]), strength=strangers[0].close)


@predicate(_LOG)
def only_xids(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """All Xids near the trigger are of these codes, and there is at least one."""
    found = [hit for hit in near(obs, gpu) if hit.close >= 0.3]
    if not found:
        return _absent(obs, "Xid near the trigger")
    if any(hit.data["xid"] not in codes(args) for hit in found):
        return no()
    return yes(f"the only Xids near the trigger are {_named(codes(args))}", *(cite(obs, hit) for hit in found[:3]))


def _decode_74(obs: Observations, gpu: GpuRef | None, word: int, wanted: frozenset[int]) -> Hit | None:
    for hit in near(obs, gpu, frozenset({74})):
        words = words_of_74(hit.data["example"])
        if len(words) > word and wanted & set(bits(words[word])):
            return hit
    return None


@predicate(_LOG)
def signal_integrity_bits(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The first register word of Xid 74 has bit 21 or 22: marginal signal integrity."""
    if not near(obs, gpu, frozenset({74})):
        return _absent(obs, "Xid 74 near the trigger")
    hit = _decode_74(obs, gpu, 0, frozenset({21, 22}))
    if hit is None:
        return no()
    where = hit.data["places"][0] if hit.data["places"] else "its link"
    return yes(f"the register words of Xid 74 on {where} say marginal signal integrity", cite(obs, hit))


@predicate(_LOG)
def parity_bits(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The register words of Xid 74 say ECC or parity inside the link logic: hardware."""
    if not near(obs, gpu, frozenset({74})):
        return _absent(obs, "Xid 74 near the trigger")
    ecc = (
        (0, frozenset({4, 5, 8, 9, 12, 16, 17, 24, 28})),
        (2, frozenset({0, 1, 2, 6})),
        (4, frozenset(range(18, 29))),
    )
    hit = next((found for word, wanted in ecc if (found := _decode_74(obs, gpu, word, wanted))), None)
    if hit is None:
        return no()
    return yes("the register words of Xid 74 say ECC, parity or mechanical fault of the link", cite(obs, hit))


@predicate(_LOG)
def fatal_word(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A line of these Xids carries the word Fatal (NVLink5 units, 144 to 150)."""
    found = near(obs, gpu, codes(args))
    if not found:
        return _absent(obs, _named(codes(args)))
    fatal = [hit for hit in found if " Fatal" in hit.data["example"] and "Nonfatal" not in hit.data["example"]]
    return yes(_says(obs, fatal[0], ", marked fatal"), cite(obs, fatal[0])) if fatal else no()


@predicate(_LOG, "node_exporter")
def rebooted(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The node booted around the trigger, by its kernel log or its own exporter."""
    boot = _present_boot(obs)
    at = moment(boot[1]) if boot else None
    if at is not None and boot and obs.kernel:
        if (anchor(obs) - at).total_seconds() > _LATELY_S:
            return no()
        return yes(f"the node booted at {boot[1]}", obs.kernel.figure(f"{boot[0]}.started_at"))
    for place, item in enumerate(obs.node_exporter.data["samples"] if obs.node_exporter else []):
        if item["name"] == "node_boot_time_seconds" and obs.node_exporter:
            if anchor(obs).timestamp() - item["value"] > _LATELY_S:
                return no()
            return yes("the node booted around the trigger", obs.node_exporter.figure(f"samples[{place}].value"))
    return UNKNOWN


@predicate(_LOG)
def crashed(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The boot before the present one ended without an orderly shutdown, around the trigger."""
    boot = _present_boot(obs)
    if obs.kernel is None or boot is None or boot[1] is None:
        return UNKNOWN
    started = moment(boot[1])
    for place, item in enumerate(obs.kernel.data["boots"]):
        if item["number"] == -1 and item["clean"] is not None and started:
            if item["clean"] or (anchor(obs) - started).total_seconds() > 6 * 3600:
                return no()
            return yes(
                "the previous boot ended without an orderly shutdown", obs.kernel.figure(f"boots[{place}].clean")
            )
    return UNKNOWN


def _present_boot(obs: Observations) -> tuple[str, str | None] | None:
    for place, item in enumerate(obs.kernel.data["boots"] if obs.kernel else []):
        if item["number"] == 0:
            return f"boots[{place}]", item["started_at"]
    return None


@predicate(_LOG)
def recovery_says(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The driver's last recovery action (Xid 154) names one of these words."""
    if obs.kernel is None:
        return UNKNOWN
    said = obs.kernel.data["recovery_action"] or ""
    if not any(word.lower() in said.lower() for word in args):
        return no()
    return yes(f"the driver asks for: {said}", obs.kernel.figure("recovery_action"))
