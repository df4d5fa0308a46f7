"""The one place where anything changes. Services, REST and the command line call this class and nothing below it.

Every changing method returns after its change and the ledger entries that tell of it are stored, in one transaction.
Many callers share a transaction; one caller's refusal touches nobody else's. Methods that only ask are those of
`Reading`, those for agents and monitors are those of `Reporting`.

    core = Core(store, ledger, settings, keys, now_ns)
    await core.load()
    async with asyncio.TaskGroup() as group:
        group.create_task(core.run())      # until `stop`
        ...
        await core.stop()
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import structlog

from sentinel_gateway.core.actor import Actor
from sentinel_gateway.core.canaries import Canaries
from sentinel_gateway.core.deciding import apply_config, clear_fault, inject_fault, take_component_ack
from sentinel_gateway.core.directing import decide, issue, withdraw
from sentinel_gateway.core.durations import Durations
from sentinel_gateway.core.following import Following
from sentinel_gateway.core.ids import uuid7
from sentinel_gateway.core.journal import Journal
from sentinel_gateway.core.memory import Memory
from sentinel_gateway.core.no_alerts import NoAlerts
from sentinel_gateway.core.overhead import told_before
from sentinel_gateway.core.receiving import Receiving
from sentinel_gateway.core.recording import Recording
from sentinel_gateway.core.reporting import Reporting
from sentinel_gateway.core.round import Round
from sentinel_gateway.core.sweeping import end
from sentinel_gateway.core.upkeep import Upkeep
from sentinel_gateway.core.work import Work
from sentinel_gateway.domain import configuration, directives, faults
from sentinel_gateway.domain.alerts import Alerts
from sentinel_gateway.domain.batches import BatchKind
from sentinel_gateway.domain.configuration import (
    ComponentAck,
    ConfigChange,
    ConfigResult,
)
from sentinel_gateway.domain.directives import (
    Approval,
    DirectiveOutcome,
    DirectiveRecord,
    DirectiveRequest,
)
from sentinel_gateway.domain.errors import BadConfiguration, Invalid
from sentinel_gateway.domain.faults import Fault, FaultRequest
from sentinel_gateway.domain.recorded import Recorded
from sentinel_gateway.domain.roles import Caller
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.domain.text import MAX_NAME, MAX_WORDS, checked_text
from sentinel_gateway.ledger.writer import LedgerWriter
from sentinel_gateway.storage.changes import Needs
from sentinel_gateway.storage.store import Store
from sentinel_sdk.ledger.entry import NewEntry
from sentinel_sdk.signing import Keys

log = structlog.get_logger(__name__)


class Core(Reporting):
    """See the module. All methods may raise `Busy` (too much is waiting) and `Unavailable` (database away or full)."""

    def __init__(
        self,
        store: Store,
        ledger: LedgerWriter,
        settings: CoreSettings,
        keys: Keys,
        now_ns: Callable[[], int],
        alerts: Alerts | None = None,
    ) -> None:
        memory, journal = Memory(), Journal(store, ledger)
        self._actor = Actor(memory, journal, settings, now_ns, alerts or NoAlerts())
        self.counters = self._actor.counters
        self.taken = {kind: Durations() for kind in BatchKind}
        self._receiving = Receiving(self._actor, memory, settings, keys, now_ns)
        self._canaries = Canaries(memory, self._actor, settings.tmr, now_ns, random.SystemRandom())
        self._upkeep = Upkeep(self._actor, journal, store, settings, now_ns)
        following = Following(memory, self._actor.bell, journal, store)
        super().__init__(memory, following, journal, store, settings, now_ns)

    async def load(self) -> None:
        """Bring back everything from the database; call once, before `run`.

        Raises:
            Unavailable: the database is away.
        """
        await self._journal.read(self._store.claim)
        self._memory.fill(await self._journal.read(self._store.load))
        since_ns = self._now_ns() - int(self._settings.model.automatic_window.total_seconds() * 1e9)
        name = self._settings.name
        self._memory.automatic = await self._journal.read(self._store.quarantine_times, name, since_ns)
        log.info("core.loaded", gpus=len(self._memory.gpus), waiting=len(self._memory.waiting))

    def overhead_is_high(self, hostnames: Iterable[str]) -> None:
        """People were told before the restart that probes take too much of these hosts; they are told when it ends."""
        for hostname in hostnames:
            self._memory.overhead[hostname] = told_before(self._now_ns())

    async def run(self, about: Mapping[str, str] = MappingProxyType({})) -> None:
        """Take requests and do what is due (expiries, timeouts, summaries, forgetting) until `stop`.

        `about` stands in the entry that tells of the start: how this gateway runs.

        Raises:
            BadConfiguration: nothing can be stored any more until the operator changes something.
        """
        self._actor.note("gateway.started", dict(about))
        failure: BadConfiguration | None = None
        try:
            async with asyncio.TaskGroup() as group:
                upkeep = group.create_task(self._upkeep.run(self._canaries.tick))
                try:
                    await self._actor.run()
                except BadConfiguration as error:
                    failure = error
                upkeep.cancel()
        finally:
            self._canaries.end()
            self._journal.close()
        if failure is not None:
            raise failure

    async def stop(self) -> None:
        """Take nothing new, finish what waits, sum up the open hour's probes, record that the gateway stops.

        `run` then returns, and followers end.
        """
        self._upkeep.stop()
        await self._actor.stop(end)

    async def upkeep(self) -> None:
        """Do what is due now; `run` does it by itself from time to time."""
        await self._upkeep.tick()
        await self._canaries.tick()

    async def issue(self, caller: Caller, request: DirectiveRequest) -> DirectiveOutcome:
        """Do what a directive asks, or let it wait for a person. The same id and content again answers as before.

        Raises:
            Invalid: a malformed field.
            NotKnown: nobody ever reported about this GPU.
            IllegalState: the GPU's state does not allow it.
            AlreadyThere: the id was used for another directive.
            Denied: the caller would give back what somebody else took out of use or asks about.
        """
        named = directives.as_allowed(directives.checked(request), caller)
        if not named.directive_id:
            named = replace(named, directive_id=uuid7(self._now_ns()))
        needs = partial(Needs, directives=(named.directive_id,))
        return await self._actor.ask(Work(lambda round_: issue(named, caller, round_), needs))

    async def decide(self, caller: Caller, directive_id: str, *, approve: bool, comment: str = "") -> DirectiveRecord:
        """Approve or deny a directive that waits. The same decision again answers the same.

        Raises:
            NotKnown: there is none with this id.
            Denied: it is the caller's own, and access is not insecure.
            IllegalState: it does not wait and was not decided like this.
        """
        checked_text("comment", comment, MAX_WORDS)
        checked_text("directive_id", directive_id, MAX_NAME)

        def _decide(round_: Round) -> DirectiveRecord:
            approval = Approval(approve, caller.name, round_.now_ns, comment)
            return decide(directive_id, approval, round_, is_nameless=caller.proof == "none")

        return await self._actor.ask(Work(_decide, partial(Needs, directives=(directive_id,))))

    async def withdraw(self, caller: Caller, directive_id: str, *, comment: str = "") -> DirectiveRecord:
        """Take back a directive that waits: the caller's own, or anybody's for who may decide. Again answers the same.

        Raises:
            NotKnown: there is none with this id.
            Denied: somebody else issued it, and the caller may not decide.
            IllegalState: it does not wait any more.
        """
        checked_text("comment", comment, MAX_WORDS)
        checked_text("directive_id", directive_id, MAX_NAME)
        needs = partial(Needs, directives=(directive_id,))
        return await self._actor.ask(Work(lambda round_: withdraw(directive_id, caller, comment, round_), needs))

    async def apply_config(self, caller: Caller, change: ConfigChange) -> ConfigResult:
        """Push a setting. Values out of range are answered with applied=False and the reason; nothing changed then.

        Raises:
            AlreadyThere: the update id was used for another update.
        """
        try:
            payload = configuration.checked(change)
        except Invalid as refusal:
            version = self.configuration().version
            return ConfigResult(change.update_id, applied=False, version=version, error=str(refusal))
        named = change if change.update_id else replace(change, update_id=uuid7(self._now_ns()))
        needs = partial(Needs, updates=(named.update_id,))
        return await self._actor.ask(Work(lambda round_: apply_config(named, payload, caller.name, round_), needs))

    async def config_acked(self, caller: Caller, ack: ComponentAck) -> None:
        """Keep what a component says about an update; its refusals are recorded in the ledger.

        Raises:
            Invalid: no component id.
        """
        if not ack.component_id:
            raise Invalid("component_id is empty: send the host name of the component")
        for name, text in (("component_id", ack.component_id), ("update_id", ack.update_id)):
            checked_text(name, text, MAX_NAME)
        checked_text("error", ack.error, MAX_WORDS)
        await self._actor.ask(Work(lambda round_: take_component_ack(ack, round_)))

    async def inject_fault(self, caller: Caller, request: FaultRequest) -> Fault:
        """Register a fault.

        Raises:
            Invalid: a malformed field.
            NotKnown: nobody ever reported about this GPU.
        """
        faults.checked(request)
        injection_id = uuid7(self._now_ns())
        return await self._actor.ask(Work(lambda round_: inject_fault(request, injection_id, caller.name, round_)))

    async def clear_fault(self, caller: Caller, injection_id: str) -> Fault:
        """Take a fault from the register.

        Raises:
            NotKnown: none with this id is active.
        """
        return await self._actor.ask(Work(lambda round_: clear_fault(injection_id, caller.name, round_)))

    async def record(self, caller: Caller, entries: Sequence[NewEntry], idempotency_key: str = "") -> Recorded:
        """Append entries to the ledger, all or none. The same key and content of the same caller again does nothing.

        Raises:
            Invalid: no entries, an unknown type, an entry that is too large.
            AlreadyThere: the caller used the key for other entries.
        """
        if not entries:
            raise Invalid("there are no entries to record")
        checked_text("the idempotency key", idempotency_key, MAX_NAME)
        # Names may have any character, a slash too; their length keeps one caller's keys apart from another's.
        key = f"{len(caller.name)}/{caller.name}/{idempotency_key}" if idempotency_key else None
        recording = Recording(tuple(entries), key)
        return await self._actor.record(recording)

    def note(self, event: str, **fields: str) -> None:
        """Have something recorded as a SYSTEM_EVENT soon, such as ``auth.refused``; never waits and never fails.

        The first of its kind (event and fields) is recorded at once, the next within the note window together, with
        their count.
        """
        self._actor.note(event, fields)
