"""An order is tried by dry runs: what the API server would refuse is known before anybody is asked; nothing is done."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import cast

import pytest
from tests.acting_safety.conftest import NODE as SICK
from tests.acting_safety.conftest import a_yard, sighting
from tests.acting_tools.conftest import NODE
from tests.acting_tools.test_draining import put_budget
from tests.acting_tools.test_maintenance import XID, node, planned

from gcm_sentinel.app.acting import open_acting
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.kubernetes.dry_run import DryWriter
from gcm_sentinel.domain.dry_run import DryRun
from gcm_sentinel.domain.errors import Forbidden, Overloaded, Refused, Rejected, Unreachable
from gcm_sentinel.domain.evidence import ResultStatus
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.order import ApiCall
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.remediation.dry_run import DryRuns
from gcm_sentinel.tools import cordon_node, drain_node, reboot_node, reset_gpu, taint_node
from sentinel_fleet.kube import JANITOR, Webhook

TAINT = {"key": "gcm-sentinel/unfit", "value": "xid-79", "effect": "NoSchedule"}


async def tried(place, order, writer=None, **options):
    """What the API server says to `order`."""
    guarded = GuardedWriter(DryWriter(place.client), place.mode)
    return await DryRuns(place.client, writer or guarded, **options).of(order)


async def cordoning(place):
    return (await place.plan(cordon_node.build(place.context))).order


async def draining(place, *pods, **labels):
    for name in pods:
        place.put_pod(name, labels=labels)
    return (await place.plan(drain_node.build(place.context))).order


class Answering:
    """A writer whose API server answers everything with one error."""

    def __init__(self, error):
        self.error = error

    async def patch(self, *_asked, **_how):
        raise self.error

    async def create(self, *_asked):
        raise self.error

    async def delete(self, *_asked):
        raise self.error


@pytest.mark.parametrize("served", [True, False], ids=["with the janitor", "without"])
async def test_whatever_can_be_tried_is_and_nothing_is_changed(place, served):
    if served:
        place.store.install(JANITOR)
    node(place, conditions=[XID])
    orders = [(await planned(place, module.build(place.context))).order for module in (reset_gpu, reboot_node)]
    node(place, spec={})
    orders += [await cordoning(place), await draining(place, "web-1", "web-2")]
    orders.append((await place.plan(taint_node.build(place.context), **TAINT)).order)
    before = place.store.resource_version

    said = [await tried(place, order) for order in orders]

    assert [one.refusals for one in said] == [()] * len(orders)
    assert (place.store.resource_version, place.store.writes) == (before, [])
    assert len(place.store.dry_runs) == sum(call.path.startswith("/api/v1/") for one in orders for call in one.calls)


async def test_what_may_not_heed_a_dry_run_is_not_sent_one(place):
    place.store.install(JANITOR)
    node(place, conditions=[XID])

    said = await tried(place, (await planned(place, reset_gpu.build(place.context))).order)

    asked = f"POST /apis/{JANITOR}/v1alpha1/gpuresets"
    words = f"{asked}: only the core API surely knows dry runs"
    assert said == DryRun(notes=(f"dry run: 1 of 1 requests could not be tried ({words})",))
    assert place.store.dry_runs == []
    with pytest.raises(Refused, match="only the core API"):
        await DryWriter(place.client).create(asked.removeprefix("POST "), {})
    with pytest.raises(Refused, match="only the core API"):
        await DryWriter(place.client).patch("/api/v1x/nodes/a", {}, content_type="application/merge-patch+json")


async def test_a_taint_is_tried_where_taints_are_and_where_none_are(place):
    tool = taint_node.build(place.context)
    bare = (await place.plan(tool, **TAINT)).order
    place.put_node(NODE, spec={"taints": [{"key": "other", "effect": "NoSchedule"}]})

    assert [await tried(place, bare), await tried(place, (await place.plan(tool, **TAINT)).order)] == [DryRun()] * 2
    assert {line.status for line in place.store.dry_runs} == {200}


@pytest.mark.parametrize("code", [400, 403])
async def test_what_a_webhook_denies_is_a_refusal_in_its_words(place, code):
    place.store.webhooks.append(Webhook("w.example", "this node is golden", ("patch",), ("nodes",), code))

    said = await tried(place, await cordoning(place))

    [refusal] = said.refusals
    assert f"the Kubernetes API answered {code}" in refusal
    assert refusal.endswith('admission webhook "w.example" denied the request: this node is golden')


async def test_one_of_many_requests_is_enough(place):
    place.store.webhooks.append(Webhook("w.example", "no", ("create",), ("pods/eviction",)))

    said = await tried(place, await draining(place, "web-1", "web-2"))

    assert [line.split(":")[0] for line in said.refusals] == [
        f"POST /api/v1/namespaces/ml/pods/{name}/eviction" for name in ("web-1", "web-2")
    ]


@pytest.mark.parametrize(
    ("error", "refuses"),
    [
        (Rejected("not valid", status=422), True),
        (Rejected("not understood", status=400), True),
        (Rejected("it changed", status=409), False),
        (Forbidden("PATCH /x: the Kubernetes API answered 403: no (the Kubernetes API answered 401: no)"), True),
        (Forbidden("PATCH /x: the Kubernetes API answered 401: Unauthorized"), False),
        (Overloaded("slow down", status=429), False),
        (Overloaded("away", status=503), False),
        (Unreachable("no answer"), False),
    ],
    ids=["422", "400", "409", "403", "401", "429", "503", "no answer"],
)
async def test_what_may_be_answered_otherwise_in_a_moment_is_no_refusal(place, error, refuses):
    said = await tried(place, await cordoning(place), Answering(error))

    assert said.refusals == ((str(error),) if refuses else ())


async def test_what_the_guard_refuses_is_a_refusal_and_not_sent(place):
    place.mode = Mode.ANNOTATE

    said = await tried(place, await cordoning(place))

    assert "mode annotate does not permit remediate" in said.refusals[0]
    assert place.store.dry_runs == []


async def test_a_budget_that_would_be_waited_for_is_told_with_its_name(place):
    put_budget(place, "keep-web", app="web")
    order = await draining(place, "web-1", app="web")

    said = await tried(place, order)

    assert said == DryRun(notes=("dry run: ml/web-1: would wait for budget keep-web",))
    assert place.evicted == []


async def test_of_many_pods_a_few_are_named(place):
    put_budget(place, "keep-web", minimum=8, app="web")
    order = await draining(place, *(f"web-{number}" for number in range(8)), app="web")

    said = await tried(place, order)

    assert len(said.notes) == 6
    assert said.notes[-1] == "dry run: 3 more pods would wait too"


async def test_an_api_server_that_is_away_is_told(place):
    order = await cordoning(place)

    said = await tried(place, order, Answering(Unreachable("no answer")))

    assert said == DryRun(notes=("dry run: 1 of 1 requests could not be tried (no answer)",))


async def test_a_webhook_that_knows_no_dry_run_refuses_nothing(place):
    place.store.webhooks.append(Webhook("w.example", "", denies=False, side_effects=True))

    said = await tried(place, await cordoning(place))

    assert said.refusals == ()
    assert "1 of 1 requests could not be tried" in said.notes[0]


async def test_trying_has_a_deadline(place):
    class Silent(Answering):
        async def patch(self, *_asked, **_how):
            await asyncio.Event().wait()

    said = await tried(place, await cordoning(place), Silent(None), within=timedelta(milliseconds=20))

    assert said == DryRun(notes=("dry run: 1 of 1 requests could not be tried (not answered within 0 s)",))


async def test_after_one_without_an_answer_none_is_tried_and_all_of_them_are_told(place):
    order = await draining(place, "web-1", "web-2")

    class Counting(Answering):
        asked = 0

        async def create(self, *_asked):
            self.asked += 1
            raise self.error

        async def patch(self, *_asked, **_how):
            return {}

    writer = Counting(Unreachable("no answer in time"))
    said = await tried(place, order, writer)

    assert (len(order.calls), writer.asked) == (3, 1)
    assert said == DryRun(notes=("dry run: 2 of 3 requests could not be tried (no answer in time)",))


class Stuck:
    """A client of an API server that answers no write."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        return getattr(self._client, name)

    async def patch(self, *_asked, **_how):
        await asyncio.Event().wait()


@pytest.mark.slow
async def test_an_api_server_that_answers_no_write_stops_no_proposal(tmp_path):
    settings = Settings(action_mode=Mode.APPROVE, tool_timeout_seconds=2)
    async with a_yard(tmp_path) as yard:
        incident = await yard.investigated()
        client = cast(KubernetesClient, Stuck(yard.client))
        opened = open_acting(settings, client, yard.stores, yard.clock)
        assert opened is not None
        call = ToolCall("c", "cordon_node", {"node_name": SICK, "reason": "unfit"})
        async with asyncio.timeout(settings.tool_timeout_seconds):
            said = await opened.desk.execute(call, Scope(incident, (sighting(SICK, yard.clock.now()),)))

    assert said.status is ResultStatus.OK
    assert "1 of 1 requests could not be tried (not answered within" in str(said.summary["notes"])


async def test_a_pod_that_is_gone_or_another_by_now_refuses_nothing(place):
    order = await draining(place, "web-1", "web-2")
    for name in ("web-1", "web-2"):
        place.store.delete("pods", name, namespace="ml")
    place.put_pod("web-2", uid="uid-another")

    assert await tried(place, order) == DryRun()


async def test_what_goes_to_a_gateway_is_not_tried(place):
    order = await cordoning(place)
    calls = (ApiCall("CALL", "sentinel.v1.QuarantineService/IssueDirective", {}),)

    assert await tried(place, type(order)(order.operation, order.target, "i", "i.1", calls=calls)) == DryRun()
    assert place.store.dry_runs == []
