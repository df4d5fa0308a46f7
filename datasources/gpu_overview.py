"""A node's GPUs and their metrics in one line each, for a reader with little room. Pure.

The full statistics of forty metrics on eight GPUs are a hundred thousand characters; a model is shown a few thousand.
These lines stand first in the summaries of `compare_gpu_metrics` and `query_dcgm_direct`, so that every metric is seen
before any is seen in detail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gcm_sentinel.datasources.gpu_panel import Compared, compared
from gcm_sentinel.domain.entity import normal_pci
from gcm_sentinel.domain.summaries import ExporterMetric, GpuIdentity, GpuMetric, SeriesStats

NOT_EXPORTED = "not exported, which is not zero"


def of_comparison(gpus: Sequence[GpuIdentity], metrics: Sequence[GpuMetric]) -> dict[str, str]:
    """``GPU 5`` -> who it is and when its series ended; metric -> every GPU's figure and who differs."""
    gone = _gone(metrics)
    lines = _identities(gpus)
    for index, at in gone.items():
        lines[f"GPU {index}"] = f"{lines.get(f'GPU {index}', '')}; all its series end at {at}".lstrip("; ")
    return {**lines, **{metric["metric"]: _metric(metric, gone) for metric in metrics}}


def of_samples(gpus: Sequence[GpuIdentity], samples: Sequence[ExporterMetric], absent: Sequence[str]) -> dict[str, str]:
    """``GPU 5`` -> who it is; metric -> every GPU's value now; metrics that are not exported."""
    values: dict[str, dict[str, str]] = {}
    for sample in samples:
        labels = sample["labels"]
        slot = "/".join(part for part in (labels.get("gpu", ""), labels.get("GPU_I_ID", "")) if part)
        other = [f"{key}={labels[key]}" for key in ("err_code", "xid") if labels.get(key)]
        values.setdefault(sample["name"], {})[" ".join([slot, *other])] = _short(sample["value"])
    told = {name: _alike(by_gpu) for name, by_gpu in values.items()}
    return {**_identities(gpus), **told, **dict.fromkeys(absent, NOT_EXPORTED)}


def _identities(gpus: Sequence[GpuIdentity]) -> dict[str, str]:
    return {
        f"GPU {gpu['index']}": " ".join(
            filter(
                None,
                (
                    normal_pci(gpu["pci"]) if gpu["pci"] else "",
                    gpu["uuid"],
                    f"held by {pod}" if (pod := gpu.get("pod")) else "",
                ),
            )
        )
        for gpu in gpus
    }


def _gone(metrics: Sequence[GpuMetric]) -> dict[int, str]:
    """GPUs whose every series ended -> when the last of them did."""
    live = {
        key for metric in metrics for key in metric["by_gpu"] if key.isdecimal() and int(key) not in metric["ended"]
    }
    gone: dict[int, str] = {}
    for metric in metrics:
        for index in metric["ended"]:
            if str(index) not in live:
                gone[index] = max(gone.get(index, ""), metric["by_gpu"][str(index)]["last_at"])
    return gone


def _metric(metric: GpuMetric, gone: Mapping[int, str]) -> str:
    if not metric["present"]:
        return NOT_EXPORTED
    how = compared(metric["metric"])
    dead = {str(index) for index in metric["ended"]}
    figures = {key: _figure(stats, how) + " (ended)" * (key in dead) for key, stats in metric["by_gpu"].items()}
    parts = [_alike(figures)]
    parts += [f"differs: {', '.join(str(outlier['index']) for outlier in metric['outliers'])}"] * bool(
        metric["outliers"]
    )
    parts += [f"no series: {', '.join(map(str, metric['missing']))}"] * bool(metric["missing"])
    parts += [
        f"{index} ended at {metric['by_gpu'][str(index)]['last_at']}" for index in metric["ended"] if index not in gone
    ]
    unit = f"{metric['unit']}: " if metric["unit"] not in ("", "count", "flag", "number", "code") else ""
    return unit + "; ".join(parts)


def _figure(stats: SeriesStats, how: Compared) -> str:
    """A constant by its value, a counter by what it grew, a state by its change, a measurement by its mean."""
    if stats["constant"]:
        return _short(stats["last"])
    if how.counter:
        return f"{_short(stats['last'])} (+{_short(stats['delta'])})"
    if how.how == "mean":
        return f"~{_short(stats['mean'])}"
    if stats["first"] == stats["last"]:
        return f"{_short(stats['last'])} (from {_short(stats['minimum'])} to {_short(stats['maximum'])} between)"
    change, last_change = stats["changed_at"], stats.get("last_changed_at")
    when = f"at {change}" if last_change in (None, change) else f"over {change} to {last_change}"
    return f"{_short(stats['first'])} -> {_short(stats['last'])} {when}"


def _alike(by_gpu: Mapping[str, str]) -> str:
    """``31 on all 8``, or ``0-4,7: 0 | 5: 3``: GPUs with the same figure together, in the order of the first."""
    groups: dict[str, list[str]] = {}
    for key, text in by_gpu.items():
        groups.setdefault(text, []).append(key)
    if len(groups) == 1 and len(by_gpu) > 1:
        return f"{next(iter(groups))} on all {len(by_gpu)}"
    return " | ".join(f"{_spans(keys)}: {text}".lstrip(": ") for text, keys in groups.items())


def _spans(keys: Sequence[str]) -> str:
    """``0-2,5`` for 0, 1, 2, 5."""
    spans: list[list[str]] = []
    for key in keys:
        follows = spans and key.isdecimal() and spans[-1][-1].isdecimal() and int(key) == int(spans[-1][-1]) + 1
        if follows:
            spans[-1].append(key)
        else:
            spans.append([key])
    return ",".join(span[0] if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in spans)


def _short(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e9 else f"{value:.4g}"
