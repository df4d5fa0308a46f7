"""The scorecard: all figures of a run on one page that can be sent to anybody.

One file, no script, no font, no request: a content security policy in the page forbids them. It reads records only, so
it can be drawn from any results file. Words that come from models and scenario files are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.evals.case_record import CaseRecord
from gcm_sentinel.evals.dropping import dropped
from gcm_sentinel.evals.figures import (
    EVERYTHING,
    Figures,
    Group,
    by_class,
    by_section,
    figures,
    groups,
    seeds_repeat,
    whole,
)
from gcm_sentinel.evals.scorecard_cases import cases_card
from gcm_sentinel.evals.scorecard_plots import Bar, bars, histogram, reliability, text
from gcm_sentinel.evals.scorecard_style import STYLE
from gcm_sentinel.evals.scorecard_tiles import tiles

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_HEAD = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="referrer" content="no-referrer">
"""


def scorecard(records: Sequence[CaseRecord], how: Mapping[str, Json], *, created_at: str, planned: int) -> str:
    """The whole page as text (write it as UTF-8); `how` are the settings of the run, as its file has them."""
    shown = whole(records)
    found = figures(shown)
    title = f"Scorecard: {_engine(how)}"
    return "\n".join([
        f"{_HEAD}<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
        f"<header><h1>{text(title)}</h1>{_about(shown, how, created_at)}{_unfinished(records, planned)}</header>",
        f"<main>{tiles(found)}<div class='plots'>{''.join(_plots(records, shown, found))}</div>",
        f"{cases_card(records)}</main>\n</body>\n</html>\n",
    ])  # fmt: skip


def _engine(how: Mapping[str, Json]) -> str:
    model, engine = how.get("model"), how.get("engine", "a run")
    return f"{engine}, {model}" if model else f"{engine} engine" if "engine" in how else "rescored cases"


def _about(records: Sequence[CaseRecord], how: Mapping[str, Json], created_at: str) -> str:
    scenarios = len({record.scenario for record in records})
    words = [
        f"{_count(len(records), 'case')} of {_count(scenarios, 'scenario')}",
        f"version {how['version']}" if "version" in how else "",
        f"mode {how['mode']}" if how.get("mode") else "",
        f"begun {created_at[:16].replace('T', ' ')} UTC",
        _intervals(records),
    ]
    return f"<p>{text(' · '.join(filter(None, words)))}</p>"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _intervals(records: Sequence[CaseRecord]) -> str:
    if seeds_repeat(records):
        return "intervals are 95 % by scenario, whose seeds are alike; of evidence, claims and confidence Wilson"
    return "intervals are 95 % Wilson"


def _unfinished(records: Sequence[CaseRecord], planned: int) -> str:
    missing = planned - len(records)
    return f"<p class='fail'>The run did not end: {missing} of {planned} cases are missing.</p>" if missing else ""


def _plots(records: Sequence[CaseRecord], shown: Sequence[CaseRecord], found: Figures) -> list[str]:
    sure = found.calibration
    classes = sorted(groups(shown, by_class), key=lambda group: (group.passed.value, group.name))
    plots = [
        _card(
            "Confidence and correctness",
            "On the dashed line, who says 0.9 is right nine times in ten. Above: how many answers.",
            reliability("Share of right answers by confidence", sure.bins),
        ),
        _card(
            "Passed by section",
            "Families of scenarios, A to N.",
            bars("Passed by section", _bars(groups(shown, by_section))),
        ),
        _ablation(records),
        _card(
            "Points",
            "0 to 100; a case passes from 70, with the right cause and nothing forbidden.",
            histogram("Cases by points", [record.total for record in shown], unit="points", ends=(0.0, 100.0)),
        ),
        _card(
            "Wall time of a case",
            "From the world's start to the published answer.",
            histogram("Cases by wall time", [record.wall_s for record in shown if record.measures], unit="seconds"),
        ),
        _card("Passed by expected fault class", "The worst first.", bars("Passed by fault class", _bars(classes))),
    ]
    return [plot for plot in plots if plot]


def _bars(found: Sequence[Group]) -> list[Bar]:
    return [Bar(group.name, group.passed) for group in found]


def _ablation(records: Sequence[CaseRecord]) -> str:
    found = dropped(records)
    if not found:
        return ""
    base = next((item.group.passed.value for item in found if item.group.name == EVERYTHING), None)
    rows = [
        Bar(item.group.name, item.group.passed, f"· {item.silent_losses}" if item.silent_losses else "")
        for item in found
    ]
    about = "The dashed line is the run with all of them. Behind the dot: answers that got worse and say nothing of it."
    return _card("Passed without a data source", about, bars("Passed without a data source", rows, mark=base))


def _card(title: str, about: str, drawing: str) -> str:
    if not drawing:
        return ""
    return f"<section class='card'><h2>{text(title)}</h2><p class='about'>{text(about)}</p>{drawing}</section>"
