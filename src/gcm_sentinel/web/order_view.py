"""What the page shows of one order of a stored incident: words only, the template lays them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gcm_sentinel.domain.order_history import OrderHistory
from gcm_sentinel.domain.question import answer_in_words
from gcm_sentinel.web.order_text import stands_words, target_words


@dataclass(frozen=True, slots=True)
class OrderView:
    """One row of the table of orders."""

    investigation: str
    operation: str
    target: str
    state: str
    at: datetime
    """When it ended; before that, when it began or was asked for."""
    why: str
    answers: tuple[str, ...]
    """What became of each question about it, with the question's id."""
    said: tuple[str, ...]
    """The gate's ruling and what came of it."""
    stands: str
    """What of it still stands, and what gives it back; empty where nothing does."""


def order_view(item: OrderHistory, now: datetime) -> OrderView:
    """The view of one order."""
    record, order = item.record, item.record.order
    return OrderView(
        investigation=order.investigation_id,
        operation=str(order.operation),
        target=target_words(item),
        state=str(record.state),
        at=record.ended_at or record.started_at or record.requested_at,
        why=f"asked by {order.asked_by or 'nobody named'}: {order.reason or 'no reason'}",
        answers=tuple(f"{question.id}: {answer_in_words(question, now)}" for question in item.questions),
        said=item.said,
        stands=stands_words(item),
    )
