"""The ledger verified from beginning to end, at the start and every so often; what is found is seen by everybody.

A ledger that does not verify stops nothing: probes still come in, and evidence is still appended behind the bad place.
But metrics, /api/v1/health, alerts and the log say so, with the first bad entry.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from sentinel_gateway.app.condition import Condition, Verified
from sentinel_gateway.app.metrics import GatewayMetrics
from sentinel_gateway.app.opened import Opened
from sentinel_gateway.app.settings import Ledger
from sentinel_gateway.domain.errors import GatewayError
from sentinel_gateway.domain.happenings import LedgerVerified
from sentinel_gateway.ledger.scope import Scope
from sentinel_gateway.ledger.verify import verify_ledger
from sentinel_gateway.services.long_readings import LongReadings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what was found."""

    condition: Condition
    metrics: GatewayMetrics
    alert: Callable[[LedgerVerified], None]


async def keep_verifying(opened: Opened, told: Told, settings: Ledger, long: LongReadings) -> None:
    """Verify until cancelled; at once where the operator wants none."""
    while settings.verification_interval_seconds:
        await _verify(opened, told, long)
        await asyncio.sleep(settings.verification_interval_seconds)


async def _verify(opened: Opened, told: Told, long: LongReadings) -> None:
    scope = Scope(expected_note=opened.newest_note())
    try:
        found = await long.read(lambda progress: verify_ledger(opened.database, scope, progress), gently=True)
    except GatewayError as error:
        log.warning("ledger.not_verified", reason=str(error), hint="tried again at the next interval")
        return
    result, now_s = str(found.kind or "valid"), time.time()
    told.condition.ledger = Verified(result, now_s, found.description)
    told.metrics.verified(result, now_s)
    told.alert(
        LedgerVerified(
            time_ns=int(now_s * 1e9),
            valid=found.valid,
            kind=str(found.kind or ""),
            description=found.description,
            first_invalid_entry_id=found.first_invalid_entry_id,
        )
    )
    if found.valid:
        log.info("ledger.verified", entries=found.entries_verified, batches=found.batches_verified)
    else:
        log.error("ledger.invalid", entry_id=found.first_invalid_entry_id, kind=result, words=found.description)
