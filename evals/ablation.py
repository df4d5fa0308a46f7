"""A run without one of the data sources: does an answer say what it could not look at?

An operator may not have every source, and one may be down. Then a worse answer is no shame, but silence about the gap
is: whoever reads that nothing was found must learn that nobody looked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_CALLED: dict[str, str] = {
    "alertmanager": r"alert",
    "audit_ledger": r"ledger",
    "dcgm": r"dcgm|gpu metric|gpu exporter",
    "deep_probe": r"prob(e|ing)",
    "gcm_health": r"gcm.?health|health check",
    "history": r"histor|earlier incident|past incident|prior incident",
    "kernel_log": r"kernel|dmesg|journal|xid",
    "knowledge": r"knowledge",
    "kubernetes": r"kubernetes|node object|node's conditions|\bpods?\b|\bevents?\b",
    "node_exporter": r"node.?exporter|host metric",
    "prometheus": r"prometheus|gpu metric|time series|metrics",
    "sentinel": r"sentinel",
    "topology": r"topolog",
    "workloads": r"workload|\bjobs?\b",
}
"""Source to how people call it; any other source must be called by its name."""


def untold(without: Sequence[str], not_checked: Sequence[str]) -> tuple[str, ...]:
    """Those of the sources `without` that no sentence of `not_checked` speaks of."""
    said = "\n".join(not_checked)
    return tuple(source for source in without if not re.search(_pattern(source), said, re.IGNORECASE))


def _pattern(source: str) -> str:
    by_name = re.escape(source).replace("_", "[ _-]?")
    called = _CALLED.get(source)
    return f"{by_name}|{called}" if called else by_name
