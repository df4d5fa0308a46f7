"""The dashboard can be imported as it is, and asks for metrics that exist."""

from __future__ import annotations

from tests.charts.promql import selectors


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions(dashboard):
    return [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]


def test_every_query_is_promql_over_metrics_that_exist(dashboard, families):
    known = set().union(*families.values())

    asked = {selector.name for text in expressions(dashboard) for selector in selectors(text)}

    assert asked
    assert asked - known == set()


def test_every_metric_is_on_the_dashboard(dashboard, families):
    asked = {selector.name for text in expressions(dashboard) for selector in selectors(text)}

    unused = {family for family, names in families.items() if not names & asked}
    assert unused == {"gcm_sentinel_process_virtual_memory_bytes"}


def test_every_query_keeps_to_the_chosen_namespace(dashboard):
    loose = [
        text
        for text in expressions(dashboard)
        for selector in selectors(text)
        if not any(matcher.name == "namespace" for matcher in selector.matchers.matchers)
    ]

    assert loose == []


def test_every_panel_has_a_title_a_sentence_and_a_place_of_its_own(dashboard):
    taken: set[tuple[int, int]] = set()
    for panel in panels(dashboard):
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert place["x"] + place["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells


def test_ids_are_unique(dashboard):
    ids = [panel["id"] for panel in dashboard["panels"]]

    assert len(ids) == len(set(ids))


def test_no_data_source_is_fixed(dashboard):
    assert {panel["datasource"]["uid"] for panel in panels(dashboard)} == {"${datasource}"}
    assert [item["name"] for item in dashboard["templating"]["list"]] == ["datasource", "namespace"]


def test_the_subjects_are_all_there(dashboard):
    rows = {panel["title"] for panel in dashboard["panels"] if panel["type"] == "row"}

    assert rows >= {"Incidents", "Investigations", "Cost and budgets", "Watch", "Deliveries"}
