"""Regular expressions mean what they mean to Prometheus: anchored, ASCII classes, the dot matches anything."""

import pytest

from sentinel_fleet.prom.errors import PromError
from sentinel_fleet.prom.regex import compile_anchored, expand


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("gpu-1", "gpu-1", True),
        ("gpu-1", "gpu-10", False),
        ("gpu-1|gpu-2", "gpu-2", True),
        (".*", "two\nlines", True),
        (r"\d+", "٣", False),
        ("(?i)gpu", "GPU", True),
        ("[*+]+", "*+", True),
        (r"a\.b", "axb", False),
        ("", "", True),
    ],
)
def test_matches_the_whole_value(pattern: str, text: str, matches: bool) -> None:
    assert (compile_anchored(pattern).fullmatch(text) is not None) is matches


@pytest.mark.parametrize(
    "pattern", ["[[:alpha:]]", "a++", "a*+", "(?=a)", r"(a)\1", "a{,2}", "a{1001}", "(?x)a", "(?i)é", r"\Z", "("]
)
def test_refuses_what_re2_reads_otherwise(pattern: str) -> None:
    with pytest.raises(PromError, match="error parsing regexp"):
        compile_anchored(pattern)


@pytest.mark.parametrize(
    ("template", "expanded"),
    [
        ("$1-$2", "gpu-7"),
        ("${1}x", "gpux"),
        ("$1x", ""),
        ("$0", "gpu7"),
        ("$$1", "$1"),
        ("$index", "7"),
        ("$nobody", ""),
        ("$9", ""),
        ("a$", "a$"),
    ],
)
def test_expands_a_replacement_as_go_does(template: str, expanded: str) -> None:
    match = compile_anchored(r"([a-z]+)(?P<index>\d)").fullmatch("gpu7")

    assert match is not None
    assert expand(template, match) == expanded
