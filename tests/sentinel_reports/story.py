"""A day with something of everything, some of it hostile."""

from __future__ import annotations

from tests.sentinel_reports.book import CONDEMNED, DEEP_TEST, HEALTHY, PASS, QUARANTINED, SUSPECT, Book

from sentinel.v1.quarantine_pb2 import ApprovalStatus
from sentinel_sdk.ledger.entry import EntryGpu

HOSTILE = "<script>alert(1)</script>\u202egnp.\x00\r\n'=cmd|' /C calc'!A0"
ROBOT = {"initiated_by": "=joe <b>", "fields": {"issued_by": "robot"}}
FORMULA = '=HYPERLINK("http://evil","x")'


def story() -> Book:
    """GPU a recovers, b is condemned, c is only probed, and somebody tries to get in."""
    book = Book()
    book.event(0, "gateway.started", insecure="false")
    for letter in "abc":
        book.summary(letter, (0, 1), 1000)
    for hour in (2, 2.1, 2.2):
        book.probe("a", hour)
    book.change("a", 3, (HEALTHY, SUSPECT), "gpu.suspected")
    _directed(book, "a", 4, (SUSPECT, QUARANTINED), 1)
    _directed(book, "a", 6, (QUARANTINED, DEEP_TEST), 4)
    _directed(book, "a", 9, (DEEP_TEST, HEALTHY), 2)
    book.anomaly("b", 5)
    book.vote(6, {"a": b"x", "b": b"y", "c": b"x"})
    agreed = ApprovalStatus(approved=True, reviewer="joe")
    book.change("b", 7, (HEALTHY, HEALTHY), "directive.waiting", directive_id="c", action=3, **ROBOT)
    _directed(book, "b", 8, (HEALTHY, CONDEMNED), 3, approval=agreed, **ROBOT, directive_id="c")
    book.config(10, reason=FORMULA)
    book.event(11, "auth.refused", who=HOSTILE, what=FORMULA, why="\ud7ff<b>&amp;", count="12")
    book.probe(EntryGpu('GPU-"><img src=x>', FORMULA, 0, "@SUM(1)", "+1", "-1"), 12, PASS)  # type: ignore[arg-type]
    book.add(6, 13, b"\xff\xff\xff", EntryGpu(""))
    for letter in "abc":
        book.summary(letter, (1, 24), 2000)
    return book


def _directed(book: Book, letter: str, hour: float, states: tuple[int, int], action: int, **more: object) -> None:
    named = {"initiated_by": "jane", "fields": {"issued_by": "jane"}}
    told = {"directive_id": f"{letter}{hour}", "action": action, "reason": "seen", **named, **more}
    book.change(letter, hour, states, "directive.executed", **told)
