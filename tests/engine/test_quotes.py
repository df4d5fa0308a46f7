"""A quote counts only when it really stands in the evidence it cites."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gcm_sentinel.engine.quotes import resolve, stands_in

SUMMARY = {"xids": [{"xid": 79, "count": 1, "pci": "0000:17:00"}], "up": False, "note": None, "rate": 0.25}


@pytest.mark.parametrize(
    "quote",
    [
        "GPU has fallen off the bus",
        "GPU  has\n fallen off   the bus",
        "xids[0].xid = 79",
        "xids[0].count: 1",
        "xids[0].pci = 0000:17:00",
        "up = false",
        "up = False",
        "note = null",
        "rate = 0.250",
        '"xid": 79, "count": 1',
        '"xid":79,"count":1',
    ],
)
def test_accepts_words_and_figures_that_stand_there(quote, evidence, bus_result):
    item = evidence(replace_summary(bus_result))

    assert stands_in(quote, item)


@pytest.mark.parametrize(
    "quote",
    [
        "",
        "79",
        "GPU",
        "xids[0].xid = 48",
        "xids[1].xid = 79",
        "absent = 79",
        "GPU has fallen off the roof",
        "up = true",
        "Xid (PCI:0000:17:00): 7",
        "0:17:00): 79",
        '"}, {"',
        "read_evidence shows the rest",
    ],
)
def test_refuses_scraps_and_inventions(quote, evidence, bus_result):
    item = evidence(replace(replace_summary(bus_result), note="1200 lines; read_evidence shows the rest"))

    assert not stands_in(quote, item)


def test_a_source_s_remark_supports_a_claim_of_absence_only(evidence, bus_result):
    item = evidence(replace(bus_result, note="no line names a thermal event"))

    assert stands_in("no line names a thermal event", item, absence=True)
    assert not stands_in("no line names a thermal event", item)


def test_resolves_nested_paths():
    assert resolve({"a": [{"b.c": 3}]}, 'a[0]["b.c"]') == (True, 3)


def replace_summary(result):
    return replace(result, summary=SUMMARY)
