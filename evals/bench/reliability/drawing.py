"""Small charts with logarithmic axes, as SVG files that read well on light and on dark pages. No scripts, no fonts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 196, 44, 54
_MOST_DOTS = 40
"""A line of more points is drawn without dots."""
_STYLE = """
svg { color-scheme: light dark }
.paper { fill: #ffffff } text { fill: #24292f; font: 12px system-ui, sans-serif }
.title { font-size: 15px; font-weight: 600 } .small { font-size: 11px; fill: #57606a }
.grid { stroke: #d8dee4; stroke-width: 1 } .limit { stroke: #6e7781; stroke-width: 1.2; stroke-dasharray: 5 4 }
.line { fill: none; stroke-width: 2 } .c0 { stroke: #0969da } .c1 { stroke: #bc4c00 } .c2 { stroke: #1a7f37 }
.c3 { stroke: #8250df } .c4 { stroke: #cf222e } .c5 { stroke: #57606a }
.d0 { fill: #0969da } .d1 { fill: #bc4c00 } .d2 { fill: #1a7f37 } .d3 { fill: #8250df } .d4 { fill: #cf222e }
.d5 { fill: #57606a } .hollow { fill: #ffffff; stroke-width: 1.5 } .dashed { stroke-dasharray: 6 4 }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 } text { fill: #e6edf3 } .small { fill: #9198a1 }
.grid { stroke: #2d333b } .limit { stroke: #9198a1 } .hollow { fill: #0d1117 }
.c0 { stroke: #58a6ff } .c1 { stroke: #f0883e } .c2 { stroke: #56d364 } .c3 { stroke: #d2a8ff } .c4 { stroke: #ff7b72 }
.c5 { stroke: #9198a1 } .d0 { fill: #58a6ff } .d1 { fill: #f0883e } .d2 { fill: #56d364 } .d3 { fill: #d2a8ff }
.d4 { fill: #ff7b72 } .d5 { fill: #9198a1 } }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve."""

    label: str
    points: tuple[tuple[float, float], ...]
    colour: int
    dashed: bool = False
    bounds: tuple[tuple[float, float], ...] = ()
    """Points that are upper bounds, drawn hollow."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A level that matters, with its name."""

    value: float
    label: str
    is_below: bool = False
    """The name stands below the line."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Logarithmic: from, to, what it is."""

    low: float
    high: float
    label: str

    def share(self, value: float) -> float:
        """Where a value lies; values outside are moved to the nearer end."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return min(1.0, max(0.0, share))

    def ticks(self) -> tuple[float, ...]:
        """The powers of ten."""
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        return tuple(10.0**power for power in range(first, last + 1))


def chart(title: str, x: Axis, y: Axis, lines: Sequence[Line], limits: Sequence[Limit] = ()) -> str:
    """The drawing."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(title)}"><style>{_STYLE}</style>',
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="title" x="{_LEFT}" y="24">{escape(title)}</text>',
        *_axes(x, y),
        *(_limit(limit, y) for limit in limits),
        *(part for place, line in enumerate(lines) for part in _line(line, place, (x, y))),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _axes(x: Axis, y: Axis) -> list[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = []
    for tick in x.ticks():
        at = _px(x, tick)
        parts.append(f'<line class="grid" x1="{at:.1f}" y1="{_TOP}" x2="{at:.1f}" y2="{bottom}"/>')
        parts.append(f'<text class="small" text-anchor="middle" x="{at:.1f}" y="{bottom + 17}">{_number(tick)}</text>')
    for tick in y.ticks():
        at = _py(y, tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>')
        parts.append(f'<text class="small" text-anchor="end" x="{_LEFT - 7}" y="{at + 4:.1f}">{_number(tick)}</text>')
    middle_x, middle_y = (_LEFT + right) / 2, (_TOP + bottom) / 2
    parts.append(f'<text text-anchor="middle" x="{middle_x}" y="{HEIGHT - 14}">{escape(x.label)}</text>')
    turned = f'transform="rotate(-90 18 {middle_y})"'
    parts.append(f'<text text-anchor="middle" x="18" y="{middle_y}" {turned}>{escape(y.label)}</text>')
    return parts


def _limit(limit: Limit, y: Axis) -> str:
    at, right = _py(y, limit.value), WIDTH - _RIGHT
    return (
        f'<line class="limit" x1="{_LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>'
        f'<text class="small" text-anchor="end" x="{right - 6}" y="{at + (13 if limit.is_below else -5):.1f}">'
        f"{escape(limit.label)}</text>"
    )


def _line(line: Line, place: int, axes: tuple[Axis, Axis]) -> list[str]:
    x, y = axes
    dash = " dashed" if line.dashed else ""
    at = " ".join(f"{_px(x, one):.1f},{_py(y, other):.1f}" for one, other in line.points)
    parts = [f'<polyline class="line c{line.colour}{dash}" points="{at}"/>']
    for one, other in line.points if len(line.points) <= _MOST_DOTS else ():
        parts.append(f'<circle class="d{line.colour}" cx="{_px(x, one):.1f}" cy="{_py(y, other):.1f}" r="3"/>')
    for one, other in line.bounds:
        parts.append(f'<circle class="hollow c{line.colour}" cx="{_px(x, one):.1f}" cy="{_py(y, other):.1f}" r="3.5"/>')
    key, left = _TOP + 8 + place * 34, WIDTH - _RIGHT + 14
    parts.append(f'<line class="line c{line.colour}{dash}" x1="{left}" y1="{key}" x2="{left + 22}" y2="{key}"/>')
    for row, words in enumerate(line.label.split("\n")):
        parts.append(f'<text class="small" x="{left + 28}" y="{key + 4 + row * 13}">{escape(words)}</text>')
    return parts


def _px(axis: Axis, value: float) -> float:
    return _LEFT + axis.share(value) * (WIDTH - _RIGHT - _LEFT)


def _py(axis: Axis, value: float) -> float:
    return HEIGHT - _BOTTOM - axis.share(value) * (HEIGHT - _BOTTOM - _TOP)


def _number(value: float) -> str:
    if 0.001 <= value < 100_000:
        return f"{value:g}"
    return f'10<tspan dy="-4" font-size="8">{round(math.log10(value))}</tspan>'
