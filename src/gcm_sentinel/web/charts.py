"""Charts of the metric evidence: the culprit drawn over its siblings, with the moments that matter.

Used by web/report.py. A chart that tells something (its metric is cited, or its own summary names an outlier or a
series that ended) is drawn large, up to eight of an incident; the rest become sparklines, so that forty metrics do not
bury the one that moved, nor the page grow by the megabyte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gcm_sentinel.domain.assessment import Draft
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.web import reading, series, svg
from gcm_sentinel.web.scales import figure
from gcm_sentinel.web.series import Matrix, Series
from gcm_sentinel.web.svg import Line, Mark, Point
from gcm_sentinel.web.timeline import Lane, Moment

MOST_LINES = 24
MOST_LARGE = 8
_COLOURS = 8


@dataclass(frozen=True, slots=True)
class Legend:
    """One entry: a line style and what it stands for."""

    style: str
    label: str
    last: str = ""
    """Its last value, where it stands for one line."""
    ended_at: datetime | None = None
    """When the line ended, where it did before the drawing does."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawn metric."""

    title: str
    unit: str
    evidence: str
    drawing: str
    """SVG, safe to put into the page as it is."""
    legend: tuple[Legend, ...]
    telling: bool
    left_out: int
    """Series that were not drawn for want of room."""


def charts_of(publication: Publication, moments: Sequence[Moment]) -> tuple[Chart, ...]:
    """All charts, in order of the evidence."""
    marks = _marks(moments, publication.incident.opened_at)
    draft = publication.assessment.draft
    found = [(matrix, evidence) for evidence in publication.evidence for matrix in series.matrices_of(evidence)]
    ranks = [_rank(matrix, evidence, draft) for matrix, evidence in found]
    large = sorted((rank, place) for place, rank in enumerate(ranks) if rank is not None)[:MOST_LARGE]
    places = {place for _, place in large}
    charts = [
        _chart(matrix, evidence, draft, marks, telling=place in places)
        for place, (matrix, evidence) in enumerate(found)
    ]
    return tuple(chart for chart in charts if chart.drawing)


def _chart(matrix: Matrix, evidence: Evidence, draft: Draft, marks: Sequence[Mark], *, telling: bool) -> Chart:
    hot = series.culprits_among(matrix.series, draft)
    lines = _lines(matrix.series, hot)
    shown = lines[:MOST_LINES]
    about = _metric_summary(evidence, matrix.name)
    start_s, end_s = _window(matrix.series, evidence)
    title = f"{matrix.name} ({evidence.id})"
    if telling:
        drawing = svg.time_series(shown, title=title, start_s=start_s, end_s=end_s, marks=marks)
    else:
        drawing = svg.sparkline(_loudest(shown), start_s=start_s, end_s=end_s)
    return Chart(
        title=matrix.name,
        unit=reading.text(about, "unit"),
        evidence=evidence.id,
        drawing=drawing,
        legend=_legend(shown, start_s, end_s),
        telling=telling,
        left_out=len(lines) - len(shown),
    )


def _lines(found: Sequence[Series], hot: Sequence[bool]) -> list[Line]:
    """Culprits first; siblings are dimmed when there is a culprit, else each line has a colour of its own."""
    names = series.names_of(found)
    single_out = any(hot)
    lines = []
    for index, (item, name, is_hot) in enumerate(zip(found, names, hot, strict=True)):
        colour = "dim" if single_out or len(found) > _COLOURS else f"c{index % _COLOURS}"
        lines.append(Line(name, item.points, "hot" if is_hot else colour))
    return sorted(lines, key=lambda line: line.style != "hot")


def _legend(lines: Sequence[Line], start_s: float, end_s: float) -> tuple[Legend, ...]:
    named = [
        Legend(line.style, line.label, figure(line.points[-1][1]), _ended(line, start_s, end_s))
        for line in lines
        if line.style != "dim"
    ]
    siblings = [line.label for line in lines if line.style == "dim"]
    if len(siblings) == 1:
        named.append(Legend("dim", siblings[0]))
    elif siblings:
        named.append(Legend("dim", f"{len(siblings)} others: {siblings[0]} … {siblings[-1]}"))
    return tuple(named)


def _ended(line: Line, start_s: float, end_s: float) -> datetime | None:
    last_s = line.points[-1][0]
    return datetime.fromtimestamp(last_s, UTC) if svg.is_over(last_s, start_s, end_s) else None


def _loudest(lines: Sequence[Line]) -> Line:
    """The line a sparkline shows: the culprit's, else the one that moves most."""
    return max(lines, key=lambda line: (line.style == "hot", _travel(line.points)))


def _travel(points: Sequence[Point]) -> float:
    values = [value for _, value in points]
    return max(values) - min(values)


def _window(found: Sequence[Series], evidence: Evidence) -> tuple[float, float]:
    """The range that was asked for, so that a series that ended shows as ended; else what the points cover."""
    times = [at for item in found for at in (item.points[0][0], item.points[-1][0])]
    asked = evidence.result.time_range
    if asked and asked.start.timestamp() <= min(times) + 1 and max(times) - 1 <= asked.end.timestamp():
        return asked.start.timestamp(), asked.end.timestamp()
    return min(times), max(times)


def _marks(moments: Sequence[Moment], opened_at: datetime) -> list[Mark]:
    bursts = [
        Mark(moment.at.timestamp(), moment.text, (moment.until or moment.at).timestamp())
        for moment in moments
        if moment.lane is Lane.KERNEL and not moment.mild
    ]
    return [*bursts, Mark(opened_at.timestamp(), "incident")]


def _metric_summary(evidence: Evidence, name: str) -> JsonObject:
    metrics = reading.members(evidence.result.summary, "metrics")
    return next((metric for metric in metrics if reading.text(metric, "metric") == name), {})


def _rank(matrix: Matrix, evidence: Evidence, draft: Draft) -> int | None:
    """How far down the large charts a metric stands: cited, asked for by itself, unlike its peers, merely ended.

    None for one that tells nothing. A GPU that died ends forty metrics at once, which one chart shows as well as forty.
    """
    cited = [
        f"{claim.text} {cite.quote}" for claim in draft.claims for cite in claim.cites if cite.evidence == evidence.id
    ]
    if any(matrix.name in words for words in cited):
        return 0
    about = _metric_summary(evidence, matrix.name)
    if not about:
        compared = bool(reading.members(evidence.result.summary, "metrics"))
        return 1 if not compared or any(_travel(item.points) for item in matrix.series) else None
    if any(reading.values(about, key) for key in ("outliers", "missing")):
        return 2
    return 3 if reading.values(about, "ended") else None
