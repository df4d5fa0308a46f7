"""The Prometheus client: `prometheus-api-client` behind an asynchronous face, with the words it drops kept.

The library is synchronous and returns ``data.result`` only, so every call runs in a thread and a hook on its session
keeps what the caller needs to judge the answer: the result type, ``warnings`` and ``infos``, and Prometheus' own error
text for a bad query. The library is imported at the first request. Its built-in retries are switched off; retrying
happens here, once, with a deadline.
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
import tenacity

from gcm_sentinel.clients.http import of_status, safe_url
from gcm_sentinel.domain.errors import BadResponse, Overloaded, Rejected, Retryable, SentinelError, Unreachable

if TYPE_CHECKING:
    from prometheus_api_client.prometheus_connect import PrometheusConnect

log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PromSeries:
    """One series of a result; a scalar is a series without labels."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    """(epoch seconds, value), ascending; one point for an instant query."""


@dataclass(frozen=True, slots=True)
class PromResult:
    """The answer to a query."""

    result_type: str
    """vector, matrix, scalar or string."""
    series: tuple[PromSeries, ...]
    warnings: tuple[str, ...] = ()
    """Warnings and infos in Prometheus' own words."""


@dataclass(frozen=True, slots=True)
class MetricMetadata:
    """What a target said about a metric."""

    type: str
    help: str
    unit: str = ""


@dataclass(slots=True)
class _Caught:
    """What the session hook saw of the last answer on this thread."""

    status: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class PrometheusClient:
    """Queries of one Prometheus (or Thanos, Mimir, VictoriaMetrics) over its HTTP API."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta = timedelta(seconds=10),
        retry_for: timedelta = timedelta(seconds=12),
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._retry_for = retry_for
        self._connection: PrometheusConnect | None = None
        self._lock = threading.Lock()
        self._caught = threading.local()

    @property
    def url(self) -> str:
        """Its address without credentials, for messages."""
        return safe_url(self._url)

    async def query(self, promql: str, at: datetime | None = None) -> PromResult:
        """The value of an expression at one moment (now when `at` is None).

        Raises:
            Rejected: Prometheus refused the query; the message carries its own words.
            Unreachable, Overloaded, Forbidden, NotFound, BadResponse: as their names say.
        """
        params = {"time": at.timestamp()} if at is not None else {}
        return await self._result(lambda connection: connection.custom_query(promql, params=params))

    async def query_range(self, promql: str, start: datetime, end: datetime, step: timedelta) -> PromResult:
        """The values of an expression between `start` and `end` (whole seconds), one each `step`. Raises as `query`."""
        width = f"{max(step.total_seconds(), 1):g}s"
        return await self._result(lambda connection: connection.custom_query_range(promql, start, end, width))

    async def series(self, matchers: Sequence[str], start: datetime, end: datetime) -> tuple[Mapping[str, str], ...]:
        """Label sets of the series that match any of the selectors between two moments. Raises as `query`."""
        params = {"match[]": list(matchers)}
        found = await self._call(lambda connection: connection.get_series(start, end, params=params))
        return tuple({str(k): str(v) for k, v in labels.items()} for labels in found)

    async def label_values(self, label: str, matchers: Sequence[str] = ()) -> tuple[str, ...]:
        """All values of a label, of the matching series only when selectors are given. Raises as `query`."""
        params = {"match[]": list(matchers)} if matchers else {}
        found = await self._call(lambda connection: connection.get_label_values(label, params=params))
        return tuple(str(value) for value in found)

    async def metadata(self, metric: str) -> tuple[MetricMetadata, ...]:
        """Type, help and unit of a metric as its targets gave them; empty when none did. Raises as `query`."""
        found = await self._call(lambda connection: connection.get_metric_metadata(metric))
        return tuple(MetricMetadata(str(row["type"]), str(row["help"]), str(row.get("unit", ""))) for row in found)

    async def is_up(self) -> bool:
        """Whether it answers a trivial query. Never raises for an expected failure."""
        try:
            await asyncio.wait_for(self._once(lambda connection: connection.custom_query("vector(1)")), 5)
        except (SentinelError, TimeoutError):
            return False
        return True

    async def aclose(self) -> None:
        """Close the connections; a later query opens new ones."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.to_thread(connection.close)

    async def _result(self, ask: Callable[[PrometheusConnect], object]) -> PromResult:
        def parsed(connection: PrometheusConnect) -> PromResult:
            ask(connection)
            return parse_result(self._seen().body)

        return await self._call(parsed)

    async def _call(self, ask: Callable[[PrometheusConnect], T]) -> T:
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Retryable),
            stop=tenacity.stop_after_attempt(3) | tenacity.stop_before_delay(self._retry_for.total_seconds()),
            wait=_pause_s,
            reraise=True,
            before_sleep=_log_retry,
        )
        return await attempts(self._once, ask)

    async def _once(self, ask: Callable[[PrometheusConnect], T]) -> T:
        deadline = self._timeout.total_seconds() + 2
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.to_thread(self._ask, ask)
        except TimeoutError as error:
            raise Unreachable(f"Prometheus at {self.url} did not answer within {deadline:g} s") from error

    def _ask(self, ask: Callable[[PrometheusConnect], T]) -> T:
        import requests
        from prometheus_api_client.exceptions import PrometheusApiClientException

        self._caught.answer = _Caught()
        try:
            return ask(self._connect())
        except PrometheusApiClientException as error:
            raise self._of_answer() from error
        except requests.JSONDecodeError as error:
            raise BadResponse(f"{self.url} did not answer with JSON; is this a Prometheus?") from error
        except requests.RequestException as error:
            raise Unreachable(f"cannot reach Prometheus at {self.url}: {type(error).__name__}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise BadResponse(f"the answer of {self.url} is not Prometheus' shape: {error!r}") from error

    def _connect(self) -> PrometheusConnect:
        with self._lock:
            if self._connection is None:
                self._connection = self._open()
            return self._connection

    def _open(self) -> PrometheusConnect:
        import requests
        from prometheus_api_client.prometheus_connect import PrometheusConnect
        from urllib3.util.retry import Retry

        session = requests.Session()
        session.trust_env = False
        session.hooks["response"].append(self._catch)
        return PrometheusConnect(
            url=self._url,
            headers=self._headers,
            retry=Retry(total=0),
            session=session,
            timeout=math.ceil(self._timeout.total_seconds()),
            method="POST",
        )

    def _catch(self, response: Any, *_args: object, **_kwargs: object) -> None:  # noqa: ANN401 (requests' hook)
        seen = self._seen()
        seen.status, seen.headers, seen.text = response.status_code, response.headers, response.text[:2000]
        try:
            body = response.json()
        except ValueError:
            body = None
        seen.body = body if isinstance(body, dict) else {}

    def _seen(self) -> _Caught:
        answer = self._caught.answer
        if not isinstance(answer, _Caught):
            raise BadResponse(f"no answer of {self.url} was seen")
        return answer

    def _of_answer(self) -> SentinelError:
        seen = self._seen()
        words = str(seen.body.get("error", ""))
        kind = str(seen.body.get("errorType", ""))
        if words and kind in ("bad_data", "execution", "not_acceptable"):
            return Rejected(f"Prometheus refused the query ({kind}): {words}", status=seen.status)
        if words and kind in ("timeout", "canceled"):
            return Unreachable(f"Prometheus gave up on the query ({kind}): {words}")
        return of_status(seen.status, self.url, words or seen.text, {k.lower(): v for k, v in seen.headers.items()})


def parse_result(body: Mapping[str, Any]) -> PromResult:
    """The typed form of a ``/query`` or ``/query_range`` body.

    Raises:
        BadResponse: it is not of Prometheus' shape.
    """
    data = body.get("data")
    if body.get("status") != "success" or not isinstance(data, Mapping):
        raise BadResponse(f"Prometheus' answer has no data: {json.dumps(body)[:200]}")
    kind, rows = str(data.get("resultType", "")), data.get("result", [])
    warnings = tuple(str(word) for key in ("warnings", "infos") for word in body.get(key) or ())
    try:
        series = _series(kind, rows)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadResponse(f"a {kind or 'nameless'} result could not be read: {error!r}") from error
    return PromResult(kind, series, warnings)


def _series(kind: str, rows: Any) -> tuple[PromSeries, ...]:  # noqa: ANN401 (JSON from outside)
    if kind == "scalar":
        return (PromSeries({}, (_point(rows),)),)
    if kind == "string":
        return (PromSeries({"value": str(rows[1])}, ()),)
    return tuple(PromSeries(dict(row["metric"]), _points(row)) for row in rows)


def _points(row: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    if "values" in row:
        return tuple([(float(pair[0]), float(pair[1])) for pair in row["values"]])  # very many: no call for each
    return (_point(row["value"]),) if "value" in row else ()


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return (float(pair[0]), float(pair[1]))


def utc(epoch_s: float) -> datetime:
    """Epoch seconds of a point as a moment in UTC."""
    return datetime.fromtimestamp(epoch_s, UTC)


_BACK_OFF = tenacity.wait_exponential_jitter(multiplier=0.2, max=2, jitter=0.2)


def _pause_s(state: tenacity.RetryCallState) -> float:
    """How long to wait before the next try: what the other side asked for, else a short growing pause."""
    failure = state.outcome.exception() if state.outcome else None
    if isinstance(failure, Overloaded) and failure.retry_after_s is not None:
        return failure.retry_after_s
    return _BACK_OFF(state)


def _log_retry(state: tenacity.RetryCallState) -> None:
    failure = state.outcome.exception() if state.outcome else None
    log.info("prometheus.retry", attempt=state.attempt_number, error=str(failure))
