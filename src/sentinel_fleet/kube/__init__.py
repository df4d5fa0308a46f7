"""A simulated Kubernetes API server: `ObjectStore` holds the cluster, `kube_app` serves it over HTTP.

    store = ObjectStore()
    store.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "gpu-1"}})
    app = kube_app(store, logs, faults, time.time)

Behaviour and messages follow Kubernetes; `tests/cluster` puts the same requests to it and to a real server. Not
simulated: CRDs as objects and the schemas in them, admission but for webhooks that the store names, garbage collection
beyond owner references, and all controllers but those that count disruption budgets and taint cordoned nodes.
"""

from sentinel_fleet.kube.admission import Webhook
from sentinel_fleet.kube.app import kube_app
from sentinel_fleet.kube.authz import NO_SECRETS, Deny, Rules, User
from sentinel_fleet.kube.context import KubeSettings
from sentinel_fleet.kube.kubeconfig import write_kubeconfig
from sentinel_fleet.kube.resources import JANITOR
from sentinel_fleet.kube.store import ObjectStore, WriteRequest

__all__ = [
    "JANITOR",
    "NO_SECRETS",
    "Deny",
    "KubeSettings",
    "ObjectStore",
    "Rules",
    "User",
    "Webhook",
    "WriteRequest",
    "kube_app",
    "write_kubeconfig",
]
