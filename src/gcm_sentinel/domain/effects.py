"""What a Kubernetes request does to the cluster, read off the request itself and nothing else.

Everything that is not certainly harmless counts as a remediation, so that a new path is refused until someone thinks
about it. A deletion counts as one only where it can hit nothing but one version of one maintenance request of ours.

Between here and the server a path is taken apart and put together again: ``..`` leaves a segment, ``?`` and ``#`` end
the path, ``%2F`` may become a slash. So a path of anything but plain names counts as a deletion of who knows what, and
so does a method that none of our writers has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.modes import Effect
from gcm_sentinel.domain.operations import JANITOR

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAME = rf"{_LABEL}(?:\.{_LABEL})*"
"""RFC 1123 subdomain: nodes, pods and events are named so, and all fixed parts of the paths are of that form too."""
_NAME_MAX = 253
_OBJECT_NAME = re.compile(_NAME)
_PLAIN = re.compile(rf"(?:/{_NAME})+")
_EVENTS = re.compile(rf"/api/v1/namespaces/{_LABEL}/events(?:/{_NAME})?")
_NODE = re.compile(rf"/api/v1/nodes/{_NAME}")
_REVIEWS = re.compile(r"/apis/authorization\.k8s\.io/v1/selfsubject(?:access|rules)reviews")
_OWN_REQUEST = re.compile(rf"/apis/{re.escape(JANITOR)}/v1alpha1/(?:gpuresets|rebootnodes)/gcm-sentinel-[0-9a-f]{{20}}")
"""Names as `Order.handle` gives them."""
ANNOTATION_PREFIX = "gcm-sentinel/"
MAINTENANCE_REQUEST = "gcm-sentinel/maintenance-request"
"""Annotation by which a site's own controller is asked to reset a GPU or reboot a node."""
MAINTENANCE_ASKED = "gcm-sentinel/maintenance-asked"
"""Annotation that stays when the controller has taken the request away: which request was made last."""


def is_object_name(name: str) -> bool:
    """Whether Kubernetes could have a node, pod or event of that name."""
    return len(name) <= _NAME_MAX and _OBJECT_NAME.fullmatch(name) is not None


def effect_of(method: str, path: str, body: Json) -> Effect:
    """The effect of one request; `path` without its query string.

    ``CALL`` is a call of a SENTINEL gateway, ``PROBE`` one of a GPU node's agent that takes all of a GPU.
    """
    if method in ("CALL", "PROBE"):
        return Effect.REMEDIATE
    if not _PLAIN.fullmatch(path):
        return Effect.DELETE
    if method in ("GET", "HEAD"):
        return Effect.READ
    if method == "DELETE" and _OWN_REQUEST.fullmatch(path) and _names_one_version(body):
        return Effect.REMEDIATE
    return _written(method, path, body) if method in ("POST", "PATCH") else Effect.DELETE


def _written(method: str, path: str, body: Json) -> Effect:
    if method == "POST" and _REVIEWS.fullmatch(path):
        return Effect.READ
    if _EVENTS.fullmatch(path):
        return Effect.EVENT
    if method == "PATCH" and _NODE.fullmatch(path) and _only_own_annotations(body):
        return Effect.ANNOTATE
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
