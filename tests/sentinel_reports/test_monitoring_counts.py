"""How probes, anomalies and votes are counted."""

from __future__ import annotations

from tests.sentinel_reports.book import DAY, ERROR, FAIL, PASS, TIMEOUT, Book

from sentinel_gateway.ledger.reports.gather import gather
from sentinel_gateway.ledger.reports.monitoring import Monitoring


def monitoring(book: Book) -> Monitoring:
    return gather(book.entries, DAY).monitoring


def test_failures_are_counted_from_their_own_entries():
    book = Book()
    for result in (FAIL, FAIL, ERROR, TIMEOUT):
        book.probe("a", 3, result)

    found = monitoring(book)
    assert [found.with_result(name) for name in ("PASS", "FAIL", "ERROR", "TIMEOUT")] == [0, 2, 1, 1]


def test_passes_are_counted_from_summaries():
    book = Book()
    book.summary("a", (1, 2), 3000)
    book.summary("b", (1, 2), 500, probe_type=2)

    found = monitoring(book)
    assert found.with_result("PASS") == 3500
    assert found.probes("FMA", "PASS") == 3000


def test_a_pass_in_a_summary_and_in_its_own_entry_counts_once():
    book = Book()
    for _ in range(4):
        book.probe("a", 1, PASS)
    book.summary("a", (1, 2), 4)

    assert monitoring(book).with_result("PASS") == 4


def test_passes_without_summaries_count_from_their_entries():
    book = Book()
    for _ in range(4):
        book.probe("a", 1, PASS)

    assert monitoring(book).with_result("PASS") == 4


def test_a_summary_belongs_to_the_window_in_which_it_ends():
    book = Book()
    book.summary("a", (-0.5, 0.5), 10)
    book.summary("a", (23.5, 24.5), 100)

    assert monitoring(book).with_result("PASS") == 10


def test_a_summary_in_a_probe_entry_counts_like_one_in_a_system_entry():
    book = Book()
    book.summary("a", (1, 2), 7)
    summary = book.entries.pop()
    book.add(1, 2, summary.data, "a")

    assert monitoring(book).with_result("PASS") == 7


def test_votes_are_counted_again_from_the_fingerprints():
    book = Book()
    book.vote(1, {"a": b"x", "b": b"x", "c": b"x"})
    book.vote(2, {"a": b"x", "b": b"x", "c": b"y"})
    book.vote(3, {"a": b"x", "b": b"y", "c": b"z"})
    book.vote(4, {"a": b"x", "b": b"x", "c": b""})

    counts = {label: number for label, number, _ in monitoring(book).tmr}
    assert counts == {"UNANIMOUS": 1, "DISSENT": 1, "NO_CONSENSUS": 1, "INSUFFICIENT": 1}


def test_numbers_this_version_does_not_know_are_shown():
    book = Book()
    book.anomaly("a", 1, 77)
    book.probe("a", 1, 9, 42)

    found = monitoring(book)
    assert [row[0] for row in found.anomalies] == ["UNKNOWN_77"]
    assert [row[0] for row in found.executions] == ["UNKNOWN_42 UNKNOWN_9"]


def test_a_gpu_is_covered_on_the_days_of_its_probes_and_summaries():
    book = Book()
    book.summary("a", (-2, 3), 10)
    book.anomaly("b", 2)
    book.tick(24)

    gpus = {gpu.gpu.uuid: (gpu.probe_days, gpu.known_days) for gpu in gather(book.entries, DAY).fleet.gpus}
    assert gpus == {"GPU-a": (1, 1), "GPU-b": (0, 1)}


def test_what_cannot_be_read_is_counted_as_such_and_nothing_else():
    book = Book()
    for entry_type in (1, 2, 3, 5, 6, 9):
        book.add(entry_type, 1, b"\xff\xff garbage", "a")

    facts = gather(book.entries, DAY)
    assert facts.activity.undecodable.entries == 6
    assert facts.monitoring.executions == facts.monitoring.anomalies == facts.monitoring.tmr == ()
