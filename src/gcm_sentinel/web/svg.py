"""Drawings as inline SVG: sparkline and time series. No script, no asset, no dependency; equal input, equal text.

Used by web/charts.py. Colours and line widths come from the page's style sheet by class, so that light, dark and
print need no second drawing. Every label passes `html.escape`: metric labels are hostile text like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import TypeAlias

from gcm_sentinel.web.scales import (
    Scale,
    number_label,
    number_range,
    number_ticks,
    time_label,
    time_step,
    time_ticks,
)

Point: TypeAlias = tuple[float, float]
"""Epoch seconds and value."""

WIDTH, HEIGHT = 460, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 18, 24
_MOST_POINTS = 360
_MOST_POINTS_OF_SIBLINGS = 90
_GAP_STEPS = 2.5
"""A pause longer than this many usual steps is drawn as a gap: absence is not a straight line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One series."""

    label: str
    points: tuple[Point, ...]
    style: str
    """Class of the style sheet: ``hot`` for the culprit, ``dim`` for its siblings, ``c0`` to ``c7`` without one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment, or a stretch of time when it has an end, drawn behind the lines."""

    start_s: float
    label: str
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Axes:
    """The two scales of one drawing and the ticks of its values."""

    x: Scale
    y: Scale
    ticks: tuple[float, ...]


def time_series(lines: Sequence[Line], *, title: str, start_s: float, end_s: float, marks: Sequence[Mark] = ()) -> str:
    """Several series over one stretch of time; the culprit's line comes last and so on top. Empty without points."""
    values = [value for line in lines for _, value in line.points]
    if not values or end_s <= start_s:
        return ""
    axes = _axes(values, start_s, end_s)
    drawn = sorted(lines, key=lambda line: line.style == "hot")
    parts = [
        *_grid(axes),
        *(_mark(mark, axes) for mark in marks if start_s <= (mark.end_s or mark.start_s) and mark.start_s <= end_s),
        *(_line(line, axes) for line in drawn),
    ]
    return _svg(WIDTH, HEIGHT, "chart", title, parts)


def sparkline(line: Line, *, start_s: float, end_s: float, width: int = 120, height: int = 28) -> str:
    """One series without axes, to be read beside its figures."""
    if not line.points or end_s <= start_s:
        return ""
    low, high = number_range([value for _, value in line.points])
    axes = Axes(Scale(start_s, end_s, 2, width - 2), Scale(low, high, height - 3, 3), ())
    return _svg(width, height, "spark", line.label, [_line(line, axes)])


def _svg(width: int, height: int, kind: str, title: str, parts: Sequence[str]) -> str:
    name = escape(title)
    head = f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{name}">'
    return f"{head}<title>{name}</title>{''.join(parts)}</svg>"


def _axes(values: Sequence[float], start_s: float, end_s: float) -> Axes:
    ticks = number_ticks(*number_range(values))
    y = Scale(ticks[0], ticks[-1], HEIGHT - _BOTTOM, _TOP)
    return Axes(Scale(start_s, end_s, _LEFT, WIDTH - _RIGHT), y, tuple(ticks))


def _grid(axes: Axes) -> list[str]:
    parts = []
    for value in axes.ticks:
        y = axes.y(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick end" x="{_LEFT - 6}" y="{y + 4:.1f}">{number_label(value)}</text>')
    step = time_step(axes.x.low, axes.x.high)
    label = time_label(step)
    for at in time_ticks(axes.x.low, axes.x.high):
        place = axes.x(at)
        side = " end" if place > WIDTH - 30 else " mid"
        parts.append(f'<text class="tick{side}" x="{place:.1f}" y="{HEIGHT - 7}">{label(at)}</text>')
    return parts


def _mark(mark: Mark, axes: Axes) -> str:
    left = axes.x(mark.start_s)
    right = axes.x(mark.end_s if mark.end_s is not None else mark.start_s)
    title = f"<title>{escape(mark.label)}</title>"
    box = f'y="{_TOP}" height="{HEIGHT - _TOP - _BOTTOM}"'
    if mark.end_s is not None:
        return f'<rect class="band" x="{left:.1f}" width="{max(2.0, right - left):.1f}" {box}>{title}</rect>'
    side = "end" if left > WIDTH * 0.7 else "start"
    shift = -4 if side == "end" else 4
    return (
        f'<line class="when" x1="{left:.1f}" x2="{left:.1f}" y1="{_TOP - 4}" y2="{HEIGHT - _BOTTOM}"/>'
        f'<text class="when {side}" x="{left + shift:.1f}" y="{_TOP - 6}">{escape(mark.label)}</text>'
    )


def _line(line: Line, axes: Axes) -> str:
    name = f"<title>{escape(line.label)}</title>"
    paths = "".join(
        f'<path class="ln {escape(line.style)}" d="{_path(thinned(run, _most_points(line)), axes)}">{name}</path>'
        for run in runs(line.points)
    )
    last_s, last = line.points[-1]
    ended = is_over(last_s, axes.x.low, axes.x.high)
    dot = f'<circle class="stop {escape(line.style)}" cx="{axes.x(last_s):.1f}" cy="{axes.y(last):.1f}" r="3.5"/>'
    return paths + (dot if ended else "")


def _most_points(line: Line) -> int:
    """Siblings behind the culprit show a band, not their detail."""
    return _MOST_POINTS_OF_SIBLINGS if line.style == "dim" else _MOST_POINTS


def is_over(last_s: float, start_s: float, end_s: float) -> bool:
    """Whether a series whose last point is at `last_s` ended visibly before the drawing does."""
    return end_s - last_s > 0.03 * (end_s - start_s)


def _path(run: Sequence[Point], axes: Axes) -> str:
    steps = " ".join(f"{axes.x(at):.1f},{axes.y(value):.1f}" for at, value in _corners(run))
    return f"M{steps}" if len(run) > 1 else f"M{steps}h0.1"


def _corners(run: Sequence[Point]) -> Sequence[Point]:
    """`run` without the points in the middle of a level stretch, which draw nothing."""
    inner = zip(run, run[1:], run[2:], strict=False)
    return [
        *run[:1],
        *(point for before, point, after in inner if not before[1] == point[1] == after[1]),
        *run[1:][-1:],
    ]


def runs(points: Sequence[Point]) -> list[list[Point]]:
    """`points` split where the series paused."""
    usual = median([after[0] - before[0] for before, after in zip(points, points[1:], strict=False)] or [0.0])
    found: list[list[Point]] = []
    for point in points:
        if found and point[0] - found[-1][-1][0] <= usual * _GAP_STEPS:
            found[-1].append(point)
        else:
            found.append([point])
    return found


def thinned(points: Sequence[Point], most: int = _MOST_POINTS) -> Sequence[Point]:
    """At most about `most` points; of each stretch the lowest and the highest stay, so that no spike is lost."""
    if len(points) <= most:
        return points
    size = -(-len(points) * 2 // most)
    kept: list[Point] = [points[0]]
    for begin in range(0, len(points), size):
        stretch = points[begin : begin + size]
        ends = {min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1])}
        kept.extend(sorted(ends - {kept[-1]}))
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]
