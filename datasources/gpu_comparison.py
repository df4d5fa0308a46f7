"""A node's GPUs side by side, from the series of one range. Pure.

Series of one GPU that differ in labels only (another pod took the GPU over) are one history. A metric nobody exports is
absent, a GPU without a series others have is missing, and a series that stopped has ended: three different things, none
of them zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from gcm_sentinel.datasources.gpu_labels import gpu_index, gpu_key, identity
from gcm_sentinel.datasources.gpu_panel import Compared
from gcm_sentinel.datasources.series_shape import OUTLIER_DEVIATION, deviations, shape
from gcm_sentinel.domain.summaries import GpuIdentity, GpuMetric, GpuOutlier, SeriesStats


@dataclass(frozen=True, slots=True)
class LabelledPoints:
    """One series with its labels, as the comparison takes it."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


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


def identities(series: Iterable[LabelledPoints]) -> list[GpuIdentity]:
    """The GPUs the series name, each as its latest series names it, by index."""
    latest: dict[int, tuple[float, GpuIdentity]] = {}
    for one in series:
        known = identity(one.labels)
        if known is None or not one.points:
            continue
        last_s = one.points[-1][0]
        if known["index"] not in latest or latest[known["index"]][0] < last_s:
            latest[known["index"]] = (last_s, known)
    return [known for _, (_, known) in sorted(latest.items())]


def compare(series: Sequence[LabelledPoints], asked: Sequence[Compared], window: Window) -> list[GpuMetric]:
    """Every metric asked for, over all GPUs: those in which GPUs differ first, then those that moved, absent last."""
    by_name: dict[str, list[LabelledPoints]] = defaultdict(list)
    for one in series:
        by_name[one.labels.get("__name__", "")].append(one)
    everyone = sorted({index for one in series if (index := gpu_index(one.labels)) is not None})
    return sorted((_metric(wanted, by_name, everyone, window) for wanted in asked), key=_calm)


def _calm(metric: GpuMetric) -> int:
    """How little a metric has to say: a reader with little room sees the telling ones first."""
    if not metric["present"]:
        return 3
    if metric["outliers"] or metric["missing"]:
        return 0
    return 2 if all(stats["constant"] for stats in metric["by_gpu"].values()) else 1


def _metric(
    wanted: Compared, by_name: Mapping[str, Sequence[LabelledPoints]], everyone: Sequence[int], window: Window
) -> GpuMetric:
    exported = next((name for name in wanted.spellings if by_name.get(name)), None)
    found = by_name[exported] if exported else ()
    histories = _histories(found)
    by_gpu = _shapes(histories, window, counter=wanted.counter)
    ended = sorted(int(key) for key, points in histories.items() if key.isdecimal() and window.ended(max(points)))
    indices = {int(key.split("/")[0]) for key in by_gpu}
    whole = {int(key): stats for key, stats in by_gpu.items() if key.isdecimal()}
    return GpuMetric(
        metric=exported or wanted.name,
        present=bool(by_gpu),
        unit=wanted.unit,
        by_gpu=by_gpu,
        outliers=_outliers(whole, wanted, ended),
        missing=[index for index in everyone if index not in indices] if by_gpu else [],
        ended=ended,
    )


def _histories(found: Sequence[LabelledPoints]) -> dict[str, dict[float, float]]:
    """Each GPU's samples by time, whatever other labels its series had."""
    histories: dict[str, dict[float, float]] = defaultdict(dict)
    for one in found:
        key = gpu_key(one.labels)
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
