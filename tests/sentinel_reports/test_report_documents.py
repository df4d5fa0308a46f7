"""What a report says about itself, and that hostile text stays text in every format."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.sentinel_reports.book import DAY, HEALTHY, SUSPECT, Book, at
from tests.sentinel_reports.stored import stored

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.domain.gpus import Unsummarised
from sentinel_gateway.ledger.reports import findings, iso27001
from sentinel_gateway.ledger.reports import soc2 as soc2_report
from sentinel_gateway.ledger.reports.build import ReportFormat, ReportKind
from sentinel_gateway.ledger.reports.gather import gather
from sentinel_gateway.ledger.reports.making import ReportOptions, make_report
from sentinel_gateway.ledger.reports.sections.watching import unprobed
from sentinel_gateway.ledger.reports.window import Window

KINDS = list(ReportKind)


def report(ledger, kind=ReportKind.SOC2, form=ReportFormat.JSON, window=DAY, **options):
    told = ReportOptions(now_ns=ledger.now_ns, **options)
    return b"".join(make_report(ledger.database, kind, window, form, told))


def figures(document) -> dict[str, dict[str, Any]]:
    return {figure["key"]: figure for section in document["sections"] for figure in section["figures"]}


@pytest.fixture(scope="module")
def soc2(told):
    return json.loads(report(told))


def test_availability_is_what_the_states_say(soc2):
    found = figures(soc2)

    # a: 24 h known, away 3..9; b: HEALTHY to 8, then condemned 16 h; c: 24 h; the hostile GPU: 12 h since its entry.
    known = 24 + 24 + 24 + 12
    assert found["healthy_share"]["value"] == pytest.approx((18 + 8 + 24 + 12 - 3) / (known - 3), abs=1e-9)
    assert found["gpu_hours_condemned"]["value"] == 16


def test_incident_times_are_medians_with_their_number(soc2):
    found = figures(soc2)

    assert found["time_to_detect"]["n"] == 2
    assert found["time_to_detect"]["value"] == (1 * 3600 + 3 * 3600) / 2
    assert found["time_to_resolve"]["value"] == (7 * 3600 + 3 * 3600) / 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_has_a_query_or_says_why_it_has_no_value(told, kind):
    for figure in figures(json.loads(report(told, kind))).values():
        assert (figure["value"] is None) == bool(figure["not_measurable"])
        assert figure["not_measurable"] or (figure["query"] and figure["definition"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_carries_the_verification_and_the_signed_tree_head(told, kind):
    integrity = json.loads(report(told, kind, trusted_keys=[told.key]))["integrity"]

    assert (integrity["valid"], integrity["last_entry_id"]) == (True, told.writer.size)
    assert integrity["checkpoint"] == told.writer.checkpoint.note
    assert "by a key that was given" in integrity["signature"]


def test_it_says_that_it_is_no_opinion(soc2):
    assert "not an opinion on compliance" in soc2["disclaimer"]


def test_findings_name_their_entries(soc2):
    found = {finding["rule"]: finding for finding in soc2["findings"]}

    assert found["many_refusals"]["evidence"]["sample_entry_ids"] == [17]
    assert found["unreadable_entries"]["evidence"]["entries"] == 1
    assert "condemned_unapproved" not in found


@pytest.mark.parametrize("kind", KINDS)
def test_both_standards_find_that_claim_and_proof_differ_and_in_which_directives(told, kind):
    document = json.loads(report(told, kind))
    tables = {table["key"]: table for section in document["sections"] for table in section["tables"]}

    found = {finding["rule"]: finding for finding in document["findings"]}["initiator_not_proved"]
    assert "proved: 1; c (proved 'robot', claimed '=joe <b>')." in found["text"]
    assert tables["directives_claimed_otherwise"]["rows"][0][:5] == ["c", "CONDEMN", "EXECUTED", "robot", "=joe <b>"]
    assert [row[0] for row in tables["directives_by_issuer"]["rows"]] == ["jane", "robot"]


class Tags(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name in ("src", "srcset")]


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_text_stays_text_on_the_page(told, kind):
    page = report(told, kind, ReportFormat.HTML).decode()
    parser = Tags()
    parser.feed(page)

    assert not parser.tags & {"script", "img", "iframe", "object", "link", "b"}
    assert parser.handlers == []
    assert "\u202e" not in page
    assert "\x00" not in page


@pytest.mark.parametrize("kind", KINDS)
def test_a_csv_report_reads_back_and_runs_nothing(told, kind):
    text = report(told, kind, ReportFormat.CSV).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))

    values = {row["key"]: row["value"] for row in rows if row["record"] == "figure"}
    document = figures(json.loads(report(told, kind)))
    expected = {key: "" if one["value"] is None else str(one["value"]) for key, one in document.items()}
    assert {key: values[key] for key in expected} == expected
    assert not [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


@pytest.mark.parametrize("form", list(ReportFormat))
@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_ledger_gives_a_report_that_says_so(tmp_path, kind, form):
    with stored(f"sqlite:///{tmp_path}/g.db", tmp_path, Book()) as empty:
        page = report(empty, kind, form).decode()

    assert "The ledger has no entries" in page
    assert "not measurable" in page.replace("_", " ")


def test_a_window_into_the_future_is_cut_at_the_present(told):
    window = json.loads(report(told, window=Window(at(0), at(100))))["window"]

    assert (window["end"], window["requested_end"]) == ("2026-11-03T12:00:00Z", "2026-11-06T04:00:00Z")


def test_a_window_that_has_not_begun_is_refused(told):
    with pytest.raises(Invalid, match="has not come yet"):
        report(told, window=Window(at(40), at(50)))


def test_both_databases_give_the_same_report(anywhere, soc2):
    found = json.loads(report(anywhere))

    assert (found["sections"], found["findings"]) == (soc2["sections"], soc2["findings"])


def test_an_expected_gpu_that_never_reported_is_listed(told):
    document = json.loads(report(told, expected_gpus=["GPU-silent"]))
    tables = {table["key"]: table for section in document["sections"] for table in section["tables"]}

    assert tables["gpus_unknown"]["rows"][0][:3] == [
        "GPU-silent",
        "",
        "expected, but no entry of the ledger is about it",
    ]


def test_every_rule_stands_in_the_docs_and_under_a_control_of_both_standards():
    source = Path(findings.__file__).read_text()
    docs = (Path(__file__).parents[2] / "docs" / "sentinel-reports.md").read_text()

    rules = set(soc2_report.CONTROLS)
    assert rules == set(iso27001.CONTROLS)
    assert [rule for rule in rules if f"`{rule}`" not in docs or f'"{rule}"' not in source] == []


def test_memory_does_not_grow_with_the_entries():
    def peak(count):
        data = Book()
        data.summary("a", (1, 2), 5)
        entry = data.entries[0]
        tracemalloc.start()
        gather((replace(entry, entry_id=number) for number in range(1, count + 1)), DAY)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(100)
    assert peak(5000) < peak(500) + 20_000


class TestWithResultsThatNoEntryTellsOfYet:
    """The gateway has counted them; the running hour is not over."""

    WAITING = Unsummarised(frozenset({"GPU-a"}), 1234, at(23))

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_report_says_how_many_there_are_and_since_when(self, told, kind):
        notes = json.loads(report(told, kind, unsummarised=self.WAITING))["notes"]

        assert "2026-11-02T23:00:00Z that the ledger does not sum up yet: 1234, of 1 GPU." in " ".join(notes)

    def test_their_gpus_do_not_count_as_without_probes(self):
        book = Book()
        for letter in "ab":
            book.change(letter, 3, (HEALTHY, SUSPECT))
        book.tick(23)
        silent = gather(book.entries, DAY)

        told = replace(silent, unsummarised=self.WAITING)

        assert [[gpu.gpu.uuid for gpu in unprobed(facts)] for facts in (silent, told)] == [
            ["GPU-a", "GPU-b"],
            ["GPU-b"],
        ]

    def test_they_change_nothing_in_a_report_of_an_earlier_period(self, told):
        later = replace(self.WAITING, since_ns=at(30))

        assert json.loads(report(told, unsummarised=later)) == json.loads(report(told))
