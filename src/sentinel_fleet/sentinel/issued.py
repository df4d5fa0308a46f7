"""What a world's gateway has on record of directives: what an agent really had done there, whatever it says itself."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_fleet.sentinel.process import INVESTIGATOR
from sentinel_fleet.sentinel.serving import ServedSentinel
from sentinel_sdk import SentinelClient

_PAGE = 1000
"""More than any world has."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One directive of the agent's."""

    action: str
    """``QUARANTINE``, ``REINSTATE``, ``CONDEMN`` or ``SCHEDULE_DEEP_TEST``."""
    gpu_uuid: str
    node: str
    status: str
    """``WAITING``, ``EXECUTED``, ``WITHDRAWN`` ..."""


async def issued_by_agent(served: ServedSentinel) -> tuple[Issued, ...]:
    """Every directive whose connection proved to be the agent's, oldest first.

    Raises:
        sentinel_sdk.SentinelError: the gateway could not be asked.
    """
    async with await SentinelClient.aconnect(served.endpoint, tls_config=False, token=served.token) as client:
        page = await client.alist_directives(limit=_PAGE)
    return tuple(
        Issued(order.action.name, order.gpu.uuid, order.gpu.hostname, record.status.name)
        for record in reversed(page.directives)
        if record.issued_by == INVESTIGATOR and (order := record.directive) is not None and order.gpu is not None
    )
