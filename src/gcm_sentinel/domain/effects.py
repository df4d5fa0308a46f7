"""What a Kubernetes request does to the cluster, read off the request itself and nothing else.

Everything that is not certainly harmless counts as a remediation, so that a new path is refused until someone thinks
about it. A deletion counts as one only where it can hit nothing but one version of one maintenance request of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.modes import Effect
from gcm_sentinel.domain.operations import JANITOR

_EVENTS = re.compile(r"^/api/v1/namespaces/[^/]+/events(?:/[^/]+)?$")
_NODE = re.compile(r"^/api/v1/nodes/[^/]+$")
_REVIEWS = re.compile(r"^/apis/authorization\.k8s\.io/v1/selfsubject(?:access|rules)reviews$")
_OWN_REQUEST = re.compile(rf"/apis/{re.escape(JANITOR)}/v1alpha1/(?:gpuresets|rebootnodes)/gcm-sentinel-[0-9a-f]{{20}}")
"""Names as `Order.handle` gives them."""
ANNOTATION_PREFIX = "gcm-sentinel/"
MAINTENANCE_REQUEST = "gcm-sentinel/maintenance-request"
"""Annotation by which a site's own controller is asked to reset a GPU or reboot a node."""
MAINTENANCE_ASKED = "gcm-sentinel/maintenance-asked"
"""Annotation that stays when the controller has taken the request away: which request was made last."""


def effect_of(method: str, path: str, body: Json) -> Effect:
    """The effect of one request; `path` without its query string."""
    if method in ("GET", "HEAD") or (method == "POST" and _REVIEWS.match(path)):
        return Effect.READ
    if method in ("POST", "PATCH") and _EVENTS.match(path):
        return Effect.EVENT
    if method == "PATCH" and _NODE.match(path) and _only_own_annotations(body):
        return Effect.ANNOTATE
    if method == "DELETE" and not (_OWN_REQUEST.fullmatch(path) and _names_one_version(body)):
        return Effect.DELETE
    return Effect.REMEDIATE


def _names_one_version(options: Json) -> bool:
    """Whether a deletion can hit only the object of one UID, in the version that was read."""
    wanted = options.get("preconditions") if isinstance(options, Mapping) else None
    if not isinstance(wanted, Mapping):
        return False
    return all(isinstance(wanted.get(name), str) and wanted[name] for name in ("uid", "resourceVersion"))


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
