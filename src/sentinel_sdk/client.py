"""The client: every operation twice, blocking and to be awaited, and the two ways to connect.

Operations with one answer are described in `sentinel_sdk.calls`; their signatures and docstrings stand there.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, closing
from datetime import UTC, datetime
from typing import Literal, Self

from sentinel_sdk import environment, target
from sentinel_sdk.awaiting import AwaitingConnection
from sentinel_sdk.blocking import BlockingConnection
from sentinel_sdk.calls import configuration, directives, health, ledger
from sentinel_sdk.config_stream import Apply, AsyncApply, aserve, serve
from sentinel_sdk.directive_stream import Directives
from sentinel_sdk.events import Canaries, Events
from sentinel_sdk.faces import aiterated, awaited, called, iterated
from sentinel_sdk.following import afollow, afollow_once, follow, follow_once
from sentinel_sdk.ingest import ANOMALIES, MAX_UNACKNOWLEDGED, PROBES, TELEMETRY, Sender, key_of
from sentinel_sdk.ingest_awaiting import AsyncIngestStream
from sentinel_sdk.ingest_blocking import IngestStream
from sentinel_sdk.retry import RetryConfig
from sentinel_sdk.session import Session, check_callback
from sentinel_sdk.target import Options, Policy, Security, Target
from sentinel_sdk.tls import TlsConfig
from sentinel_sdk.types.anomaly import AnomalyAck, AnomalyBatch
from sentinel_sdk.types.enums import QuarantineAction
from sentinel_sdk.types.events import Event
from sentinel_sdk.types.probe import ProbeAck, ProbeResultBatch
from sentinel_sdk.types.quarantine import QuarantineDirective
from sentinel_sdk.types.telemetry import TelemetryAck, TelemetryBatch
from sentinel_sdk.types.trust import TmrRequest


class SentinelClient(Session):
    """A connection to a SENTINEL gateway; made by `connect`, or by awaiting `aconnect`.

    A blocking client may be used by many threads at once, an asynchronous one by many tasks of its event loop.
    """

    @classmethod
    def connect(  # noqa: PLR0913 - the documented arguments, and what a token needs
        cls,
        endpoint: str | None = None,
        *,
        tls_config: TlsConfig | Literal[False] | None = None,
        retry_config: RetryConfig | None = None,
        default_timeout: float | None = None,
        options: Options | None = None,
        token: str | None = None,
        allow_insecure_token: bool = False,
    ) -> Self:
        """A blocking client. Nothing is sent before the first call.

        Args:
            endpoint: host:port; else SENTINEL_ENDPOINT.
            tls_config: else SENTINEL_CA_CERT, SENTINEL_CLIENT_CERT and SENTINEL_CLIENT_KEY; else, and for False, the
                connection is a plain one.
            retry_config: else as often as the deadline allows, or SENTINEL_MAX_RETRIES times.
            default_timeout: seconds for each call with all its retries; else SENTINEL_TIMEOUT, else 30.
            options: options of the gRPC channel, added to the library's own.
            token: a bearer token; else SENTINEL_TOKEN.
            allow_insecure_token: let a token travel over a plain connection to another machine.

        Raises:
            InvalidArgumentError: an argument, a file or an environment variable cannot be used; says which.
        """
        security = Security(tls_config, token, allow_insecure_token)
        where, policy = _prepare(endpoint, security, options, retry_config, default_timeout)
        return cls(BlockingConnection(where), policy)

    @classmethod
    async def aconnect(  # noqa: PLR0913 - the documented arguments, and what a token needs
        cls,
        endpoint: str | None = None,
        *,
        tls_config: TlsConfig | Literal[False] | None = None,
        retry_config: RetryConfig | None = None,
        default_timeout: float | None = None,
        options: Options | None = None,
        token: str | None = None,
        allow_insecure_token: bool = False,
    ) -> Self:
        """An asynchronous client for the running event loop; the arguments are those of `connect`."""
        security = Security(tls_config, token, allow_insecure_token)
        where, policy = _prepare(endpoint, security, options, retry_config, default_timeout)
        return cls(AwaitingConnection(where), policy)

    query_gpu_health = called(health.query_gpu_health)
    aquery_gpu_health = awaited(health.query_gpu_health)
    query_gpu_health_detail = called(health.query_gpu_health_detail)
    aquery_gpu_health_detail = awaited(health.query_gpu_health_detail)
    query_fleet_health = called(health.query_fleet_health)
    aquery_fleet_health = awaited(health.query_fleet_health)
    query_fleet = called(health.query_fleet)
    aquery_fleet = awaited(health.query_fleet)
    list_gpus = called(health.list_gpus)
    alist_gpus = awaited(health.list_gpus)
    get_gpu_history = called(health.get_gpu_history)
    aget_gpu_history = awaited(health.get_gpu_history)
    iter_gpu_history = iterated(health.iter_gpu_history)
    aiter_gpu_history = aiterated(health.iter_gpu_history)
    list_shared_causes = called(health.list_shared_causes)
    alist_shared_causes = awaited(health.list_shared_causes)
    get_trust_graph = called(health.get_trust_graph)
    aget_trust_graph = awaited(health.get_trust_graph)
    report_tmr_result = called(health.report_tmr_result)
    areport_tmr_result = awaited(health.report_tmr_result)

    issue_quarantine = called(directives.issue_quarantine)
    aissue_quarantine = awaited(directives.issue_quarantine)
    issue_directive = called(directives.issue_directive)
    aissue_directive = awaited(directives.issue_directive)
    quarantine_gpu = called(directives.quarantine_gpu)
    aquarantine_gpu = awaited(directives.quarantine_gpu)
    reinstate_gpu = called(directives.reinstate_gpu)
    areinstate_gpu = awaited(directives.reinstate_gpu)
    schedule_deep_test = called(directives.schedule_deep_test)
    aschedule_deep_test = awaited(directives.schedule_deep_test)
    condemn_gpu = called(directives.condemn_gpu)
    acondemn_gpu = awaited(directives.condemn_gpu)
    get_directive = called(directives.get_directive)
    aget_directive = awaited(directives.get_directive)
    list_directives = called(directives.list_directives)
    alist_directives = awaited(directives.list_directives)
    iter_directives = iterated(directives.iter_directives)
    aiter_directives = aiterated(directives.iter_directives)
    approve_directive = called(directives.approve_directive)
    aapprove_directive = awaited(directives.approve_directive)
    deny_directive = called(directives.deny_directive)
    adeny_directive = awaited(directives.deny_directive)
    withdraw_directive = called(directives.withdraw_directive)
    awithdraw_directive = awaited(directives.withdraw_directive)

    query_audit_trail = called(ledger.query_audit_trail)
    aquery_audit_trail = awaited(ledger.query_audit_trail)
    iter_audit_trail = iterated(ledger.iter_audit_trail)
    aiter_audit_trail = aiterated(ledger.iter_audit_trail)
    verify_chain = called(ledger.verify_chain)
    averify_chain = awaited(ledger.verify_chain)
    ingest_audit_entries = called(ledger.ingest_audit_entries)
    aingest_audit_entries = awaited(ledger.ingest_audit_entries)
    get_checkpoint = called(ledger.get_checkpoint)
    aget_checkpoint = awaited(ledger.get_checkpoint)
    prove_inclusion = called(ledger.prove_inclusion)
    aprove_inclusion = awaited(ledger.prove_inclusion)
    prove_consistency = called(ledger.prove_consistency)
    aprove_consistency = awaited(ledger.prove_consistency)
    generate_soc2_report = called(ledger.generate_soc2_report)
    agenerate_soc2_report = awaited(ledger.generate_soc2_report)
    generate_iso27001_report = called(ledger.generate_iso27001_report)
    agenerate_iso27001_report = awaited(ledger.generate_iso27001_report)

    update_config = called(configuration.update_config)
    aupdate_config = awaited(configuration.update_config)

    def iter_events(
        self, hostname_filter: str = "", action_filter: QuarantineAction = QuarantineAction.UNSPECIFIED
    ) -> Iterator[QuarantineDirective]:
        """Directives as they happen, until the client is closed or the server ends the stream.

        Broken connections are made again; nothing is lost meanwhile, and nothing comes twice. A directive that waits
        for a person comes when it begins to wait, and once more with its approval.

        Raises:
            SentinelError: a failure that reconnecting does not mend.
        """
        wanted = Directives(hostname_filter, action_filter)
        return follow(self._open_blocking("iter_events"), self.policy.retry, wanted)

    def aiter_events(
        self, hostname_filter: str = "", action_filter: QuarantineAction = QuarantineAction.UNSPECIFIED
    ) -> AsyncIterator[QuarantineDirective]:
        """The same for an asynchronous client."""
        wanted = Directives(hostname_filter, action_filter)
        return afollow(self._open_awaiting("aiter_events"), self.policy.retry, wanted)

    def stream_events(
        self,
        callback: Callable[[QuarantineDirective], object],
        hostname_filter: str = "",
        action_filter: QuarantineAction = QuarantineAction.UNSPECIFIED,
    ) -> None:
        """Call `callback` with every directive; blocks as long as `iter_events` lasts. Its errors end the stream."""
        connection = self._open_blocking("stream_events")
        check_callback(callback, "stream_events", may_wait=False)
        with closing(follow(connection, self.policy.retry, Directives(hostname_filter, action_filter))) as events:
            for directive in events:
                callback(directive)

    async def astream_events(
        self,
        callback: Callable[[QuarantineDirective], object],
        hostname_filter: str = "",
        action_filter: QuarantineAction = QuarantineAction.UNSPECIFIED,
    ) -> None:
        """The same for an asynchronous client; what `callback` returns is awaited where it can be."""
        connection = self._open_awaiting("astream_events")
        check_callback(callback, "astream_events", may_wait=True)
        wanted = Directives(hostname_filter, action_filter)
        async with aclosing(afollow(connection, self.policy.retry, wanted)) as events:
            async for directive in events:
                outcome = callback(directive)
                if inspect.isawaitable(outcome):
                    await outcome

    def follow_events(
        self, *, after_position: int = 0, from_now: bool = False, hostname: str = "", lasting: float | None = None
    ) -> Generator[Event]:
        """What happened after an event's position, then what happens, until the client is closed.

        Broken connections and gateways that restart are connected to again, without end; nothing is lost meanwhile.
        Keep the position of the last event that was handled, and begin after it the next time. What was handled, but
        not yet come back from, comes again.

        With `from_now` the first event has a position and nothing else. With `hostname` only events about this host,
        and about no single one. With `lasting` one connection is followed, for so many seconds: it ends then, and a
        connection that breaks, or on which nothing ever answered, is an error.

        Raises:
            OutOfRangeError: events after this position were forgotten: take stock of the fleet, and follow from now.
            SentinelError: another failure that connecting again does not mend.
        """
        wanted, connection = Events(after_position, hostname, from_now=from_now), self._open_blocking("follow_events")
        if lasting is not None:
            return follow_once(connection, wanted, lasting)
        return follow(connection, self.policy.retry, wanted)

    def afollow_events(
        self, *, after_position: int = 0, from_now: bool = False, hostname: str = "", lasting: float | None = None
    ) -> AsyncGenerator[Event]:
        """The same for an asynchronous client."""
        wanted, connection = Events(after_position, hostname, from_now=from_now), self._open_awaiting("afollow_events")
        if lasting is not None:
            return afollow_once(connection, wanted, lasting)
        return afollow(connection, self.policy.retry, wanted)

    def follow_canaries(self, hostname: str = "") -> Generator[TmrRequest]:
        """Canaries to be computed by GPUs of a host, or of all, as they are scheduled, until the client is closed.

        Hand in what the three GPUs computed by `report_tmr_result`, within the canary's `timeout_ms`.

        Raises:
            SentinelError: a failure that connecting again does not mend.
        """
        return follow(self._open_blocking("follow_canaries"), self.policy.retry, Canaries(hostname))

    def afollow_canaries(self, hostname: str = "") -> AsyncGenerator[TmrRequest]:
        """The same for an asynchronous client."""
        return afollow(self._open_awaiting("afollow_canaries"), self.policy.retry, Canaries(hostname))

    def config_stream(self, component_id: str, apply: Apply) -> None:
        """Receive configuration as the component `component_id`, until the client is closed or the server ends it.

        `apply` returns None for an update it applied, or a `ConfigAck` that says more, or that it did not. An error it
        raises ends the stream, and the update stays unacknowledged.
        """
        connection = self._open_blocking("config_stream")
        check_callback(apply, "config_stream", may_wait=False)
        serve(connection, self.policy.retry, component_id, apply)

    async def aconfig_stream(self, component_id: str, apply: AsyncApply) -> None:
        """The same for an asynchronous client; `apply` may be a coroutine function."""
        connection = self._open_awaiting("aconfig_stream")
        check_callback(apply, "aconfig_stream", may_wait=True)
        await aserve(connection, self.policy.retry, component_id, apply)

    def probe_stream(
        self,
        agent_hostname: str,
        *,
        max_unacknowledged: int = MAX_UNACKNOWLEDGED,
        hmac_key: str | bytes | None = None,
    ) -> IngestStream[ProbeResultBatch, ProbeAck]:
        """A stream for probe results; a context manager. It numbers the batches and survives broken connections.

        `max_unacknowledged`: how many batches it keeps until they are acknowledged; whoever sends another one waits.
        `hmac_key`: the secret that the gateway has for this host, or for all; executions without signature are signed.
        """
        return IngestStream(
            self._open_blocking("probe_stream"),
            self.policy,
            PROBES,
            Sender(agent_hostname, _utc_now, max_unacknowledged, key_of(hmac_key)),
        )

    def aprobe_stream(
        self,
        agent_hostname: str,
        *,
        max_unacknowledged: int = MAX_UNACKNOWLEDGED,
        hmac_key: str | bytes | None = None,
    ) -> AsyncIngestStream[ProbeResultBatch, ProbeAck]:
        """The same for an asynchronous client; an asynchronous context manager."""
        return AsyncIngestStream(
            self._open_awaiting("aprobe_stream"),
            self.policy,
            PROBES,
            Sender(agent_hostname, _utc_now, max_unacknowledged, key_of(hmac_key)),
        )

    def anomaly_stream(
        self, source_hostname: str, *, max_unacknowledged: int = MAX_UNACKNOWLEDGED
    ) -> IngestStream[AnomalyBatch, AnomalyAck]:
        """A stream for anomalies, like `probe_stream`."""
        return IngestStream(
            self._open_blocking("anomaly_stream"),
            self.policy,
            ANOMALIES,
            Sender(source_hostname, _utc_now, max_unacknowledged),
        )

    def aanomaly_stream(
        self, source_hostname: str, *, max_unacknowledged: int = MAX_UNACKNOWLEDGED
    ) -> AsyncIngestStream[AnomalyBatch, AnomalyAck]:
        """The same for an asynchronous client."""
        return AsyncIngestStream(
            self._open_awaiting("aanomaly_stream"),
            self.policy,
            ANOMALIES,
            Sender(source_hostname, _utc_now, max_unacknowledged),
        )

    def telemetry_stream(
        self, agent_hostname: str, *, max_unacknowledged: int = MAX_UNACKNOWLEDGED
    ) -> IngestStream[TelemetryBatch, TelemetryAck]:
        """A stream for telemetry, like `probe_stream`."""
        return IngestStream(
            self._open_blocking("telemetry_stream"),
            self.policy,
            TELEMETRY,
            Sender(agent_hostname, _utc_now, max_unacknowledged),
        )

    def atelemetry_stream(
        self, agent_hostname: str, *, max_unacknowledged: int = MAX_UNACKNOWLEDGED
    ) -> AsyncIngestStream[TelemetryBatch, TelemetryAck]:
        """The same for an asynchronous client."""
        return AsyncIngestStream(
            self._open_awaiting("atelemetry_stream"),
            self.policy,
            TELEMETRY,
            Sender(agent_hostname, _utc_now, max_unacknowledged),
        )


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _prepare(
    endpoint: str | None,
    security: Security,
    options: Options | None,
    retry_config: RetryConfig | None,
    timeout_s: float | None,
) -> tuple[Target, Policy]:
    defaults = environment.read(os.environ)
    environment.apply_log_level(defaults.log_level)
    where = target.resolve(endpoint, security, options, defaults)
    return where, target.policy(retry_config, timeout_s, defaults)
