"""The connection to the gateway, opened by the first call, and the one place its errors pass through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gcm_sentinel.clients.sentinel.access import Access
from gcm_sentinel.clients.sentinel.errors import of_sdk

if TYPE_CHECKING:
    from sentinel_sdk import SentinelClient


class Connection:
    """A client of the gateway for one event loop."""

    def __init__(self, access: Access) -> None:
        """Take the settings; nothing is read, imported or sent."""
        self._access = access
        self._client: SentinelClient | None = None

    @property
    def endpoint(self) -> str:
        """host:port."""
        return self._access.endpoint

    @asynccontextmanager
    async def use(self) -> AsyncIterator[SentinelClient]:
        """The client; what its calls raise inside is one of ours outside.

        Raises:
            SentinelError: a call failed, or the settings cannot be used.
        """
        import sentinel_sdk

        if self._client is None:
            self._client = await self._access.connect()
        try:
            yield self._client
        except sentinel_sdk.SentinelError as error:
            raise of_sdk(error, place=self.endpoint) from error

    async def aclose(self) -> None:
        """Close; a later call opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
