"""Publishes an assessment as a v1 Event on the Node, where `kubectl describe node` shows it.

Used by app/wiring.py in every mode. The message keeps the shape that dashboards and alert rules already parse:
``[SEVERITY] <summary> | Action: <action> | Confidence: <NN%>``; documented query
``kubectl get events --field-selector reason=GCMSentinel``.

Why ``involvedObject.uid`` is the node's *name*: `kubectl describe node` searches events by kind, name and uid, so an
Event without uid is never shown (https://github.com/kubernetes/kubectl/issues/1838). kubectl searches with the
name as uid, as the kubelet writes it; only newer ones search with the real uid as well
(https://github.com/kubernetes/kubernetes/pull/106485, and `NodeDescriber.Describe` in
https://github.com/kubernetes/kubectl/blob/365ecee227e9a8a77c6677471d7dae80c36133fe/pkg/describe/describe.go). The name
is therefore the one value that old and current versions show, and it is known without reading the Node. The real uid,
where the trigger knows it, stands in an annotation.

The Event's name is derived from the investigation's id: publishing again finds the name taken, which is success. What
becomes of an action is told by the same Event, as a series: its count is the number of the edition, its message says
where the actions stand. One the API server has forgotten meanwhile (it keeps them for an hour) is made anew. An
incident of many nodes has one Event, on the node it was opened for, and says how many others there are.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

import structlog

from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.errors import NotFound, Rejected
from gcm_sentinel.domain.held_back import refused_in_short
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.protocols import Clock, Publication
from gcm_sentinel.domain.published_action import states
from gcm_sentinel.notify import oneline
from gcm_sentinel.notify.retry import RetryPolicy, attempts

COMPONENT = "gcm-sentinel"
REASON = "GCMSentinel"
MESSAGE_BYTES = 1024
"""NoteLengthLimit of the Events API; a longer message is refused or cut in mid-word by whoever handles it next."""
REPORTER_BYTES = 128
_STATES_BYTES = 200
_MERGE_PATCH = "application/merge-patch+json"
_CONFLICT = 409
_SHOWN_AS_WARNING = frozenset({Severity.CRITICAL, Severity.WARNING})

log = structlog.get_logger(__name__)


class EventWriter(Protocol):
    """What this notifier needs of a Kubernetes client."""

    async def create(self, path: str, body: dict[str, Any]) -> object:
        """POST an object to a collection.

        Raises:
            Rejected: refused; `status` 409 when the name is taken.
        """
        ...

    async def patch(self, path: str, body: dict[str, Any], *, content_type: str) -> object:
        """PATCH one object.

        Raises:
            NotFound: there is none.
        """
        ...


class KubernetesEventNotifier:
    """A `Notifier` that keeps one Event per investigation.

    The API server accepts events about nodes (which have no namespace) in ``default`` only; `namespace` is there for
    servers configured otherwise.
    """

    name = "kubernetes-event"

    def __init__(
        self,
        client: EventWriter,
        clock: Clock,
        *,
        namespace: str = "default",
        instance: str = COMPONENT,
        policy: RetryPolicy | None = None,
    ) -> None:
        """Take what it needs; `instance` is the reporting pod's name."""
        self._client = client
        self._clock = clock
        self._namespace = namespace
        self._instance = instance
        self._policy = policy or RetryPolicy()

    async def publish(self, publication: Publication) -> None:
        """Create the Event, or bring it to this edition; a second call for the same edition changes nothing.

        Raises:
            Retryable: the API server was unreachable or busy until the policy's deadline.
            Permanent: it refused the Event (RBAC, validation).
        """
        event = node_event(publication, self._clock.now(), namespace=self._namespace, instance=self._instance)
        path = f"/api/v1/namespaces/{quote(self._namespace, safe='')}/events"
        async for attempt in attempts(self._policy, self.name):
            with attempt:
                if publication.edition == 1 or not await self._brought_on(path, event):
                    await self._create(path, event)

    async def _create(self, path: str, event: dict[str, Any]) -> None:
        try:
            await self._client.create(path, event)
        except Rejected as error:
            if error.status != _CONFLICT:
                raise
            fields = {"node": event["involvedObject"]["name"], "name": event["metadata"]["name"]}
            log.info("event.already_published", **fields)

    async def _brought_on(self, path: str, event: dict[str, Any]) -> bool:
        """Whether the Event was there to be changed."""
        changed = {name: event[name] for name in ("message", "count", "lastTimestamp")}
        try:
            await self._client.patch(f"{path}/{event['metadata']['name']}", changed, content_type=_MERGE_PATCH)
        except NotFound:
            return False
        return True


def event_name(publication: Publication) -> str:
    """``gcm-sentinel-<hash>``: equal for the same investigation, whatever an id is made of fit for an object's name."""
    seed = publication.incident.investigation_id
    return f"{COMPONENT}-{hashlib.sha256(seed.encode()).hexdigest()[:20]}"


def message(publication: Publication) -> str:
    """The Event's message in at most 1024 bytes; only the summary is ever cut."""
    assessment = publication.assessment
    head = f"[{assessment.draft.severity.upper()}] "
    more = _outcome(publication) + oneline.others(publication.incident)
    tail = f"{more} | Action: {oneline.primary_action(assessment)} | Confidence: {assessment.draft.confidence:.0%}"
    room = MESSAGE_BYTES - len(head.encode()) - len(tail.encode())
    return f"{head}{oneline.cut_bytes(oneline.summary(assessment), room)}{tail}"


def _outcome(publication: Publication) -> str:
    """`` (cordon_node: done)`` behind the summary; empty while nothing was asked for."""
    told = ", ".join(filter(None, (states(publication.actions), refused_in_short(publication.held_back))))
    return f" ({oneline.cut_bytes(oneline.one_line(told), _STATES_BYTES)})" if told else ""


def node_event(publication: Publication, now: datetime, *, namespace: str, instance: str) -> dict[str, Any]:
    """The whole v1 Event.

    `eventTime` stays unset: with it the server applies the rules of events.k8s.io, and `kubectl describe` shows no age.
    """
    assessment = publication.assessment
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": event_name(publication),
            "namespace": namespace,
            "labels": {"app": COMPONENT, "app.kubernetes.io/name": COMPONENT},
            "annotations": _annotations(publication),
        },
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Node",
            "name": assessment.node,
            "uid": assessment.node,
        },
        "reason": REASON,
        "message": message(publication),
        "type": "Warning" if assessment.draft.severity in _SHOWN_AS_WARNING else "Normal",
        "action": str(oneline.primary_action(assessment)),
        "count": publication.edition,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": oneline.cut_bytes(instance, REPORTER_BYTES),
    }


def _annotations(publication: Publication) -> dict[str, Json]:
    known: dict[str, Json] = {
        f"{COMPONENT}/incident": publication.incident.id,
        f"{COMPONENT}/investigation": publication.incident.investigation_id,
        f"{COMPONENT}/outcome": str(publication.assessment.outcome),
        f"{COMPONENT}/fault-class": str(publication.assessment.draft.fault_class),
    }
    uid = publication.incident.lead.node_uid
    return {**known, f"{COMPONENT}/node-uid": uid} if uid else known
