"""The parameters of the query API: times, durations and limits as Prometheus reads them."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sentinel_fleet.prom.budget import DEFAULT_TIMEOUT_S
from sentinel_fleet.prom.errors import PromError, bad_data, invalid_parameter
from sentinel_fleet.prom.evaluate import Steps
from sentinel_fleet.prom.numbers import parse_float

MAX_POINTS = 11_000

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_UNIT_MS = (365 * 86_400_000, 7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The query string and form of one request, a form value before a query string's."""

    values: Mapping[str, Sequence[str]]

    def text(self, name: str) -> str:
        """The first value, empty when there is none."""
        return next(iter(self.values.get(name, ())), "")

    def all(self, name: str) -> Sequence[str]:
        """Every value."""
        return self.values.get(name, ())

    def time_ms(self, name: str, default_ms: int | None = None) -> int:
        """A moment in epoch milliseconds; a missing one is wrong unless there is a default.

        Raises:
            PromError: not a time.
        """
        text = self.text(name)
        if not text and default_ms is not None:
            return default_ms
        moment = _moment_ms(text)
        if moment is None:
            prefix = "" if default_ms is None else f"invalid time value for '{name}': "
            raise invalid_parameter(name, f'{prefix}cannot parse "{text}" to a valid timestamp')
        return moment

    def duration_ms(self, name: str) -> int:
        """A duration in milliseconds.

        Raises:
            PromError: not a duration.
        """
        text = self.text(name)
        duration = _duration_ms(text)
        if duration is None:
            raise invalid_parameter(name, f'cannot parse "{text}" to a valid duration')
        return duration

    def limit(self) -> int | None:
        """How many results at most; None for all.

        Raises:
            PromError: not a whole number, or negative.
        """
        text = self.text("limit")
        if not text:
            return None
        try:
            limit = int(text)
        except ValueError as error:
            raise invalid_parameter("limit", f'strconv.Atoi: parsing "{text}": invalid syntax') from error
        if limit < 0:
            raise invalid_parameter("limit", "limit must be non-negative")
        return limit or None

    def timeout_s(self) -> float:
        """How long the query may take; the server's own limit caps it."""
        if not self.text("timeout"):
            return DEFAULT_TIMEOUT_S
        return min(DEFAULT_TIMEOUT_S, self.duration_ms("timeout") / 1000)

    def steps(self) -> Steps:
        """The moments of a range query.

        Raises:
            PromError: missing or wrong bounds, or more than 11,000 points.
        """
        start, end = self.time_ms("start"), self.time_ms("end")
        if end < start:
            raise invalid_parameter("end", "end timestamp must not be before start time")
        step = self.duration_ms("step")
        if step <= 0:
            raise invalid_parameter(
                "step", "zero or negative query resolution step widths are not accepted. Try a positive integer"
            )
        if (end - start) // step > MAX_POINTS:
            raise bad_data(
                "exceeded maximum resolution of 11,000 points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            )
        return Steps(start, end, step)


def whole_number(parameters: Parameters, name: str) -> int | None:
    """A count such as `limit` of the metadata endpoint; None when missing or negative.

    Raises:
        PromError: not a number.
    """
    text = parameters.text(name)
    if not text:
        return None
    try:
        number = int(text)
    except ValueError as error:
        raise PromError("bad_data", f"{name} must be a number") from error
    return None if number < 0 else number


def _moment_ms(text: str) -> int | None:
    seconds = parse_float(text)
    if seconds is not None:
        return round(seconds * 1000) if math.isfinite(seconds) else None
    if not _RFC3339.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def _duration_ms(text: str) -> int | None:
    seconds = parse_float(text)
    if seconds is not None:
        return int(seconds * 1000) if math.isfinite(seconds) else None
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        return 0 if text == "0" else None
    return sum(int(amount or 0) * unit for amount, unit in zip(match.groups(), _UNIT_MS, strict=True))
