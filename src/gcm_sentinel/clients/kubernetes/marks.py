"""A Node object as `NodeMarks`: what it says of who keeps it. Pure."""

from __future__ import annotations

from gcm_sentinel.clients.kubernetes.managers import writer_of
from gcm_sentinel.clients.kubernetes.objects import KubeObject, metadata, objects, spec, strings, text
from gcm_sentinel.domain.ownership import NodeMarks


def marks_of(node: KubeObject) -> NodeMarks:
    """What a Node object says of who keeps it."""
    cordoned = spec(node).get("unschedulable") is True
    writer = writer_of(node, "spec", "unschedulable") if cordoned else None
    return NodeMarks(
        labels=strings(metadata(node).get("labels")),
        annotations=strings(metadata(node).get("annotations")),
        taints=frozenset(text(taint.get("key")) for taint in objects(spec(node).get("taints"))),
        unschedulable=cordoned,
        cordoned_by=writer.manager if writer else "",
    )
