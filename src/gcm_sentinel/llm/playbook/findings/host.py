"""Findings over the host: its exporter read directly and its series in Prometheus (clock, ECC, fans, links, disks)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.domain.summaries import ExporterSummary, SeriesSummary
from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations, Seen

_HOST = "host_series"
_DIRECT = "node_exporter"
_IB = "network_series"
_ACTIVE = 4
"""State of a working InfiniBand port, as the kernel numbers them."""
_RECEIVE_ERRORS = ("node_infiniband_symbol_error_total", "node_infiniband_port_errors_received_total")
_MOST_ERRORS_PER_MIN = 2.0
"""The InfiniBand specification's bit error rate of 1e-12 lets a link have 120 symbol errors an hour at most."""
_SIZE, _AVAILABLE = "node_filesystem_size_bytes", "node_filesystem_avail_bytes"


def _samples(seen: Seen[ExporterSummary] | None, name: str) -> Iterator[tuple[float, dict[str, str], Citation]]:
    for place, item in enumerate(seen.data["samples"] if seen else []):
        if item["name"] == name and seen:
            yield item["value"], item["labels"], seen.figure(f"samples[{place}].value")


def _series(obs: Observations, name: str) -> Iterator[tuple[SeriesSummary, str, Citation]]:
    """Series of the node by metric name over every Prometheus answer; the citation is of their last value."""
    for seen in obs.queries:
        for place, item in enumerate(seen.data["series"]):
            if item["labels"].get("__name__") == name and _here(obs, item["labels"]):
                path = f"series[{place}].stats.last" if item["stats"] else f"series[{place}].value"
                yield item, path, seen.figure(path)


def _here(obs: Observations, labels: dict[str, str]) -> bool:
    named = [labels[key] for key in ("node", "Hostname", "nodename", "kubernetes_node") if key in labels]
    return not named or obs.node in named


def last(item: SeriesSummary) -> float | None:
    """The newest value of a series."""
    return item["stats"]["last"] if item["stats"] else item["value"]


def _first(obs: Observations, name: str, test: Callable[[float], bool], detail: str) -> Finding:
    """The first sample or series of the metric for which `test` holds; unknown when there is none at all."""
    seen = False
    for value, labels, cite in _samples(obs.node_exporter, name):
        seen = True
        if test(value):
            return yes(f"{detail} ({_where(labels)}{value:g})", cite)
    for item, _, cite in _series(obs, name):
        value_now = last(item)
        if value_now is not None:
            seen = True
            if test(value_now):
                return yes(f"{detail} ({_where(item['labels'])}{value_now:g})", cite)
    return no() if seen else UNKNOWN


def _where(labels: dict[str, str]) -> str:
    for key in ("device", "sensor", "controller", "mountpoint", "name", "chip"):
        if key in labels:
            return f"{labels[key]}: "
    return ""


@predicate(_DIRECT, _HOST)
def clock_off(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The node's clock is more than a second off."""
    return _first(obs, "node_timex_offset_seconds", lambda value: abs(value) > 1.0, "the clock of the node is off")


@predicate(_DIRECT, _HOST)
def memory_uncorrectable(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Host memory counted an uncorrectable error."""
    name = "node_edac_uncorrectable_errors_total"
    return _first(obs, name, lambda value: value >= 1, "host memory counted an uncorrectable error")


@predicate(_DIRECT, _HOST)
def tasks_blocked(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Processes wait in uninterruptible sleep."""
    return _first(obs, "node_procs_blocked", lambda value: value >= 4, "processes are blocked on input or output")


@predicate(_DIRECT, _HOST)
def filesystem_bad(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A local file system is read-only or has a device error."""
    found = _first(obs, "node_filesystem_device_error", lambda value: value >= 1, "a file system has a device error")
    if found.holds:
        return found
    readonly = _first(obs, "node_filesystem_readonly", lambda value: value >= 1, "a file system is read-only")
    return readonly if readonly.holds is not None else found


@predicate(_DIRECT)
def disk_full(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A local file system has less than five per cent left."""
    sizes = {labels.get("mountpoint"): value for value, labels, _ in _samples(obs.node_exporter, _SIZE)}
    if not sizes:
        return UNKNOWN
    for value, labels, cite in _samples(obs.node_exporter, _AVAILABLE):
        size = sizes.get(labels.get("mountpoint"))
        if size and value < 0.05 * size:
            return yes(f"the file system at {labels.get('mountpoint')} is nearly full", cite)
    return no()


@predicate(_DIRECT, _HOST)
def unit_failed(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """One of these systemd units is in the state `failed`."""
    seen = False
    for value, labels, cite in _samples(obs.node_exporter, "node_systemd_unit_state"):
        if labels.get("name", "").removesuffix(".service") in args and labels.get("state") == "failed":
            seen = True
            if value >= 1:
                return yes(f"systemd unit {labels['name']} has failed", cite)
    return no() if seen else UNKNOWN


def _fans(obs: Observations) -> list[tuple[float, dict[str, str], Citation]]:
    direct = list(_samples(obs.node_exporter, "node_hwmon_fan_rpm"))
    for item, _, cite in _series(obs, "node_hwmon_fan_rpm"):
        value = last(item)
        if value is not None:
            direct.append((value, item["labels"], cite))
    return direct


@predicate(_DIRECT, _HOST)
def fan_slow(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A fan stands still or turns far slower than the others."""
    fans = _fans(obs)
    if not fans:
        return UNKNOWN
    fastest = max(value for value, _, _ in fans)
    for value, labels, cite in fans:
        if value < 0.5 * fastest:
            return yes(f"a fan turns at {value:g} rpm ({_where(labels)}others at {fastest:g})", cite)
    return no()


def _temperatures(obs: Observations, *words: str) -> list[tuple[float, Citation]]:
    found = []
    for value, labels, cite in _samples(obs.node_exporter, "node_hwmon_temp_celsius"):
        if any(word in " ".join(labels.values()).lower() for word in words):
            found.append((value, cite))
    for item, _, cite in _series(obs, "node_hwmon_temp_celsius"):
        text, value_now = " ".join(item["labels"].values()).lower(), last(item)
        if value_now is not None and any(word in text for word in words):
            found.append((value_now, cite))
    return found


@predicate(_DIRECT, _HOST)
def inlet_warm(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The air that enters the chassis is too warm."""
    found = _temperatures(obs, "inlet", "ambient", "intake")
    if not found:
        return UNKNOWN
    value, cite = max(found, key=lambda pair: pair[0])
    return (
        yes(f"the inlet air is at {value:g} C", cite) if value >= 32 else no(f"the inlet air is at {value:g} C", cite)
    )


def _network(obs: Observations, name: str) -> list[tuple[SeriesSummary, str, Citation]]:
    return list(_series(obs, name))


@predicate(_IB)
def waiting_to_send(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Ports spend ever more time waiting to send: congestion."""
    found = _network(obs, "node_infiniband_port_transmit_wait_total")
    rising = [item for item in found if item[0]["stats"] and _speeds_up(item[0])]
    if not found:
        return UNKNOWN
    if not rising:
        return no()
    item, path, cite = rising[0]
    return yes(f"port {item['labels'].get('device', '?')} waits ever longer to send", cite)


def _speeds_up(item: SeriesSummary) -> bool:
    stats = item["stats"]
    if stats is None:
        return False
    recent = stats.get("recent_rate_per_min", stats["rate_per_min"])
    return recent > 1000 and recent >= 1.5 * stats["rate_per_min"] or stats["rate_per_min"] > 1_000_000


def sick_ports(obs: Observations) -> frozenset[str]:
    """Names of the InfiniBand ports that are not active, lost their link in the window or receive broken symbols."""
    states = _samples(obs.infiniband, "node_infiniband_state_id")
    dark = {labels.get("device", "") for value, labels, _ in states if value != _ACTIVE}
    fell = _series(obs, "node_infiniband_link_downed_total")
    named = [item for item, _, _ in fell if _grew(item)] + [item for item, _, _ in _broken_symbols(obs)]
    return frozenset(dark | {item["labels"].get("device", "") for item in named}) - {""}


def _broken_symbols(obs: Observations) -> list[tuple[SeriesSummary, str, Citation]]:
    every = [row for name in _RECEIVE_ERRORS for row in _series(obs, name)]
    return [row for row in every if row[0]["stats"] and _error_rate(row[0]) >= _MOST_ERRORS_PER_MIN]


def _error_rate(item: SeriesSummary) -> float:
    stats = item["stats"]
    return max(stats["rate_per_min"], stats.get("recent_rate_per_min", 0.0)) if stats else 0.0


@predicate(_IB)
def port_errors_climb(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A port receives broken symbols or packets faster than a working link may: cable, transceiver or port."""
    if not any(_network(obs, name) for name in _RECEIVE_ERRORS):
        return UNKNOWN
    found = _broken_symbols(obs)
    if not found:
        return no()
    item, _, cite = found[0]
    detail = f"{item['labels'].get('__name__')} of port {item['labels'].get('device', '?')} rises"
    return yes(f"{detail} by {_error_rate(item):.0f} per minute", cite)


def _grew(item: SeriesSummary) -> bool:
    return item["stats"] is not None and item["stats"]["delta"] >= 1


@predicate(_IB, "infiniband")
def link_went_down(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """An InfiniBand port went down or is down."""
    seen = False
    for value, labels, cite in _samples(obs.infiniband, "node_infiniband_state_id"):
        seen = True
        if value != _ACTIVE:
            return yes(f"port {labels.get('device', '?')} is not active (state {value:g})", cite)
    for item, _, cite in _series(obs, "node_infiniband_link_downed_total"):
        seen = True
        if _grew(item):
            return yes(f"port {item['labels'].get('device', '?')} went down", cite)
    return no() if seen else UNKNOWN


@predicate(_IB, "infiniband")
def links_up(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Every InfiniBand port is active."""
    found = list(_samples(obs.infiniband, "node_infiniband_state_id"))
    if not found:
        return UNKNOWN
    if any(value != _ACTIVE for value, _, _ in found):
        return no()
    return yes(f"all {len(found)} InfiniBand ports are active", found[0][2])


@predicate(_DIRECT)
def node_exporter_answers(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The node's own exporter answers: the machine is alive and reachable."""
    if obs.node_exporter is not None and obs.node_exporter.data["samples"]:
        return yes("the node's exporter answers", obs.node_exporter.figure("samples_total"))
    failed = [item for item in obs.failures if item.tool == "query_node_exporter_direct" and item.status == "error"]
    return Finding(False) if failed else UNKNOWN  # noqa: FBT003 - the field's own name says it
