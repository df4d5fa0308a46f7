"""How an alert reads, and how words of others are kept from being more than words.

Names of GPUs and hosts and reasons of directives come from callers. They are folded onto one line, lose characters that
nobody sees, and addresses in them are broken so that no program makes links of them.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

from sentinel_gateway.domain.alerts import Alert, Event

_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories without a picture: control, direction, private use, half characters, line separators."""
_SCHEME = re.compile(r":(?=//)")
_BARE = re.compile(r"\b(www\.|mailto:|tel:|javascript:|data:)", re.IGNORECASE)


def plain(text: str, most: int = 1000) -> str:
    """`text` on one line of at most `most` characters, with nothing in it that is not seen and no address to click."""
    spaced = "".join(" " if char.isspace() else char for char in text)
    visible = "".join(char for char in spaced if unicodedata.category(char) not in _UNSEEN)
    folded = " ".join(visible.split())
    safe = _BARE.sub(lambda found: f"{found[1][:-1]}[{found[1][-1]}]", _SCHEME.sub("[:]", folded))
    return safe if len(safe) <= most else safe[: most - 1] + "…"


def headline(alert: Alert) -> str:
    """Such as ``[HIGH] gpu_quarantined: GPU-… on node-1: HEALTHY to QUARANTINED by jane``."""
    mark = "RESOLVED" if alert.event is Event.RESOLVE else alert.severity.name
    place = " on ".join(plain(part, 300) for part in (alert.gpu.uuid if alert.gpu else "", alert.hostname) if part)
    about = f"{place}: " if place else ""
    return f"[{mark}] {alert.key.rule}: {about}{plain(alert.summary)}"


def lines(alert: Alert) -> list[tuple[str, str]]:
    """Names and values, for people."""
    facts = [(plain(name, 100), plain(value)) for name, value in alert.facts.items() if value]
    times = when(alert.first_ns)
    if alert.last_ns != alert.first_ns:
        times += f" to {when(alert.last_ns)}"
    rows = [*place_of(alert), *facts, ("time", times)]
    if alert.count > 1:
        rows.append(("count", str(alert.count)))
    if alert.held_back:
        rows.append(("held back since the message before", str(alert.held_back)))
    if alert.evidence:
        rows.append(("evidence", ", ".join(plain(one, 100) for one in alert.evidence)))
    return [*rows, ("alert", alert.alert_id)]


def place_of(alert: Alert) -> list[tuple[str, str]]:
    """Which GPU and host."""
    gpu = alert.gpu
    rows = [("host", plain(alert.hostname, 300))] if alert.hostname else []
    if gpu is not None:
        rows = [("gpu", plain(gpu.uuid, 100)), ("index", str(gpu.device_index)), *rows]
        rows += [("model", plain(gpu.model, 300))] if gpu.model else []
    return rows


def when(time_ns: int) -> str:
    """Such as ``2026-11-01T10:00:00.250Z``."""
    moment = datetime.fromtimestamp(time_ns // 10**9, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns // 10**6 % 1000:03d}Z"
