"""Sparklines, time series and their axes: well-formed, honest about gaps and ends, and equal for equal input."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gcm_sentinel.web.scales import number_label, number_range, number_ticks, time_label, time_step, time_ticks
from gcm_sentinel.web.svg import Line, Mark, runs, sparkline, thinned, time_series

T0 = 1_795_000_000.0
finite = st.floats(min_value=-1e100, max_value=1e100, allow_nan=False)


def points(*values: float, step: float = 30.0) -> tuple[tuple[float, float], ...]:
    return tuple((T0 + index * step, value) for index, value in enumerate(values))


def drawn(*lines: Line, marks: tuple[Mark, ...] = (), end_s: float = T0 + 300) -> str:
    return time_series(lines, title="DCGM_FI_DEV_POWER_USAGE", start_s=T0, end_s=end_s, marks=marks)


def paths(svg: str) -> list[str]:
    return re.findall(r'<path class="ln[^>]*', svg)


def test_is_well_formed_and_named() -> None:
    root = ET.fromstring(drawn(Line("GPU 1", points(1, 5, 3), "hot"), marks=(Mark(T0 + 9, "incident"),)))  # noqa: S314

    assert root.tag == "svg"
    assert (root.get("role"), root.get("aria-label")) == ("img", "DCGM_FI_DEV_POWER_USAGE")


def test_equal_input_gives_equal_text() -> None:
    line = Line("GPU 1", points(*(math.sin(n) for n in range(500))), "c0")

    assert drawn(line) == drawn(line)


def test_the_culprit_is_drawn_last_and_so_on_top() -> None:
    svg = drawn(Line("GPU 1", points(1, 2), "hot"), Line("GPU 0", points(1, 1), "dim"))

    assert [path.split('"')[1] for path in paths(svg)] == ["ln dim", "ln hot"]


def test_a_pause_in_a_series_is_a_gap_and_not_a_straight_line() -> None:
    paused = (*points(1, 1, 1, 1), (T0 + 200, 2.0), (T0 + 230, 2.0))

    assert [len(run) for run in runs(paused)] == [4, 2]
    assert len(paths(drawn(Line("GPU 1", paused, "c0")))) == 2


@pytest.mark.parametrize(("end_s", "stops"), [(T0 + 300, 1), (T0 + 61, 0)], ids=["ended early", "runs to the end"])
def test_a_series_that_ended_before_the_drawing_does_is_marked(end_s: float, stops: int) -> None:
    assert drawn(Line("GPU 1", points(1, 2, 3), "hot"), end_s=end_s).count('class="stop') == stops


def test_thinning_keeps_the_spike_and_both_ends() -> None:
    values = [1.0] * 10_000
    values[6_543] = 99.0

    kept = thinned(points(*values))

    assert len(kept) <= 400
    assert max(value for _, value in kept) == 99.0
    assert (kept[0], kept[-1]) == (points(*values)[0], points(*values)[-1])
    assert list(kept) == sorted(kept)


def test_labels_are_escaped() -> None:
    svg = drawn(Line('"><script>', points(1, 2), "c0"), marks=(Mark(T0 + 5, "</svg><b>"),))

    assert "<script>" not in svg
    assert "<b>" not in svg
    ET.fromstring(svg)  # noqa: S314


def test_nothing_to_draw_is_an_empty_text() -> None:
    assert drawn(Line("GPU 1", (), "c0")) == ""
    assert drawn(Line("GPU 1", points(1, 2), "c0"), end_s=T0) == ""
    assert sparkline(Line("GPU 1", (), "c0"), start_s=T0, end_s=T0 + 1) == ""


def test_a_sparkline_is_small_and_well_formed() -> None:
    svg = sparkline(Line("GPU 1", points(*range(50)), "dim"), start_s=T0, end_s=T0 + 1500)

    assert ET.fromstring(svg).get("class") == "spark"  # noqa: S314
    assert len(svg) < 1500


@given(st.lists(finite, min_size=1, max_size=40))
def test_any_values_can_be_drawn(values: list[float]) -> None:
    svg = drawn(Line("x", points(*values), "c0"), end_s=T0 + 30 * len(values))

    assert "nan" not in svg
    assert "inf" not in svg


@given(finite, finite)
@example(0.0, 5e-324)
def test_the_ticks_of_an_axis_cover_its_values(one: float, other: float) -> None:
    low, high = number_range([one, other])
    ticks = number_ticks(low, high)

    assert 2 <= len(ticks) <= 12
    tolerance = (ticks[1] - ticks[0]) * 1e-6
    assert ticks[0] <= low + tolerance
    assert ticks[-1] >= high - tolerance


@pytest.mark.parametrize(
    ("value", "label"),
    [(0, "0"), (0.25, "0.25"), (88, "88"), (1400, "1.4k"), (2_900_000, "2.9M"), (-3.5e9, "-3.5G"), (2e-6, "2.0e-06")],
)
def test_numbers_are_labelled_shortly(value: float, label: str) -> None:
    assert number_label(value) == label


@pytest.mark.parametrize(
    ("seconds", "step", "first"),
    [(40, 10, "11:06:40"), (3600, 600, "11:10"), (7 * 86400, 172800, "Nov 19")],
    ids=["forty seconds", "an hour", "a week"],
)
def test_time_ticks_are_round_and_in_utc(seconds: int, step: int, first: str) -> None:
    ticks = time_ticks(T0, T0 + seconds)

    assert time_step(T0, T0 + seconds) == step
    assert time_label(step)(ticks[0]) == first
    assert all(tick % step == 0 for tick in ticks)


def test_a_level_stretch_is_drawn_by_its_ends() -> None:
    level = Line("flat", points(*[5.0] * 100, 7.0), "hot")

    drawing = sparkline(level, start_s=level.points[0][0], end_s=level.points[-1][0])

    assert drawing.count(",") == 3, "first, last of the level stretch, and the step"
