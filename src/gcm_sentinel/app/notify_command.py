"""`gcm-sentinel notify test`: one marked message through each sink that is configured, and what became of it.

The message goes the way of every assessment: the same sinks, clients and limits, the mode's guard in front of what is
written to the cluster. Nothing of it is stored. Each sink is asked once, so that what it says is seen at once and not
behind a minute of trying. PagerDuty's alert, under a key of its own, is resolved as soon as it is triggered, also where
the trigger was not answered or somebody pressed Ctrl-C; an Event is only made where it is asked for by name, and
annotations and the ledger, which keep what they are told, are left alone.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.people import people
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.domain.assessment import Assessment, Draft, Outcome, Severity
from gcm_sentinel.domain.errors import BadConfiguration, SentinelError
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.protocols import Clock, Notifier, Publication
from gcm_sentinel.domain.threads import OverThread, Thread, ThreadBook
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.notify.kubernetes_event import KubernetesEventNotifier, event_name
from gcm_sentinel.notify.pagerduty import PagerDutyNotifier, dedup_key
from gcm_sentinel.notify.publish import Delivery, deliver
from gcm_sentinel.notify.retry import RetryPolicy, once
from gcm_sentinel.notify.webhook import Endpoint, WebhookNotifier
from gcm_sentinel.storage.memory import MemoryThreads
from gcm_sentinel.web.plain import one_line

MARK = "gcm-sentinel-test"
"""Begins the incident's id, and stands where the node's name would."""
_EVENT = "kubernetes-event"
_DEADLINE = timedelta(seconds=20)
_PATIENCE = timedelta(seconds=15)
_SETTING = {
    "slack": "GCM_SENTINEL_SLACK_BOT_TOKEN or GCM_SENTINEL_SLACK_WEBHOOK_URL",
    "webhook": "GCM_SENTINEL_WEBHOOK_URL",
    "pagerduty": "GCM_SENTINEL_PAGERDUTY_ROUTING_KEY",
}


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of the message at one sink."""

    sink: str
    ok: bool
    words: str


async def notify_command(settings: Settings, only: Sequence[str]) -> Exit:
    """`notify test`; `only` are the sinks that were asked for, every configured one where none was.

    Raises:
        BadConfiguration: a sink that there is not, or is not configured, or none is.
    """
    clock = SystemClock()
    message = trial(clock.now(), secrets.token_hex(4))
    async with _sinks(settings, only, clock) as (sinks, book), asyncio.TaskGroup() as group:
        tasks = [group.create_task(_tried(sink, book, message)) for sink in sinks]
    rows = [task.result() for task in tasks]
    for row in rows:
        print(f"{'ok  ' if row.ok else 'FAIL'} {row.sink:<18} {one_line(row.words)}")
    return Exit.OK if all(row.ok for row in rows) else Exit.UNMET


def trial(now: datetime, mark: str) -> Publication:
    """A publication that says of itself that it is a test; `mark` tells one test from another."""
    words = "TEST: somebody ran `gcm-sentinel notify test`. Nothing is wrong, and there is nothing to do"
    trigger = Trigger("manual", MARK, "NotificationTest", TriggerStatus.PROBLEM, "Test", words, now)
    incident = Incident(f"{MARK}-{mark}", (trigger,), now)
    draft = Draft(Severity.INFO, FaultClass.TEST_DRILL, words, "none: this is a test", confidence=1.0)
    assessment = Assessment(
        incident_id=incident.id,
        node=MARK,
        condition=trigger.kind,
        outcome=Outcome.CONCLUDED,
        draft=draft,
        struck=(),
        engine="none",
        model="none",
        created_at=now,
    )
    return Publication(incident, assessment, ())


@asynccontextmanager
async def _sinks(
    settings: Settings, only: Sequence[str], clock: Clock
) -> AsyncIterator[tuple[Sequence[Notifier], ThreadBook]]:
    """The sinks to try, and where they note what they showed."""
    book, policy = MemoryThreads(), once(RetryPolicy(attempt_timeout=_PATIENCE))
    async with AsyncExitStack() as stack:
        http = HttpClient(_PATIENCE)
        stack.push_async_callback(http.aclose)
        sinks = list(people(settings, http, book, policy=policy))
        if url := settings.webhook_url.get_secret_value():
            endpoint = Endpoint(url, settings.webhook_secret.get_secret_value())
            sinks.append(WebhookNotifier(http, endpoint, clock, policy=policy))
        if _EVENT in only:
            kubernetes = await KubernetesClient.connect(
                kubeconfig=settings.kubeconfig, context=settings.kube_context or None, timeout=_PATIENCE
            )
            stack.push_async_callback(kubernetes.aclose)
            guarded = GuardedWriter(kubernetes, settings.action_mode)
            sinks.append(KubernetesEventNotifier(guarded, clock, policy=policy))
        yield _chosen(sinks, only), book


def _chosen(sinks: Sequence[Notifier], only: Sequence[str]) -> Sequence[Notifier]:
    configured = {sink.name for sink in sinks}
    for name in only:
        if name in configured:
            continue
        if name in _SETTING:
            raise BadConfiguration(f"--sink {name} is not configured; set {_SETTING[name]}")
        raise BadConfiguration(f"--sink {name!r} cannot be tested; there are: {', '.join((*_SETTING, _EVENT))}")
    if not sinks:
        raise BadConfiguration(f"no sink for people is configured; set one of {', '.join(_SETTING.values())}")
    return [sink for sink in sinks if not only or sink.name in only]


async def _tried(sink: Notifier, book: ThreadBook, message: Publication) -> Tried:
    if isinstance(sink, PagerDutyNotifier):
        return await _paged(sink, message)
    delivery = await deliver(sink, message, _DEADLINE)
    if not delivery.delivered:
        return Tried(sink.name, ok=False, words=delivery.reason)
    thread = await book.get(sink.name, message.incident.id)
    return Tried(sink.name, ok=True, words=_words(delivery, thread, message))


async def _paged(sink: PagerDutyNotifier, message: Publication) -> Tried:
    """The alert must not stay, whatever was heard of its trigger: one whose answer was lost was taken all the same."""
    key = dedup_key(message.incident.id)
    delivery: Delivery | None = None
    try:
        delivery = await deliver(sink, message, _DEADLINE)
    finally:
        left = await _left(sink, Thread(message.incident.id, key))
        if delivery is None and left:  # interrupted: nobody prints what is returned
            sys.stderr.write(f"{sink.name}: {left}\n")
    if delivery.delivered and not left:
        return Tried(sink.name, ok=True, words=f"triggered and resolved the alert {key}")
    said = "triggered" if delivery.delivered else delivery.reason
    return Tried(sink.name, ok=False, words="; ".join(filter(None, (said, left or f"resolved the alert {key}"))))


async def _left(sink: PagerDutyNotifier, thread: Thread) -> str:
    """Resolve the alert; what may be left of it, empty where nothing is."""
    try:
        async with asyncio.timeout(_DEADLINE.total_seconds()):
            await sink.close(OverThread(thread, "it was a test"))
    except (SentinelError, OSError) as error:  # OSError: no answer in time, certificates that cannot be read
        why = str(error) or "no answer in time"
        return f"NOT resolved: {why}; may stand: {thread.mark}, resolve it in PagerDuty by hand"
    return ""


def _words(delivery: Delivery, thread: Thread | None, message: Publication) -> str:
    if delivery.notifier == _EVENT:
        return f"made the Event {event_name(message)} in the namespace default"
    if thread is not None:
        return f"posted {thread.mark} in the channel {thread.place}"
    return f"taken within {delivery.took_s:.1f} s"
