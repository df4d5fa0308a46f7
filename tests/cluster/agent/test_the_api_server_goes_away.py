"""The API server is killed and comes back with its past forgotten: the agent looks again, and tells nothing twice.

The outage may last as long as it likes: no node is taken for lost in it (`control_plane.NODES_GO_UNHEARD_FOR`), and the
agent is one that no other test looks at.
"""

from __future__ import annotations

import pytest
from tests.cluster.agent.agents import sick_node
from tests.cluster.agent.conftest import namespace_of, nodes_of
from tests.cluster.agent.world import XID


@pytest.fixture(scope="module")
def afterwards(cluster, start):
    """The agent, once it has published what it found of a node that came while it was blind."""
    with namespace_of(cluster, "blind"), nodes_of(cluster, "blind-1"), start("annotate", name="blind") as agent:
        agent.until(lambda: agent.events("blind-1"), "the verdict is published")
        cluster.api_server.kill()
        cluster.compact()
        cluster.start_api_server()
        cluster.admin.create(sick_node(cluster, "blind-2", XID))
        agent.until(lambda: agent.events("blind-2"), "the verdict about the new node is published")
        agent.until(lambda: agent.answers("readinessProbe"), "it is ready again")
        yield agent
        cluster.admin.delete("/api/v1/nodes/blind-2")


def test_its_watch_is_refused_as_too_old_and_it_lists_again(afterwards):
    assert len(afterwards.told("watch.expired")) == 1
    assert len(afterwards.told("watch.listed")) == 2


def test_what_came_meanwhile_is_an_incident(afterwards):
    assert [line["scope"] for line in afterwards.told("incident.opened")] == ["node blind-1", "node blind-2"]


def test_of_what_it_knew_nothing_is_told_twice(afterwards):
    assert [len(afterwards.events(f"blind-{number}")) for number in (1, 2)] == [1, 1]
