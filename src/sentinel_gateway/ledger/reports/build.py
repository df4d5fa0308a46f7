"""From facts and a verification to the report of one standard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from sentinel_gateway.ledger.reports import iso27001, soc2
from sentinel_gateway.ledger.reports.document import Integrity, Report, Section
from sentinel_gateway.ledger.reports.facts import Facts
from sentinel_gateway.ledger.reports.findings import findings
from sentinel_gateway.ledger.reports.render_csv import as_csv
from sentinel_gateway.ledger.reports.render_html import as_html
from sentinel_gateway.ledger.reports.render_json import as_json
from sentinel_gateway.ledger.reports.window import iso
from sentinel_gateway.ledger.wording import counted


class ReportKind(StrEnum):
    """Which standard."""

    SOC2 = "soc2"
    ISO27001 = "iso27001"


class ReportFormat(StrEnum):
    """How it is written."""

    HTML = "html"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a report comes from."""

    source: str
    """The database, without a password."""
    generated_ns: int
    requested_end_ns: int
    generator: str = "sentinel-gateway"


@dataclass(frozen=True, slots=True)
class _Standard:
    title: str
    criteria: str
    controls: dict[str, str]
    sections: Callable[[Facts], tuple[Section, ...]]


_STANDARDS = {
    ReportKind.SOC2: _Standard(soc2.TITLE, soc2.CRITERIA, soc2.CONTROLS, soc2.sections),
    ReportKind.ISO27001: _Standard(iso27001.TITLE, iso27001.CRITERIA, iso27001.CONTROLS, iso27001.sections),
}
_WRITERS = {ReportFormat.HTML: as_html, ReportFormat.JSON: as_json, ReportFormat.CSV: as_csv}


def built(kind: ReportKind, facts: Facts, integrity: Integrity, origin: Origin) -> Report:
    """The report as values."""
    standard = _STANDARDS[kind]
    return Report(
        kind.value,
        standard.title,
        standard.criteria,
        facts.window,
        origin.requested_end_ns,
        origin.generated_ns,
        origin.source,
        origin.generator,
        integrity,
        facts.activity.entries_read,
        facts.complete,
        facts.cuts,
        standard.sections(facts),
        findings(facts, integrity, standard.controls),
        notes=_notes(facts),
    )


def written(report: Report, form: ReportFormat) -> Iterator[bytes]:
    """The report in one of its formats, in pieces."""
    return _WRITERS[form](report)


def _notes(facts: Facts) -> tuple[str, ...]:
    notes = [
        "Entries count by their own times, whoever recorded them: the ledger proves that an entry was recorded and not"
        " changed since, not that what it says is true."
    ]
    activity = facts.activity
    if not activity.entries_read:
        notes.append("The ledger has no entries.")
    elif activity.newest_ns < facts.window.end_ns:
        until = iso(activity.newest_ns)
        notes.append(f"The newest entry is from {until}; nothing is known of the time between it and the window's end.")
    if waiting := facts.unsummarised.results:
        gpus = len(facts.unsummarised.gpu_uuids)
        notes.append(
            f"Probe results since {iso(facts.unsummarised.since_ns)} that the ledger does not sum up yet: {waiting}, of"
            f" {counted(gpus, 'GPUs')}. No figure counts them; GPUs that have some do not count as without probes."
        )
    if not facts.complete:
        notes.append(
            f"Entries before {activity.first_entry_id} were removed by retention. States that no kept entry tells count"
            " as unknown, and incidents that began before have no times."
        )
    return tuple(notes)
