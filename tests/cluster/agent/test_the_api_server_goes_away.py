"""The API server is killed and comes back with its past forgotten: the agent looks again, and tells nothing twice."""

from __future__ import annotations

import pytest
from tests.cluster.agent.agents import sick_node
from tests.cluster.agent.world import XID


@pytest.fixture(scope="module")
def afterwards(annotating, cluster):
    """The agent, once it has published what it found of a node that came while it was blind."""
    annotating.until(lambda: annotating.answers("readinessProbe"), "it is ready")
    cluster.api_server.kill()
    cluster.compact()
    cluster.start_api_server()
    cluster.admin.create(sick_node(cluster, "annotate-2", XID))
    annotating.until(lambda: annotating.events("annotate-2"), "the verdict about the new node is published")
    yield annotating
    cluster.admin.delete("/api/v1/nodes/annotate-2")


def test_its_watch_is_refused_as_too_old_and_it_lists_again(afterwards):
    assert len(afterwards.told("watch.expired")) == 1
    assert len(afterwards.told("watch.listed")) == 2


def test_what_came_meanwhile_is_an_incident(afterwards):
    assert [line["scope"] for line in afterwards.told("incident.opened")] == ["node annotate-1", "node annotate-2"]


def test_of_what_it_knew_nothing_is_told_twice(afterwards):
    assert [len(afterwards.events(f"annotate-{number}")) for number in (1, 2)] == [1, 1]


def test_it_is_ready_again(afterwards):
    afterwards.until(lambda: afterwards.answers("readinessProbe"), "it is ready")
