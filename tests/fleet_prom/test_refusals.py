"""What lies outside the subset is refused with a reason, never answered approximately."""

import pytest

from sentinel_fleet.prom.errors import PromError
from sentinel_fleet.prom.parsing import parse_query, parse_selector
from sentinel_fleet.prom.plan import Selector

OUTSIDE = {
    "experimental function": "mad_over_time(up[5m])",
    "experimental aggregation": "limitk(1, up)",
    "function left out": "sin(up)",
    "info": "info(up)",
    "fill": "up + fill(0) up",
    "or between matchers": '{a="b" or c="d"}',
    "posix class": 'up{a=~"[[:alpha:]]+"}',
    "unicode class": 'up{a=~"\\\\p{Greek}"}',
    "possessive repeat": 'up{a=~"x++"}',
    "look-around": 'up{a=~"x(?=y)"}',
    "python's open repeat": 'up{a=~"x{,2}"}',
    "verbose mode": 'up{a=~"(?x)a b"}',
    "before 1970": "up @ -5",
    "before 1970 behind a comment": "up @ # when?\n -5",
    "year 33658": "up @ 1e12",
}

WRONG = {
    "empty": "",
    "blank": "  ",
    "unfinished": "up{",
    "no matcher": "{}",
    "unknown function": "foo(up)",
    "rate of an instant vector": "rate(up)",
    "aggregated scalar": "sum(1)",
    "comparison of scalars": "1 == 1",
    "set operation on a scalar": "1 and up",
    "bad expression": 'up{a=~"("}',
    "subquery of a string": '"a"[5m:1m]',
}

TOO_DEEP = {
    "parentheses": "(" * 20_000 + "1" + ")" * 20_000,
    "sums": "+".join(["1"] * 20_000),
    "powers": "^".join(["1"] * 20_000),
    "minuses": "-" * 20_000 + "1",
    "aggregations": "sum(" * 5_000 + "up" + ")" * 5_000,
}


@pytest.mark.parametrize("query", OUTSIDE.values(), ids=OUTSIDE)
def test_refuses_what_is_outside_the_subset(query: str) -> None:
    with pytest.raises(PromError, match="not supported|unsupported|unknown extension|bad escape|illegal") as refusal:
        parse_query(query)

    assert refusal.value.status == 400


@pytest.mark.parametrize("query", WRONG.values(), ids=WRONG)
def test_refuses_what_is_no_query(query: str) -> None:
    with pytest.raises(PromError) as refusal:
        parse_query(query)

    assert refusal.value.error_type == "bad_data"


@pytest.mark.parametrize("query", TOO_DEEP.values(), ids=TOO_DEEP)
def test_survives_a_query_that_would_overflow_the_parser(query: str) -> None:
    with pytest.raises(PromError, match="longer than this server accepts"):
        parse_query(query)


def test_accepts_a_long_list_of_nodes() -> None:
    nodes = "|".join(f"gpu-r{n:03}-n01" for n in range(2_000))

    plan = parse_query(f'DCGM_FI_DEV_GPU_TEMP{{Hostname=~"{nodes}"}}')

    assert isinstance(plan, Selector)


@pytest.mark.parametrize("text", ["rate(up[5m])", "up[5m]", "up offset 5m", "1"])
def test_a_selector_is_nothing_more(text: str) -> None:
    with pytest.raises(PromError, match="not a series selector"):
        parse_selector(text)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("rate(", "1:6: parse error: unclosed left parenthesis"),
        ("up[5m", "1:6: parse error: unclosed left bracket"),
        (
            "sum(\n  rate(up)\n)",
            '2:8: parse error: expected type range vector in call to function "rate", got instant vector',
        ),
        ("1 + nosuch (up)", '1:5: parse error: unknown function with name "nosuch"'),
        ("up{a=}", "parse error: invalid promql query"),
    ],
    ids=["end", "bracket", "argument on another line", "function", "a place the parser does not know"],
)
def test_says_where_in_the_query_something_is_wrong(query, message):
    with pytest.raises(PromError) as refused:
        parse_query(query)

    assert refused.value.message == message
