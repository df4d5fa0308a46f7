"""What `investigate` prints: the lines scripts rely on, and what stands behind them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.web.terminal import render_panel, render_text


@pytest.mark.parametrize(
    "line",
    [
        "Node:        gpu-r03-n05",
        "Severity:    critical",
        "Confidence:  92%",
        "Action:      drain",
        "Fault class: gpu_off_bus",
        "Culprit:     GPU 1 (0000:17:00) on gpu-r03-n05",
        "Tool calls:  8",
        "  2. cordon node gpu-r03-n05: no new pods while one GPU is missing",
        "  - Xid 79 on 0000:17:00 is the first Xid of the burst [E2]",
        "  - GPU 3 shows the same errors [E2]: the quote does not stand in E2",
        "  - E8 get_gcm_health: error, no whole answer within 10 s",
    ],
)
def test_has_the_line(off_bus: Publication, line: str) -> None:
    assert line in render_text(off_bus, width=120).splitlines()


def test_summary_and_root_cause_stand_on_their_own_lines(off_bus: Publication) -> None:
    lines = render_text(off_bus, width=200).splitlines()

    assert lines[4].startswith("Summary:     GPU 1 no longer answers")
    assert lines[5].startswith("Root cause:  The PCIe path of GPU 1")


def test_long_text_hangs_under_itself_within_the_width(off_bus: Publication) -> None:
    lines = render_text(off_bus, width=60).splitlines()

    assert max(map(len, lines)) <= 60
    assert "             seconds of link errors; the other seven GPUs" in "\n".join(lines)


def test_sections_without_content_are_left_out(stale: Publication) -> None:
    text = render_text(stale)

    assert "Actions:" in text
    assert "Struck claims:" not in text
    assert "Not checked:" not in text


def test_an_answer_that_is_no_conclusion_says_so(hostile: Publication, off_bus: Publication) -> None:
    assert "Outcome:     inconclusive (no conclusion)" in render_text(hostile)
    assert "Outcome:" not in render_text(off_bus)


def test_an_unknown_price_is_not_shown_as_nothing(hostile: Publication, stale: Publication) -> None:
    assert "price not known" in render_text(hostile)
    assert "0 tokens, no cost" in render_text(stale)


def test_the_panel_says_the_same_in_colour(off_bus: Publication) -> None:
    out = io.StringIO()

    Console(file=out, width=120, force_terminal=True, color_system="standard").print(render_panel(off_bus))

    shown = out.getvalue()
    assert "CRITICAL gpu-r03-n05" in shown
    assert "\x1b[1;31mcritical" in shown
    assert "1. capture-evidence node gpu-r03-n05" in shown
