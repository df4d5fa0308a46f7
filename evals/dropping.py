"""What a run is without each of its data sources, beside the run with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gcm_sentinel.evals.case_record import CaseRecord
from gcm_sentinel.evals.figures import Group, by_dropped, groups, whole


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a run is without some source."""

    group: Group
    silent: int
    """Answers that do not speak of the gap."""
    silent_losses: int
    """Those of them that are worse than with every source: the gap mattered, and nobody is told."""


def dropped(records: Sequence[CaseRecord]) -> tuple[Dropped, ...]:
    """The run with every source, and without each that was dropped; empty for a run that dropped none."""
    if not any(record.without for record in records):
        return ()
    before = {record.key[:3]: record for record in whole(records)}
    found = []
    for group in groups(records, by_dropped):
        silent = [
            record
            for record in records
            if by_dropped(record) == group.name and record.measures and record.measures.gaps_untold
        ]
        losses = [record for record in silent if _is_worse(record, before.get(record.key[:3]))]
        found.append(Dropped(group, len(silent), len(losses)))
    return tuple(found)


def _is_worse(record: CaseRecord, before: CaseRecord | None) -> bool:
    return before is not None and record.total < before.total
