"""What the seed decides: the `draw` part of a scenario turned into names.

Every draw has a generator of its own, seeded by scenario, seed and the draw's name, so that adding a draw to a file
changes no other. Nodes are never drawn twice, nor are GPUs or NICs of one node. The fleet is built when the first draw
needs it, from what was drawn before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import TypeVar, cast

from sentinel_fleet.baseline import words
from sentinel_fleet.baseline.daemonsets import daemonsets
from sentinel_fleet.baseline.fleet import Fleet, FleetSpec, GpuIdentity, NodeIdentity
from sentinel_fleet.baseline.workload import Workload
from sentinel_fleet.scenario import generators as gen
from sentinel_fleet.scenario.errors import ScenarioError, join, validate
from sentinel_fleet.scenario.template import T0, Drawn, Plain, resolve
from sentinel_fleet.stable import rng
from sentinel_fleet.times import format_duration, rfc3339

Number = TypeVar("Number", int, float)


class Draws:
    """The names of one realisation, drawn in the file's order."""

    def __init__(self, seed: str, fleet_raw: Mapping[str, object], anchor: float, *, on_loopback: bool = False) -> None:
        self.seed = seed
        self.names: dict[str, Drawn] = {T0: Drawn("instant", rfc3339(anchor), thing=float(anchor))}
        self.workloads: list[Workload] = []
        self._fleet_raw = fleet_raw
        self._on_loopback = on_loopback
        self._fleet: Fleet | None = None
        self._taken: set[object] = set()

    @property
    def fleet(self) -> Fleet:
        """The machines, as the `fleet` part and the draws so far describe them."""
        if self._fleet is None:
            spec = validate(FleetSpec, resolve(dict(self._fleet_raw), self.names, "fleet"), "fleet")
            self._fleet = Fleet(spec, self.seed, on_loopback=self._on_loopback)
        return self._fleet

    def draw_all(self, entries: Mapping[str, object]) -> None:
        """Draw every entry.

        Raises:
            ScenarioError: an unknown generator or argument, or nothing left to draw from.
        """
        for name, entry in entries.items():
            place = join("draw", name)
            generator, arguments = _one_key(entry, place)
            model = gen.GENERATORS.get(generator)
            if model is None:
                raise ScenarioError(place, f"unknown generator; allowed: {', '.join(gen.GENERATORS)}", generator)
            if generator == "choice":
                arguments = {"options": arguments}
            parsed = validate(
                model, resolve(arguments or {}, self.names, join(place, generator)), join(place, generator)
            )
            draw = cast("Callable[[object, Random, str], Drawn]", getattr(self, f"_draw_{generator}"))
            self.names[name] = draw(parsed, rng(self.seed, "draw", name), join(place, generator))

    def _draw_node(self, spec: gen.NodeDraw, random: Random, place: str) -> Drawn:
        rack = spec.rack
        if rack is not None:
            rack = self._racks_of(rack, join(place, "rack"))
        pool = [node for node in self._free_nodes(spec.exclude, place) if rack is None or node.rack == rack]
        if not pool:
            raise ScenarioError(place, "no node is left to draw; make the fleet larger or exclude fewer")
        return self._take_node(random.choice(pool))

    def _draw_nodes(self, spec: gen.NodesDraw, random: Random, place: str) -> Drawn:
        anchor = None if spec.anchor is None else self._node(spec.anchor, join(place, "as"))
        pool = [node for node in self._free_nodes(spec.exclude, place) if _fits(spec, node, anchor)]
        count = len(pool) if spec.count == "all" else spec.count
        if count < 1 or count > len(pool):
            raise ScenarioError(join(place, "count"), f"only {len(pool)} nodes fit", spec.count)
        chosen = sorted(random.sample(pool, count), key=lambda node: node.index)
        members = [self._take_node(node) for node in chosen]
        fields: dict[str, Drawn | Plain] = {str(index): member for index, member in enumerate(members)}
        fields["count"] = count
        return Drawn("nodes", [node.name for node in chosen], fields, tuple(chosen))

    def _draw_gpu(self, spec: gen.GpuDraw, random: Random, place: str) -> Drawn:
        node = self._node(spec.of, join(place, "of"))
        excluded = {self._gpu_index(item, join(place, "not")) for item in spec.exclude}
        pool = [
            index
            for index in range(self.fleet.spec.gpus_per_node)
            if index not in excluded and ("gpu", node.name, index) not in self._taken
        ]
        if not pool:
            raise ScenarioError(place, "no GPU of this node is left to draw", spec.of)
        gpu = self.fleet.gpu(node.name, random.choice(pool))
        self._taken.add(("gpu", node.name, gpu.index))
        fields: dict[str, Drawn | Plain] = {
            "index": gpu.index,
            "uuid": gpu.uuid,
            "pci": gpu.pci,
            "pci_full": gpu.pci_full,
            "port": gpu.port,
            "serial": gpu.serial,
            "node": gpu.node,
        }
        return Drawn("gpu", gpu.index, fields, gpu)

    def _draw_nic(self, spec: gen.NicDraw, random: Random, place: str) -> Drawn:
        node = self._node(spec.of, join(place, "of"))
        excluded = {self._nic_index(item, join(place, "not")) for item in spec.exclude}
        pool = [
            index
            for index in range(self.fleet.spec.nics_per_node)
            if index not in excluded and ("nic", node.name, index) not in self._taken
        ]
        if not pool:
            raise ScenarioError(place, "no NIC of this node is left to draw", spec.of)
        index = random.choice(pool)
        self._taken.add(("nic", node.name, index))
        return Drawn("nic", f"mlx5_{index}", {"index": index, "node": node.name, "pci": self.fleet.nic_pci(index)})

    def _draw_int(self, spec: gen.IntDraw, random: Random, place: str) -> Drawn:
        return Drawn("int", random.randint(*_ordered(spec.low, spec.high, place)))

    def _draw_float(self, spec: gen.FloatDraw, random: Random, place: str) -> Drawn:
        return Drawn("float", round(random.uniform(*_ordered(spec.low, spec.high, place)), spec.digits))

    def _draw_duration(self, spec: gen.DurationDraw, random: Random, place: str) -> Drawn:
        low, high = _ordered(spec.low, spec.high, place)
        seconds = random.uniform(low, high)
        return Drawn("duration", format_duration(round(seconds, 0 if high >= 10 else 3)))

    def _draw_choice(self, spec: gen.GenericChoice, random: Random, place: str) -> Drawn:
        return Drawn("choice", resolve(random.choice(spec.options), self.names, place))

    def _draw_word(self, spec: gen.WordDraw, random: Random, place: str) -> Drawn:
        return Drawn("word", words.word(spec.kind, random))

    def _draw_pid(self, spec: gen.PidDraw, random: Random, place: str) -> Drawn:
        return Drawn("pid", random.randint(2_000, 3_900_000))

    def _draw_hex(self, spec: gen.HexDraw, random: Random, place: str) -> Drawn:
        return Drawn("hex", f"{random.getrandbits(4 * spec.digits):0{spec.digits}x}")

    def _draw_workload(self, spec: gen.WorkloadDraw, random: Random, place: str) -> Drawn:
        nodes = tuple(node.name for item in spec.on for node in self._nodes(item, join(place, "on")))
        age = spec.age if spec.age is not None else random.uniform(3, 60) * 3600 + (spec.ended or 0.0)
        name = spec.name or words.word("job", random)
        if any(workload.name == name for workload in self.workloads):
            name = f"{name}-{random.randint(100, 999)}"
        workload = Workload(
            name=name,
            namespace=spec.namespace or words.word("team", random),
            kind=spec.kind,
            nodes=nodes,
            gpus=spec.gpus,
            image=spec.image or words.word("image", random),
            user=spec.user or words.word("person", random),
            model=words.word("model", random),
            started_s=-age,
            seed=self.seed,
            pins=tuple(self._gpu_index(item, join(place, "gpu")) for item in spec.gpu),
            ended_s=None if spec.ended is None else -spec.ended,
            outcome=spec.outcome,
        )
        self.workloads.append(workload)
        pods = [pod.name for pod in workload.pods]
        fields: dict[str, Drawn | Plain] = {
            "name": name,
            "namespace": workload.namespace,
            "kind": workload.kind,
            "image": workload.image,
            "user": workload.user,
            "container": workload.container,
            "pod": pods[0],
            "pods": Drawn("pods", list(pods), dict(enumerate_text(pods))),
            "nodes": Drawn("nodes", list(nodes), dict(enumerate_text(nodes))),
        }
        return Drawn("workload", name, fields, workload)

    def _draw_daemonset_pod(self, spec: gen.DaemonSetPodDraw, random: Random, place: str) -> Drawn:
        known = {item.name: item for item in daemonsets(self.fleet.spec.driver)}
        if spec.of not in known:
            raise ScenarioError(join(place, "of"), f"unknown DaemonSet; allowed: {', '.join(known)}", spec.of)
        daemonset = known[spec.of]
        node = self._node(spec.on, join(place, "on"))
        name = daemonset.pod_name(self.seed, node.name)
        fields: dict[str, Drawn | Plain] = {
            "name": name,
            "namespace": daemonset.namespace,
            "container": daemonset.container,
            "node": node.name,
        }
        return Drawn("daemonset_pod", name, fields, (daemonset.namespace, name))

    def _free_nodes(self, exclude: Iterable[str | int], place: str) -> list[NodeIdentity]:
        excluded = {node.name for item in exclude for node in self._nodes(item, join(place, "not"))}
        return [node for node in self.fleet.nodes if node.name not in excluded and node.name not in self._taken]

    def _take_node(self, node: NodeIdentity) -> Drawn:
        self._taken.add(node.name)
        fields: dict[str, Drawn | Plain] = {
            "name": node.name,
            "rack": node.rack,
            "leaf": node.leaf,
            "power_feed": node.power_feed,
            "zone": node.zone,
            "index": node.index,
            "ip": node.ip,
        }
        return Drawn("node", node.name, fields, node)

    def _nodes(self, item: str | int, place: str) -> tuple[NodeIdentity, ...]:
        thing = self.names[item].thing if isinstance(item, str) and item in self.names else None
        if isinstance(thing, NodeIdentity):
            return (thing,)
        if isinstance(thing, tuple) and thing and isinstance(thing[0], NodeIdentity):
            return thing
        node = self.fleet.by_name.get(str(item))
        if node is None:
            raise ScenarioError(place, "expected the name of an earlier `node` or `nodes` draw", item)
        return (node,)

    def _node(self, item: str, place: str) -> NodeIdentity:
        nodes = self._nodes(item, place)
        if len(nodes) != 1:
            raise ScenarioError(place, "expected one node, this draw has several", item)
        return nodes[0]

    def _racks_of(self, item: str, place: str) -> str:
        if any(node.rack == item for node in self.fleet.nodes):
            return item
        return self._node(item, place).rack

    def _gpu_index(self, item: str | int, place: str) -> int:
        thing = self.names[item].thing if isinstance(item, str) and item in self.names else None
        index = thing.index if isinstance(thing, GpuIdentity) else item
        if not isinstance(index, int) or not 0 <= index < self.fleet.spec.gpus_per_node:
            raise ScenarioError(place, "expected the name of an earlier `gpu` draw, or an index of this fleet", item)
        return index

    def _nic_index(self, item: str | int, place: str) -> int:
        drawn = self.names.get(str(item))
        index = drawn.fields.get("index") if drawn is not None else item
        if not isinstance(index, int):
            raise ScenarioError(place, "expected the name of an earlier `nic` draw, or an index", item)
        return index


def enumerate_text(items: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Positions as text, for `${x.0}`."""
    return ((str(index), item) for index, item in enumerate(items))


def _one_key(entry: object, place: str) -> tuple[str, object]:
    if not isinstance(entry, dict) or len(entry) != 1:
        raise ScenarioError(place, f"expected one generator; allowed: {', '.join(gen.GENERATORS)}", entry)
    ((key, value),) = entry.items()
    return str(key), value


def _ordered(low: Number, high: Number, place: str) -> tuple[Number, Number]:
    if low > high:
        raise ScenarioError(place, "`from` is larger than `to`", f"{low}..{high}")
    return low, high


def _fits(spec: gen.NodesDraw, node: NodeIdentity, anchor: NodeIdentity | None) -> bool:
    for name in ("rack", "leaf", "power_feed"):
        wanted = getattr(spec, name)
        if wanted == "any":
            continue
        same = anchor is not None and getattr(node, name) == getattr(anchor, name)
        if wanted in ("same", "different"):
            if same != (wanted == "same"):
                return False
        elif node.rack != wanted:
            return False
    return True
