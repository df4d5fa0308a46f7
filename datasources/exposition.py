"""A parser for the Prometheus text exposition format, as exporters serve it. Pure; used by the exporter sources.

Label values may hold commas, braces, equal signs and escaped quotes; a sample may carry a timestamp, and an OpenMetrics
exporter may add an exemplar. A line that does not parse is counted, never guessed at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|(?=\}))')
_ESCAPE = re.compile(r"\\(.)")
_UNESCAPED = {"n": "\n", "\\": "\\", '"': '"'}


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample line."""

    name: str
    labels: dict[str, str]
    value: float
    timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Exposition:
    """A parsed page."""

    samples: tuple[Sample, ...]
    types: dict[str, str] = field(default_factory=dict)
    """Metric -> counter, gauge, histogram, summary, untyped."""
    rejected: int = 0
    """Lines that were neither a comment nor a sample."""


def parse_exposition(text: str) -> Exposition:
    """All samples of a page, in its order."""
    samples: list[Sample] = []
    types: dict[str, str] = {}
    rejected = 0
    for raw in text.splitlines():
        line = raw.strip()
        if not line:
            continue
        if line.startswith("#"):
            _note_type(line, types)
            continue
        sample = parse_sample(line)
        if sample is None:
            rejected += 1
        else:
            samples.append(sample)
    return Exposition(tuple(samples), types, rejected)


def parse_sample(line: str) -> Sample | None:
    """One sample line, None when it is not one."""
    found = _NAME.match(line)
    if found is None:
        return None
    position = found.end()
    labels: dict[str, str] = {}
    rest = line[position:].lstrip()
    if rest.startswith("{"):
        parsed = _labels(rest)
        if parsed is None:
            return None
        labels, rest = parsed
    return _with_value(found.group(), labels, rest)


def _labels(text: str) -> tuple[dict[str, str], str] | None:
    labels: dict[str, str] = {}
    position = 1
    while True:
        found = _LABEL.match(text, position)
        if found is None:
            break
        value = found.group(2)
        labels[found.group(1)] = _ESCAPE.sub(_unescape, value) if "\\" in value else value
        position = found.end()
    rest = text[position:].lstrip()
    return (labels, rest[1:]) if rest.startswith("}") else None


def _unescape(found: re.Match[str]) -> str:
    return _UNESCAPED.get(found.group(1), found.group())


def _with_value(name: str, labels: dict[str, str], rest: str) -> Sample | None:
    words = rest.split(" # ", 1)[0].split()
    if not 1 <= len(words) <= 2:
        return None
    try:
        value = float(words[0])
        moment = round(float(words[1])) if len(words) == 2 else None
    except (ValueError, OverflowError):
        return None
    return Sample(name, labels, value, moment)


def _note_type(line: str, types: dict[str, str]) -> None:
    words = line.split(None, 3)
    if len(words) == 4 and words[1] == "TYPE":
        types[words[2]] = words[3].strip()
