"""The one table of what the API server serves: every kind with its names, verbs and selectable fields.

Discovery, routing, storage and tables all read it; adding a kind is adding a row here. Built-in kinds are always
served; custom ones (`custom=True`) only once the store has held such an object, as if their CRD came with them. Those a
client creates itself (`installable=True`) are served once `ObjectStore.install` named their group, and not before: a
client must be able to find out that they are missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

STANDARD_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object as one API version shows it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = True
    """Whether it has a /status subresource; then the main endpoint ignores `status`."""
    subresources: tuple[str, ...] = ()
    """Further subresources, as named in discovery after the slash."""
    generation: bool = False
    """Whether `metadata.generation` counts changes of the spec."""
    custom: bool = False
    """Defined by a CRD: no schema, so lists are atomic and strategic merge patches are refused."""
    installable: bool = False
    """Served from the moment its group is installed; before that even a create is answered 404."""
    unconditional_update: bool = True
    """Whether PUT without a resourceVersion is accepted."""
    fields: tuple[str, ...] = ()
    """Field selectors beyond `metadata.name` and `metadata.namespace`."""
    indexed: tuple[str, ...] = field(default=())
    """Fields of `fields` for which the store keeps an index."""

    @property
    def api_version(self) -> str:
        """As objects write it: `v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """As messages write it: `pods`, `jobs.batch`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def stored_as(self) -> str:
        """Its folder in etcd, which messages of the storage name."""
        return {"nodes": "minions"}.get(self.plural, f"{self.group}/{self.plural}" if self.custom else self.plural)

    @property
    def singular(self) -> str:
        """As kubectl lets people write it."""
        return self.kind.lower()


JANITOR = "janitor.dgxc.nvidia.com"
"""Group of NVSentinel's maintenance requests (https://github.com/NVIDIA/NVSentinel)."""

_EVENT_FIELDS = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_POD_FIELDS = (
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
)

RESOURCES: tuple[Resource, ...] = (
    Resource("", "v1", "configmaps", "ConfigMap", short_names=("cm",), status=False),
    Resource(
        "",
        "v1",
        "events",
        "Event",
        short_names=("ev",),
        status=False,
        fields=(
            *(f"involvedObject.{name}" for name in _EVENT_FIELDS),
            "reason",
            "reportingComponent",
            "source",
            "type",
        ),
        indexed=("involvedObject.name",),
    ),
    Resource(
        "", "v1", "namespaces", "Namespace", namespaced=False, short_names=("ns",), fields=("name", "status.phase")
    ),
    Resource(
        "",
        "v1",
        "nodes",
        "Node",
        namespaced=False,
        short_names=("no",),
        subresources=("proxy",),
        fields=("spec.unschedulable",),
    ),
    Resource(
        "",
        "v1",
        "pods",
        "Pod",
        short_names=("po",),
        categories=("all",),
        subresources=("eviction", "log"),
        fields=_POD_FIELDS,
        indexed=("spec.nodeName",),
    ),
    Resource("", "v1", "secrets", "Secret", status=False, fields=("type",)),
    Resource(
        "",
        "v1",
        "services",
        "Service",
        short_names=("svc",),
        categories=("all",),
        fields=("spec.clusterIP", "spec.type"),
    ),
    Resource("apps", "v1", "controllerrevisions", "ControllerRevision", status=False),
    Resource("apps", "v1", "daemonsets", "DaemonSet", short_names=("ds",), categories=("all",), generation=True),
    Resource("apps", "v1", "deployments", "Deployment", short_names=("deploy",), categories=("all",), generation=True),
    Resource("apps", "v1", "replicasets", "ReplicaSet", short_names=("rs",), categories=("all",), generation=True),
    Resource("apps", "v1", "statefulsets", "StatefulSet", short_names=("sts",), categories=("all",), generation=True),
    Resource("batch", "v1", "cronjobs", "CronJob", short_names=("cj",), categories=("all",), generation=True),
    Resource("batch", "v1", "jobs", "Job", categories=("all",), generation=True, fields=("status.successful",)),
    Resource("coordination.k8s.io", "v1", "leases", "Lease", status=False, unconditional_update=False),
    Resource(
        "events.k8s.io",
        "v1",
        "events",
        "Event",
        short_names=("ev",),
        status=False,
        fields=(*(f"regarding.{name}" for name in _EVENT_FIELDS), "reason", "reportingController", "type"),
    ),
    Resource(
        "policy",
        "v1",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        short_names=("pdb",),
        generation=True,
    ),
    Resource(
        JANITOR, "v1alpha1", "gpuresets", "GPUReset", namespaced=False, custom=True, installable=True, generation=True
    ),
    Resource(
        JANITOR,
        "v1alpha1",
        "rebootnodes",
        "RebootNode",
        namespaced=False,
        custom=True,
        installable=True,
        generation=True,
    ),
    Resource("jobset.x-k8s.io", "v1alpha2", "jobsets", "JobSet", custom=True, generation=True),
    Resource("kubeflow.org", "v1", "pytorchjobs", "PyTorchJob", custom=True, generation=True),
    Resource("kubeflow.org", "v2beta1", "mpijobs", "MPIJob", short_names=("mj",), custom=True, generation=True),
    Resource("kueue.x-k8s.io", "v1beta1", "workloads", "Workload", short_names=("wl",), custom=True, generation=True),
    Resource("ray.io", "v1", "rayjobs", "RayJob", custom=True, generation=True),
)

BY_PATH = {(r.group, r.version, r.plural): r for r in RESOURCES}
BY_KIND = {(r.api_version, r.kind): r for r in RESOURCES}
STORED = {r.plural: r for r in reversed(RESOURCES)}
"""The version in which each plural is stored: the first of the table, so events live as core/v1."""


def resource_of(obj: dict[str, object]) -> Resource:
    """The row for an object.

    Raises:
        ValueError: no such kind is served.
    """
    found = BY_KIND.get((str(obj.get("apiVersion")), str(obj.get("kind"))))
    if found is None:
        raise ValueError(f"no resource for apiVersion {obj.get('apiVersion')!r}, kind {obj.get('kind')!r}")
    return found
