"""The probes of a suspicion as evidence: what all kinds say together, in figures and in words that claim no more. Pure.

ERROR, TIMEOUT and NOT_RUN are told as what they are: no answer. A suspect that gave none at all is an error and not
`no_data`, from which a reader could claim that there is nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from gcm_sentinel.datasources.node_gpus import entities
from gcm_sentinel.datasources.probe_choice import Choice
from gcm_sentinel.datasources.probe_runs import KindRun, Trial, Trials
from gcm_sentinel.datasources.probe_sides import compare, failing, lines, side
from gcm_sentinel.datasources.sentinel_gpus import plain
from gcm_sentinel.datasources.tool_calls import as_json, of_error
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.node_probes import ProbeRun
from gcm_sentinel.domain.summaries import Comparison, ProbeGpuSummary, ProbeKindSummary

MOST_SMS = 20
_FAILS: tuple[Comparison, ...] = ("fails_on_both", "fails_alone", "fails_uncompared")
_SIBLING_FAILS = frozenset({"fails_on_both", "only_sibling_fails"})
_MEANS: dict[Comparison, str] = {
    "fails_alone": "The suspect computed wrong results and the other GPU of the node, with the same operands, none.",
    "fails_uncompared": "The suspect computed wrong results; no other GPU of the node could be held against it.",
    "fails_on_both": "Both GPUs computed wrong results: that points at the host, the driver or the probe before a GPU.",
    "only_sibling_fails": "The suspect passed and the GPU beside it failed: that one is the suspect now.",
    "no_answer": "The suspect gave no answer to some probes: that is neither a pass nor a failure.",
    "passes_in_part": "What ran was right, but not all of it ran: what did not run is not known.",
    "passes": "All of it was right: these operands, at this moment and temperature. It does not prove the GPU sound.",
}


def answer(trial: Trial, suspicion: str, choice: Choice, trials: Trials, query: str) -> ToolResult:
    """`probe_gpu`."""
    kinds = [_kind(trial, run) for run in trials.runs]
    overall = _overall([kind["comparison"] for kind in kinds], cut=bool(trials.not_asked))
    summary: ProbeGpuSummary = {
        "node": trial.node,
        "gpu": plain(trial.suspect.uuid, 90),
        "gpu_index": trial.suspect.index,
        "sibling": plain(trial.sibling.uuid, 90) if trial.sibling else None,
        "suspicion": suspicion,
        "depth": "deep" if trial.is_deep else "light",
        "comparison": overall,
        "repeating_sms": _repeating(trials.runs),
        "kinds": kinds,
        "not_asked": list(map(str, trials.not_asked)),
    }
    if not any(kind["comparison"] != "no_answer" for kind in kinds):
        return _nothing(trials, query, summary)
    told = [gpu for gpu in (trial.suspect, trial.sibling) if gpu is not None]
    return ToolResult(
        ResultStatus.OK,
        query,
        as_json(summary),
        _raw(trials),
        time_range=_window(trials.runs),
        entities=entities(trial.node, told),
        note=" ".join(_notes(summary, choice, trial.doubt)),
    )


def _kind(trial: Trial, run: KindRun) -> ProbeKindSummary:
    wrong = failing(run.suspect)
    beside = side(run.sibling, trial.sibling, run.kind) if run.sibling is not None and trial.sibling else None
    return {
        "kind": str(run.kind),
        "comparison": compare(run.suspect, run.sibling),
        "suspect": side(run.suspect, trial.suspect, run.kind),
        "sibling": beside,
        "failing_sms": wrong[:MOST_SMS],
        "failing_sms_total": len(wrong),
    }


def _overall(found: Sequence[Comparison], *, cut: bool) -> Comparison:
    """The gravest. Both failed where each did in some kind; a pass is whole only where every kind passed."""
    if failed := [one for one in _FAILS if one in found]:
        return "fails_on_both" if _SIBLING_FAILS & set(found) else failed[0]
    if "only_sibling_fails" in found:
        return "only_sibling_fails"
    if set(found) == {"passes"} and not cut:
        return "passes"
    return "passes_in_part" if {"passes", "passes_in_part"} & set(found) else "no_answer"


def _repeating(runs: Sequence[KindRun]) -> list[int]:
    seen = Counter(wrong["sm"] for run in runs for wrong in failing(run.suspect) if wrong["sm"] is not None)
    return sorted(sm for sm, kinds in seen.items() if kinds > 1)


def _notes(summary: ProbeGpuSummary, choice: Choice, doubt: str) -> list[str]:
    notes = [_MEANS[summary["comparison"]]]
    silent = [kind["kind"] for kind in summary["kinds"] if kind["comparison"] == "no_answer"]
    if silent:
        notes.append(f"No answer, which is not a pass: {', '.join(silent)}.")
    if summary["not_asked"]:
        notes.append(f"Not run, so nothing is known of it: {', '.join(summary['not_asked'])}.")
    if summary["sibling"] is None:
        notes.append("No GPU of the same model stands beside it that is free and of which nothing bad is told.")
    elif any(_unanswered(kind) for kind in summary["kinds"]):
        notes.append("The GPU beside it did not answer every probe, so not all of them are compared.")
    if doubt and summary["sibling"] is not None:
        notes.append(plain(doubt))
    if choice.limits and summary["comparison"] in ("passes", "passes_in_part"):
        notes.append(f"Left open by it: {choice.limits}.")
    return notes


def _unanswered(kind: ProbeKindSummary) -> bool:
    return kind["sibling"] is None or kind["sibling"]["outcome"] not in ("pass", "fail")


def _nothing(trials: Trials, query: str, summary: ProbeGpuSummary) -> ToolResult:
    """No probe was answered: the node's own words say why."""
    errors = [run.suspect for run in trials.runs if isinstance(run.suspect, SentinelError)]
    words = "No probe was answered, so nothing is known of the GPU: neither a pass nor a failure."
    if errors:
        failed = of_error(query, errors[0])
        return replace(failed, note=f"{words} {plain(failed.note, 700)}")
    told = [word for kind in summary["kinds"] for word in kind["suspect"]["words"]]
    note = f"{words} {' '.join(dict.fromkeys(told))[:700]}".strip()
    return ToolResult(ResultStatus.ERROR, query, as_json(summary), _raw(trials), note=note)


def _raw(trials: Trials) -> str:
    told = [
        line
        for run in trials.runs
        for line in (*lines(run.kind, run.suspect, "suspect"), *lines(run.kind, run.sibling, "GPU beside it"))
    ]
    return "\n".join([*told, *(f"{kind}: not run" for kind in trials.not_asked)])


def _window(runs: Sequence[KindRun]) -> TimeRange | None:
    done = [run.suspect for run in runs if isinstance(run.suspect, ProbeRun)]
    return TimeRange(min(run.started for run in done), max(run.ended for run in done)) if done else None
