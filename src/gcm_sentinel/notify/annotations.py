"""Writes the newest assessment of a node into its ``gcm-sentinel/*`` annotations, and removes them again.

Built by app/wiring.py only when the mode permits `Effect.ANNOTATE`; the constructor asks the mode itself and refuses
otherwise, so that no wiring mistake can write to a Node in ``recommend``. A merge patch touches our eight keys and
nothing else; publishing the same assessment again writes the same values.

A later edition writes ``action-state`` alone: a newer assessment of the node may stand there by then. An assessment
without actions leaves that key as it is, because what was done to the node before is still so.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any, Protocol

import structlog

from gcm_sentinel.domain.effects import is_object_name
from gcm_sentinel.domain.errors import NotFound, Refused
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.modes import Effect, Mode, permits
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.published_action import states
from gcm_sentinel.notify import oneline
from gcm_sentinel.notify.retry import RetryPolicy, attempts

PREFIX = "gcm-sentinel/"
FIELD_MANAGER = "gcm-sentinel"
MERGE_PATCH = "application/merge-patch+json"
TEXT_CHARACTERS = 250
KEYS = ("severity", "action", "confidence", "summary", "root-cause", "condition", "timestamp")
STATE_KEY = "action-state"
_NAME_SHOWN = 100

log = structlog.get_logger(__name__)


class ObjectPatcher(Protocol):
    """What this notifier needs of a Kubernetes client."""

    async def patch(
        self, path: str, body: dict[str, Any], *, content_type: str, field_manager: str | None = None
    ) -> object:
        """PATCH one object with the patch type that `content_type` names."""
        ...


class AnnotationNotifier:
    """A `Notifier` and `Withdrawer` that keeps the last assessment on the Node itself."""

    name = "annotations"

    def __init__(self, client: ObjectPatcher, mode: Mode, *, policy: RetryPolicy | None = None) -> None:
        """Refuse to exist where the mode forbids it.

        Raises:
            Refused: `mode` does not permit annotating nodes, or is no mode at all.
        """
        decision = permits(mode, Effect.ANNOTATE)
        if not decision.allowed:
            raise Refused(f"node annotations: {decision.reason}; use mode {Mode.ANNOTATE} or above")
        self._client = client
        self._policy = policy or RetryPolicy()

    async def publish(self, publication: Publication) -> None:
        """Set the annotations of the incident's node.

        Raises:
            Retryable: the API server was unreachable or busy until the policy's deadline.
            Permanent: it refused the patch (RBAC, no such node).
        """
        values = action_annotation(publication)
        if not publication.shown_before:
            values = {**node_annotations(publication), **values}
        await self._patch(publication.assessment.node, values)

    async def clear(self, node: str) -> None:
        """Remove our annotations from `node`; none there is fine. Raises as `publish` does."""
        await self._patch(node, {f"{PREFIX}{key}": None for key in (*KEYS, STATE_KEY)})

    async def withdraw(self, node: str) -> None:
        """Remove them because the incident is over; a node that is gone took them along.

        Raises:
            Retryable: the API server was unreachable or busy until the policy's deadline.
            Permanent: it refused the patch (RBAC).
        """
        try:
            await self.clear(node)
        except NotFound:
            log.info("annotations.node_gone", node=node)

    async def _patch(self, node: str, values: JsonObject) -> None:
        if not is_object_name(node):
            raise NotFound(f"there is no node {node[:_NAME_SHOWN]!r}: no node can have that name")
        path = f"/api/v1/nodes/{node}"
        body = {"metadata": {"annotations": dict(values)}}
        async for attempt in attempts(self._policy, self.name):
            with attempt:
                await self._client.patch(path, body, content_type=MERGE_PATCH, field_manager=FIELD_MANAGER)


def action_annotation(publication: Publication) -> dict[str, Json]:
    """Where the actions stand; nothing for an assessment without any."""
    told = states(publication.actions)
    return {f"{PREFIX}{STATE_KEY}": oneline.cut_characters(oneline.one_line(told), TEXT_CHARACTERS)} if told else {}


def node_annotations(publication: Publication) -> dict[str, Json]:
    """The seven annotations of an assessment."""
    assessment = publication.assessment
    values = (
        str(assessment.draft.severity),
        str(oneline.primary_action(assessment)),
        f"{assessment.draft.confidence:.2f}",
        oneline.cut_characters(oneline.summary(assessment), TEXT_CHARACTERS),
        oneline.cut_characters(oneline.one_line(assessment.draft.root_cause), TEXT_CHARACTERS),
        oneline.one_line(assessment.condition),
        assessment.created_at.astimezone(UTC).isoformat(),
    )
    return {f"{PREFIX}{key}": value for key, value in zip(KEYS, values, strict=True)}
