"""The drawn timeline: one lane per kind of source, a dot or bar per moment, numbered as in the table below it.

Used by web/report.py. What lies long before the incident (an old condition, a boot weeks ago) stands at the left edge
with an arrow, so that the minutes that matter keep their room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

from gcm_sentinel.web.plain import moment as written
from gcm_sentinel.web.scales import Scale, time_label, time_step, time_ticks
from gcm_sentinel.web.timeline import Lane, Moment

WIDTH = 1120
_LEFT, _RIGHT, _TOP, _BOTTOM = 96, 18, 10, 26
_ROW, _LANE_GAP = 24, 8
_DOT = 9
_MOST_ROWS = 4
_BEFORE, _AFTER = timedelta(hours=2), timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time that is drawn to scale."""

    start: datetime
    end: datetime

    @property
    def scale(self) -> Scale:
        """From epoch seconds to pixels; earlier and later moments land on the edges."""
        return Scale(self.start.timestamp(), self.end.timestamp(), _LEFT + 3 * _DOT, WIDTH - _RIGHT - _DOT)


@dataclass(frozen=True, slots=True)
class _Placed:
    number: int
    moment: Moment
    left: float
    right: float
    row: int
    early: bool


def window_of(moments: Sequence[Moment], opened_at: datetime) -> Window:
    """The hours around the opening of the incident in which something happened, with some air at both ends."""
    near = [
        at
        for moment in moments
        for at in (moment.at, moment.until or moment.at)
        if opened_at - _BEFORE <= at <= opened_at + _AFTER
    ]
    start, end = min([opened_at, *near]), max([opened_at, *near])
    air = max((end - start) * 0.04, timedelta(seconds=5))
    return Window(start - air, end + air)


def draw(moments: Sequence[Moment], opened_at: datetime) -> str:
    """The timeline as SVG; empty when nothing happened."""
    if not moments:
        return ""
    window = window_of(moments, opened_at)
    top, parts = _TOP, []
    for lane in Lane:
        placed = _place([(n, moment) for n, moment in enumerate(moments, 1) if moment.lane is lane], window)
        if placed:
            height = _ROW * (1 + max(item.row for item in placed)) + _LANE_GAP
            parts.append(_lane(lane, placed, top, height))
            top += height
    body = [_axis(window, top), _opened(window, opened_at, top), *parts]
    name = escape(
        f"Timeline from {written(window.start)} to {written(window.end)} UTC; the table lists the same moments"
    )
    head = f'<svg class="strip" viewBox="0 0 {WIDTH} {top + _BOTTOM}" role="img" aria-label="{name}">'
    return f"{head}<title>{name}</title>{''.join(body)}</svg>"


def _place(numbered: Sequence[tuple[int, Moment]], window: Window) -> list[_Placed]:
    scale = window.scale
    free: list[float] = [0.0] * _MOST_ROWS
    placed = []
    for number, moment in numbered:
        early = moment.at < window.start
        left = _LEFT + _DOT + 2 if early and not moment.until else scale(moment.at.timestamp())
        right = max(left, scale(moment.until.timestamp())) if moment.until else left
        row = next((index for index in range(_MOST_ROWS) if free[index] <= left - _DOT), _MOST_ROWS - 1)
        free[row] = right + _DOT + 1
        placed.append(_Placed(number, moment, left, right, row, early))
    return placed


def _lane(lane: Lane, placed: Sequence[_Placed], top: int, height: int) -> str:
    label = f'<text class="lane" x="0" y="{top + _ROW / 2 + 4:.0f}">{escape(lane.value)}</text>'
    rule = f'<line class="grid" x1="0" x2="{WIDTH}" y1="{top + height - 2}" y2="{top + height - 2}"/>'
    return label + rule + "".join(_moment(item, top + item.row * _ROW + _ROW / 2) for item in placed)


def _moment(item: _Placed, y: float) -> str:
    kind = "mild" if item.moment.mild else "bad"
    title = f"<title>{item.number}: {written(item.moment.at)} {escape(item.moment.text)}</title>"
    bar = ""
    if item.right - item.left > 2:
        length = item.right - item.left
        bar = f'<rect class="bar {kind}" x="{item.left:.1f}" y="{y - 4:.1f}" width="{length:.1f}" height="8" rx="4"/>'
    arrow = f'<path class="early" d="M{_LEFT + 1},{y:.1f}l5,-4v8z"/>' if item.early else ""
    return (
        f'<g class="moment {kind}">{title}{bar}{arrow}'
        f'<circle cx="{item.left + (4 if item.early else 0):.1f}" cy="{y:.1f}" r="{_DOT}"/>'
        f'<text x="{item.left + (4 if item.early else 0):.1f}" y="{y + 3.5:.1f}">{item.number}</text></g>'
    )


def _opened(window: Window, opened_at: datetime, bottom: int) -> str:
    x = window.scale(opened_at.timestamp())
    return (
        f'<line class="when" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6}" y2="{bottom}">'
        f"<title>Incident opened {written(opened_at)}</title></line>"
    )


def _axis(window: Window, bottom: int) -> str:
    start, end = window.start.timestamp(), window.end.timestamp()
    label = time_label(time_step(start, end, 10))
    parts = []
    for at in time_ticks(start, end, 10):
        x = window.scale(at)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(f'<text class="tick mid" x="{x:.1f}" y="{bottom + 18}">{label(at)}</text>')
    return "".join(parts)
