"""Which evidence acting may rest on: that whose entities no model can have written.

An engine writes the PromQL of `query_prometheus`, and PromQL writes labels (``label_replace``, ``label_join``,
``count_values``, ``group_left``): such a result can show any UUID under any number on any node. What it measured may be
cited, but it says neither which GPU a number is nor that anything was looked at. No list of forbidden functions is
kept, because the next Prometheus may have another.
"""

from __future__ import annotations

from collections.abc import Iterable

from gcm_sentinel.domain.evidence import DESK, Evidence

FREE_QUERY = "query_prometheus"
"""The tool whose query is an engine's own; its result's labels are what the query makes them."""


def grounds(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Those of `evidence` that show what is there by fields no engine writes, in the same order."""
    return tuple(item for item in evidence if item.source != DESK and item.tool != FREE_QUERY)
