"""One API server for each test process, in which nothing happens but what a test loads: no controllers, no kwok.

A world is a moment of a cluster and says already what controllers have written; they would write something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from tests.cluster.cluster import Cluster
from tests.cluster.conformance.sides import EGRESS
from tests.cluster.control_plane import control_plane


@contextmanager
def open_cluster(folder: Path) -> Iterator[Cluster]:
    """An API server that reaches nodes through a Unix socket, by the addresses that they name."""
    way = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": str(folder / EGRESS)}}}
    selections = [{"name": "cluster", "connection": way}]
    kind = {"apiVersion": "apiserver.k8s.io/v1beta1", "kind": "EgressSelectorConfiguration"}
    path = folder / "egress.yaml"
    path.write_text(yaml.safe_dump({**kind, "egressSelections": selections}), encoding="utf-8")
    flags = [f"--egress-selector-config-file={path}", "--kubelet-preferred-address-types=InternalIP"]
    with control_plane(folder, controllers=False, also=flags) as running:
        yield running


@pytest.fixture(scope="session")
def still_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The running API server of this process."""
    with open_cluster(tmp_path_factory.mktemp("still")) as running:
        yield running
