"""The parser's refusals as Prometheus words them, with the place in the query: `1:6: parse error: ...`.

`promql_parser` names no places. They are known where a refusal is about the end of the query or names what stands once
in it; what remains ("invalid promql query") stays without one.
"""

import re
from collections.abc import Callable

_TYPES = {"matrix": "range vector", "vector": "instant vector"}

_Place = Callable[[re.Match[str], str], int]


def _end(_: re.Match[str], query: str) -> int:
    return len(query)


def _call(found: re.Match[str], query: str) -> int:
    """Where the function that is called stands."""
    called = re.search(rf"\b{re.escape(found['name'])}\s*\(", query)
    return called.start() if called else 0


def _argument(found: re.Match[str], query: str) -> int:
    """Where the first argument of the function that is called begins."""
    called = re.search(rf"\b{re.escape(found['name'])}\s*\(\s*", query)
    return called.end() if called else 0


def _braces(_: re.Match[str], query: str) -> int:
    return max(query.find("{"), 0)


def _aggregation(_: re.Match[str], query: str) -> int:
    called = re.search(r"[a-z_]+\s*\(", query)
    return called.start() if called else 0


_RULES: tuple[tuple[re.Pattern[str], str, _Place], ...] = (
    (re.compile("unclosed left parenthesis"), "unclosed left parenthesis", _end),
    (re.compile("unexpected end of input inside braces"), "unexpected end of input inside braces", _end),
    (re.compile("unexpected end of input inside brackets"), "unclosed left bracket", _end),
    (
        re.compile("unexpected end of input in offset, expected duration"),
        "unexpected end of input in offset, expected number, duration, step(), or range()",
        _end,
    ),
    (
        re.compile(r"expected type (?P<wanted>\w+) in call to function '(?P<name>\w+)', got (?P<given>\w+)"),
        'expected type {wanted} in call to function "{name}", got {given}',
        _argument,
    ),
    (re.compile(r"unknown function with name '(?P<name>\w+)'"), 'unknown function with name "{name}"', _call),
    (
        re.compile(r"expected (?P<count>.+ argument\(s\)) in call to '(?P<name>\w+)', got (?P<given>\d+)"),
        'expected {count} in call to "{name}", got {given}',
        _call,
    ),
    (
        re.compile("vector selector must contain at least one non-empty matcher"),
        "vector selector must contain at least one non-empty matcher",
        _braces,
    ),
    (
        re.compile(r"(?P<all>wrong number of arguments for aggregate expression provided, .*)"),
        "{all}",
        _aggregation,
    ),
)


def refusal(said: str, query: str) -> str:
    """What Prometheus says where the parser says `said` of a query."""
    for pattern, words, place in _RULES:
        found = pattern.fullmatch(said)
        if found is not None:
            parts = {name: _TYPES.get(part, part) for name, part in found.groupdict().items()}
            return f"{_position(query, place(found, query))}: parse error: {words.format(**parts)}"
    return f"parse error: {said}"


def _position(query: str, at: int) -> str:
    """Line and column, both from 1."""
    before = query[:at]
    return f"{before.count(chr(10)) + 1}:{at - before.rfind(chr(10))}"
