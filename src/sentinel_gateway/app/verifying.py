"""The ledger verified from beginning to end, at the start and every so often; what is found is seen by everybody.

A ledger that does not verify stops nothing: probes still come in, and evidence is still appended behind the bad place.
But metrics, /api/v1/health and the log say so, with the first bad entry.
"""

from __future__ import annotations

import asyncio
import time

import structlog

from sentinel_gateway.app.condition import Condition, Verified
from sentinel_gateway.app.metrics import GatewayMetrics
from sentinel_gateway.app.opened import Opened
from sentinel_gateway.app.settings import Ledger
from sentinel_gateway.domain.errors import GatewayError
from sentinel_gateway.ledger.scope import Scope
from sentinel_gateway.ledger.verify import verify_ledger
from sentinel_gateway.services.long_readings import LongReadings

log = structlog.get_logger(__name__)


async def keep_verifying(
    opened: Opened, condition: Condition, metrics: GatewayMetrics, settings: Ledger, long: LongReadings
) -> None:
    """Verify until cancelled; at once where the operator wants none."""
    while settings.verification_interval_seconds:
        await _verify(opened, condition, metrics, long)
        await asyncio.sleep(settings.verification_interval_seconds)


async def _verify(opened: Opened, condition: Condition, metrics: GatewayMetrics, long: LongReadings) -> None:
    scope = Scope(expected_note=opened.newest_note())
    try:
        found = await long.read(lambda progress: verify_ledger(opened.database, scope, progress), gently=True)
    except GatewayError as error:
        log.warning("ledger.not_verified", reason=str(error), hint="tried again at the next interval")
        return
    result, now_s = str(found.kind or "valid"), time.time()
    condition.ledger = Verified(result, now_s, found.description)
    metrics.verified(result, now_s)
    if found.valid:
        log.info("ledger.verified", entries=found.entries_verified, batches=found.batches_verified)
    else:
        log.error("ledger.invalid", entry_id=found.first_invalid_entry_id, kind=result, words=found.description)
