"""Looks after the server's certificate: uses a renewed one in time, and says where there is something to be done."""

from __future__ import annotations

import asyncio

from sentinel_gateway.app.condition import Condition
from sentinel_gateway.app.metrics import GatewayMetrics
from sentinel_serving.certificates import Certificates


async def watch_certificates(
    certificates: Certificates, condition: Condition, metrics: GatewayMetrics, every_s: float
) -> None:
    """Look every `every_s` seconds until cancelled, also while nobody connects."""
    while True:
        ends = certificates.current().ends
        metrics.certificate_ends(str(certificates.files.certificate), ends.timestamp())
        condition.tls_problems = certificates.problems()
        await asyncio.sleep(every_s)
