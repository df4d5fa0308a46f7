"""Builds the agent from its settings: the only place that knows which class stands behind which protocol."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from gcm_sentinel.app import plugins
from gcm_sentinel.app.acting import OpenActing, Outside, open_acting
from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life.patient_evidence import PatientEvidence
from gcm_sentinel.app.models import build_model, playbook_model, price_of
from gcm_sentinel.app.node_agents import CAPTURE_TIMEOUT, capturing, node_agents, probes_allowed
from gcm_sentinel.app.observation import ObservedSource
from gcm_sentinel.app.people import people
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.clients.prometheus import PrometheusClient
from gcm_sentinel.clients.sentinel import Access, SentinelGateway
from gcm_sentinel.datasources.context import DEFAULT_TOPOLOGY_LABELS, SourceContext
from gcm_sentinel.domain.history import IncidentHistory
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.protocols import Clock, Datasource, EvidenceStore, Model, Notifier
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.engine.loop import Loop
from gcm_sentinel.engine.prompts import system_text
from gcm_sentinel.engine.toolbox import Toolbox
from gcm_sentinel.notify.annotations import AnnotationNotifier
from gcm_sentinel.notify.kubernetes_event import KubernetesEventNotifier
from gcm_sentinel.notify.ledger import LedgerNotifier
from gcm_sentinel.notify.webhook import Endpoint, WebhookNotifier
from gcm_sentinel.storage.memory import MemoryEvidenceStore, MemoryThreads
from gcm_sentinel.triage.topology import FleetTopology
from gcm_sentinel.watch.kubernetes import NodeConditionWatcher
from gcm_sentinel.watch.sentinel import SentinelWatcher
from gcm_sentinel.watch.sentinel_news import SOURCE as SENTINEL

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Agent:
    """Everything that runs, built and connected."""

    settings: Settings
    clock: Clock
    kubernetes: KubernetesClient
    sources: tuple[Datasource, ...]
    broken_sources: tuple[str, ...]
    model: Model
    playbook: Model
    """Answers when the budget of the other is dry."""
    loop: Loop
    redactor: Redactor
    fleet: FleetTopology
    watcher: NodeConditionWatcher
    notifiers: tuple[Notifier, ...]
    prometheus: PrometheusClient | None = None
    sentinel: SentinelGateway | None = None
    node_agents: NodeAgents | None = None
    acting: OpenActing | None = None
    """None where the mode does not permit to act, and without stores."""
    sentinel_watcher: SentinelWatcher | None = None
    """None without a gateway, and for a single investigation."""

    @property
    def paid(self) -> bool:
        """Whether the engine of the settings costs money: any but the playbook engine."""
        return self.model.name != self.playbook.name


@dataclass(frozen=True, slots=True)
class Given:
    """What replaces a part that the settings would name, or brings one they cannot."""

    clock: Clock = field(default_factory=SystemClock)
    model: Model | None = None
    stores: Stores | None = None
    """Where evidence is kept and history is read; None for a single investigation in memory."""
    history: IncidentHistory | None = None
    """Past incidents that are not in `stores`."""
    observed: bool = False
    """Whether tool calls are counted and traced."""


@asynccontextmanager
async def open_agent(settings: Settings, given: Given | None = None) -> AsyncIterator[Agent]:
    """The agent for `settings`, its connections closed on leaving.

    Raises:
        BadConfiguration: no usable kubeconfig, or a setting that contradicts another.
        SentinelError: the stores cannot be read.
    """
    given = given or Given()
    clock, stores = given.clock, given.stores
    async with AsyncExitStack() as stack:
        kubernetes = await _kubernetes(settings)
        stack.push_async_callback(kubernetes.aclose)
        http = HttpClient(timedelta(seconds=10))
        stack.push_async_callback(http.aclose)
        prometheus = PrometheusClient(settings.prometheus_url) if settings.prometheus_url else None
        if prometheus is not None:
            stack.push_async_callback(prometheus.aclose)
        sentinel = _sentinel(settings)
        if sentinel is not None:
            stack.push_async_callback(sentinel.aclose)
        agents = node_agents(settings, kubernetes)
        history = given.history or (stores.history if stores else None)
        context = _context(settings, kubernetes, prometheus, http, clock)
        context = replace(context, history=history, sentinel=sentinel, node_probes=agents, node_readings=agents)
        loaded = plugins.load(context, disabled=settings.disabled_sources)
        chosen = given.model or build_model(settings)
        stack.push_async_callback(_close, chosen)
        redactor = Redactor(extra=tuple(map(re.compile, settings.redact_patterns)))
        evidence = PatientEvidence(stores.evidence) if stores else MemoryEvidenceStore()
        watched = tuple(map(ObservedSource, loaded.sources)) if given.observed else loaded.sources
        saving = capturing(agents, clock)
        patience = CAPTURE_TIMEOUT if saving else None
        eyes = _toolbox(settings, (*watched, *saving), evidence, redactor, clock, patience)
        outside = Outside(sentinel, agents)
        acting = open_acting(settings, kubernetes, stores, clock, outside=outside, eyes=eyes) if stores else None
        desk = (acting.desk,) if acting else ()
        toolbox = _toolbox(settings, (*watched, *desk), evidence, redactor, clock)
        fleet = FleetTopology({**DEFAULT_TOPOLOGY_LABELS, **settings.topology_labels})
        yield Agent(
            settings=settings,
            clock=clock,
            kubernetes=kubernetes,
            sources=loaded.sources,
            broken_sources=loaded.broken,
            model=chosen,
            playbook=chosen if chosen.name == "playbook" else playbook_model(),
            loop=_loop(settings, chosen, toolbox, loaded.sources, clock),
            redactor=redactor,
            fleet=fleet,
            watcher=NodeConditionWatcher(
                kubernetes,
                patterns=settings.watch_conditions,
                clock=clock,
                known=await stores.triggers.wrong_now("kubernetes") if stores else (),
                observer=fleet,
            ),
            notifiers=(
                *_notifiers(settings, kubernetes, http, clock),
                *people(settings, http, stores.threads if stores else MemoryThreads()),
                *_recorders(settings, sentinel),
            ),
            acting=acting,
            prometheus=prometheus,
            sentinel=sentinel,
            node_agents=agents,
            sentinel_watcher=await _sentinel_watcher(
                sentinel if settings.sentinel_watch else None, stores, fleet, clock
            ),
        )


async def _close(model: Model) -> None:
    """Close an engine that holds connections; those that hold none have nothing to close."""
    close = getattr(model, "aclose", None)
    if close is not None:
        await close()


async def _kubernetes(settings: Settings) -> KubernetesClient:
    return await KubernetesClient.connect(
        kubeconfig=settings.kubeconfig, context=settings.kube_context or None, timeout=timedelta(seconds=15)
    )


def _sentinel(settings: Settings) -> SentinelGateway | None:
    """The gateway of the settings, not connected yet.

    Raises:
        BadConfiguration: its settings contradict each other, or name files that are not there.
    """
    if not settings.sentinel_endpoint:
        return None
    access = Access(
        endpoint=settings.sentinel_endpoint,
        plaintext=settings.sentinel_plaintext,
        ca_cert=settings.sentinel_ca_cert,
        client_cert=settings.sentinel_client_cert,
        client_key=settings.sentinel_client_key,
        token=settings.sentinel_token.get_secret_value(),
        ledger_public_key=settings.sentinel_ledger_public_key,
    )
    access.check()
    return SentinelGateway(access)


async def _sentinel_watcher(
    sentinel: SentinelGateway | None, stores: Stores | None, fleet: FleetTopology, clock: Clock
) -> SentinelWatcher | None:
    """The watcher of the gateway, from where storage has come to."""
    if sentinel is None or stores is None:
        return None
    position = await stores.triggers.followed_to(SENTINEL)
    known = await stores.triggers.wrong_now(SENTINEL)
    return SentinelWatcher(sentinel, clock=clock, position=position, known=known, observer=fleet)


def _recorders(settings: Settings, sentinel: SentinelGateway | None) -> tuple[Notifier, ...]:
    if sentinel is None or not settings.sentinel_record_assessments:
        return ()
    return (LedgerNotifier(sentinel.ledger),)


def _context(
    settings: Settings,
    kubernetes: KubernetesClient,
    prometheus: PrometheusClient | None,
    http: HttpClient,
    clock: Clock,
) -> SourceContext:
    return SourceContext(
        kubernetes=kubernetes,
        prometheus=prometheus,
        http=http,
        clock=clock,
        alertmanager_url=settings.alertmanager_url,
        watch_conditions=settings.watch_conditions,
        topology_labels={**DEFAULT_TOPOLOGY_LABELS, **settings.topology_labels},
        call_timeout=timedelta(seconds=settings.tool_timeout_seconds),
        loki_url=settings.loki_url,
        probes=probes_allowed(settings),
    )


def _toolbox(
    settings: Settings,
    sources: Sequence[Datasource],
    store: EvidenceStore,
    redactor: Redactor,
    clock: Clock,
    at_least: timedelta | None = None,
) -> Toolbox:
    timeout = timedelta(seconds=settings.tool_timeout_seconds)
    return Toolbox(
        sources,
        store,
        clock,
        redactor=redactor,
        call_timeout=max(timeout, at_least or timeout),
        max_output=settings.max_tool_output,
    )


def _loop(settings: Settings, model: Model, toolbox: Toolbox, sources: Sequence[Datasource], clock: Clock) -> Loop:
    offering = [source for source in sources if source.get_tools()]
    sections = {source.name: source.get_system_prompt_section() for source in offering}
    system = system_text(settings.action_mode, sections, settings.prompts_dir, settings.system_prompt_path)
    return Loop(model, toolbox, clock, system=system, limits=settings.limits, price=price_of(settings))


def _notifiers(
    settings: Settings, kubernetes: KubernetesClient, http: HttpClient, clock: Clock
) -> tuple[Notifier, ...]:
    guarded = GuardedWriter(kubernetes, settings.action_mode)
    sinks: list[Notifier] = [KubernetesEventNotifier(guarded, clock)]
    if settings.action_mode is not Mode.RECOMMEND:
        sinks.append(AnnotationNotifier(guarded, settings.action_mode))
    if settings.webhook_url.get_secret_value():
        endpoint = Endpoint(settings.webhook_url.get_secret_value(), settings.webhook_secret.get_secret_value())
        sinks.append(WebhookNotifier(http, endpoint, clock))
    return tuple(sinks)
