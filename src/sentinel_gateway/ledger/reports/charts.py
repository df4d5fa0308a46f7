"""Two drawings as inline SVG, without scripts: states over time, and failing signals over time."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.ledger.reports.activity import SIGNALS
from sentinel_gateway.ledger.reports.document import Chart, Detections, Timeline
from sentinel_gateway.ledger.reports.fleet import GpuFacts, state_name
from sentinel_gateway.ledger.reports.shown import visible
from sentinel_gateway.ledger.reports.window import NS_PER_DAY, NS_PER_S, Window, iso

WIDTH = 720
LABELS = 178
_NARROW = 40
_ROW = 15
_PLOT = WIDTH - LABELS - 6
_BARS_HEIGHT = 120
_TICKS = 6
_LABEL_CHARACTERS = 26
COLOURS = {
    HealthState.HEALTHY: "#d9ead3",
    HealthState.SUSPECT: "#f6c744",
    HealthState.QUARANTINED: "#e06b2d",
    HealthState.DEEP_TEST: "#6fa1dd",
    HealthState.CONDEMNED: "#33333d",
}
_SIGNAL_COLOURS = ("#33333d", "#e0913f", "#7fb2e5")


def drawn(chart: Chart) -> str:
    """The chart as SVG; every text in it is escaped."""
    return _timeline(chart) if isinstance(chart, Timeline) else _detections(chart)


def legend(chart: Chart) -> tuple[tuple[str, str], ...]:
    """Names and colours."""
    if isinstance(chart, Timeline):
        return (*((state.name, COLOURS[state]) for state in HealthState), ("UNKNOWN", "#ffffff"))
    return tuple(zip(SIGNALS, _SIGNAL_COLOURS, strict=True))


def _timeline(chart: Timeline) -> str:
    bottom = _ROW * len(chart.gpus)
    rows = "".join(_row(chart.window, gpu, place) for place, gpu in enumerate(chart.gpus))
    return _svg(bottom + 26, chart.title, rows + _axis(chart.window, bottom))


def _row(window: Window, gpu: GpuFacts, place: int) -> str:
    top = place * _ROW
    label = gpu.gpu.uuid if len(gpu.gpu.uuid) <= _LABEL_CHARACTERS else gpu.gpu.uuid[: _LABEL_CHARACTERS - 1] + "\u2026"
    parts = [
        f'<text class="label" x="{LABELS - 6}" y="{top + 11}">{_safe(label)}</text>',
        f'<rect x="{LABELS}" y="{top + 2}" width="{_PLOT}" height="{_ROW - 4}"'
        ' fill="#ffffff" stroke="#999999" stroke-width="0.5"/>',
    ]
    for segment in gpu.times.segments:
        left, right = _x(window, segment.from_ns), _x(window, segment.to_ns)
        name = state_name(segment.state)
        parts.append(
            f'<rect x="{left:.2f}" y="{top + 2}" width="{max(right - left, 0.75):.2f}" height="{_ROW - 4}"'
            f' fill="{COLOURS[HealthState(segment.state)]}">'
            f"<title>{name}: {iso(segment.from_ns)} to {iso(segment.to_ns)}</title></rect>"
        )
    return "".join(parts)


def _detections(chart: Detections) -> str:
    totals = [sum(column) for column in zip(*chart.bins.counts, strict=True)]
    most = max([*totals, 1])
    width = (WIDTH - _NARROW - 6) / max(len(totals), 1)
    parts = [_gridline(0, _BARS_HEIGHT, most), _gridline(most, _BARS_HEIGHT, most)]
    for place in range(len(totals)):
        parts.append(_bar(chart, place, width, most))
    return _svg(_BARS_HEIGHT + 36, chart.title, "".join(parts) + _axis(chart.window, _BARS_HEIGHT + 10, _NARROW))


def _bar(chart: Detections, place: int, width: float, most: int) -> str:
    parts, base = [], float(_BARS_HEIGHT + 10)
    from_ns = chart.bins.start_ns + place * chart.bins.width_ns
    for kind, name in enumerate(SIGNALS):
        number = chart.bins.counts[kind][place]
        height = number / most * _BARS_HEIGHT
        base -= height
        if number:
            parts.append(
                f'<rect x="{_NARROW + place * width + width * 0.1:.2f}" y="{base:.2f}" width="{width * 0.8:.2f}"'
                f' height="{height:.2f}" fill="{_SIGNAL_COLOURS[kind]}">'
                f"<title>{number} {name} from {iso(from_ns)}</title></rect>"
            )
    return "".join(parts)


def _gridline(value: int, height: int, most: int) -> str:
    y = 10 + height * (1 - value / most)
    return (
        f'<line x1="{_NARROW}" y1="{y:.1f}" x2="{WIDTH - 6}" y2="{y:.1f}" stroke="#bbbbbb" stroke-width="0.5"/>'
        f'<text class="label" x="{_NARROW - 6}" y="{y + 3:.1f}">{value}</text>'
    )


def _axis(window: Window, top: int, left: int = LABELS) -> str:
    parts = []
    style = "%Y-%m-%d" if window.length_ns >= 3 * NS_PER_DAY else "%m-%d %H:%M"
    for place in range(_TICKS + 1):
        at_ns = window.start_ns + window.length_ns * place // _TICKS
        x = _x(window, at_ns, left)
        anchor = "start" if place == 0 else "end" if place == _TICKS else "middle"
        parts.append(
            f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + 4}" stroke="#666666" stroke-width="0.7"/>'
            f'<text class="tick" text-anchor="{anchor}" x="{x:.1f}" y="{top + 15}">{_day(at_ns, style)}</text>'
        )
    return "".join(parts)


def _day(at_ns: int, style: str) -> str:
    try:
        return datetime.fromtimestamp(at_ns // NS_PER_S, UTC).strftime(style)
    except (OverflowError, ValueError, OSError):
        return iso(at_ns)


def _x(window: Window, at_ns: int, left: int = LABELS) -> float:
    return left + (WIDTH - left - 6) * (at_ns - window.start_ns) / window.length_ns


def _svg(height: int, title: str, inside: str) -> str:
    name = _safe(title)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{name}</title>{inside}</svg>"
    )


def _safe(text: str) -> str:
    return escape(visible(text))
