"""Secrets out: the one pure function every tool result passes before it is stored, shown to a model or printed.

The patterns prefer a false positive in a log line over a leaked credential. They are anchored on shapes that carry
their own mark (key prefixes, PEM headers, JWTs, `password=`), so that hashes, UUIDs and the hex dumps of GPU logs stay
readable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gcm_sentinel.domain.jsontypes import Json, JsonObject

MASK = "[redacted]"

_NAMED = (
    r"(?:password|passwd|pwd|secret|api[_-]?key|apikey|access[_-]?key|secret[_-]?key|auth[_-]?token|access[_-]?token|"
    r"refresh[_-]?token|client[_-]?secret|private[_-]?key|token|credential|wandb_api_key|hf_token)"
)


@dataclass(frozen=True, slots=True)
class _Shape:
    """One kind of secret. The pattern is only tried on text that holds one of its marks: logs are long and clean."""

    marks: tuple[str, ...]
    """Lower-case words, one of which every match contains."""
    pattern: re.Pattern[str]
    replacement: str = MASK


_SHAPES: tuple[_Shape, ...] = (
    _Shape(
        ("private key-----",),
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    ),
    _Shape(("eyj",), re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")),
    _Shape(("sk-", "pk-", "rk-"), re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}")),
    _Shape(("gh", "github_pat_"), re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}")),
    _Shape(("xox", "xapp-"), re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}")),
    _Shape(
        ("hf_", "nvapi-", "glpat-"),
        re.compile(r"\bhf_[A-Za-z0-9]{20,}|\bnvapi-[A-Za-z0-9_-]{20,}|\bglpat-[A-Za-z0-9_-]{16,}"),
    ),
    _Shape(("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    _Shape(("aiza",), re.compile(r"\bAIza[A-Za-z0-9_-]{30,}")),
    _Shape(
        ("authorization",),
        re.compile(r"(?i)\b(authorization\s*[:=]\s*(?:bearer|basic)\s+)[^\s\"',;]+"),
        rf"\g<1>{MASK}",
    ),
    _Shape(("bearer",), re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{16,}"), rf"\g<1>{MASK}"),
    _Shape(("://",), re.compile(r"(://[^\s:/@]+:)[^\s@/]+(@)"), rf"\g<1>{MASK}\g<2>"),
    _Shape(
        ("pass", "pwd", "secret", "key", "token", "credential"),
        re.compile(rf"(?i)({_NAMED}[\w.-]*[\"']?\s*[:=]\s*[\"']?)(?!\[redacted\])[^\s\"',;&}}]{{4,}}"),
        rf"\g<1>{MASK}",
    ),
)

_NAMED_KEY = re.compile(rf"(?i)(?:^|[_.-]){_NAMED}$")


@dataclass(frozen=True, slots=True)
class Redactor:
    """Removes secrets and whatever the operator lists (`extra`, compiled patterns)."""

    extra: tuple[re.Pattern[str], ...] = ()

    def text(self, text: str) -> str:
        """`text` without secrets."""
        folded = text.lower()
        for shape in _SHAPES:
            if any(mark in folded for mark in shape.marks):
                text = shape.pattern.sub(shape.replacement, text)
        for pattern in self.extra:
            text = pattern.sub(MASK, text)
        return text

    def json(self, value: Json) -> Json:
        """A JSON value without secrets: strings are cleaned, values under secret-looking keys masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return self.object(value)
        if isinstance(value, Sequence):
            return [self.json(item) for item in value]
        return value

    def object(self, value: JsonObject) -> dict[str, Json]:
        """The same for an object, whose keys can name a secret."""
        return {
            self.text(key): MASK if isinstance(item, str) and item and _NAMED_KEY.search(key) else self.json(item)
            for key, item in value.items()
        }
