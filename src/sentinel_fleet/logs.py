"""The logs of a world: kernel logs, unit journals and pod logs, made line by line when asked for.

What facts say is merged into the ordinary background by time. Kernel stamps follow the node's clock, wrong or not, as
they would on the machine; the order stays the true one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sentinel_fleet import facts as f
from sentinel_fleet.baseline import kernel, services
from sentinel_fleet.baseline.daemonsets import DaemonSetSpec
from sentinel_fleet.baseline.training import training_lines
from sentinel_fleet.history.book import Book
from sentinel_fleet.history.node import Boot, NodeHistory
from sentinel_fleet.history.pod import PodHistory
from sentinel_fleet.stable import rng, seed64, stable_uuid, unit
from sentinel_fleet.times import rfc3339_micro, syslog_stamp

Line = tuple[float, str]
_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class _Burst:
    at: float
    lines: Sequence[str]
    repeat: int = 1
    over: float = 0.0


@dataclass(frozen=True, slots=True)
class KernelLine:
    """One line of the kernel."""

    at: float
    """Epoch seconds by the node's own clock, wrong or not."""
    uptime_s: float
    boot_id: str
    text: str


class FleetLogs:
    """A `LogSource` over a book."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._fleet = book.fleet

    def kernel_log(self, node: str, until: float) -> list[str]:
        """The lines of kern.log up to `until`, all boots, in rsyslog's shape."""
        return [
            f"{syslog_stamp(line.at)} {node} kernel: [{line.uptime_s:12.6f}] {line.text}"
            for line in self.kernel_lines(node, until)
        ]

    def kernel_lines(self, node: str, until: float) -> list[KernelLine]:
        """The same lines with what the kernel knows of each; none of a node that is not here."""
        if node not in self._fleet.by_name:
            return []
        history = self._book.node(node)
        lines = sorted(self._kernel_lines(history, until), key=lambda line: line[0])
        told = []
        for at, text in lines:
            if at > until:
                break
            boot = _boot_of(history, at)
            told.append(KernelLine(at + history.clock_offset_s(at), max(0.0, at - boot.at), boot.boot_id, text))
        return told

    def units(self, node: str) -> Sequence[str]:
        """The systemd units that have a journal on the node."""
        if node not in self._fleet.by_name:
            return ()
        named = (fact.unit.removesuffix(".service") for fact in self._book.node_facts(node, f.ServiceFact))
        return tuple(dict.fromkeys([*services.BASE_UNITS, *named]))

    def unit_log(self, node: str, unit: str, until: float) -> list[str]:
        """The journal lines of a unit up to `until`, oldest first."""
        unit = unit.removesuffix(".service")
        if unit not in self.units(node):
            return []
        history = self._book.node(node)
        lines = sorted(self._unit_lines(history, unit), key=lambda line: line[0])
        pid = 1 if unit == "systemd" else 900 + seed64("pid", node, unit) % 4000
        return [
            f"{rfc3339_micro(at + history.clock_offset_s(at))} {node} {unit}[{pid}]: {text}"
            for at, text in lines
            if at <= until
        ]

    def pod_log(
        self,
        namespace: str,
        pod: str,
        container: str,
        previous: bool,  # noqa: FBT001 - the log API's own flag
        until: float,
    ) -> list[Line] | None:
        """(epoch seconds, line) of a container up to `until`; None where no such container ever ran."""
        history = self._book.pods.pods.get((namespace, pod))
        if history is None:
            return self._daemonset_log(namespace, pod, container, previous=previous, until=until)
        if container not in history.containers or history.created > until:
            return None
        facts = list(self._pod_facts(history, container, previous=previous))
        if previous and not facts and not _restarted(history, container, until):
            return None
        calm = () if previous else self._work(history, facts, until)
        lines = [*calm, *(line for fact in facts for line in self._lines_of(fact, pod))]
        return sorted((line for line in lines if line[0] <= until), key=lambda line: line[0])

    def _kernel_lines(self, history: NodeHistory, until: float) -> Iterator[Line]:
        for boot, following in zip(history.boots, [*history.boots[1:], None], strict=True):
            yield from self._boot_background(history, boot, following, until)
        for fact in history.of(f.KernelFact):
            yield from self._lines_of(fact, history.name)

    def _boot_background(
        self, history: NodeHistory, boot: Boot, following: Boot | None, until: float
    ) -> Iterator[Line]:
        root = stable_uuid(self._fleet.seed, "root", history.name)
        for uptime, text in kernel.boot_lines(self._fleet, history.identity, root):
            yield boot.at + uptime, text
        down_from = None if following is None else following.down_from
        end = self._book.anchor + 30 * _DAY_S if down_from is None else down_from
        seed = seed64(self._fleet.seed, "kernel", history.identity.index, boot.boot_id)
        at, number = boot.at + 600.0, 0
        last = min(end - 60.0, math.nextafter(until, math.inf))
        while (at := at + 2 * _DAY_S / kernel.LINES_PER_DAY * unit(seed, number)) < last:
            yield at, kernel.daily_line(rng(seed, number))
            number += 1
        if following is not None and following.clean:
            for delay, text in kernel.shutdown_lines(root):
                yield end - kernel.SHUTDOWN_S + delay, text

    def _unit_lines(self, history: NodeHistory, name: str) -> Iterator[Line]:
        context = {"node": history.name, "driver": self._fleet.spec.driver}
        start = self._book.anchor - self._fleet.spec.history
        silent = self._silenced_at(history, name)
        for boot in history.boots:
            if boot.at >= start:
                texts = services.at_boot(name)
                yield from ((boot.at + 40.0 + 0.2 * i, _fill(t, boot.at, i, context)) for i, t in enumerate(texts))
        gap = _DAY_S / services.PER_DAY.get(name, 1.0)
        seed = seed64(self._fleet.seed, "journal", history.identity.index, name)
        wanted = int((self._fleet.spec.history + _DAY_S) / gap)
        for number, text in enumerate(islice(services.calm_lines(name, rng(seed)), wanted)):
            at = start + gap * (number + unit(seed, number))
            if at < silent and not any(low <= at < high for low, high in history.unscraped()):
                yield at, _fill(text, at, number, context)
        for fact in history.of(f.ServiceFact):
            if fact.unit.removesuffix(".service") == name and fact.lines:
                yield from self._burst(_Burst(fact.at, fact.lines), history.name)

    def _silenced_at(self, history: NodeHistory, unit: str) -> float:
        """From when a unit says nothing ordinary any more: it failed, or was stopped."""
        for fact in history.of(f.ServiceFact):
            if fact.unit.removesuffix(".service") == unit and fact.state in ("failed", "inactive"):
                return history.absolute(fact)
        return float("inf")

    def _pod_facts(
        self, pod: PodHistory, container: str, *, previous: bool
    ) -> Iterator[f.PodLogFact | f.WorkloadLogFact]:
        for fact in self._book.of(f.PodLogFact):
            named = fact.container is None or fact.container == container
            if (fact.namespace, fact.pod) == (pod.namespace, pod.name) and named and fact.previous == previous:
                yield fact
        if pod.workload is None:
            return
        for about in self._book.of(f.WorkloadLogFact):
            here = about.node is None or pod.node in about.node
            if about.workload == pod.workload.name and here and about.previous == previous:
                yield about

    def _work(self, pod: PodHistory, facts: Iterable[f.PodLogFact | f.WorkloadLogFact], until: float) -> Iterator[Line]:
        if (
            pod.workload is None
            or (pod.gpus == 0 and pod.workload.gpus > 0)
            or pod.gpu_window()[0] >= pod.gpu_window()[1]
        ):
            return iter(())
        stalled = min((self._book.anchor + fact.at for fact in facts if fact.stall), default=float("inf"))
        end = min(until, stalled, _end_of_work(pod))
        if pod.node is not None:
            down = [low for low, _ in self._book.node(pod.node).unscraped() if low > pod.created]
            end = min([end, *down])
        names = [member.name for member in pod.workload.pods]
        rank = names.index(pod.name) if pod.name in names else 0
        per_pod = max(1, pod.gpus)
        return training_lines(pod, rank * per_pod, len(pod.workload.nodes) * per_pod, end)

    def _daemonset_log(
        self, namespace: str, pod: str, container: str, *, previous: bool, until: float
    ) -> list[Line] | None:
        found = self._daemonset_pod(namespace, pod)
        if found is None or found[0].container != container:
            return None
        spec, node = found
        lines = [] if previous else list(_exporter_start(spec, self._book.node(node).boots[-1].at))
        for fact in self._book.of(f.PodLogFact):
            if (fact.namespace, fact.pod, fact.previous) == (namespace, pod, previous):
                lines += self._lines_of(fact, pod)
        if previous and not lines:
            return None
        return sorted((line for line in lines if line[0] <= until), key=lambda line: line[0])

    def _daemonset_pod(self, namespace: str, pod: str) -> tuple[DaemonSetSpec, str] | None:
        for spec in self._book.daemonsets:
            if spec.namespace == namespace and pod.startswith(f"{spec.name}-"):
                for node in self._fleet.nodes:
                    if spec.pod_name(self._fleet.seed, node.name) == pod:
                        return spec, node.name
        return None

    def _lines_of(self, fact: f.Repeated, about: str) -> Iterator[Line]:
        return self._burst(_Burst(fact.at, fact.lines, fact.repeat, fact.over), about)

    def _burst(self, burst: _Burst, about: str) -> Iterator[Line]:
        """The lines of a fact with their instants: within milliseconds of each other, or spread over a while."""
        seed = seed64(self._fleet.seed, "spread", about, burst.at, burst.lines[0])
        start, step = self._book.anchor + burst.at, burst.over / burst.repeat
        for round_number in range(burst.repeat):
            at = start + step * (round_number + (0.8 * unit(seed, round_number) if burst.repeat > 1 else 0.0))
            for number, line in enumerate(burst.lines):
                yield at, line
                at += 0.0004 + 0.0021 * unit(seed ^ round_number, number)


def _boot_of(history: NodeHistory, at: float) -> Boot:
    """The boot whose kernel printed at an instant: never one that had not begun."""
    begun = [boot for boot in history.boots if boot.at <= at]
    return begun[-1] if begun else history.boots[0]


def _end_of_work(pod: PodHistory) -> float:
    return pod.gpu_window()[1] if pod.gpus else (pod.ended if pod.ended is not None else float("inf"))


def _restarted(pod: PodHistory, container: str, until: float) -> bool:
    return any(state.name in (None, container) and state.restarts > 0 for state in pod.state(until).containers)


def _fill(template: str, at: float, number: int, context: dict[str, str]) -> str:
    stamp = rfc3339_micro(at)
    klog = f"{stamp[5:7]}{stamp[8:10]} {stamp[11:26]}"
    return template.format(stamp=klog, pid=1400 + number % 7, hex=f"{seed64(at, number):016x}", **context)


def _exporter_start(spec: DaemonSetSpec, boot: float) -> Iterator[Line]:
    start = boot + 80.0
    yield start, f'time="{rfc3339_micro(start)}" level=info msg="Starting {spec.container}"'
    yield start + 2.4, f'time="{rfc3339_micro(start + 2.4)}" level=info msg="{spec.container} is running"'
