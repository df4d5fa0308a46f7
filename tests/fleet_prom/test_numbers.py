"""Numbers are written and computed as Go does."""

import math

import pytest

from sentinel_fleet.prom import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e6, "1000000"),
        (123456789.125, "123456789.125"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-07"),
        (-2.5e-10, "-2.5e-10"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_the_query_api_writes_plain_digits(value: float, text: str) -> None:
    assert numbers.format_sample(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.0, "0"),
        (123456.0, "123456"),
        (1e6, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (1.7e9, "1.7e+09"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (math.inf, "+Inf"),
    ],
)
def test_the_text_format_writes_the_shorter_form(value: float, text: str) -> None:
    assert numbers.format_general(value) == text


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (numbers.divide(1, 0), math.inf),
        (numbers.divide(-1, 0), -math.inf),
        (numbers.divide(1, -0.0), -math.inf),
        (numbers.power(0, -1), math.inf),
        (numbers.power(-0.0, -3), -math.inf),
        (numbers.power(10, 400), math.inf),
        (numbers.power(-10, 401), -math.inf),
        (numbers.modulo(-7, 2), -1.0),
        (numbers.exponential(1000), math.inf),
        (numbers.logarithm(math.log)(0), -math.inf),
        (numbers.quantile(2, [1.0]), math.inf),
    ],
)
def test_no_arithmetic_raises(result: float, expected: float) -> None:
    assert result == expected


@pytest.mark.parametrize(
    "result",
    [
        numbers.divide(0, 0),
        numbers.power(-1, 0.5),
        numbers.modulo(1, 0),
        numbers.square_root(-1),
        numbers.logarithm(math.log2)(-1),
        numbers.quantile(0.5, []),
    ],
)
def test_what_has_no_value_is_nan(result: float) -> None:
    assert math.isnan(result)


def test_rounding_towards_zero_keeps_the_sign() -> None:
    assert math.copysign(1, numbers.ceil(-0.5)) == -1
    assert numbers.floor(math.inf) == math.inf


def test_a_sum_does_not_lose_small_addends() -> None:
    assert numbers.total([1e100, 1.0, -1e100]) == 1.0
    assert numbers.mean([1e308, 1e308]) == 1e308


@pytest.mark.parametrize("text", ["", " 1", "1_000", "abc"])
def test_reads_no_number_go_would_refuse(text: str) -> None:
    assert numbers.parse_float(text) is None
