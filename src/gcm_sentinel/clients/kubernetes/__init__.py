"""The adapter for the Kubernetes API; every room that reads or writes the cluster does it through `KubernetesClient`.

Objects go in and out as plain JSON dicts. The vendor's library is used as transport and for authentication only: its
typed models take ten times the time and memory and refuse a whole list for one odd object. It is imported when a
connection is made, so importing this package is cheap.
"""

from gcm_sentinel.clients.kubernetes.client import KubernetesClient, Page, WatchTimes
from gcm_sentinel.clients.kubernetes.objects import KubeObject, conditions, metadata, parse_time

__all__ = ["KubeObject", "KubernetesClient", "Page", "WatchTimes", "conditions", "metadata", "parse_time"]
