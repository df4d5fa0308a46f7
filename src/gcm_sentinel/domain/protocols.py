"""The seams: what the rooms ask of one another, each named for its role. Every one has a shipped fake or test double.

A `Datasource` keeps the five members of the original agent's plugin interface (name, is_available, get_tools, execute,
get_system_prompt_section), now asynchronous and typed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.evidence import Evidence, ToolResult
from gcm_sentinel.domain.held_back import HeldBack, held_back
from gcm_sentinel.domain.published_action import PublishedAction
from gcm_sentinel.domain.transcript import ModelTurn, ToolCall, ToolSpec, Transcript
from gcm_sentinel.domain.trigger import Incident, Trigger

Batch = TypeVar("Batch", covariant=True)


class Clock(Protocol):
    """Time as an argument."""

    def now(self) -> datetime:
        """The current time, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        ...


@dataclass(frozen=True, slots=True)
class Scope:
    """What one investigation is about; passed with each call, never held by a shared object."""

    incident: Incident
    gathered: tuple[Evidence, ...] = ()
    """The evidence of earlier turns."""

    @property
    def node(self) -> str:
        """The node under investigation."""
        return self.incident.node


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a source can be used now."""

    usable: bool
    reason: str = ""
    """Why not; empty when usable."""
    how_to_enable: str = ""
    """What the operator would do to turn it on."""
    broken: bool = False
    """It is configured and does not work, which is not the same as being off."""


class Datasource(Protocol):
    """A read-only source of facts with one or more tools."""

    @property
    def name(self) -> str:
        """Short name, as in ``sources`` of the settings and in evidence."""
        ...

    async def is_available(self) -> Availability:
        """Whether it can be used now. Never raises; bounded by a few seconds."""
        ...

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """Its tools, the same ones at every call."""
        ...

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Run one of its tools.

        Expected failures (unreachable, forbidden, bad query) come back as a result with status ``error`` or
        ``unavailable`` and a note; they are not raised.
        """
        ...

    def get_system_prompt_section(self) -> str:
        """Words for the system prompt about this source; empty for none."""
        ...


class Model(Protocol):
    """One LLM, or something that behaves like one."""

    @property
    def name(self) -> str:
        """Engine name: ``anthropic``, ``openai``, ``playbook``, ``scripted``, ``replay``."""
        ...

    async def turn(self, transcript: Transcript, tools: tuple[ToolSpec, ...]) -> ModelTurn:
        """Ask for the next turn.

        Raises:
            Retryable: provider overloaded, unreachable, or the stream broke off.
            Permanent: wrong key, unknown model, request refused.
        """
        ...


class EvidenceStore(Protocol):
    """Where evidence is kept whole, by the investigation that gathered it (`Incident.investigation_id`)."""

    async def put(self, investigation_id: str, evidence: Evidence) -> None:
        """Store one piece of evidence; the same id again replaces it, because a step lost in a crash is done again.

        Raises:
            SentinelError: it could not be stored.
        """
        ...

    async def get(self, investigation_id: str, evidence_id: str) -> Evidence | None:
        """One piece of evidence, None when there is none of that id.

        Raises:
            SentinelError: the store is away, or what it holds is damaged.
        """
        ...

    async def all(self, investigation_id: str) -> tuple[Evidence, ...]:
        """Everything of one investigation in the order of its ids' first storing."""
        ...


@dataclass(frozen=True, slots=True)
class Publication:
    """What is published for one incident: the assessment and what stands behind it."""

    incident: Incident
    assessment: Assessment
    evidence: tuple[Evidence, ...]
    actions: tuple[PublishedAction, ...] = ()
    """What was asked for and where it stands."""
    edition: int = 1
    """The first is the assessment; each further one tells what became of an action."""
    shown_before: bool = False
    """Whether this sink has shown an earlier edition."""
    closed: bool = False
    """Whether the incident was over by the time of this attempt."""

    @property
    def key(self) -> str:
        """By which a receiver knows this edition: the investigation's id, from the second on with the number."""
        investigation = self.incident.investigation_id
        return investigation if self.edition == 1 else f"{investigation}/{self.edition}"

    @property
    def held_back(self) -> tuple[HeldBack, ...]:
        """What it advises, the agent was asked to do, and did not, with the reasons."""
        return held_back(self.assessment, self.evidence)


class Notifier(Protocol):
    """One place an assessment is published to."""

    @property
    def name(self) -> str:
        """Short name used in logs and delivery records."""
        ...

    async def publish(self, publication: Publication) -> None:
        """Deliver once; a second call for the same investigation and edition must not show twice.

        Raises:
            Retryable: try again later.
            Permanent: it will not work; tell the operator.
        """
        ...


class Withdrawer(Protocol):
    """A sink that shows a standing verdict on a node, and takes it away when the incident is over.

    Optional beside `Notifier`: most sinks tell a moment, which stays true.
    """

    @property
    def name(self) -> str:
        """The name it has as a `Notifier`."""
        ...

    async def withdraw(self, node: str) -> None:
        """Take away what stands on `node`; nothing there, or no such node, is fine.

        Whoever calls makes sure that no other open incident is shown there.

        Raises:
            Retryable: try again later.
            Permanent: it will not work; tell the operator.
        """
        ...


class Watcher(Protocol):
    """Observed state of one source, as a stream of triggers."""

    def triggers(self) -> AsyncIterator[Trigger]:
        """Yield triggers until cancelled; reconnects by itself."""
        ...


class BatchWatcher(Protocol[Batch]):
    """A watcher that tells what it finds in batches; asking for the next acknowledges the one before."""

    def batches(self) -> AsyncGenerator[Batch, None]:
        """Yield what was found at once, until cancelled; reconnects by itself."""
        ...
