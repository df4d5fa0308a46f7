"""The page's style sheet: contrast by WCAG AA in light, dark and print, and every class of the drawings has a style."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = files("gcm_sentinel.web").joinpath("templates/report.css").read_text()
THEMES = [
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", block)) for block in re.findall(r":root \{(.*?)\}", CSS, re.S)
]
TEXT_PAIRS = [
    *((ink, paper) for ink in ("ink", "soft", "link") for paper in ("page", "card", "code")),
    *((ink, "card") for ink in ("critical", "warning", "info", "ok")),
    *(("on-pill", pill) for pill in ("critical", "warning", "info", "ok", "soft")),
    ("mark-ink", "mark"),
]
LINE_PAIRS = [*((f"c{number}", "card") for number in range(8)), ("dim", "card")]


def luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_there_is_a_light_a_dark_and_a_print_theme() -> None:
    assert len(THEMES) == 3
    assert "prefers-color-scheme: dark" in CSS
    assert luminance(THEMES[0]["page"]) > 0.8 > 0.05 > luminance(THEMES[1]["page"])
    assert THEMES[2]["page"] == "#fff"


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "print"])
@pytest.mark.parametrize(("ink", "paper"), TEXT_PAIRS, ids="-on-".join)
def test_text_can_be_read(theme: int, ink: str, paper: str) -> None:
    colours = THEMES[theme]

    assert contrast(colours[ink], colours[paper]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "print"])
@pytest.mark.parametrize(("line", "paper"), LINE_PAIRS, ids="-on-".join)
def test_lines_can_be_seen(theme: int, line: str, paper: str) -> None:
    colours = THEMES[theme]

    assert contrast(colours[line], colours[paper]) >= 2.8


@pytest.mark.parametrize("name", ["hot", "dim", *(f"c{number}" for number in range(8)), "band", "stop", "grid", "when"])
def test_the_drawings_classes_have_a_style(name: str) -> None:
    assert re.search(rf"svg [\w]*\.{name} \{{", CSS)
