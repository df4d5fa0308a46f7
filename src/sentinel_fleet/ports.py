"""The seams between the parts of the simulated fleet; standard library only.

A world offers series, logs and faults through these protocols; the servers (Kubernetes API, Prometheus, exporters)
read them and know nothing of how the world makes its facts. Times are epoch seconds, as on Prometheus' own API:
every server converts once, at its edge.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

MatchOperator = Literal["=", "!=", "=~", "!~"]


@dataclass(frozen=True, slots=True)
class LabelMatcher:
    """One condition on a label; a missing label counts as the empty string, as in Prometheus."""

    name: str
    op: MatchOperator
    value: str
    """For the regular-expression operators the pattern, fully anchored (`^(?:value)$`)."""


class Series(Protocol):
    """One time series: its identity and its scrapes."""

    @property
    def labels(self) -> Mapping[str, str]:
        """The label set, including `__name__`."""
        ...

    def samples(self, start: float, end: float) -> Sequence[tuple[float, float]]:
        """The scrapes with start <= t <= end as (epoch seconds, value), ascending; a gap has no samples."""
        ...


class SeriesSource(Protocol):
    """Everything a fleet's exporters have ever exposed, as Prometheus would have stored it."""

    def select(self, matchers: Sequence[LabelMatcher]) -> Iterable[Series]:
        """The series whose labels satisfy every matcher, each label set once."""
        ...

    def metadata(self) -> Mapping[str, tuple[str, str]]:
        """Metric name to (type, help); types as in the exposition format: counter, gauge, histogram ..."""
        ...


class LogSource(Protocol):
    """The logs of nodes and pods as files and journals hold them."""

    def kernel_log(self, node: str, until: float) -> list[str]:
        """The lines of kern.log up to `until`, oldest first, all boots, in rsyslog's shape."""
        ...

    def unit_log(self, node: str, unit: str, until: float) -> list[str]:
        """The journal lines of a systemd unit up to `until`, oldest first."""
        ...

    def units(self, node: str) -> Sequence[str]:
        """The systemd units that have a journal on the node."""
        ...

    def pod_log(
        self,
        namespace: str,
        pod: str,
        container: str,
        previous: bool,  # noqa: FBT001 - the log API's own flag
        until: float,
    ) -> list[tuple[float, str]] | None:
        """(epoch seconds, line) of a container up to `until`; None where no such container ever ran."""
        ...


class SourceFaults(Protocol):
    """Which of the fleet's own information sources are broken, so that an agent can be tried without them."""

    def fault(self, source: str, node: str | None) -> str | None:
        """None for a healthy source, or one of "refuse", "403", "503", "timeout", "empty".

        Sources: prometheus, alertmanager, dcgm, node_exporter, kernel_log, pod_logs, kubernetes, node_agent. `node`
        narrows the question to one node; None asks for the source as a whole.
        """
        ...
