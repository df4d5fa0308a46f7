"""What of two assessments of the same world must be the same, and the words for what is not.

Everything that is published is compared: outcome, severity, class, summary, entities, actions, confidence, claims with
their quotes, what was struck and what was not checked. Of the evidence: which calls were made, what exactly was asked,
over which time, whether there was an answer, what it shows to exist and its typed summary. Only the raw text differs,
because it holds the servers' own marks and order of keys, and the time and the spending of a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from difflib import unified_diff
from itertools import zip_longest

from gcm_sentinel.app.closed import Closed
from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.evidence import Evidence, ToolResult

_OF_A_RUN = frozenset({"created_at", "spend", "incident_id"})
"""Of an assessment; an incident asked for by hand is numbered by the moment."""
_OF_A_SERVER = frozenset({"raw"})
_MOST_LINES = 20


def differences(simulated: Closed, real: Closed) -> list[str]:
    """What differs between the simulated fleet's assessment and the real servers'; empty when nothing does."""
    one, other = simulated.investigation, real.investigation
    pairs = enumerate(zip_longest(one.evidence, other.evidence), start=1)
    found = [words for number, (left, right) in pairs for words in _of_evidence(f"E{number}", left, right)]
    return [*_of_assessments(one.assessment, other.assessment), *found]


def _of_assessments(one: Assessment, other: Assessment) -> Iterator[str]:
    for name in (field.name for field in fields(Assessment) if field.name not in _OF_A_RUN):
        yield from _of_values(f"assessment {name}", getattr(one, name), getattr(other, name))


def _of_evidence(name: str, one: Evidence | None, other: Evidence | None) -> Iterator[str]:
    if one is None or other is None:
        yield f"{name}: only one side has it: {(one or other)!r:.200}"
        return
    yield from _of_values(f"{name} call", (one.tool, one.arguments), (other.tool, other.arguments))
    for part in (field.name for field in fields(ToolResult) if field.name not in _OF_A_SERVER):
        yield from _of_values(f"{name} {one.tool} {part}", getattr(one.result, part), getattr(other.result, part))


def _of_values(what: str, one: object, other: object) -> Iterator[str]:
    if one != other:
        lines = list(unified_diff(_lines(one), _lines(other), "simulated", "real", lineterm="", n=0))
        yield "\n    ".join([f"{what}:", *lines[:_MOST_LINES]])


def _lines(value: object) -> list[str]:
    return json.dumps(value, indent=0, sort_keys=True, default=repr).splitlines()
