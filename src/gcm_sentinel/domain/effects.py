"""What a Kubernetes request does to the cluster, read off the request itself and nothing else.

Everything that is not certainly harmless counts as a remediation, so that a new path is refused until someone thinks
about it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.modes import Effect

_EVENTS = re.compile(r"^/api/v1/namespaces/[^/]+/events(?:/[^/]+)?$")
_NODE = re.compile(r"^/api/v1/nodes/[^/]+$")
_REVIEWS = re.compile(r"^/apis/authorization\.k8s\.io/v1/selfsubject(?:access|rules)reviews$")
ANNOTATION_PREFIX = "gcm-sentinel/"
MAINTENANCE_REQUEST = "gcm-sentinel/maintenance-request"
"""Annotation by which a site's own controller is asked to reset a GPU or reboot a node."""


def effect_of(method: str, path: str, body: Json) -> Effect:
    """The effect of one request; `path` without its query string."""
    if method in ("GET", "HEAD") or (method == "POST" and _REVIEWS.match(path)):
        return Effect.READ
    if method in ("POST", "PATCH") and _EVENTS.match(path):
        return Effect.EVENT
    if method == "PATCH" and _NODE.match(path) and _only_own_annotations(body):
        return Effect.ANNOTATE
    return Effect.REMEDIATE


def _only_own_annotations(body: Json) -> bool:
    """Whether a patch touches nothing but annotations of ours that only tell; one of them makes a controller act."""
    if not isinstance(body, Mapping) or set(body) != {"metadata"}:
        return False
    metadata = body["metadata"]
    if not isinstance(metadata, Mapping) or set(metadata) != {"annotations"}:
        return False
    annotations = metadata["annotations"]
    if not isinstance(annotations, Mapping) or MAINTENANCE_REQUEST in annotations:
        return False
    return all(str(key).startswith(ANNOTATION_PREFIX) for key in annotations)
