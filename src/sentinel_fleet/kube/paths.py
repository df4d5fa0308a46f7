"""Request paths as the API server reads them: which resource, in which namespace, which object, which verb."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_fleet.kube.resources import BY_PATH, Resource
from sentinel_fleet.kube.status import method_not_allowed, unknown_resource

_OBJECT_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
_SERVED = frozenset((group, version) for group, version, _ in BY_PATH)
_COLLECTION_VERBS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """A path under /api or /apis taken apart."""

    resource: Resource
    verb: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    """What follows the subresource: the path inside a proxy."""

    @property
    def attribute(self) -> str:
        """The resource as authorization names it: `pods`, `pods/log`."""
        return f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural


def parse_path(method: str, path: str) -> ResourcePath | None:
    """The resource request a path stands for; None for paths that are no resources: discovery,
    /healthz ..., and whatever is asked of a group that no server has.

    Raises:
        ApiError: 404 for a kind that is not served, 405 for a verb it does not have.
    """
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, tail = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, tail = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if tail[0] == "namespaces" and len(tail) > 2 and tail[2] not in ("status", "finalize"):
        namespace, tail = tail[1], tail[2:]
    if (group, version) not in _SERVED:
        return None
    resource = BY_PATH.get((group, version, tail[0]))
    if resource is None:
        raise unknown_resource()
    if namespace and not resource.namespaced:
        raise unknown_resource()
    name, subresource = (tail + ["", ""])[1:3]
    rest = path.split(f"/{name}/{subresource}", 1)[1] if subresource else ""
    verbs = _OBJECT_VERBS if name else _COLLECTION_VERBS
    _check_served(resource, method, subresource, verbs)
    if resource.namespaced and not namespace and (name or method == "POST"):
        raise method_not_allowed() if not name else unknown_resource()
    return ResourcePath(resource, verbs[method], namespace, name, subresource, rest)


def _check_served(resource: Resource, method: str, subresource: str, verbs: dict[str, str]) -> None:
    if subresource and subresource not in ("status", *resource.subresources):
        raise unknown_resource()
    if subresource == "status" and not resource.status:
        raise unknown_resource()
    allowed = {"log": ("GET",), "proxy": ("GET",), "eviction": ("POST",), "status": ("GET", "PUT", "PATCH")}
    if method not in verbs or (subresource and method not in allowed[subresource]):
        raise method_not_allowed()
    if not subresource and method == "POST" and verbs is _OBJECT_VERBS:
        raise method_not_allowed()
