"""Configuration that the gateway pushes: what of it concerns this agent, and what it answers.

The gateway tells every component everything, and tells it again on each connection, so applying twice must do no harm
and what is meant for others is acknowledged and left alone. A schedule that is pushed names shares and timeouts; 0
stands for "not said", and the agent's own value holds. An update that cannot be applied is answered with the reason,
which the gateway puts on record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import structlog

from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.metrics import Metrics
from sentinel_node.domain.probes import ProbeKind
from sentinel_node.domain.schedule import DEFAULT, Entry, Override, Schedule, Steering
from sentinel_node.reporting.executions import PROBE_TYPES
from sentinel_node.reporting.retrying import Retrying
from sentinel_node.reporting.settings import GatewaySettings
from sentinel_sdk import ConnectionError, SentinelClient  # noqa: A004 - its documented name
from sentinel_sdk.errors import ClosedError
from sentinel_sdk.types import ConfigAck, ConfigUpdate, ProbeScheduleEntry, ProbeScheduleOverride, ProbeScheduleUpdate

log = structlog.get_logger(__name__)
COMPONENT = "probe_agent"
"""The name under which thresholds and sampling rates would be meant for this agent; it has none of either."""
_KINDS: Mapping[int, ProbeKind] = {number: kind for kind, number in PROBE_TYPES.items()}


def override_of(message: ProbeScheduleOverride) -> Override | None:
    """An override of an acknowledgement; None for a probe type this agent does not know."""
    kind = _KINDS.get(int(message.probe_type))
    if kind is None:
        log.warning("schedule.unknown_probe_type", probe_type=int(message.probe_type))
        return None
    return Override(kind, message.period_seconds, message.duration_seconds)


def schedule_of(update: ProbeScheduleUpdate, own: Schedule) -> Schedule:
    """A schedule that is pushed; `own` says what it leaves open.

    Raises:
        Invalid: a probe type is not known, or a value cannot be.
    """
    known = {entry.kind: entry for entry in (*DEFAULT, *own)}
    return tuple(_entry_of(one, known) for one in update.entries if one.enabled)


def _entry_of(one: ProbeScheduleEntry, known: Mapping[ProbeKind, Entry]) -> Entry:
    kind = _KINDS.get(int(one.type))
    if kind is None:
        raise Invalid(f"probe type {int(one.type)} is not known to this agent")
    own = known[kind]
    return replace(
        own,
        period_s=float(one.period_seconds),
        share=one.sm_coverage or own.share,
        priority=one.priority,
        timeout_s=one.timeout_ms / 1000 or own.timeout_s,
    )


class ConfigFollower:
    """Receives updates and hands them to the schedule."""

    def __init__(self, settings: GatewaySettings, own: Schedule, steering: Steering, metrics_: Metrics) -> None:
        """`own`: the schedule this agent was started with."""
        self._component, self._own, self._steering = settings.hostname, own, steering
        self._retrying = Retrying("config", settings, metrics_, sends=False)

    async def run(self, client: SentinelClient) -> None:
        """Follow until the client is closed or this is cancelled."""
        await self._retrying.forever(lambda: self._follow(client))

    async def _follow(self, client: SentinelClient) -> None:
        await client.aconfig_stream(self._component, self.apply)
        if client.closed:
            raise ClosedError("the client is closed")
        # A server may end a stream in good order; asking at once for the next one would be a storm.
        raise ConnectionError("the gateway ended the stream of configuration")

    def apply(self, update: ConfigUpdate) -> ConfigAck | None:
        """Apply an update; the answer says why where it could not be."""
        self._retrying.worked()
        try:
            self._apply(update)
        except Invalid as error:
            log.error("config.not_applied", update=update.update_id, error=str(error))  # noqa: TRY400 - told in words
            return ConfigAck(applied=False, error=str(error))
        return None

    def _apply(self, update: ConfigUpdate) -> None:
        log.info("config.received", update=update.update_id, by=update.initiated_by, reason=update.reason)
        if update.probe_schedule is not None:
            self._steering.replace(schedule_of(update.probe_schedule, self._own))
        if update.overhead_budget is not None:
            self._steering.limit(update.overhead_budget.budget_pct)
        if update.sampling_rate is not None and update.sampling_rate.component == COMPONENT:
            raise Invalid("probes are not sampled: push a schedule with another sm_coverage")
        if update.threshold is not None and update.threshold.component == COMPONENT:
            raise Invalid(f"there is no threshold {update.threshold.parameter!r}: probes compare exactly")
