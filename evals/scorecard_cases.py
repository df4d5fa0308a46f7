"""The cases on the scorecard: what failed and why, and all of them to be unfolded."""

from __future__ import annotations

from collections.abc import Sequence

from gcm_sentinel.evals.case_record import CaseRecord
from gcm_sentinel.evals.figures import by_dropped, whole
from gcm_sentinel.evals.scorecard_plots import text

_HEADS = (
    ("Case", ""),
    ("Seed", "num"),
    ("Points", "num"),
    ("Expected", ""),
    ("Answered", ""),
    ("Sure", "num"),
    ("", ""),
)
_LONGEST = 400


def cases_card(records: Sequence[CaseRecord]) -> str:
    """Failed cases in the open, all of them folded; those without a source only where they failed."""
    failed = sorted((record for record in records if not record.passed), key=lambda record: record.total)
    shown = whole(records)
    head = f"<h2>Failed cases ({len(failed)})</h2>{_table(failed)}" if failed else "<h2>Every case passed</h2>"
    every = f"<details><summary>All {len(shown)} cases</summary>{_table(shown)}</details>"
    return f"<section class='card'>{head}{every}</section>"


def _table(records: Sequence[CaseRecord]) -> str:
    heads = "".join(f"<th class='{kind}'>{name}</th>" for name, kind in _HEADS)
    rows = "".join(map(_row, records))
    return (
        f"<div class='scroll'><table class='cases'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(record: CaseRecord) -> str:
    name = f"{record.name} without {by_dropped(record)}" if record.without else record.name
    sure = f"{record.measures.confidence:.2f}" if record.measures else ""
    kind = "" if record.passed else " fail"
    return (
        f"<tr><td>{text(name)}</td><td class='num'>{record.seed}</td><td class='num{kind}'>{record.total:g}</td>"
        f"<td>{text(record.expected_class.replace('|', ' or '))}</td><td>{text(record.fault_class or 'not run')}</td>"
        f"<td class='num'>{sure}</td><td class='why'>{text(_why(record))}</td></tr>"
    )


def _why(record: CaseRecord) -> str:
    words = [record.error, *(f"forbidden: {item}" for item in record.forbidden)]
    untold = record.measures.gaps_untold if record.measures else ()
    words += [f"says nothing of the missing {source}" for source in untold]
    return "; ".join(filter(None, words))[:_LONGEST]
