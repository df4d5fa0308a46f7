"""What every stream to the gateway does when it fails: say so, count it, wait, and try again, for as long as it takes.

The client library would try again by itself, and silently; with its own retries off, each failure comes here, is
counted, and `sentinel_grpc_connected` tells the truth. Also what waiting does not mend in the library's eyes (a
certificate that ended, a role that is missing) is tried again: somebody will renew it, and an agent runs for months.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from sentinel_node.domain import metrics
from sentinel_node.domain.errors import BadConfiguration
from sentinel_node.domain.metrics import Metrics
from sentinel_node.reporting.settings import GatewaySettings
from sentinel_sdk import RetryConfig, SentinelClient, SentinelError
from sentinel_sdk.errors import ClosedError, InvalidArgumentError
from sentinel_sdk.retry import Backoff

log = structlog.get_logger(__name__)


async def connected(settings: GatewaySettings) -> SentinelClient:
    """A client for the gateway; nothing is sent yet.

    Raises:
        BadConfiguration: endpoint, certificates or token cannot be used.
    """
    try:
        return await SentinelClient.aconnect(
            settings.endpoint,
            tls_config=settings.tls or False,
            retry_config=RetryConfig(max_retries=0),
            default_timeout=settings.answer_within_s,
            token=settings.token.current if settings.token else None,
        )
    except InvalidArgumentError as error:
        raise BadConfiguration(f"gateway: {error}") from error


class Retrying:
    """One stream's failures."""

    def __init__(self, name: str, settings: GatewaySettings, metrics_: Metrics, *, sends: bool = True) -> None:
        """`sends`: whether the gateway answers on it; of one that only listens nobody can tell when it is well."""
        self._name, self._metrics, self._sends = name, metrics_, sends
        self._backoff = Backoff(
            RetryConfig(
                initial_backoff_s=settings.first_backoff_s,
                max_backoff_s=settings.longest_backoff_s,
            )
        )

    async def forever(self, once: Callable[[], Awaitable[None]]) -> None:
        """Call `once` again and again, with growing waits while it fails, until the client is closed."""
        while True:
            try:
                await once()
            except ClosedError:
                return
            except SentinelError as error:
                await self._failed(error)

    def worked(self) -> None:
        """The gateway answered: the next wait is a short one again."""
        self._backoff.reset()
        self._tell(is_connected=True)

    async def _failed(self, error: SentinelError) -> None:
        code = error.code.name.lower() if error.code is not None else "unknown"
        delay_s = self._backoff.next_s()
        self._metrics.add(metrics.GRPC_ERRORS, error_type=code)
        self._tell(is_connected=False)
        log.warning("gateway.failed", stream=self._name, code=code, retry_in_s=round(delay_s, 1), error=str(error))
        await asyncio.sleep(delay_s)

    def _tell(self, *, is_connected: bool) -> None:
        if self._sends:
            self._metrics.set(metrics.GRPC_CONNECTED, float(is_connected), stream=self._name)
