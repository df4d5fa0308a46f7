"""Whether a quote really stands in a piece of evidence: pure string work, strict on purpose.

A quote is either words of the raw text or of the summary (white space aside), at least six characters that carry
meaning, or a figure ``path = value`` whose path resolves in the typed summary. Shorter scraps ("79", "GPU") match
anything and prove nothing, so they do not count as words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.jsontypes import Json

_SHORTEST = 6
_SPACE = re.compile(r"\s+")
_FIGURE = re.compile(r"^\s*(?P<path>[A-Za-z_][\w.\[\]\"'*-]*)\s*(?:=|:)\s*(?P<value>.+?)\s*$", re.DOTALL)
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]|\[[\"']([^\"']+)[\"']\]")


def stands_in(quote: str, evidence: Evidence) -> bool:
    """Whether `quote` stands in `evidence`, as words or as a figure of its summary."""
    return _is_figure(quote, evidence.result.summary) or _is_text(quote, evidence)


def _is_text(quote: str, evidence: Evidence) -> bool:
    wanted = _normal(quote)
    if len(wanted.replace(" ", "")) < _SHORTEST:
        return False
    result = evidence.result
    if wanted in _normal(result.raw) or wanted in _normal(result.note):
        return True
    return any(wanted in _normal(text) for text in _renderings(result.summary))


def _renderings(summary: Mapping[str, Json]) -> list[str]:
    """The summary as JSON the ways a model may have copied it, and its strings as they read without escapes."""
    spaced = json.dumps(summary, ensure_ascii=False, default=str)
    compact = json.dumps(summary, ensure_ascii=False, separators=(",", ":"), default=str)
    return [spaced, compact, "\n".join(_strings(summary))]


def _strings(value: Json) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, Sequence):
        return [text for item in value for text in _strings(item)]
    return []


def _is_figure(quote: str, summary: Mapping[str, Json]) -> bool:
    match = _FIGURE.match(quote)
    if not match:
        return False
    found, value = resolve(summary, match["path"])
    return found and _equal(match["value"], value)


def resolve(summary: Json, path: str) -> tuple[bool, Json]:
    """The value at a path such as ``xids[0].count`` or ``metrics[2].by_gpu.3.last``, and whether it is there."""
    here: Json = summary
    for name, number, quoted in _STEP.findall(path):
        key = name or quoted
        if key and isinstance(here, Mapping) and key in here:
            here = here[key]
        elif number and isinstance(here, Sequence) and not isinstance(here, str) and int(number) < len(here):
            here = here[int(number)]
        else:
            return False, None
    return True, here


def _equal(written: str, value: Json) -> bool:
    text = written.strip().strip("\"'")
    if isinstance(value, bool) or value is None:
        return text.lower() in {str(value).lower(), json.dumps(value)}
    if isinstance(value, int | float):
        return _number(text) == float(value)
    if isinstance(value, str):
        return _normal(text) == _normal(value)
    return _normal(written) in {_normal(json.dumps(value)), _normal(json.dumps(value, separators=(",", ":")))}


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _normal(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
