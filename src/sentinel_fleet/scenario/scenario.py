"""A scenario: a file that was checked, from which worlds are drawn.

Loading draws one world's names with a fixed seed, for the plain scenario and for every variant with all distractors in,
so that a mistake shows when the file is read and not at some later seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sentinel_fleet.baseline.daemonsets import daemonsets
from sentinel_fleet.baseline.fleet import Fleet
from sentinel_fleet.facts import FACTS, BootFact, ConditionFact, Fact, KernelFact, Known
from sentinel_fleet.prior_incidents import HISTORY, PriorIncident
from sentinel_fleet.scenario.draw import Draws
from sentinel_fleet.scenario.errors import ScenarioError, join, validate
from sentinel_fleet.scenario.file import Distractor, ExpectPart, ScenarioFile, TriggerPart, Variant, read
from sentinel_fleet.scenario.node_agents import given, parse_node_agents
from sentinel_fleet.scenario.parts import MaybeGroups
from sentinel_fleet.scenario.prior import parse_prior
from sentinel_fleet.scenario.sentinel import parse_sentinel
from sentinel_fleet.scenario.template import T0, Drawn, Names, resolve
from sentinel_fleet.sentinel.plan import SentinelPlan
from sentinel_fleet.stable import rng
from sentinel_fleet.world import Trigger, World, WorldPlan

_TRIAL_SEED = 0
_TRIAL_ANCHOR = 1_800_000_000.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario file."""

    file: str
    content: ScenarioFile

    @property
    def id(self) -> str:
        """The scenario's name."""
        return self.content.id

    @property
    def title(self) -> str:
        """For people; never served."""
        return self.content.title

    @property
    def section(self) -> str:
        """The family it belongs to."""
        return self.content.section

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of its variants; the plain scenario is not among them."""
        return tuple(self.content.variants)

    def realise(
        self, seed: int, anchor: float, variant: str | None = None, clock: Callable[[], float] = time.time
    ) -> World:
        """Draw a world whose trigger happens at `anchor` (epoch seconds).

        Raises:
            ScenarioError: no such variant, or this seed cannot be drawn.
        """
        try:
            return World(self._plan(seed, variant, anchor, every_distractor=False), anchor, clock)
        except ScenarioError as error:
            raise error.in_file(self.file) from None

    def check(self) -> None:
        """Draw the plain scenario and every variant once, with all distractors in.

        Raises:
            ScenarioError: the first thing that is wrong.
        """
        for variant in (None, *self.variants):
            self._plan(_TRIAL_SEED, variant, _TRIAL_ANCHOR, every_distractor=True)

    def _plan(self, seed: int, variant: str | None, anchor: float, *, every_distractor: bool) -> WorldPlan:
        changes = self._variant(variant)
        text = f"{self.id}/{seed}"
        distractors = list(self._distractors(text, every=every_distractor))
        agents = given(self._node_agents(variant, changes, distractors))
        draws = Draws(text, {**self.content.fleet, **changes.fleet}, anchor, on_loopback=bool(agents))
        draws.draw_all(self.content.draw)
        facts = _parse_facts(self._groups(variant, changes, distractors), draws, text)
        place = "trigger" if changes.trigger is None else f"variants.{variant}.trigger"
        trigger_raw = self.content.trigger if changes.trigger is None else changes.trigger
        trigger = _parse_trigger(trigger_raw, draws, facts, place)
        sentinel = self._sentinel(variant, changes, distractors, draws)
        return WorldPlan(
            scenario=self.id,
            seed=seed,
            variant=variant,
            fleet=draws.fleet,
            facts=facts,
            workloads=draws.workloads,
            drawn_nodes=_drawn_nodes(draws.names),
            daemonset_pods=_daemonset_pods(draws.names),
            without_sources=changes.without_source,
            trigger=trigger,
            names={name: drawn.plain for name, drawn in draws.names.items() if name != T0},
            expect=self._expect(changes, variant, draws.names),
            prior_incidents=self._prior(variant, changes, distractors, draws, anchor),
            sentinel=sentinel,
            node_agents=parse_node_agents(agents, draws, _known((), draws), sentinel),
        )

    def _variant(self, name: str | None) -> Variant:
        if name is None:
            return Variant()
        if name not in self.content.variants:
            allowed = ", ".join(self.content.variants) or "there are none"
            raise ScenarioError("variants", f"no such variant; allowed: {allowed}", name)
        return self.content.variants[name]

    def _distractors(self, text: str, *, every: bool) -> Iterator[tuple[str, Distractor]]:
        for index, distractor in enumerate(self.content.distractors):
            if every or rng(text, "distractor", index).random() < distractor.chance:
                yield f"distractors[{index}]", distractor

    def _groups(
        self, variant: str | None, changes: Variant, distractors: Iterable[tuple[str, Distractor]]
    ) -> Iterator[tuple[str, Sequence[Mapping[str, object]]]]:
        yield "facts", self.content.facts
        for place, distractor in distractors:
            yield f"{place}.facts", distractor.facts
        if variant is not None:
            yield f"variants.{variant}.facts", changes.facts

    def _prior(
        self, variant: str | None, changes: Variant, distractors: Iterable[tuple[str, Distractor]], draws: Draws,
        anchor: float,
    ) -> tuple[PriorIncident, ...] | None:  # fmt: skip
        if HISTORY in changes.without_source:
            return None
        own = self.content.prior_incidents if changes.prior_incidents is None else changes.prior_incidents
        place = "" if changes.prior_incidents is None else f"variants.{variant}"
        groups = [(join(place, "prior_incidents"), own)]
        groups += [(f"{there}.prior_incidents", distractor.prior_incidents) for there, distractor in distractors]
        return parse_prior(groups, draws, anchor)

    def _sentinel(
        self, variant: str | None, changes: Variant, distractors: Iterable[tuple[str, Distractor]], draws: Draws
    ) -> SentinelPlan | None:
        groups = [("sentinel", self.content.sentinel)]
        groups += [(f"{place}.sentinel", distractor.sentinel) for place, distractor in distractors]
        groups.append((f"variants.{variant}.sentinel", changes.sentinel))
        return parse_sentinel(groups, draws, _known((), draws))

    def _node_agents(
        self, variant: str | None, changes: Variant, distractors: Iterable[tuple[str, Distractor]]
    ) -> MaybeGroups:
        return [
            ("node_agents", self.content.node_agents),
            *((f"{place}.node_agents", distractor.node_agents) for place, distractor in distractors),
            (f"variants.{variant}.node_agents", changes.node_agents),
        ]

    def _expect(self, changes: Variant, variant: str | None, names: Names) -> Mapping[str, object]:
        place = "expect" if not changes.expect else f"variants.{variant}.expect"
        resolved = resolve({**self.content.expect, **changes.expect}, names, place)
        part = validate(ExpectPart, resolved, place)
        return part.model_dump(exclude_none=True)


def load(path: Path | str) -> Scenario:
    """Read and check a scenario: a file, or the folder that holds `scenario.yaml`.

    Raises:
        ScenarioError: one line naming the file, the place, the value and what is allowed there.
    """
    file = Path(path)
    file = file / "scenario.yaml" if file.is_dir() else file
    try:
        scenario = Scenario(str(file), read(file))
        if file.name == "scenario.yaml" and file.absolute().parent.name != scenario.id:
            raise ScenarioError(
                "id", f"the folder is called {file.absolute().parent.name!r}; they must agree", scenario.id
            )
        scenario.check()
    except ScenarioError as error:
        raise error.in_file(str(file)) from None
    return scenario


def _parse_facts(groups: Iterable[tuple[str, Sequence[Mapping[str, object]]]], draws: Draws, text: str) -> list[Fact]:
    entries = [
        (*_one_key(entry, join(place, index)), join(place, index))
        for place, group in groups
        for index, entry in enumerate(group)
    ]
    resolved = [
        (kind, resolve(body, draws.names, join(place, kind)), join(place, kind)) for kind, body, place in entries
    ]
    known = _known(resolved, draws)
    placed = [(validate(FACTS[kind], body, place, known), place) for kind, body, place in resolved]
    facts = [fact for fact, _ in placed]
    for fact, place in placed:
        _check_boot(fact, facts, place)
    return [moved for fact, place in placed for moved in _jittered(fact, text, place)]


def _one_key(entry: Mapping[str, object], place: str) -> tuple[str, object]:
    allowed = ", ".join(FACTS)
    if len(entry) != 1:
        raise ScenarioError(place, f"expected exactly one kind of fact; allowed: {allowed}", sorted(map(str, entry)))
    ((kind, body),) = entry.items()
    if kind not in FACTS:
        raise ScenarioError(place, f"unknown kind of fact; allowed: {allowed}", kind)
    return kind, body


def _known(resolved: Iterable[tuple[str, object, str]], draws: Draws) -> Known:
    pods = {(workload.namespace, pod.name) for workload in draws.workloads for pod in workload.pods}
    pods |= {
        (workload.namespace, f"{workload.name}-launcher") for workload in draws.workloads if workload.kind == "MPIJob"
    }
    pods |= set(_daemonset_pods(draws.names))
    for kind, body, _ in resolved:
        if kind == "pod" and isinstance(body, dict):
            pods.add((str(body.get("namespace")), str(body.get("name"))))
    fleet: Fleet = draws.fleet
    return Known(
        nodes=fleet.by_name.keys(),
        gpus_per_node=fleet.spec.gpus_per_node,
        nics_per_node=fleet.spec.nics_per_node,
        workloads={workload.name for workload in draws.workloads},
        pods=pods,
        daemonsets={spec.name for spec in daemonsets(fleet.spec.driver)},
    )


def _jittered(fact: Fact, text: str, place: str) -> Iterator[Fact]:
    """The fact moved by its jitter, on each node by its own; it stays on its side of T0."""
    if not fact.jitter:
        yield fact
        return
    nodes = getattr(fact, "node", None)
    for node in nodes if isinstance(nodes, list) else [None]:
        moved = fact.at + rng(text, "jitter", place, node).uniform(-fact.jitter, fact.jitter)
        change: dict[str, object] = {"at": min(moved, 0.0) if fact.at <= 0 else max(moved, 0.001)}
        yield fact.model_copy(update=change if node is None else change | {"node": [node]})


def _check_boot(fact: Fact, facts: Sequence[Fact], place: str) -> None:
    if not isinstance(fact, KernelFact) or fact.boot == 0:
        return
    boots = [other for other in facts if isinstance(other, BootFact)]
    for node in fact.node:
        if not any(node in boot.node and fact.at < boot.at - boot.down for boot in boots):
            raise ScenarioError(
                join(place, "boot"), f"no `boot` fact brings {node} down after this line's `at`", fact.boot
            )


def _parse_trigger(raw: Mapping[str, object], draws: Draws, facts: Sequence[Fact], place: str) -> Trigger:
    part = validate(TriggerPart, resolve(dict(raw), draws.names, place), place)
    if part.node not in draws.fleet.by_name:
        raise ScenarioError(join(place, "node"), "no node of this fleet", part.node)
    conditions = [fact for fact in facts if isinstance(fact, ConditionFact) and part.node in fact.node and fact.at <= 0]
    if part.condition is not None and all(fact.type != part.condition for fact in conditions):
        set_ones = ", ".join(sorted({fact.type for fact in conditions})) or "none"
        raise ScenarioError(
            join(place, "condition"),
            f"never set on {part.node} by a fact at 0s or before; set there: {set_ones}",
            part.condition,
        )
    return Trigger(part.node, part.condition, part.alert, part.message, part.event)


def _drawn_nodes(names: Names) -> set[str]:
    nodes: set[str] = set()
    for drawn in names.values():
        if drawn.kind == "node":
            nodes.add(str(drawn.plain))
        elif drawn.kind == "nodes" and isinstance(drawn.plain, list):
            nodes |= set(map(str, drawn.plain))
    return nodes


def _daemonset_pods(names: Names) -> set[tuple[str, str]]:
    return {_pair(drawn) for drawn in names.values() if drawn.kind == "daemonset_pod"}


def _pair(drawn: Drawn) -> tuple[str, str]:
    return str(drawn.fields["namespace"]), str(drawn.fields["name"])
