"""The text exposition format, with everything that label values may hold."""

import pytest

from gcm_sentinel.datasources.exposition import parse_exposition, parse_sample


@pytest.mark.parametrize(
    ("line", "name", "labels", "value", "timestamp"),
    [
        ("up 1", "up", {}, 1.0, None),
        ("up{} 1", "up", {}, 1.0, None),
        ('a{b="c"} 2.5', "a", {"b": "c"}, 2.5, None),
        ('a{b="c",} 2', "a", {"b": "c"}, 2.0, None),
        ('a{ b = "c" , d = "e" } 2', "a", {"b": "c", "d": "e"}, 2.0, None),
        ('a{b="x,y}z{=",c="1"} 3', "a", {"b": "x,y}z{=", "c": "1"}, 3.0, None),
        (r'a{b="say \"hi\"",c="back\\slash",d="line\nbreak"} 4', "a",
         {"b": 'say "hi"', "c": "back\\slash", "d": "line\nbreak"}, 4.0, None),
        ('a{b=""} 5 1795203360000', "a", {"b": ""}, 5.0, 1795203360000),
        ('a_bucket{le="+Inf"} 17 # {trace_id="abc"} 0.67 1520879607.789', "a_bucket", {"le": "+Inf"}, 17.0, None),
        ("a 1.5e+09", "a", {}, 1.5e9, None),
        ("a +Inf", "a", {}, float("inf"), None),
    ],
    ids=["bare", "empty braces", "label", "trailing comma", "blanks", "punctuation in a value", "escapes",
         "timestamp", "exemplar", "exponent", "infinity"],
)  # fmt: skip
def test_a_sample_line_is_read(line, name, labels, value, timestamp):
    sample = parse_sample(line)

    assert sample is not None
    assert (sample.name, sample.labels, sample.value, sample.timestamp_ms) == (name, labels, value, timestamp)


@pytest.mark.parametrize(
    "line", ["", "a", "a{", 'a{b="c" 1', 'a{b=c} 1', "a one", "a 1 2 3", "9a 1", 'a{b="c"}', 'a{b="c}'],
)  # fmt: skip
def test_what_is_no_sample_is_not_guessed_at(line):
    assert parse_sample(line) is None


def test_types_are_kept_and_unreadable_lines_are_counted():
    page = parse_exposition('# HELP a b\n# TYPE a counter\na 1\n\nrubbish here too\na{x="1"} 2\n# EOF\n')

    assert page.types == {"a": "counter"}
    assert [sample.value for sample in page.samples] == [1.0, 2.0]
    assert page.rejected == 1
