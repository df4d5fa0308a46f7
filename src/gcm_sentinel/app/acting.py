"""Opens everything that acts, only where the mode permits it: tools, the desk that takes proposals, judge, executor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import entry_points

import structlog

from gcm_sentinel.app.life.action_rulings import Acting
from gcm_sentinel.app.life.gathering import ToolboxGatherer
from gcm_sentinel.app.life.patient_evidence import PatientEvidence
from gcm_sentinel.app.node_agents import probes_allowed
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.clients.guarded_gateway import GuardedGateway
from gcm_sentinel.clients.guarded_probes import GuardedProbes
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.kubernetes.dry_run import DryWriter
from gcm_sentinel.clients.node_agent import NodeAgents
from gcm_sentinel.clients.sentinel import SentinelGateway
from gcm_sentinel.domain.acting_policy import ActingPolicy
from gcm_sentinel.domain.deep_probing import DeepProbing
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.modes import Effect, permits
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.remediation import RemediationTool
from gcm_sentinel.engine.toolbox import Toolbox
from gcm_sentinel.remediation.capture import Capture
from gcm_sentinel.remediation.desk import Desk
from gcm_sentinel.remediation.dry_run import DryRuns, share_of
from gcm_sentinel.remediation.execute import Cluster, Executor
from gcm_sentinel.remediation.judge import Judge
from gcm_sentinel.remediation.keeping import Keeper
from gcm_sentinel.remediation.probing import ProbeRunner
from gcm_sentinel.remediation.survey import Surveyor
from gcm_sentinel.tools.context import ToolContext

GROUP = "gcm_sentinel.tools"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outside:
    """Who else acts for us, where they are configured."""

    sentinel: SentinelGateway | None = None
    node_agents: NodeAgents | None = None


@dataclass(frozen=True, slots=True)
class OpenActing:
    """What acts."""

    desk: Desk
    acting: Acting
    operations: tuple[Operation, ...]
    """Those there is a tool for."""


def open_acting(
    settings: Settings,
    kubernetes: KubernetesClient,
    stores: Stores,
    clock: Clock,
    *,
    outside: Outside | None = None,
    eyes: Toolbox | None = None,
) -> OpenActing | None:
    """What acts in the settings' mode; None where it permits nothing. `eyes` are the sources that only read.

    Raises:
        BadConfiguration: a policy setting names what does not exist, or a tool cannot be used.
    """
    mode = settings.action_mode
    if not permits(mode, Effect.REMEDIATE).allowed:
        return None
    policy, outside = policy_of(settings), outside or Outside()
    tools = load_tools(_context(settings, kubernetes, clock, outside))
    within = share_of(timedelta(seconds=settings.tool_timeout_seconds))
    dry_runs = DryRuns(kubernetes, GuardedWriter(DryWriter(kubernetes), mode), within=within)
    surveyor = Surveyor(kubernetes, stores.actions, clock, dry_runs=dry_runs)
    gateway = GuardedGateway(outside.sentinel, mode) if outside.sentinel else None
    redactor = eyes.redactor if eyes else Redactor()
    keeper = Keeper(PatientEvidence(stores.evidence), clock, redactor)
    agents = outside.node_agents
    probes = ProbeRunner(GuardedProbes(agents, mode), keeper, clock) if agents else None
    cluster = Cluster(kubernetes, GuardedWriter(kubernetes, mode), clock, gateway=gateway, probes=probes)
    capture = Capture(ToolboxGatherer(eyes), PatientEvidence(stores.evidence)) if eyes else None
    acting = Acting(Judge(tools, surveyor, policy, mode), Executor(tools, cluster), surveyor, policy, capture)
    desk = Desk(tuple(tools.values()), surveyor, policy, mode, redactor)
    return OpenActing(desk, acting, tuple(tools))


def _context(settings: Settings, kubernetes: KubernetesClient, clock: Clock, outside: Outside) -> ToolContext:
    minutes, soak_s = settings.deep_probe_minutes, settings.deep_probe_soak_seconds
    return ToolContext(
        kubernetes,
        clock,
        policy_of(settings),
        outside.sentinel,
        settings.watch_conditions,
        outside.node_agents,
        probes_allowed(settings),
        DeepProbing(timedelta(minutes=minutes), timedelta(seconds=soak_s)),
    )


def policy_of(settings: Settings) -> ActingPolicy:
    """The limits of the settings.

    Raises:
        BadConfiguration: GCM_SENTINEL_ACTIONS names no operation.
    """
    return ActingPolicy(
        operations=frozenset(_operations(settings.actions)) or frozenset(Operation),
        min_confidence=settings.min_confidence,
        max_per_hour=settings.max_actions_per_hour,
        max_out_of_service=settings.max_out_of_service,
        protected_nodes=settings.protected_nodes,
        protected_labels=settings.protected_labels,
        protected_namespaces=settings.protected_namespaces,
        approval_lasts=timedelta(minutes=settings.approval_minutes),
    )


def _operations(names: Iterable[str]) -> Iterable[Operation]:
    for name in names:
        try:
            yield Operation(name)
        except ValueError:
            known = ", ".join(Operation)
            raise BadConfiguration(f"GCM_SENTINEL_ACTIONS: {name!r} is no action; there are: {known}") from None


def load_tools(context: ToolContext) -> Mapping[Operation, RemediationTool]:
    """The tool of every operation that has one, but of those that need what is not configured.

    One that breaks ends the start: an agent that was told to act must not find out in an incident that it cannot.

    Raises:
        BadConfiguration: a tool cannot be built, or an operation has two.
    """
    found: dict[Operation, RemediationTool] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            tool: RemediationTool | None = point.load()(context)
        except Exception as error:  # the plugin border: whatever a third party's module does when it is loaded
            raise BadConfiguration(f"tool {point.name} ({point.value}) cannot be built: {error}") from error
        if tool is None:
            log.info("tool.not_offered", tool=point.name, reason="what it needs is not configured")
            continue
        if tool.operation in found or point.name != tool.operation:
            raise BadConfiguration(f"tool {point.name} ({point.value}) is not, or not alone, that of {tool.operation}")
        found[tool.operation] = tool
    return found
