"""A node's GPUs side by side, from the series of one range. Pure.

Series of one GPU that differ in labels only (another pod took the GPU over) are one history. A metric nobody exports is
absent, a GPU without a series others have is missing, and a series that stopped has ended: three different things, none
of them zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from gcm_sentinel.datasources.gpu_panel import Compared
from gcm_sentinel.datasources.gpu_roster import LabelledPoints, Roster
from gcm_sentinel.datasources.series_shape import OUTLIER_DEVIATION, deviations, shape
from gcm_sentinel.domain.summaries import GpuMetric, GpuOutlier, SeriesStats


@dataclass(frozen=True, slots=True)
class Window:
    """The range that is looked at, epoch seconds."""

    start_s: float
    end_s: float
    scrape_s: float
    """Distance of the last points: the scrape interval."""
    newest_s: float
    """The last point of any of the node's GPU series."""

    @property
    def silent_after_s(self) -> float:
        """From how much silence at the end of the range on a lone series counts as ended."""
        return max(180.0, 3 * self.scrape_s)

    def ended(self, last_s: float) -> bool:
        """Whether a series stopped: it missed a scrape that its siblings have, or all have been silent for long."""
        return self.newest_s - last_s > 0.9 * self.scrape_s or self.end_s - last_s > self.silent_after_s


def window_of(start_s: float, end_s: float, series: Sequence[LabelledPoints]) -> Window:
    """The range with what the series say about scraping."""
    gaps = [one.points[-1][0] - one.points[-2][0] for one in series if len(one.points) > 1]
    newest = max((one.points[-1][0] for one in series if one.points), default=end_s)
    return Window(start_s, end_s, median(gaps) if gaps else 30.0, newest)


def compare(series: Sequence[LabelledPoints], asked: Sequence[Compared], window: Window) -> list[GpuMetric]:
    """Every metric asked for, over all GPUs: those in which GPUs differ first, then those that moved, absent last."""
    by_name: dict[str, list[LabelledPoints]] = defaultdict(list)
    for one in series:
        by_name[one.labels.get("__name__", "")].append(one)
    roster = Roster.of(series)
    return sorted((_metric(wanted, by_name, roster, window) for wanted in asked), key=_calm)


def _calm(metric: GpuMetric) -> int:
    """How little a metric has to say: a reader with little room sees the telling ones first."""
    if not metric["present"]:
        return 3
    if metric["outliers"] or metric["missing"]:
        return 0
    return 2 if all(stats["constant"] for stats in metric["by_gpu"].values()) else 1


def _metric(
    wanted: Compared, by_name: Mapping[str, Sequence[LabelledPoints]], roster: Roster, window: Window
) -> GpuMetric:
    found = [one for name in wanted.spellings for one in by_name.get(name, ()) if one.points]
    newest = max(found, key=lambda one: one.points[-1][0], default=None)
    histories = _histories(found, roster)
    by_gpu = _shapes(histories, window, counter=wanted.counter)
    ended = sorted(int(key) for key, points in histories.items() if key.isdecimal() and window.ended(max(points)))
    indices = {int(key.split("/")[0]) for key in by_gpu}
    whole = {int(key): stats for key, stats in by_gpu.items() if key.isdecimal()}
    return GpuMetric(
        metric=newest.labels["__name__"] if newest else wanted.name,
        present=bool(by_gpu),
        unit=wanted.unit,
        by_gpu=by_gpu,
        outliers=_outliers(whole, wanted, ended),
        missing=[gpu["index"] for gpu in roster.gpus if gpu["index"] not in indices] if by_gpu else [],
        ended=ended,
    )


def _histories(found: Sequence[LabelledPoints], roster: Roster) -> dict[str, dict[float, float]]:
    """Each GPU's samples by time, whatever other labels its series had."""
    histories: dict[str, dict[float, float]] = defaultdict(dict)
    for one in found:
        key = roster.key_of(one.labels)
        if key is not None and one.points:
            histories[key].update(one.points)
    return histories


def _shapes(histories: Mapping[str, Mapping[float, float]], window: Window, *, counter: bool) -> dict[str, SeriesStats]:
    shapes: dict[str, SeriesStats] = {}
    for key in sorted(histories, key=_order):
        stats = shape(sorted(histories[key].items()), window.start_s, window.end_s, counter=counter)
        if stats is not None:
            shapes[key] = stats
    return shapes


def _order(key: str) -> tuple[int, ...]:
    return tuple(int(part) for part in key.split("/") if part.isdecimal())


def _outliers(by_gpu: Mapping[int, SeriesStats], wanted: Compared, ended: Collection[int]) -> list[GpuOutlier]:
    """GPUs unlike their peers; means are compared between GPUs that have the same stretch of time behind them only."""
    if wanted.how == "never":
        return []
    left_out = ended if wanted.how == "mean" else ()
    values = {index: float(stats[wanted.how]) for index, stats in by_gpu.items() if index not in left_out}
    found = deviations(values, max(wanted.resolution, 1e-9))
    return [
        GpuOutlier(index=index, value=values[index], peers_median=middle, deviation=deviation)
        for index, (middle, deviation) in found.items()
        if abs(deviation) >= OUTLIER_DEVIATION
    ]
