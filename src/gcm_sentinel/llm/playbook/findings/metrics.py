"""Findings over GPU metrics as values and counters: presence, remaps, ECC, PCIe, NVLink, gauges that stick.

A metric that is not exported makes its findings unknown: absence is not zero.
"""

from __future__ import annotations

import re

from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.findings.kernel_view import codes
from gcm_sentinel.llm.playbook.findings.metrics_view import (
    LIVELY,
    SAME_SCRAPE_S,
    Reading,
    busy,
    chosen,
    figure,
    live,
    newest,
    peers_median,
    readings,
)
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations, gpu_count, moment
from gcm_sentinel.llm.playbook.timeline import anchor

_METRICS = "gpu_metrics"
_ROUTINE = frozenset({13, 31, 43, 45, 63, 68, 92, 109, 154})
"""Codes that many healthy GPUs show in their gauge for weeks."""


def _positive(obs: Observations, gpu: GpuRef | None, word: str, floor: float, what: str) -> Finding:
    found = chosen(obs, word, gpu)
    if not found:
        return UNKNOWN
    for index, reading in found.items():
        if reading.stats["last"] >= floor:
            return yes(f"{what} of GPU {index} is {reading.stats['last']:g}", figure(obs, reading))
    sample = next(iter(found.values()))
    return no(f"{what} is below {floor:g}", figure(obs, sample), absence=False)


@predicate(_METRICS)
def series_ended(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The series of this GPU ended while its peers go on."""
    if obs.metrics is None:
        return UNKNOWN
    for word in LIVELY:
        every = readings(obs, word)
        alive = [index for index, reading in every.items() if live(reading, newest(every.values()))]
        dead = [index for index in chosen(obs, word, gpu) if index not in alive]
        if dead and alive:
            reading = every[dead[0]]
            detail = f"the series of GPU {dead[0]} ended at {reading.stats['last_at']} while {len(alive)} peers go on"
            return yes(detail, figure(obs, reading, "last_at"))
    return no() if any(chosen(obs, word, gpu) for word in LIVELY) else UNKNOWN


@predicate(_METRICS)
def all_series_ended(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The series of every GPU ended: the exporter or the node, not one GPU."""
    if obs.metrics is None:
        return UNKNOWN
    for word in LIVELY:
        every = readings(obs, word)
        if every:
            if any(live(reading) for reading in every.values()):
                return no()
            reading = next(iter(every.values()))
            return yes(f"the series of all {len(every)} GPUs ended", figure(obs, reading, "last_at"))
    return UNKNOWN


@predicate(_METRICS)
def exporter_down(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """`up` of the GPU exporter is 0."""
    if obs.metrics is None or obs.metrics.data["exporter_up"] is None:
        return UNKNOWN
    if obs.metrics.data["exporter_up"]:
        return no("the GPU exporter is scraped", obs.metrics.figure("exporter_up"), absence=False)
    since = obs.metrics.data["exporter_down_since"]
    return yes(f"the GPU exporter is down{f' since {since}' if since else ''}", obs.metrics.figure("exporter_up"))


@predicate(_METRICS)
def gpu_never_seen(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Fewer GPUs have series than the node should have, and the missing one had none in the whole window."""
    count = gpu_count(obs)
    if obs.metrics is None or count is None:
        return UNKNOWN
    listed = obs.metrics.data["gpus"]
    if gpu is not None and any(item["index"] == gpu.index for item in listed):
        return no()
    if not listed or len(listed) >= count:
        return no() if listed else UNKNOWN
    return yes(f"{len(listed)} of {count} GPUs have metrics", obs.metrics.figure("gpus"))


@predicate(_METRICS)
def gpus_live(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The GPU (every GPU of the node) has live, moving series."""
    if obs.metrics is None or not obs.metrics.data["gpus"]:
        return UNKNOWN
    if obs.metrics.data["exporter_up"] is False:
        return no()
    for word in LIVELY:
        found = chosen(obs, word, gpu)
        if not found:
            continue
        freshest = newest(readings(obs, word).values())
        if not all(live(reading, freshest) for reading in found.values()):
            return no()
        if any(reading.stats["ended_s_ago"] - freshest > SAME_SCRAPE_S for reading in found.values()):
            return UNKNOWN
        count = gpu_count(obs)
        if gpu is None and count is not None and len(found) < count:
            return no()
        reading = next(iter(found.values()))
        who = f"{gpu.label} reports" if gpu else f"all {len(found)} GPUs report"
        return yes(f"{who} live metrics, last at {reading.stats['last_at']}", figure(obs, reading, "last_at"))
    return no() if gpu is not None else UNKNOWN


@predicate(_METRICS)
def frozen(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Power and temperature of every GPU stand still to the last digit: the exporter serves old values."""
    found = [reading for word in ("power", "temp") for reading in readings(obs, word).values()]
    enough = [reading for reading in found if reading.stats["points"] >= 10]
    if not enough:
        return UNKNOWN
    if not all(reading.stats["constant"] for reading in enough):
        return no()
    return yes("power and temperature of every GPU are constant to the last digit", figure(obs, enough[0], "constant"))


@predicate(_METRICS)
def remap_failed(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The row remap failure flag is set."""
    return _positive(obs, gpu, "remap_failure", 1, "the row remap failure flag")


@predicate(_METRICS)
def remap_pending(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A row remap is pending."""
    return _positive(obs, gpu, "remap_pending", 1, "the row remap pending flag")


@predicate(_METRICS)
def sram_exceeded(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The SRAM threshold flag is set."""
    return _positive(obs, gpu, "sram_exceeded", 1, "the SRAM threshold flag")


@predicate(_METRICS)
def double_bit(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The volatile uncorrectable ECC counter is above zero."""
    return _positive(obs, gpu, "dbe", 1, "the volatile uncorrectable ECC counter")


@predicate(_METRICS)
def many_correctable_remaps(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """More than ten rows were remapped for correctable errors: a known performance risk."""
    return _positive(obs, gpu, "remap_correctable", 11, "the count of rows remapped for correctable errors")


@predicate(_METRICS)
def rows_remapped(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A row was remapped within the window."""
    for word in ("remap_uncorrectable", "remap_correctable"):
        for index, reading in chosen(obs, word, gpu).items():
            if reading.stats["delta"] > 0:
                return yes(f"GPU {index} remapped a row in the window", figure(obs, reading, "delta"))
    return no() if chosen(obs, "remap_uncorrectable", gpu) else UNKNOWN


@predicate(_METRICS)
def single_bit_storm(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Correctable errors climb steadily, far above the peers."""
    every = readings(obs, "sbe")
    for index, reading in chosen(obs, "sbe", gpu).items():
        others = peers_median(every, index, "rate_per_min") or 0.0
        rate = reading.stats["rate_per_min"]
        if rate >= 2 and rate > 10 * others:
            detail = f"correctable ECC errors of GPU {index} climb by {rate:.1f} per minute"
            return yes(detail, figure(obs, reading, "rate_per_min"))
    return no() if chosen(obs, "sbe", gpu) else UNKNOWN


@predicate(_METRICS)
def link_narrow(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The PCIe link is narrower than the peers' or than its own maximum; width never drops to save power."""
    every = readings(obs, "link_width")
    widest = readings(obs, "link_width_max")
    for index, reading in chosen(obs, "link_width", gpu).items():
        best = widest[index].stats["last"] if index in widest else peers_median(every, index)
        width = reading.stats["last"]
        if best and 0 < width < best:
            return yes(f"the PCIe link of GPU {index} runs at x{width:g} instead of x{best:g}", figure(obs, reading))
    return no() if chosen(obs, "link_width", gpu) else UNKNOWN


def _slow_links(obs: Observations, gpu: GpuRef | None) -> list[tuple[int, Reading]]:
    every = readings(obs, "link_gen")
    best = max((reading.stats["maximum"] for reading in every.values()), default=0)
    fastest = max(best, 4.0)
    return [
        (index, reading) for index, reading in chosen(obs, "link_gen", gpu).items() if reading.stats["last"] < fastest
    ]


@predicate(_METRICS)
def slow_link_idle(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """PCIe links run at a low generation, and only on GPUs that are idle."""
    if not chosen(obs, "link_gen", gpu):
        return UNKNOWN
    slow = _slow_links(obs, gpu)
    if not slow or any(_slow_while_busy(obs, index, reading) for index, reading in slow):
        return no()
    detail = f"the PCIe link of {len(slow)} GPUs is at generation {slow[0][1].stats['last']:g} while they are idle"
    return yes(detail, figure(obs, slow[0][1]))


def _slow_while_busy(obs: Observations, index: int, reading: Reading) -> bool:
    return busy(obs, index) is not False and reading.stats["maximum"] == reading.stats["last"]


@predicate(_METRICS)
def slow_link_busy(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The PCIe link stays at a lower generation than the peers' while the GPU works."""
    if not chosen(obs, "link_gen", gpu):
        return UNKNOWN
    slow = [
        (index, item)
        for index, item in _slow_links(obs, gpu)
        if busy(obs, index) and _slow_while_busy(obs, index, item)
    ]
    if not slow:
        return no()
    index, reading = slow[0]
    return yes(
        f"the PCIe link of GPU {index} stays at generation {reading.stats['last']:g} under load", figure(obs, reading)
    )


@predicate(_METRICS)
def replay_flat(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The PCIe replay counter is above zero and has not moved for the whole window."""
    for index, reading in chosen(obs, "replay", gpu).items():
        stats = reading.stats
        if stats["last"] >= 20 and stats["delta"] == 0:
            detail = f"the PCIe replay counter of GPU {index} stands at {stats['last']:g} and has not moved since"
            return yes(f"{detail} {stats['first_at']}", figure(obs, reading), figure(obs, reading, "delta"))
    return no() if chosen(obs, "replay", gpu) else UNKNOWN


@predicate(_METRICS)
def replay_climbs(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The PCIe replay counter climbs, or climbed steeply before the trigger."""
    for index, reading in chosen(obs, "replay", gpu).items():
        stats = reading.stats
        last = moment(stats.get("last_changed_at") or stats["changed_at"])
        late = last is not None and (anchor(obs) - last).total_seconds() < 3600
        if stats["delta"] >= 30 and (late or stats.get("recent_rate_per_min", 0.0) >= 1):
            detail = f"the PCIe replay counter of GPU {index} rose by {stats['delta']:g}"
            return yes(detail, figure(obs, reading, "delta"))
    return no() if chosen(obs, "replay", gpu) else UNKNOWN


@predicate(_METRICS)
def nvlink_errors_climb(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """NVLink replays, recoveries or CRC errors of the GPU rise."""
    seen = False
    for word in ("nvlink_replay", "nvlink_recovery", "nvlink_crc"):
        for index, reading in chosen(obs, word, gpu).items():
            seen = True
            if reading.stats["delta"] >= 3:
                detail = f"{reading.metric} of GPU {index} rose by {reading.stats['delta']:g} in the window"
                return yes(detail, figure(obs, reading, "delta"))
    return no() if seen else UNKNOWN


@predicate(_METRICS)
def gauge_shows(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The last-Xid gauge of the GPU shows a code (one of those given, any when none is)."""
    found = chosen(obs, "xid", gpu)
    if not found:
        return UNKNOWN
    wanted = codes(args)
    for index, reading in found.items():
        value = reading.stats["last"]
        if value and (not wanted or int(value) in wanted) and (wanted or _matters(obs, value)):
            return yes(f"the last-Xid gauge of GPU {index} shows {value:g}", figure(obs, reading))
    return no("the last-Xid gauge shows none", figure(obs, next(iter(found.values()))), absence=False)


def _matters(obs: Observations, value: float) -> bool:
    """Whether a code in the gauge can have to do with the trigger: it is named there, or is of the hardware class."""
    if not value:
        return False
    said = f"{obs.trigger.kind} {obs.trigger.reason} {obs.trigger.message}".lower()
    return "xid" in said or str(int(value)) in re.findall(r"\d+", said) or int(value) not in _ROUTINE


@predicate(_METRICS)
def gauge_is_old(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The last-Xid gauge shows a code that it already showed at the beginning of the window."""
    found = {index: item for index, item in chosen(obs, "xid", gpu).items() if _matters(obs, item.stats["last"])}
    if not found:
        return UNKNOWN if not chosen(obs, "xid", gpu) else no()
    for index, reading in found.items():
        if not reading.stats["constant"]:
            continue
        detail = f"the last-Xid gauge of GPU {index} has shown {reading.stats['last']:g} without a change since"
        return yes(f"{detail} {reading.stats['first_at']}", figure(obs, reading, "constant"), figure(obs, reading))
    return no()


@predicate(_METRICS)
def fabric_not_started(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The fabric state of the GPUs is not `completed` (3)."""
    found = chosen(obs, "fabric_status", gpu)
    if not found:
        return UNKNOWN
    bad = {index: item for index, item in found.items() if item.stats["last"] in (1, 2, 4)}
    if not bad:
        return no()
    index, reading = next(iter(bad.items()))
    return yes(f"the fabric state of {len(bad)} GPUs is {reading.stats['last']:g}, not completed", figure(obs, reading))


@predicate(_METRICS)
def memory_full(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The GPU's memory was nearly full in the window."""
    free = readings(obs, "fb_free")
    for index, reading in chosen(obs, "fb_used", gpu).items():
        total = reading.stats["last"] + (free[index].stats["last"] if index in free else 0)
        if total and index in free and reading.stats["maximum"] >= 0.96 * total:
            return yes(f"the memory of GPU {index} was nearly full", figure(obs, reading, "maximum"))
    return no() if chosen(obs, "fb_used", gpu) and free else UNKNOWN
