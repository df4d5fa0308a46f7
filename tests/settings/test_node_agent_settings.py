"""The settings of the agents on GPU nodes: what is taken, what is refused, and which probes they allow."""

from __future__ import annotations

import os
from typing import Any, cast

import pytest

from gcm_sentinel.app.node_agents import node_agents, probes_allowed
from gcm_sentinel.app.settings import load
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.domain.errors import BadConfiguration

KUBERNETES = cast(KubernetesClient, None)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)


def test_without_an_address_there_are_none():
    assert node_agents(load(), KUBERNETES) is None


def test_an_address_for_each_node_is_taken():
    found = node_agents(load({"node_agent_address": "{node_ip}:9102", "node_agent_server_name": "x"}), KUBERNETES)

    assert found is not None
    assert (found.access.address, found.access.server_name) == ("{node_ip}:9102", "x")


@pytest.mark.parametrize(
    "wrong",
    [
        {"node_agent_address": "10.0.0.7:9102"},
        {"node_agent_address": "{node_ip}:9102", "node_agent_ca_cert": "/nowhere"},
        {"node_agent_address": "{node_ip}:9102", "node_agent_client_cert": "/nowhere"},
    ],
    ids=["one-address", "no-file", "no-key"],
)
def test_what_cannot_work_is_refused_at_the_start(wrong: dict[str, Any]):
    with pytest.raises(BadConfiguration):
        node_agents(load(wrong), KUBERNETES)


def test_the_token_is_masked():
    assert "t-secret" not in repr(load({"node_agent_token": "t-secret"}))


@pytest.mark.parametrize(
    ("probes", "mode", "allowed"),
    [
        ("light", "execute", "light"),
        ("off", "execute", "off"),
        ("deep", "recommend", "light"),
        ("off", "recommend", "off"),
        ("deep", "annotate", "deep"),
        ("deep", "approve", "deep"),
    ],
)
def test_where_the_agent_only_recommends_probes_are_light(probes, mode, allowed):
    assert probes_allowed(load({"probes": probes, "action_mode": mode})) == allowed


def test_light_is_the_default_and_other_words_are_refused():
    assert load().probes == "light"
    with pytest.raises(BadConfiguration, match="PROBES"):
        load({"probes": "all"})
