"""Writing without writing: every request is sent with ``dryRun=All``.

The API server authorizes such a request, runs it through admission and validates it, and stores nothing. It promises
that for its own objects; a server behind it that serves a group of its own (an APIService) may never look at the
parameter, so only requests to the core API are sent.

That this is a `Writer` of its own, and no flag of another, keeps whoever holds one from forgetting to set it.
"""

from __future__ import annotations

from gcm_sentinel.clients.kubernetes.client import KubernetesClient
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.order import CallBody

_CORE = "/api/v1/"


def heeds_dry_run(path: str) -> bool:
    """Whether a dry run of a request to `path` surely changes nothing."""
    return path.startswith(_CORE)


class DryWriter:
    """A `Writer` (clients/guarded.py) that changes nothing."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    async def create(self, path: str, body: JsonObject) -> JsonObject:
        """What a POST would create.

        Raises:
            Refused: it is not of the core API.
            SentinelError: as the API server would answer.
        """
        _must_heed("POST", path)
        return await self._client.create(path, body, dry_run=True)

    async def patch(
        self,
        path: str,
        body: CallBody,
        *,
        content_type: str,
        field_manager: str | None = None,
        force: bool | None = None,
    ) -> JsonObject:
        """The object as a PATCH would leave it.

        Raises:
            Refused: it is not of the core API.
            SentinelError: as the API server would answer.
        """
        _must_heed("PATCH", path)
        return await self._client.patch(
            path, body, content_type=content_type, field_manager=field_manager, force=force, dry_run=True
        )

    async def delete(self, path: str, body: JsonObject) -> JsonObject:
        """Nothing: what is deleted is taken back, and nobody is asked about that.

        Raises:
            Refused: always.
        """
        raise Refused(f"DELETE {path} is not tried")


def _must_heed(method: str, path: str) -> None:
    if not heeds_dry_run(path):
        raise Refused(f"{method} {path} is not tried: only the core API surely knows dry runs")
