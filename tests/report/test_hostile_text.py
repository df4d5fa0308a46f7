"""Text of logs, alerts and models can neither run, nor break out, nor hide, on the page or in a terminal."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from rich.console import Console

from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.web.plain import offset, one_line, printable, span
from gcm_sentinel.web.report import render_report
from gcm_sentinel.web.terminal import render_panel, render_text

NOW = datetime(2026, 11, 20, 3, 14, tzinfo=UTC)
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


class Elements(HTMLParser):
    """The elements of a page and the names of their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.styles = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.styles += tag == "style"


def test_no_element_and_no_attribute_comes_from_the_text(off_bus: Publication, hostile: Publication) -> None:
    usual = Elements(render_report([off_bus, off_bus], title="t", generated_at=NOW))
    html = render_report([hostile, hostile], title="</title><script>alert(1)</script>", generated_at=NOW)
    attacked = Elements(html)

    assert attacked.tags <= usual.tags
    assert attacked.attributes <= usual.attributes
    assert attacked.styles == 1


def test_template_syntax_in_text_is_not_run(hostile: Publication) -> None:
    html = render_report([hostile], title="{{ 7*7 }}", generated_at=NOW)

    assert "<title>{{ 7*7 }}</title>" in html
    assert html.count("{{ 7*7 }}") > 20


def test_no_invisible_character_reaches_the_page(hostile: Publication) -> None:
    html = render_report([hostile], title="t", generated_at=NOW)

    assert UNSEEN.findall(html) == []
    assert "␛[2J␀safe &lt;U+202E&gt;" in html


def test_no_escape_sequence_reaches_the_terminal(hostile: Publication) -> None:
    out = io.StringIO()

    Console(file=out, width=100, color_system=None, legacy_windows=False).print(render_panel(hostile))

    assert UNSEEN.findall(render_text(hostile).replace("\n", "")) == []
    assert UNSEEN.findall(out.getvalue().replace("\n", "")) == []


def test_rich_markup_in_text_stays_text(off_bus: Publication) -> None:
    out = io.StringIO()
    shown = render_panel(off_bus)

    Console(file=out, width=120, color_system=None, legacy_windows=False).print(shown)

    assert "[E2]" in out.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nstays", "plain\ttext\nstays"),
        ("\x1b[31mred\x07", "␛[31mred␇"),
        ("a\r\nb\rc", "a\nb␍c"),
        ("\u202eevil", "<U+202E>evil"),
        ("del\x7f\x9b", "del␡<U+009B>"),
        ("naïve 過熱 🔥", "naïve 過熱 🔥"),
    ],
    ids=["kept", "escape", "carriage return", "direction", "delete", "letters"],
)
def test_makes_the_invisible_visible_and_leaves_the_rest(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_one_line_folds_white_space() -> None:
    assert one_line(" a\n\n b\t\x00") == "a b ␀"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(41, "41 s"), (303, "5 m 03 s"), (7800, "2 h 10 m"), (273600, "3 d 4 h")],
)
def test_durations_have_their_two_largest_units(seconds: int, written: str) -> None:
    assert span(timedelta(seconds=seconds)) == written
    assert offset(NOW - timedelta(seconds=seconds), NOW) == f"−{written}"
    assert offset(NOW + timedelta(seconds=seconds), NOW) == f"+{written}"
