"""Metrics of an agent that has done nothing yet, and a look at one sample of them."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gcm_sentinel.app.metrics import AgentMetrics


@pytest.fixture
def metrics():
    return AgentMetrics(version="1.2.3", engine="playbook", mode="recommend")


@pytest.fixture
def value(metrics):
    """A sample as it is scraped, by name and labels; None when there is none."""

    def look(name, **labels):
        for family in text_string_to_metric_families(metrics.expose().decode()):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        return None

    return look
