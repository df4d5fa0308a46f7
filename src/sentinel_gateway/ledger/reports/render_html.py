"""A report as one HTML page that needs nothing else: no script, no font, no image to fetch; made to be printed.

Everything from the ledger is foreign text: the template escapes all of it, and `shown.visible` spells out characters
that would hide or reorder others.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from sentinel_gateway.ledger.reports.charts import drawn, legend
from sentinel_gateway.ledger.reports.document import Chart, Figure, Integrity, Report, Table
from sentinel_gateway.ledger.reports.evidence import Evidence
from sentinel_gateway.ledger.reports.shown import cell, duration, number, share, value_of, visible
from sentinel_gateway.ledger.reports.window import iso
from sentinel_gateway.ledger.wording import counted

MOST_ROWS = 200
"""Of one table; more is no use on paper, and stands in the other forms."""
_CHUNK_PIECES = 400


def as_html(report: Report) -> Iterator[bytes]:
    """UTF-8 in pieces."""
    stream = _template().stream(
        report=report,
        start=iso(report.window.start_ns),
        end=iso(report.window.end_ns),
        requested_end=iso(report.requested_end_ns),
        cut_short=report.requested_end_ns != report.window.end_ns,
        generated=iso(report.generated_ns),
        verdict=_verdict(report.integrity),
        most_rows=MOST_ROWS,
    )
    stream.enable_buffering(_CHUNK_PIECES)
    for piece in stream:
        yield piece.encode("utf-8", "replace")


def _template() -> Template:
    loader = PackageLoader("sentinel_gateway.ledger.reports")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        behind=_behind,
        counted=counted,
        cell=cell,
        companions=_companions,
        definition=_definition,
        drawn=_drawn,
        legend=legend,
        lines=_lines,
        numeric=_is_numeric,
        value=value_of,
        visible=visible,
    )
    return environment.get_template("report.html")


def _drawn(chart: Chart) -> Markup:
    return Markup(drawn(chart))  # noqa: S704  `charts` escapes every text it draws


def _verdict(integrity: Integrity) -> dict[str, str]:
    if integrity.valid and integrity.problem:
        return {"style": "unsure", "headline": "The entries behind this report verify; later ones are not signed yet."}
    if integrity.valid:
        return {"style": "good", "headline": "The ledger behind this report verifies."}
    headline = f"The ledger does not verify ({integrity.problem}). No figure here can be relied on."
    return {"style": "bad", "headline": headline}


def _behind(evidence: Evidence) -> str:
    if not evidence.entries:
        return "none"
    if evidence.entries <= len(evidence.sample_ids):
        return ", ".join(str(entry_id) for entry_id in evidence.sample_ids)
    span = f"{number(evidence.entries)} from {evidence.first_entry_id} to {evidence.last_entry_id}"
    return f"{span}, such as {', '.join(str(entry_id) for entry_id in evidence.sample_ids)}"


def _companions(figure: Figure) -> str:
    parts = [] if figure.n is None else [f"n = {number(figure.n)}"]
    shown = {"s": duration, "share": share}.get(figure.unit, number)
    parts += [f"{name} {shown(value)}" for name, value in figure.parts]
    return ", ".join(parts)


def _definition(figure: Figure, terms: tuple[str, ...]) -> str:
    text = figure.definition
    for term in terms:
        text = text.removeprefix(term).strip()
    return text


def _is_numeric(table: Table, column: int) -> bool:
    """Whether a column is aligned like numbers: none of the rows shown has a text there."""
    return bool(table.rows) and not any(isinstance(row[column], str) for row in table.rows[:MOST_ROWS])


def _lines(text: str) -> str:
    return "\n".join(visible(line) for line in text.split("\n"))
