"""The settings of the SENTINEL gateway: what is taken, what is refused, and what they turn on."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from gcm_sentinel.app.settings import load
from gcm_sentinel.app.simulated import settings_for
from gcm_sentinel.domain.errors import BadConfiguration


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "endpoint", ["gateway:50051", "10.0.0.7:443", "[fd00::7]:50051", "unix:/run/sentinel.sock", ""]
)
def test_an_endpoint_is_host_and_port(endpoint):
    assert load({"sentinel_endpoint": endpoint}).sentinel_endpoint == endpoint


@pytest.mark.parametrize("endpoint", ["http://gateway:50051", "gateway", "gateway:port", "gateway:50051/x"])
def test_anything_else_is_refused(endpoint):
    with pytest.raises(BadConfiguration, match="SENTINEL_ENDPOINT: expected host:port"):
        load({"sentinel_endpoint": endpoint})


def test_tls_is_the_rule_and_assessments_are_recorded():
    settings = load()

    assert (settings.sentinel_plaintext, settings.sentinel_record_assessments) == (False, True)


def test_the_token_is_masked():
    assert "t-secret" not in repr(load({"sentinel_token": "t-secret"}))


def test_nothing_simulated_reaches_the_operators_ledger(monkeypatch):
    monkeypatch.setenv("GCM_SENTINEL_SENTINEL_ENDPOINT", "gateway:50051")
    monkeypatch.setenv("GCM_SENTINEL_NODE_AGENT_ADDRESS", "{node_ip}:9102")

    addresses = {"kubeconfig": "/k", "prometheus_url": "http://p:1", "alertmanager_url": "http://a:1"}
    fleet: Any = SimpleNamespace(**addresses, sentinel=None, node_agents=None)
    world: Any = SimpleNamespace(trigger=SimpleNamespace(node="n1"))
    settings = settings_for(fleet, world, "playbook")

    assert (settings.sentinel_endpoint, settings.node_agent_address) == ("", "")
