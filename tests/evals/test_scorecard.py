"""The scorecard is one page that asks nobody for anything and believes no word it shows."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from gcm_sentinel.evals.scorecard import scorecard

HOSTILE = "<script>alert(1)</script>\"'&\u202e\x1b[31m"
HOW = {"engine": "playbook", "version": "1"}


class _Page(HTMLParser):
    """Notes which elements are open, and every element there is."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page_of(records, how=HOW, **more):
    return scorecard(records, how, created_at="2026-11-20T03:00:00", **{"planned": len(records), **more})


@pytest.fixture
def hostile(case):
    words = {"variant": HOSTILE, "section": HOSTILE, "expected_class": HOSTILE, "m_fault_class": HOSTILE}
    return [
        case(HOSTILE, **words, p_forbidden=(f"claimed {HOSTILE}",)),
        case("t", without=(HOSTILE,), m_gaps_untold=(HOSTILE,), p_root_cause=0),
        case("u", score=None, measures=None, error=HOSTILE),
    ]


def test_hostile_words_stay_words(hostile):
    page = page_of(hostile, {"engine": HOSTILE, "model": HOSTILE, "version": HOSTILE})

    assert "script" not in _Page(page).seen
    assert not re.search(r"<script|\u202e|\x1b", page)
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;") > 8


def test_every_element_is_closed(hostile):
    assert _Page(page_of(hostile)).open == []


def test_it_loads_nothing(case):
    page = page_of([case()])

    found = _Page(page)
    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(found.seen)
    assert {name for name, _ in found.attributes}.isdisjoint({"src", "href", "style", "onload"})
    assert "url(" not in page
    assert "default-src 'none'; style-src 'unsafe-inline'" in page


@pytest.mark.parametrize("records", [0, 1, 2])
def test_it_can_be_drawn_of_few_cases(case, records):
    assert "Scorecard: playbook engine" in page_of([case(seed=seed) for seed in range(records)])


def test_what_was_not_counted_has_no_figure(broken):
    page = page_of([broken()])

    assert "<span>Brier score</span><b>–</b>" in page
    assert "1 case of 1 scenario ·" in page
    assert "<span>Work</span>" in page


def test_it_tells_the_share_with_its_interval(case):
    page = page_of([case(), case("t", p_root_cause=0)])

    assert "1 of 2 (9.5% to 90.5%)" in page
    assert "intervals are 95 % Wilson" in page


def test_it_says_that_seeds_are_alike(case):
    page = page_of([case(), case(seed=2, p_root_cause=0)])

    assert "intervals are 95 % by scenario" in page
    assert "1 of 2 (5.5% to 94.5%)" in page


def test_a_run_that_dropped_sources_shows_what_each_costs(case):
    page = page_of([case(), case(without=("kernel_log",), p_root_cause=0, m_gaps_untold=("kernel_log",))])

    assert "Passed without a data source" in page
    assert "s without kernel_log" in page
    assert "says nothing of the missing kernel_log" in page


def test_a_run_that_did_not_end_says_so(case):
    assert "The run did not end: 4 of 5 cases are missing." in page_of([case()], planned=5)
