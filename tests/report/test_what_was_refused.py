"""A refused request stands with what was asked of the agent, not among the sources that could not be read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.report.conftest import NODE
from tests.report.test_page import page

from gcm_sentinel.domain.evidence import DESK, ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.web.report_json import publication_to_json
from gcm_sentinel.web.terminal import render_text

WHY = "2 of 8 GPU nodes would be out of service, 1 may be"


@pytest.fixture
def refused(off_bus: Publication) -> Publication:
    """The drain it advises was refused."""
    result = ToolResult(ResultStatus.ERROR, "drain_node", note=f"Refused: {WHY}. Nothing was or will be done.")
    asked = {"node_name": NODE, "reason": "unfit"}
    piece = replace(
        off_bus.evidence[-1], id="E99", source=DESK, tool="drain_node", arguments=asked, result=result, digest="d" * 64
    )
    return replace(off_bus, evidence=(*off_bus.evidence, piece))


def test_the_terminal_says_what_was_refused_and_why(refused: Publication) -> None:
    text = render_text(refused, width=200)

    assert f"Asked of the agent, and refused:\n  - drain_node {NODE} was refused: {WHY}\n" in text
    assert "E8 get_gcm_health: error" in text.partition("Not checked:")[2]
    assert "E99" not in text


def test_json_names_the_evidence_of_it(refused: Publication) -> None:
    assert publication_to_json(refused)["held_back"] == [
        {"operation": "drain_node", "target": NODE, "reason": WHY, "evidence": "E99"}
    ]


def test_the_page_shows_it_beside_the_advice(refused: Publication) -> None:
    words = page(refused).words

    assert f"Asked of the agent itself drain_node {NODE} refused E99 {WHY}" in words
    unread = words.partition("What could not be checked")[2].partition("Timeline")[0]
    assert "get_gcm_health" in unread
    assert "E99" not in unread
    assert page(refused).misnested == []
