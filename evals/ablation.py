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
    "prometheus": r"prometheus|gpu metric|time series|(?<!dcgm )metrics",
    "sentinel": r"sentinel",
    "topology": r"topolog",
    "workloads": r"workload|\bjobs?\b",
}
"""Source to how people call it; any other source must be called by its name."""


_UNREACHED = re.compile(
    r"\bno (tool|source|data|answer|access|logs?|metrics|agent)\b|\bnot (be )?(\w+ly )?(checked|reached|reachable|read|"
    r"readable|there|available|offered|asked|queried|answer|accessible|configured|looked|seen|usable|connected)\b|"
    r"\b(could not|couldn't|cannot|can't|unavailable|unreachable|unreadable|inaccessible|missing|disabled|turned off|"
    r"is down|down\)|failed|timed? ?out|timeout|absent|refused|error)\b|\bnone of \d+ logs could be read",
    re.IGNORECASE,
)
"""How people say that something could not be looked at."""
_FEW_WORDS = 4
"""In a list of what was not checked, a name with so few words says so by standing there."""


def untold(without: Sequence[str], not_checked: Sequence[str]) -> tuple[str, ...]:
    """Those of the sources `without` of which no sentence of `not_checked` says that it could not be looked at.

    A sentence may name a source also for what would have been in it, which tells of no gap in that source. So its name
    must stand where it is said: in the same part of the sentence, or as what the words after a colon are about.
    """
    parts = [part for sentence in not_checked for part in re.split(r"[;.]\s+|\n", sentence)]
    return tuple(source for source in without if not any(_tells(_pattern(source), part) for part in parts))


def _tells(pattern: str, part: str) -> bool:
    head, colon, rest = part.partition(": ")
    if re.search(pattern, head, re.IGNORECASE):
        bare = not colon and len(head.split()) <= _FEW_WORDS
        return bare or _UNREACHED.search(part) is not None
    return re.search(pattern, rest, re.IGNORECASE) is not None and (
        _UNREACHED.search(rest) is not None or (_UNREACHED.search(head) is not None and not _names_any(head))
    )


def _names_any(words: str) -> bool:
    return any(re.search(_pattern(source), words, re.IGNORECASE) for source in _CALLED)


def _pattern(source: str) -> str:
    by_name = re.escape(source).replace("_", "[ _-]?")
    called = _CALLED.get(source)
    return f"{by_name}|{called}" if called else by_name
