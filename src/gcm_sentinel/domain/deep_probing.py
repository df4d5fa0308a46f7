"""The deep probing of one GPU: which probes, in what order, how long each may take, and how each stands in an order.

First every SM by each kind, as cold as the GPU is; then all free memory; at last the two kinds that load an SM most,
at full load for a while, for faults that show only in heat (docs/probes.md). All operands follow from one seed, which
follows from the order: the same order probes with the same ones after a crash, and on the GPU beside it.

Each probe has a deadline of its own, and they add up to what the operator gives. So no clock is read between them, and
a probe that ends early leaves its time to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.node_probes import ProbeKind, ProbeOrder
from gcm_sentinel.domain.order import ApiCall, Order

PROBE = "PROBE"
"""Method of the calls that run a probe on a GPU node."""
RUN_PROBE = "gcm_sentinel.node.v1.NodeService/RunProbe"
GETTING_READY = timedelta(minutes=3)
"""Beyond the deadline of one probe, with all its tries: the node's agent may first have to open the GPU and compile,
and end what hangs. As long as its client gives it (clients/node_agent.py)."""

_SHARES: tuple[tuple[ProbeKind, int], ...] = (
    (ProbeKind.FMA, 1),
    (ProbeKind.TENSOR_CORE, 2),
    (ProbeKind.TRANSCENDENTAL, 1),
    (ProbeKind.AES, 1),
    (ProbeKind.REGISTER_FILE, 1),
    (ProbeKind.SHARED_MEMORY, 1),
    (ProbeKind.MEMORY, 8),
)
"""Of the time beside the soak: tensor cores have six formats, a deep run of memory fourteen rounds of three tests."""
_SOAKED = (ProbeKind.TENSOR_CORE, ProbeKind.FMA)
_MOST_SOAKING = 8
"""A soak has this part of the whole time at most, so that both leave three quarters of it to the rest."""
_SEED_DIGITS = 13
"""Hexadecimal: 52 bits, which survive JSON readers that know doubles only."""


@dataclass(frozen=True, slots=True)
class DeepProbing:
    """What the operator gives a deep probing."""

    lasts: timedelta = timedelta(minutes=30)
    """For all probes of the GPU together; comparing with another one takes as long again at most."""
    soak: timedelta = timedelta(minutes=2)
    """For each of the two soaks."""


def probes_of(gpu_uuid: str, seed: int, limits: DeepProbing) -> tuple[ProbeOrder, ...]:
    """Every probe of a deep probing, in its order."""
    soak = timedelta(seconds=int(min(limits.soak, limits.lasts / _MOST_SOAKING).total_seconds()))
    soaked = _SOAKED if soak else ()
    share = (limits.lasts - soak * len(soaked)) / (sum(parts for _, parts in _SHARES) + len(soaked))
    cold = [_deep(kind, gpu_uuid, seed, share * parts) for kind, parts in _SHARES]
    return (*cold, *(_deep(kind, gpu_uuid, seed, share + soak, soak) for kind in soaked))


def at_most(limits: DeepProbing) -> timedelta:
    """How long all probes of one GPU take it at most, getting ready and what was cut off included."""
    return limits.lasts + GETTING_READY * (len(_SHARES) + (len(_SOAKED) if limits.soak else 0))


def seed_of(order: Order) -> int:
    """The seed of an order's operands."""
    return int(sha256(f"seed/{order.key}".encode(errors="surrogatepass")).hexdigest()[:_SEED_DIGITS], 16)


def call_of(node: str, probe: ProbeOrder) -> ApiCall:
    """The call that runs a probe on a node."""
    body: JsonObject = {
        "node": node,
        "gpu_uuid": probe.gpu_uuid,
        "kind": str(probe.kind),
        "depth": "deep",
        "seed": probe.seed,
        "soak_seconds": int(probe.soak.total_seconds()),
        "deadline_seconds": int(probe.deadline.total_seconds()),
    }
    return ApiCall(PROBE, RUN_PROBE, body)


def probe_of(call: ApiCall) -> tuple[str, ProbeOrder]:
    """The node and the probe of a call that `call_of` made.

    Raises:
        BadConfiguration: it is none of those; the message names the place.
    """
    if call.method != PROBE or call.path != RUN_PROBE or isinstance(call.body, list):
        raise BadConfiguration(f"{call.method} {call.path} is no probe")
    reader = JsonReader.of(call.body, "probe")
    if reader.get("depth", str) != "deep":
        raise BadConfiguration(f"a probe of depth {reader.get('depth', str)!r} is none of a deep probing")
    soak_s, deadline_s = reader.get("soak_seconds", int), reader.get("deadline_seconds", int)
    probe = _deep(
        reader.member("kind", ProbeKind),
        reader.get("gpu_uuid", str),
        reader.get("seed", int),
        timedelta(seconds=deadline_s),
        timedelta(seconds=soak_s),
    )
    return reader.get("node", str), probe


def _deep(kind: ProbeKind, gpu_uuid: str, seed: int, deadline: timedelta, soak: timedelta = timedelta()) -> ProbeOrder:
    whole = timedelta(seconds=int(deadline.total_seconds()))
    return ProbeOrder(kind, gpu_uuid, is_deep=True, seed=seed, deadline=whole, soak=soak)
