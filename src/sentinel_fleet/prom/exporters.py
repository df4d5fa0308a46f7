"""dcgm-exporter and node-exporter: each node's metrics in the Prometheus text format.

One listener serves all nodes of a fleet. Every exporter pod has an address of its own in 127.64.0.0/10, and the server
tells by the address it was reached at which node is asked for. What it shows is what Prometheus last scraped, without
the labels Prometheus adds: nothing here can contradict the time series.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from sentinel_fleet.ports import LabelMatcher, SeriesSource, SourceFaults
from sentinel_fleet.prom.faults import hang_up, suffer
from sentinel_fleet.prom.numbers import format_general
from sentinel_fleet.prom.rows import METRIC_NAME
from sentinel_fleet.prom.storage import STALE_AFTER_MS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STALE_AFTER_S = STALE_AFTER_MS / 1000
_SAME_SCRAPE_S = 1.0
_PREFIX = "exported_"
_FAMILY_SUFFIXES = ("_bucket", "_sum", "_count")
_SYNTHETIC = frozenset({"up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_series_added"})
"""Series Prometheus writes about a scrape; no exporter exposes them."""


@dataclass(frozen=True, slots=True)
class Exporter:
    """One kind of exporter and how Prometheus knows it."""

    source: str
    """Its name among the fleet's sources, for faults."""
    job: str
    port: int
    """The port in the `instance` label."""
    added: frozenset[str]
    """Labels that come from Prometheus and not from the exporter."""
    format_value: Callable[[float], str]


def _dcgm_value(value: float) -> str:
    """dcgm-exporter prints whole numbers as such and the rest with six decimals."""
    if math.isfinite(value) and not value.is_integer():
        return f"{value:.6f}"
    return f"{value:.0f}" if math.isfinite(value) else format_general(value)


_TARGET_LABELS = frozenset({METRIC_NAME, "job", "instance", "namespace", "pod", "container", "service", "endpoint"})

DCGM = Exporter("dcgm", "dcgm-exporter", 9400, _TARGET_LABELS, _dcgm_value)
NODE = Exporter("node_exporter", "node-exporter", 9100, _TARGET_LABELS | {"node"}, format_general)


@dataclass(frozen=True, slots=True)
class ExporterSources:
    """What the exporters of a fleet read."""

    series: SeriesSource
    faults: SourceFaults
    clock: Callable[[], float]
    node_of: Callable[[str], str | None]
    """The node whose exporters answer at an address; None where nothing listens."""


def exporter_app(exporter: Exporter, sources: ExporterSources) -> web.Application:
    """The exporter of every node of the fleet; to be served on one port of all loopback addresses."""

    async def metrics(request: web.Request) -> web.StreamResponse:
        address = _local_address(request)
        node = None if address is None else sources.node_of(address)
        if node is None:
            return hang_up(request)
        fault = sources.faults.fault(exporter.source, node)
        suffered = await suffer(request, fault)
        if suffered is not None:
            return suffered
        text = "" if fault == "empty" else exposition(exporter, sources.series, str(address), sources.clock())
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    return app


def _local_address(request: web.Request) -> str | None:
    """The address the client connected to; None when the peer is not of this machine's loopback network."""
    transport = request.transport
    if transport is None:
        return None
    peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    if peer is None or not str(peer[0]).startswith("127."):
        return None
    return str(local[0])


def exposition(exporter: Exporter, series: SeriesSource, address: str, now_s: float) -> str:
    """The exporter's metrics at one address, in the text format, families in order of name."""
    described = series.metadata()
    families: dict[str, list[str]] = {}
    for labels, value in _scraped(exporter, series, address, now_s):
        name = labels[METRIC_NAME]
        line = f"{name}{_label_text(exporter, labels)} {exporter.format_value(value)}"
        families.setdefault(_family(name, described), []).append(line)
    return "".join(_block(name, lines, described.get(name)) for name, lines in sorted(families.items()))


def _scraped(
    exporter: Exporter, series: SeriesSource, address: str, now_s: float
) -> list[tuple[Mapping[str, str], float]]:
    """What the newest scrape of the target saw; a series that was gone by then is not shown."""
    target = (
        LabelMatcher("job", "=", exporter.job),
        LabelMatcher("instance", "=", f"{address}:{exporter.port}"),
    )
    found = []
    for one in series.select(target):
        samples = one.samples(now_s - _STALE_AFTER_S, now_s) if one.labels[METRIC_NAME] not in _SYNTHETIC else ()
        if samples:
            found.append((one.labels, *samples[-1]))
    newest = max((time for _, time, _ in found), default=0.0)
    return [(labels, float(value)) for labels, time, value in found if time > newest - _SAME_SCRAPE_S]


def _family(name: str, described: Mapping[str, tuple[str, str]]) -> str:
    if name in described:
        return name
    bases = (name.removesuffix(suffix) for suffix in _FAMILY_SUFFIXES if name.endswith(suffix))
    return next((base for base in bases if base in described), name)


def _block(name: str, lines: list[str], described: tuple[str, str] | None) -> str:
    kind, text = described or ("untyped", "")
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return "\n".join([f"# HELP {name} {escaped}", f"# TYPE {name} {kind}", *lines, ""])


def _label_text(exporter: Exporter, labels: Mapping[str, str]) -> str:
    own = {name: value for name, value in labels.items() if name not in exporter.added}
    shown = {name.removeprefix(_PREFIX): value for name, value in own.items()}
    if not shown:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in shown.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
