"""What the report page shows of one piece of evidence: its origin, the cited lines, its figures, head and tail.

Used by web/incident_view.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gcm_sentinel.domain.assessment import Claim
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.web import quotes
from gcm_sentinel.web.quotes import Piece, Place

SUMMARY_CHARACTERS = 12_000


@dataclass(frozen=True, slots=True)
class CitedQuote:
    """A quote of some claim."""

    anchor: str
    quote: str
    where: str
    """Where it stands, in words, when it is not marked in the passages; empty when it is."""


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """One piece of evidence."""

    evidence: Evidence
    anchor: str
    quotes: tuple[CitedQuote, ...]
    passages: tuple[tuple[Piece, ...], ...]
    """The cited lines of the raw text, the quotes among them marked."""
    arguments: str
    summary: str
    summary_cut: int
    """Characters of the summary that are not shown."""
    head: str
    left_out: int
    tail: str

    @property
    def id(self) -> str:
        """``E7``."""
        return self.evidence.id

    @property
    def observed(self) -> bool:
        """Whether the world was looked at."""
        return self.evidence.result.status.observed

    @property
    def title(self) -> str:
        """Source and tool."""
        return f"{self.evidence.source} · {self.evidence.tool}"


def evidence_views(publication: Publication, anchor: str) -> tuple[EvidenceView, ...]:
    """All evidence of a publication in order; quotes of struck claims are not shown as if they stood in it."""
    claims = publication.assessment.draft.claims
    return tuple(_view(item, _quotes_of(claims, item.id), anchor) for item in publication.evidence)


def _quotes_of(claims: Iterable[Claim], evidence: str) -> list[str]:
    """The different quotes of `evidence`, in order of the claims."""
    cited = (cite.quote for claim in claims for cite in claim.cites if cite.evidence == evidence)
    return list(dict.fromkeys(quote for quote in cited if quote.strip()))


def _view(evidence: Evidence, cited: list[str], anchor: str) -> EvidenceView:
    raw = evidence.result.raw
    place = f"{anchor}-{evidence.id}"
    places = quotes.find(raw, cited)
    marked = quotes.apart(places)
    summary = _pretty(evidence.result.summary)
    head, left_out, tail = quotes.head_and_tail(raw)
    return EvidenceView(
        evidence=evidence,
        anchor=place,
        quotes=tuple(
            CitedQuote(f"{place}-q{number}", quote, _where(number, places, marked))
            for number, quote in enumerate(cited)
        ),
        passages=tuple(tuple(passage) for passage in quotes.passages(raw, marked)),
        arguments=json.dumps(evidence.arguments, ensure_ascii=False, default=str),
        summary=summary[:SUMMARY_CHARACTERS],
        summary_cut=max(0, len(summary) - SUMMARY_CHARACTERS),
        head=head,
        left_out=left_out,
        tail=tail,
    )


def _where(number: int, places: Sequence[Place], marked: Sequence[Place]) -> str:
    if any(place.quote == number for place in marked):
        return ""
    if any(place.quote == number for place in places):
        return "overlaps a quote above"
    return "in the typed summary or note"


def _pretty(summary: JsonObject) -> str:
    return json.dumps(summary, ensure_ascii=False, indent=2, default=str) if summary else ""
