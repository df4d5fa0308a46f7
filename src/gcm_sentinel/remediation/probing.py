"""A probe of an order: run on the GPU's node to its end, kept as evidence, and only then an answered call.

Nothing of a probe lasts, so unlike any other request one that was cut off, by our death or the agent's, is simply run
again, with the same operands. A probe of ours that still holds the GPU then, or somebody else's, is waited for. What
was seen of a run whose report never came is told as seen, and is no result.

While it runs it is looked again and again whether it may: that the node is ours and empty, and the order still wanted.
Where it may not any more, the call is ended, and with it the probe. The node comes first, and must be seen: a job that
comes there must not wait for our database. Whether the order is wanted nobody may know while that is away; then the
probe goes on, for its deadline at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import structlog

from gcm_sentinel.domain.deep_probing import GETTING_READY, probe_of
from gcm_sentinel.domain.errors import Overloaded, Refused, Retryable, SentinelError, Unreachable
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.node_probes import NodeProbes, ProbeFinding, ProbeOrder, ProbeOutcome, ProbeProgress, ProbeRun
from gcm_sentinel.domain.order import ApiCall, Order
from gcm_sentinel.domain.probe_result import result_of, to_json
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.remediation.keeping import Keeper, evidence_id

log = structlog.get_logger(__name__)

Objection = Callable[[], Awaitable[str]]
"""Why it may not run, or not go on; empty where it may."""
Sleep = Callable[[float], Awaitable[None]]
_Run = Callable[[], Coroutine[None, None, ProbeRun | SentinelError]]


@dataclass(frozen=True, slots=True)
class Objections:
    """What may speak against a probe."""

    node: Objection
    """Of its node, which must be seen all the while."""
    order: Objection
    """Of the order itself, as its record and its incident stand."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient it is."""

    pause: timedelta = timedelta(seconds=15)
    """Between two tries."""
    waits: timedelta = timedelta(minutes=5)
    """In all, for a GPU that another probe holds, and for an agent of which nothing is heard."""
    look: timedelta = timedelta(seconds=15)
    """Between two looks whether it may go on."""
    look_takes: timedelta = timedelta(seconds=10)
    """At most; what was not answered by then is not seen."""
    blind: timedelta = timedelta(seconds=60)
    """How long it goes on after its node was seen last."""
    told: timedelta = timedelta(seconds=30)
    """Between two lines of the log about how far it is."""


@dataclass(slots=True)
class _Heard:
    """Follows one run: logs how far it is, and remembers where it failed."""

    probe: ProbeOrder
    clock: Clock
    every_s: float
    failed: list[str] = field(default_factory=list)
    anything: bool = False
    """Whether the run was heard of at all."""
    _told_at: float | None = None

    def __call__(self, news: ProbeProgress | ProbeFinding) -> None:
        fields = {"gpu_uuid": self.probe.gpu_uuid, "kind": str(self.probe.kind)}
        self.anything = True
        if isinstance(news, ProbeProgress):
            now = self.clock.monotonic()
            if self._told_at is None or now - self._told_at >= self.every_s:
                self._told_at = now
                log.info("action.probing", done=news.done, total=news.total, stage=news.stage, **fields)
        elif news.outcome is ProbeOutcome.FAIL:
            self.failed.append("memory" if news.sm is None else f"SM {news.sm}")
            log.warning("action.probe_failed", sm=news.sm, variant=news.variant, bits=news.mismatch_bits, **fields)

    @property
    def words(self) -> str:
        """What was seen of a run that did not come to its end; empty where nothing failed."""
        where = ", ".join(dict.fromkeys(self.failed))
        return f"; before that it told of wrong results on {where[:200]}" if where else ""


class ProbeRunner:
    """Runs the probes of orders."""

    def __init__(
        self,
        probes: NodeProbes,
        keeper: Keeper,
        clock: Clock,
        pace: Pace | None = None,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`probes` stand behind the mode's guard."""
        self._sleep = sleep
        self._probes = probes
        self._keeper = keeper
        self._clock = clock
        self._pace = pace or Pace()

    async def __call__(self, call: ApiCall, order: Order, objections: Objections) -> JsonObject:
        """Run the probe of `call` and keep what it came to; a `ProbeResult` as JSON.

        Raises:
            Refused: it may not run or go on, or something else holds the GPU all the time.
            SentinelError: no report came, or it could not be kept; that is evidence too where it can be.
        """
        node, probe = probe_of(call)
        name = evidence_id(order, call)
        try:
            run = await self._to_its_end(node, probe, objections)
        except SentinelError as error:
            log.warning("action.probe_unanswered", gpu_uuid=probe.gpu_uuid, kind=str(probe.kind), reason=str(error))
            await self._keeper.keep_failure(name, call, order, str(error))
            raise
        await self._keeper.keep_run(name, call, order, run)
        log.info("action.probed", gpu_uuid=probe.gpu_uuid, kind=str(probe.kind), outcome=str(run.outcome))
        return to_json(result_of(run, name))

    async def _to_its_end(self, node: str, probe: ProbeOrder, objections: Objections) -> ProbeRun:
        """Its report, however often it is tried: all that ran of it together takes no longer than one try may."""
        ran_s, first_s = 0.0, self._clock.monotonic()
        whole_s = (probe.deadline + GETTING_READY).total_seconds()
        while True:
            heard = _Heard(probe, self._clock, self._pace.told.total_seconds())
            this = replace(probe, answer_within=timedelta(seconds=whole_s - ran_s))
            began_s = self._clock.monotonic()
            try:
                return await self._once(partial(self._asked, node, this, heard), probe, objections)
            except Retryable as error:
                now_s = self._clock.monotonic()
                if heard.anything or now_s - began_s >= probe.deadline.total_seconds():
                    ran_s += now_s - began_s
                waited = timedelta(seconds=now_s - first_s - ran_s) + self._pace.pause
                if waited > self._pace.waits or ran_s >= probe.deadline.total_seconds():
                    raise _given_up(error) from error
                log.warning("action.probe_again", node=node, kind=str(probe.kind), reason=str(error))
                await self._sleep(self._pace.pause.total_seconds())

    async def _once(self, ask: _Run, probe: ProbeOrder, objections: Objections) -> ProbeRun:
        """One try, ended as soon as it may not go on."""
        if words := await self._ask(objections.node) or await self._ask(objections.order):
            raise Refused(f"the {probe.kind} probe was not run: {words}")
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(ask())
            watching = group.create_task(self._objected(objections, over))
            await asyncio.wait((running, watching), return_when=asyncio.FIRST_COMPLETED)
            over.set()  # a look that is under way is not cut off: it may be in the middle of a database's answer
            running.cancel()
        if running.cancelled():
            raise Refused(f"the {probe.kind} probe was stopped: {watching.result()}")
        found = running.result()
        if isinstance(found, SentinelError):
            raise found
        return found

    async def _asked(self, node: str, probe: ProbeOrder, heard: _Heard) -> ProbeRun | SentinelError:
        try:
            return await self._probes.run_probe(node, probe, heard)
        except SentinelError as error:
            return _with_words(error, heard.words)

    async def _objected(self, objections: Objections, over: asyncio.Event) -> str:
        """The first objection, or none by the time it is `over`."""
        seen_s = self._clock.monotonic()
        while not await _is_set(over, self._pace.look):
            words = await self._looked(objections.node)
            if words is not None:
                seen_s = self._clock.monotonic()
            elif self._clock.monotonic() - seen_s >= self._pace.blind.total_seconds():
                return f"its node could not be seen for {self._pace.blind.total_seconds():g} s"
            words = words or await self._looked(objections.order)
            if words:
                return words
        return ""

    async def _looked(self, objection: Objection) -> str | None:
        """The objection, also where it can never be seen; None where it could not be seen this time."""
        try:
            return await self._ask(objection)
        except Retryable as error:
            log.warning("action.not_looked", reason=str(error))
            return None
        except SentinelError as error:
            return f"whether it may go on cannot be seen: {error}"

    async def _ask(self, objection: Objection) -> str:
        """The objection.

        Raises:
            Unreachable: there was no answer in time.
            SentinelError: nobody can tell.
        """
        within_s = self._pace.look_takes.total_seconds()
        try:
            async with asyncio.timeout(within_s):
                return await objection()
        except TimeoutError as error:
            raise Unreachable(f"whether it may run was not answered within {within_s:g} s") from error


async def _is_set(event: asyncio.Event, within: timedelta) -> bool:
    """Whether it is, after so long at most."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await event.wait()
    except TimeoutError:
        return False


def _given_up(error: Retryable) -> SentinelError:
    """A GPU that others hold was not touched; anything else stays what it is."""
    return Refused(f"nothing was run: {error}") if isinstance(error, Overloaded) else error


def _with_words(error: SentinelError, words: str) -> SentinelError:
    return type(error)(f"{error}{words}") if words else error
