"""The drawings of the scorecard as inline SVG: bars with intervals, calibration, histograms. No script, no asset.

Colours come from the page's style sheet by class, so that light, dark and print need no second drawing. Every label is
escaped: names of scenarios and sources come from files that anybody may have written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from gcm_sentinel.evals.calibration import Bin
from gcm_sentinel.evals.statistics import Share
from gcm_sentinel.web.plain import one_line
from gcm_sentinel.web.scales import Scale, number_label, number_range, number_ticks

WIDTH = 460
_ROW = 20
_LETTER = 6.3
"""Pixels of one letter of a name, about."""
_LONGEST_NAME = 30
_LOW, _HALF = 0.5, 0.8
"""Shares below which a bar is drawn in a warning colour."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One share with its name."""

    name: str
    share: Share
    note: str = ""
    """Stands behind the count."""


def text(words: str) -> str:
    """Hostile words as harmless HTML: escaped, on one line, nothing invisible."""
    return escape(one_line(words))


def bars(title: str, rows: Sequence[Bar], *, mark: float | None = None) -> str:
    """Horizontal bars of shares with their 95 % intervals; `mark` draws a line at a share to compare with."""
    longest = max((len(row.name) for row in rows), default=0)
    x = Scale(0.0, 1.0, 18 + _LETTER * min(longest, _LONGEST_NAME), WIDTH - 74)
    height = 18 + _ROW * len(rows)
    parts = [part for share in (0.0, 0.25, 0.5, 0.75, 1.0) for part in _upright(x(share), f"{share:.0%}", height)]
    if mark is not None:
        parts.append(f'<line class="ideal" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="14" y2="{height}"/>')
    for place, row in enumerate(rows):
        parts += _bar(row, x, 18 + _ROW * place)
    return _svg(title, height, parts)


def _bar(row: Bar, x: Scale, top: float) -> list[str]:
    share, middle = row.share, top + _ROW / 2
    level = " low" if share.value < _LOW else " half" if share.value < _HALF else ""
    name = row.name if len(row.name) <= _LONGEST_NAME else row.name[: _LONGEST_NAME - 1] + "…"
    told = f"{row.name}: {share.successes} of {share.trials}, 95 % interval {share.low:.0%} to {share.high:.0%}"
    return [
        f"<g><title>{text(told)}</title>",
        f'<text class="name end" x="{x(0) - 8:.1f}" y="{middle + 4:.1f}">{text(name)}</text>',
        f'<rect class="bar{level}" x="{x(0):.1f}" y="{top + 4:.1f}" height="{_ROW - 8}" '
        f'width="{max(0.5, x(share.value) - x(0)):.1f}"/>',
        _across(x(share.low), x(share.high), middle),
        f'<text x="{WIDTH - 68}" y="{middle + 4:.1f}">{share.successes}/{share.trials} {text(row.note)}</text></g>',
    ]


def _across(left: float, right: float, y: float) -> str:
    ends = "".join(f"M{at:.1f},{y - 3:.1f}v6" for at in (left, right))
    return f'<path class="span" d="M{left:.1f},{y:.1f}H{right:.1f}{ends}"/>'


def _upright(at: float, label: str, height: float) -> list[str]:
    return [
        f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="14" y2="{height}"/>',
        f'<text class="mid" x="{at:.1f}" y="10">{label}</text>',
    ]


def reliability(title: str, bins: Sequence[Bin]) -> str:
    """Share of right answers by what confidence was said; on the dashed line both agree. Empty without answers."""
    if not bins:
        return ""
    height, left, bottom = 300, 46, 262
    x, y = Scale(0.0, 1.0, left, WIDTH - 16), Scale(0.0, 1.0, bottom, 28)
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<line class="grid" x1="{left}" x2="{WIDTH - 16}" y1="{y(share):.1f}" y2="{y(share):.1f}"/>')
        parts.append(f'<text class="end" x="{left - 6}" y="{y(share) + 4:.1f}">{share:.0%}</text>')
        parts.append(f'<text class="mid" x="{x(share):.1f}" y="{bottom + 16}">{share:g}</text>')
    parts.append(f'<line class="ideal" x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}"/>')
    parts.append(f'<text class="mid" x="{(x(0) + x(1)) / 2}" y="{height - 4}">confidence said</text>')
    most = max(item.right.trials for item in bins)
    for item in bins:
        parts += _dot(item, x, y, 4 + 8 * (item.right.trials / most) ** 0.5)
    return _svg(title, height, parts)


def _dot(item: Bin, x: Scale, y: Scale, radius: float) -> list[str]:
    share, at = item.right, x(item.confidence)
    told = f"confidence {item.low:g} to {item.high:g}: {share.successes} of {share.trials} right"
    ends = "".join(f"M{at - 3:.1f},{y(value):.1f}h6" for value in (share.low, share.high))
    return [
        f"<g><title>{text(told)}</title>",
        f'<path class="span" d="M{at:.1f},{y(share.low):.1f}V{y(share.high):.1f}{ends}"/>',
        f'<circle class="dot" cx="{at:.1f}" cy="{y(share.value):.1f}" r="{radius:.1f}"/>',
        f'<text class="mid" x="{at:.1f}" y="10">{share.trials}</text></g>',
    ]


def histogram(title: str, values: Sequence[float], *, unit: str, ends: tuple[float, float] | None = None) -> str:
    """How many cases lie where; ten to twenty bins over `ends`, or over what the values cover. Empty for no values."""
    if not values:
        return ""
    steps = number_ticks(*(ends or number_range(values)), count=10)
    counts = [0] * (len(steps) - 1)
    for value in values:
        place = sum(1 for step in steps[1:-1] if value >= step)
        counts[place] += 1
    return _columns(title, steps, counts, unit)


def _columns(title: str, steps: Sequence[float], counts: Sequence[int], unit: str) -> str:
    height, bottom = 200, 160
    x = Scale(steps[0], steps[-1], 30, WIDTH - 20)
    y = Scale(0.0, float(max(counts)), bottom, 22)
    parts = [f'<line class="grid" x1="30" x2="{WIDTH - 20}" y1="{bottom}" y2="{bottom}"/>']
    for low, high, count in zip(steps, steps[1:], counts, strict=False):
        if count:
            told = f"{number_label(low)} to {number_label(high)} {unit}: {count} cases"
            parts.append(
                f'<g><title>{text(told)}</title><rect class="bar" x="{x(low) + 1:.1f}" y="{y(count):.1f}" '
                f'width="{x(high) - x(low) - 2:.1f}" height="{bottom - y(count):.1f}"/>'
                f'<text class="mid" x="{(x(low) + x(high)) / 2:.1f}" y="{y(count) - 5:.1f}">{count}</text></g>'
            )
    every = max(1, -(-len(steps) // 8))
    parts += [
        f'<text class="mid" x="{x(step):.1f}" y="{bottom + 16}">{number_label(step)}</text>' for step in steps[::every]
    ]
    parts.append(f'<text class="mid" x="{WIDTH / 2}" y="{height - 4}">{text(unit)}</text>')
    return _svg(title, height, parts)


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{text(title)}">'
    return head + "".join(parts) + "</svg>"
