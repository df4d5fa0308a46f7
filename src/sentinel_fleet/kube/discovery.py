"""Discovery: which groups, versions and resources there are, in the documents clients read before anything else.

Custom kinds appear once the store has held one of them, as if their CRDs had just been installed. Aggregated discovery
is not offered; clients that ask for it fall back to these documents.
"""

from __future__ import annotations

from collections.abc import Iterable

from sentinel_fleet.kube.authz import resource_verbs
from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.resources import RESOURCES, Resource
from sentinel_fleet.kube.store import ObjectStore

REVIEWS = {
    ("authentication.k8s.io", "selfsubjectreviews"): "SelfSubjectReview",
    ("authorization.k8s.io", "selfsubjectaccessreviews"): "SelfSubjectAccessReview",
    ("authorization.k8s.io", "selfsubjectrulesreviews"): "SelfSubjectRulesReview",
}


def served(store: ObjectStore) -> list[Resource]:
    """The resources discovery shows now."""
    return [resource for resource in RESOURCES if store.served(resource)]


def group_versions(store: ObjectStore) -> dict[str, list[str]]:
    """The named groups with their versions, preferred first."""
    groups: dict[str, list[str]] = {group: ["v1"] for group, _ in REVIEWS}
    for resource in served(store):
        versions = groups.setdefault(resource.group, [])
        if resource.version not in versions:
            versions.append(resource.version)
    return {group: sorted(versions) for group, versions in sorted(groups.items()) if group}


def core_versions(host: str) -> JsonObject:
    """/api."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def group_list(store: ObjectStore) -> JsonObject:
    """/apis."""
    groups = [_group(name, versions) for name, versions in group_versions(store).items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(store: ObjectStore, name: str) -> JsonObject | None:
    """/apis/<group>, None for a group that is not served."""
    versions = group_versions(store).get(name)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def _group(name: str, versions: Iterable[str]) -> JsonObject:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def resource_list(store: ObjectStore, group_name: str, version: str) -> JsonObject | None:
    """/api/v1 and /apis/<group>/<version>, None for a version that is not served."""
    rows = [_row(r, name, verbs) for r in _in_version(store, group_name, version) for name, verbs in _names(r)]
    rows += [
        _review_row(plural, kind) for (name, plural), kind in REVIEWS.items() if (name, "v1") == (group_name, version)
    ]
    if not rows:
        return None
    shown = f"{group_name}/{version}" if group_name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": shown, "resources": rows}


def _in_version(store: ObjectStore, group_name: str, version: str) -> Iterable[Resource]:
    return (r for r in served(store) if (r.group, r.version) == (group_name, version))


def _names(resource: Resource) -> Iterable[tuple[str, tuple[str, ...]]]:
    return sorted(resource_verbs(resource).items())


def _row(resource: Resource, name: str, verbs: tuple[str, ...]) -> JsonObject:
    row: JsonObject = {"name": name, "singularName": "", "namespaced": resource.namespaced, "kind": resource.kind}
    row["verbs"] = list(verbs)
    if name == "pods/eviction":
        row |= {"group": "policy", "version": "v1", "kind": "Eviction"}
    if name == "nodes/proxy":
        row["kind"] = "NodeProxyOptions"
    if name == resource.plural:
        row["singularName"] = resource.singular
        if resource.short_names:
            row["shortNames"] = list(resource.short_names)
        if resource.categories:
            row["categories"] = list(resource.categories)
    return row


def _review_row(plural: str, kind: str) -> JsonObject:
    return {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}


def version_info(git_version: str) -> JsonObject:
    """/version."""
    major, minor, _ = git_version.removeprefix("v").split(".", 2)
    return {
        "major": major,
        "minor": minor,
        "gitVersion": git_version,
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2025-11-12T00:00:00Z",
        "goVersion": "go1.24.9",
        "compiler": "gc",
        "platform": "linux/amd64",
    }
