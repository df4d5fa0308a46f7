"""The eviction API: a polite delete that PodDisruptionBudgets may refuse, and the budgets' arithmetic.

A small controller keeps every budget's status current as pods come and go (`keep_budgets`), as the disruption
controller does in a real cluster; evictions read it fresh.
"""

from __future__ import annotations

import asyncio
from math import ceil

from sentinel_fleet.kube.bodies import parse_object
from sentinel_fleet.kube.body import Body
from sentinel_fleet.kube.context import Context
from sentinel_fleet.kube.deletion import check_options, check_preconditions, delete_record
from sentinel_fleet.kube.history import Change
from sentinel_fleet.kube.jsontypes import JsonObject, condition, dig, objects
from sentinel_fleet.kube.paths import ResourcePath
from sentinel_fleet.kube.record import Record
from sentinel_fleet.kube.resources import STORED, Resource
from sentinel_fleet.kube.selectors import Selector, label_selector_test
from sentinel_fleet.kube.status import bad_request, failure, not_found, success, too_many_requests
from sentinel_fleet.kube.store import ObjectStore

_BUDGETS = "poddisruptionbudgets"
_EVICTION = Resource("policy", "v1", "evictions", "Eviction")
_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
_TWO_BUDGETS = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."


async def evict(context: Context, path: ResourcePath, body: Body) -> JsonObject:
    """POST to a pod's eviction subresource.

    Raises:
        ApiError: 404, 409 when a precondition does not hold, 429 when a budget forbids it, 500 with two budgets.
    """
    eviction = parse_object(body.data, body.content_type, _EVICTION, strict=body.strict).obj
    if eviction["metadata"].get("name") != path.name:
        raise bad_request("name in URL does not match name in Eviction object")
    record = context.store.record("pods", path.name, path.namespace)
    if record is None:
        raise not_found(path.resource, path.name)
    options = eviction.get("deleteOptions") or {}
    check_options(options)
    preconditions = options.get("preconditions") or {}
    if preconditions.get("uid") not in (None, "", record.obj["metadata"]["uid"]):
        await asyncio.sleep(context.settings.wrong_uid_retry_s)
    check_preconditions(path.resource, record, preconditions)
    dry = body.dry_run or "All" in (options.get("dryRun") or ())
    budget = _budget_to_spend(context, record, dry=dry)
    if not dry:
        marked = _mark_disrupted(context, path.resource, record)
        delete_record(context, path.resource, marked, options)
        if budget is not None:
            refresh(context.store, budget)
    return success()


def _budget_to_spend(context: Context, pod: Record, *, dry: bool) -> Record | None:
    """The budget this eviction counts against, None when it counts against none."""
    store = context.store
    if pod.obj["metadata"].get("deletionTimestamp"):
        return None
    if dig(pod.obj, "status", "phase") in ("Succeeded", "Failed", "Pending"):
        return None
    budgets = [b for b in _budgets(store, pod.key[0]) if _selects(b.obj, pod.obj)]
    if len(budgets) > 1:
        raise failure(500, "", _TWO_BUDGETS)
    if not budgets:
        return None
    budget = budgets[0] if dry else refresh(store, budgets[0])
    status = budget.obj["status"]
    healthy, desired = status["currentHealthy"], status["desiredHealthy"]
    if not _is_healthy(pod.obj) and _unhealthy_may_go(budget.obj, healthy, desired):
        return budget
    if status["disruptionsAllowed"] == 0:
        name = budget.key[1]
        message = f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
        causes = [{"reason": "DisruptionBudget", "message": message}]
        raise too_many_requests(_REFUSED, causes, context.settings.eviction_retry_after_s)
    return budget


def _unhealthy_may_go(budget: JsonObject, healthy: int, desired: int) -> bool:
    if dig(budget, "spec", "unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    return healthy >= desired > 0


def _mark_disrupted(context: Context, resource: Resource, record: Record) -> Record:
    mark = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastProbeTime": None,
        "lastTransitionTime": context.store.now(),
    }
    status = record.obj.get("status") or {}
    others = [c for c in objects(status.get("conditions")) if c.get("type") != mark["type"]]
    return context.store.commit(resource, {**record.obj, "status": {**status, "conditions": [*others, mark]}})


def _budgets(store: ObjectStore, namespace: str) -> list[Record]:
    return list(store.collection(_BUDGETS).select(Selector(namespace)))


def _selects(budget: JsonObject, pod: JsonObject) -> bool:
    return label_selector_test(dig(budget, "spec", "selector"))(pod["metadata"].get("labels") or {})


def _is_healthy(pod: JsonObject) -> bool:
    return (condition(pod, "Ready") or {}).get("status") == "True"


def refresh(store: ObjectStore, budget: Record) -> Record:
    """Recount one budget and store its status."""
    obj = budget.obj
    pods = [r.obj for r in store.collection("pods").select(Selector(budget.key[0])) if _selects(obj, r.obj)]
    alive = [p for p in pods if dig(p, "status", "phase") not in ("Succeeded", "Failed")]
    healthy = sum(1 for p in alive if _is_healthy(p) and not p["metadata"].get("deletionTimestamp"))
    expected = _expected(store, alive)
    desired = _desired(obj.get("spec") or {}, expected)
    status = {
        **(obj.get("status") or {}),
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "disruptionsAllowed": max(healthy - desired, 0) if expected else 0,
        "observedGeneration": dig(obj, "metadata", "generation") or 0,
    }
    return store.commit(STORED[_BUDGETS], {**obj, "status": status})


def _expected(store: ObjectStore, pods: list[JsonObject]) -> int:
    """How many pods there should be: the replicas of their controllers, or as many as there are."""
    owners = {}
    for pod in pods:
        for ref in objects(pod["metadata"].get("ownerReferences")):
            plural = {"ReplicaSet": "replicasets", "StatefulSet": "statefulsets"}.get(str(ref.get("kind")))
            owner = store.get(plural, str(ref.get("name")), pod["metadata"]["namespace"]) if plural else None
            if owner is not None:
                owners[ref.get("uid")] = dig(owner, "spec", "replicas")
    scales = [count for count in owners.values() if isinstance(count, int)]
    return max(sum(scales), len(pods))


def _desired(spec: JsonObject, expected: int) -> int:
    if "maxUnavailable" in spec:
        return max(expected - _share(spec["maxUnavailable"], expected), 0)
    return _share(spec.get("minAvailable", 1), expected)


def _share(value: object, of: int) -> int:
    """A count, or a percentage rounded up."""
    text = str(value)
    return ceil(int(text[:-1]) * of / 100) if text.endswith("%") else int(text)


def keep_budgets(store: ObjectStore) -> None:
    """Keep the status of every budget current from now on."""
    for budget in _budgets(store, ""):
        refresh(store, budget)

    def recount(plural: str, change: Change) -> None:
        if plural not in ("pods", _BUDGETS) or (plural == _BUDGETS and change.type == "DELETED"):
            return
        before, after = change.previous, change.record
        for budget in _budgets(store, after.key[0]):
            own = plural == _BUDGETS and budget.key == after.key
            touched = plural == "pods" and any(r and _selects(budget.obj, r.obj) for r in (before, after))
            if own or touched:
                refresh(store, budget)

    store.listen(recount)
