"""Numbers, durations and foreign text as people read them on paper."""

from __future__ import annotations

import re
import unicodedata

from sentinel_gateway.ledger.reports.document import Cell, Figure
from sentinel_gateway.ledger.wording import unit_of

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
"""Shown so that a line breaks between date and time only."""
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def visible(text: str) -> str:
    """Text in which nothing hides: control characters, direction marks and half characters are spelt out."""
    return "".join(_spelt(letter) if unicodedata.category(letter) in _HIDDEN else letter for letter in text)


def value_of(figure: Figure) -> str:
    """A figure's value with its unit; empty where it has none."""
    value = figure.value
    if value is None:
        return ""
    if figure.unit == "share":
        return share(value)
    if figure.unit == "s":
        return duration(value)
    return f"{number(value)} {unit_of(value, figure.unit)}"


def cell(value: Cell) -> str:
    """A cell of a table."""
    if value is None:
        return "\u2013"
    if not isinstance(value, str):
        return number(value)
    if _TIME.fullmatch(value):
        return value.replace("T", " ").replace("-", "\u2011")
    return visible(value)


def number(value: float) -> str:
    """With thin spaces between thousands, and at most four decimals."""
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.4f}".rstrip("0").rstrip(".")
    return text.replace(",", "\u202f")


def share(value: float) -> str:
    """Per cent; what is not all of it is never rounded up to 100 %."""
    per_cent = value * 100
    text = f"{per_cent:.3f}".rstrip("0").rstrip(".")
    if text == "100" and value < 1:
        text = "> 99.999"
    if text == "0" and value > 0:
        text = "< 0.001"
    return f"{text} %"


def duration(seconds: float) -> str:
    """The two largest units, such as `2 d 3 h`; below a minute seconds with a decimal."""
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    rest, parts = round(seconds), list[str]()
    for size, name in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {name}")
    parts.append(f"{rest} s")
    return " ".join(part for part in parts[:2] if not part.startswith("0 "))


def _spelt(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
