"""Every `ci/*-values.yaml`, rendered once for all tests of a process; releases on the real API server."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.chart.installed import Installed
from tests.cluster.chart.rendering import CI, Rendered, render
from tests.cluster.cluster import Cluster

NUMBERS = itertools.count(1)
OPERATOR = {"servicemonitors": "ServiceMonitor", "prometheusrules": "PrometheusRule"}
"""Of the Prometheus operator, whose own definitions are not needed to see that ours are made."""


@functools.cache
def _rendered(values: Path) -> Rendered:
    return render(values=values)


@pytest.fixture(params=CI, ids=lambda path: path.name.removesuffix("-values.yaml"))
def each(request: pytest.FixtureRequest) -> Rendered:
    """What one of the files makes."""
    return _rendered(request.param)


@pytest.fixture
def plain() -> Rendered:
    """What the chart makes when nothing is set."""
    return _rendered(next(path for path in CI if path.name == "default-values.yaml"))


@pytest.fixture(scope="session")
def operator(cluster: Cluster) -> None:
    """The kinds of the Prometheus operator, taking anything."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    for plural, kind in OPERATOR.items():
        group = "monitoring.coreos.com"
        names = {"plural": plural, "kind": kind, "singular": kind.lower()}
        spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
        definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(definition | {"metadata": {"name": f"{plural}.{group}"}}))
    wanted = [f"crd/{plural}.monitoring.coreos.com" for plural in OPERATOR]
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", *wanted)


@pytest.fixture
def release(cluster: Cluster, namespace: str, operator: None) -> Iterator[Installed]:
    """A release that is still to be installed, where nothing but confined pods is taken; it is gone afterwards."""
    yield from _release(cluster, namespace, "restricted")


@pytest.fixture
def node_release(cluster: Cluster, namespace: str, operator: None) -> Iterator[Installed]:
    """The same where every pod is taken, on a cluster that knows NVIDIA's runtime."""
    runtime = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "nvidia"}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(runtime | {"metadata": {"name": "nvidia"}}))
    yield from _release(cluster, namespace, "privileged")


def _release(cluster: Cluster, namespace: str, level: str) -> Iterator[Installed]:
    rules = [f"pod-security.kubernetes.io/{what}={level}" for what in ("enforce", "warn")]
    cluster.kubectl("label", "namespace", namespace, *rules)
    found = Installed(cluster, f"watch-{next(NUMBERS)}", namespace)
    yield found
    if found.deployment():
        found.helm("uninstall")
