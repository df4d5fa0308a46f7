"""Whether a quote really stands in a piece of evidence: pure string work, strict on purpose.

A quote is either words of the raw text or of the summary (white space aside), at least six characters of which four are
letters or digits, or a figure ``path = value`` whose path resolves in the typed summary. Shorter scraps ("79", "GPU",
``"}, {"``) match anything and prove nothing, so they do not count as words. A number is quoted whole: "errors: 1" does
not stand in "errors: 142". A source's own remark about its answer (`note`) shows what it looked for, so it can support
a claim of absence and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.jsontypes import Json

_SHORTEST = 6
_FEWEST_WORD_CHARACTERS = 4
_SPACE = re.compile(r"\s+")
_FIGURE = re.compile(r"^\s*(?P<path>[A-Za-z_][\w.\[\]\"'*-]*)\s*(?:=|:)\s*(?P<value>.+?)\s*$", re.DOTALL)
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]|\[[\"']([^\"']+)[\"']\]")


def stands_in(quote: str, evidence: Evidence, *, absence: bool = False) -> bool:
    """Whether `quote` stands in `evidence`, as words or as a figure of its summary.

    `absence` says that the claim is one of absence, for which the source's note counts too.
    """
    result = evidence.result
    if _is_figure(quote, result.summary):
        return True
    wanted = _normal(quote)
    if len(wanted.replace(" ", "")) < _SHORTEST or sum(map(str.isalnum, wanted)) < _FEWEST_WORD_CHARACTERS:
        return False
    if _holds(result.raw, wanted):  # as it stands, which most quotes do
        return True
    places = chain([result.raw], _renderings(result.summary), [result.note] if absence else [])
    return any(_holds(_normal(place), wanted) for place in places)


def _holds(text: str, wanted: str) -> bool:
    """Whether `wanted` is in `text` without cutting a number of it in two."""
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        cut_before = wanted[0].isdigit() and text[at - 1 : at].isdigit()
        cut_after = wanted[-1].isdigit() and text[end : end + 1].isdigit()
        if not cut_before and not cut_after:
            return True
        at = text.find(wanted, at + 1)
    return False


def _renderings(summary: Mapping[str, Json]) -> Iterator[str]:
    """The summary as JSON the ways a model may have copied it, and its strings as they read without escapes."""
    yield json.dumps(summary, ensure_ascii=False, default=str)
    yield json.dumps(summary, ensure_ascii=False, separators=(",", ":"), default=str)
    yield "\n".join(_strings(summary))


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
