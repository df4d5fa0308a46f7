"""What people are told where nothing is done: a request that is refused at once, a sink that the new mode silences."""

from __future__ import annotations

from typing import Any

import pytest
from tests.acting.conftest import action, question, until

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.held_back import held_back
from gcm_sentinel.domain.incident_record import DeliveryState
from gcm_sentinel.storage.actions import Step
from gcm_sentinel.storage.incidents import IncidentFilter

KEPT = "is kept by NVSentinel (label dgxc.nvidia.com/nvsentinel-state=draining): one owner at a time"

pytestmark = pytest.mark.slow


async def test_what_the_gate_refuses_at_once_is_told_with_its_reason(site):
    found = site.fleet.store.get("nodes", site.node)
    labels = {**found["metadata"]["labels"], "dgxc.nvidia.com/nvsentinel-state": "draining"}
    site.fleet.store.put({**found, "metadata": {**found["metadata"], "labels": labels}}, manager="nvsentinel")

    async def event() -> Any:
        return [item["message"] for item in site.fleet.store.list("events") if item["reason"] == "GCMSentinel"]

    async with site.serving("execute", site.cordons()) as stores:
        (told,) = await until(event)
        (row,) = await stores.incidents.list(IncidentFilter())
        stored = await stores.investigations.get(f"{row.record.id}.1")

    assert " (cordon_node: refused) | Action: cordon | " in told
    assert stored.actions == ()
    (held,) = held_back(stored.assessment, stored.evidence)
    assert held.words == f"cordon_node {site.node} was refused: node {site.node} {KEPT}"


async def test_annotations_are_left_out_where_the_new_mode_writes_to_no_node(site):
    async with site.serving("approve", site.cordons()) as stores:
        await question(stores)
        record = await action(stores, ActionState.WAITING)
    async with site.serving("recommend", site.model()) as stores:
        await stores.actions.advance(record.id, Step(ActionState.REFUSED, SystemClock().now(), note="another mode"))

        async def left_out() -> Any:
            found = await stores.deliveries.get(record.order.investigation_id, "annotations")
            return found if found and found.state is not DeliveryState.OWED else None

        delivery = await until(left_out)

    assert (delivery.state, delivery.reason) == (DeliveryState.LEFT_OUT, "mode recommend does not permit annotate")
