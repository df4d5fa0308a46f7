"""The report page as an engineer reads it: what stands on it, that its links lead somewhere, that it needs nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from gcm_sentinel.domain.assessment import Outcome, Severity
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.web.report import render_report

NOW = datetime(2026, 11, 20, 3, 14, tzinfo=UTC)
VOID = {"meta", "br", "link", "input", "img"}
BLOCKS = {"p", "li", "dt", "dd", "td", "th", "h2", "h3", "h4", "h5", "pre", "summary"}


class Page(HTMLParser):
    """What a browser would see: elements, their attributes, text, and whether tags close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.misnested: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self.text += " " if tag in BLOCKS else ""
        if not self._open or self._open.pop() != tag:
            self.misnested.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.elements if "id" in attrs]

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def page(*publications: Publication) -> Page:
    return Page(render_report(publications, title="GPU incidents", generated_at=NOW))


def test_the_verdict_stands_on_top(off_bus: Publication) -> None:
    words = page(off_bus).words

    for part in (
        "critical act today confidence 0.92 92% outcome concluded GPU 1 (0000:17:00) on gpu-r03-n05",
        "gpu_off_bus a GPU no longer answers on PCIe (Xid 79)",
        "anthropic, claude-sonnet-5-5",
        "38.4 s, 6 rounds, 8 tool calls, 34 050 tokens",
        "$0.0714",
        "One claim was struck; confidence lowered from 0.95 to 0.92.",
    ):
        assert part in words


def test_actions_come_in_order_with_target_meaning_reason_and_a_warning_where_they_wipe_evidence(
    off_bus: Publication,
) -> None:
    words = page(off_bus).words

    order = [words.index(verb) for verb in ("capture-evidence", "cordon node", "drain node", "power-cycle node")]
    assert order == sorted(order)
    assert "power-cycle node gpu-r03-n05 wipes evidence: capture first" in words
    assert "run deep probes or vendor diagnostics on an idle, drained GPU before it returns to service" in words


def test_the_causal_chain_runs_from_cause_to_symptom(off_bus: Publication) -> None:
    words = page(off_bus).words

    assert words.index("Cause The PCIe link") < words.index("Mechanism A fatal") < words.index("Symptom The job")


def test_every_claim_links_to_its_quote_marked_in_the_evidence(off_bus: Publication) -> None:
    html = render_report([off_bus], title="t", generated_at=NOW)

    link = re.search(r'href="#(i1-E2-q\d)"[^>]*>E2</a> <q>AER: Uncorrected', html)
    assert link
    assert f'<mark id="{link[1]}">AER: Uncorrected (Fatal) error received</mark>' in html
    assert '<mark id="i1-E2-q1">bursts[0].lead_xid = 79</mark> <small>in the typed summary or note</small>' in html


def test_a_struck_claim_is_shown_as_struck_and_its_quote_never_as_standing(off_bus: Publication) -> None:
    html = render_report([off_bus], title="t", generated_at=NOW)

    assert "<del>GPU 3 shows the same errors</del>" in html
    assert "the quote does not stand in E2" in html
    assert ">Xid (PCI:0000:3b:00): 79</mark>" not in html


def test_what_could_not_be_checked_includes_sources_that_failed_and_why(off_bus: Publication) -> None:
    words = page(off_bus).words

    assert "BMC event log: no source for it" in words
    assert "E7 node_exporter · query_infiniband_direct: unavailable, no node-exporter pod on this node" in words
    assert "E8 gcm_health · get_gcm_health: error, no whole answer within 10 s" in words


def test_each_piece_of_evidence_has_query_range_and_digest(off_bus: Publication) -> None:
    words = page(off_bus).words

    for item in off_bus.evidence:
        assert item.digest in words
        assert " ".join(item.result.query.split()) in words
    assert "Time range 2026-11-20 02:12:44 to 2026-11-20 03:12:44" in words


def test_of_a_long_raw_result_head_tail_and_what_is_left_out_are_shown(off_bus: Publication) -> None:
    words = page(off_bus).words

    assert "characters are left out here; the evidence store holds them" in words
    assert "mlx5_core 0000:5e:00.0: Port module event" in words
    assert "background noise 199" in words
    assert "background noise 60 " not in words


def test_several_incidents_have_an_index_with_the_gravest_first(off_bus: Publication, stale: Publication) -> None:
    found = page(stale, off_bus)

    assert "2 incidents" in found.words
    assert found.words.index("critical gpu-r03-n05") < found.words.index("info gpu-r03-n05")
    assert {attrs.get("href") for tag, attrs in found.elements if tag == "a"} >= {"#i1", "#i2"}


def test_one_incident_needs_no_index(off_bus: Publication) -> None:
    assert "nav" not in [tag for tag, _ in page(off_bus).elements]


def test_every_link_leads_to_a_place_on_the_page_and_no_place_has_two_names(
    off_bus: Publication, stale: Publication, hostile: Publication
) -> None:
    found = page(off_bus, stale, hostile)
    targets = [attrs["href"] for tag, attrs in found.elements if tag == "a"]

    assert len(targets) > 35
    assert {target.removeprefix("#") for target in targets} <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))
    assert found.misnested == []


def test_the_page_needs_nothing_from_outside_and_runs_nothing(off_bus: Publication) -> None:
    html = render_report([off_bus], title="t", generated_at=NOW)
    found = Page(html)

    assert not {tag for tag, _ in found.elements} & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert not [name for _, attrs in found.elements for name in attrs if name.startswith("on") or name == "src"]
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.PARTIAL, Outcome.FAILED], ids=str)
def test_an_answer_that_is_no_conclusion_warns_the_reader(off_bus: Publication, outcome: Outcome) -> None:
    changed = replace(off_bus, assessment=replace(off_bus.assessment, outcome=outcome))

    assert f"{outcome.capitalize()}: " in page(changed).words
    assert f"{outcome.capitalize()}: " not in page(off_bus).words


def test_an_empty_assessment_says_what_is_missing_instead_of_leaving_holes(stale: Publication) -> None:
    draft = replace(stale.assessment.draft, claims=(), actions=(), severity=Severity.OK)
    bare = replace(stale, assessment=replace(stale.assessment, draft=draft), evidence=())

    words = page(bare).words

    assert "No action is recommended." in words
    assert "No claim stands: nothing in this assessment is supported by evidence." in words
    assert "No evidence was gathered." in words


def test_no_incident_at_all_is_a_page_too() -> None:
    assert "0 incidents Nothing was investigated." in page().words


def test_a_storm_of_triggers_is_counted_and_not_listed_whole(off_bus: Publication) -> None:
    storm = replace(off_bus.incident, triggers=off_bus.incident.triggers * 500)

    words = page(replace(off_bus, incident=storm)).words

    assert "and 480 more" in words


def test_equal_input_gives_equal_text(off_bus: Publication) -> None:
    first = render_report([off_bus], title="t", generated_at=NOW)

    assert render_report([off_bus], title="t", generated_at=NOW) == first
