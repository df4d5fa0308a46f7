"""Claude through the official SDK: always streamed, tools strict, the stable prefix cached.

The SDK takes almost two seconds to import, so it is imported in a thread at the first turn, never with this module.
Its own retries are off: it would sleep through a ``retry-after`` of any length; `llm/failover.py` retries whole turns
with a deadline instead, also when there is only one engine. One object serves one event loop.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

import structlog

from gcm_sentinel.domain.errors import Rejected
from gcm_sentinel.domain.transcript import ModelTurn, ToolSpec, Transcript
from gcm_sentinel.llm.anthropic_wire import MessageStream, request_body
from gcm_sentinel.llm.deadline import turn_deadline
from gcm_sentinel.llm.endpoint import Endpoint, usable_key
from gcm_sentinel.llm.sdk import fields, load
from gcm_sentinel.llm.strict import Strictness

if TYPE_CHECKING:
    import httpx2
    from anthropic import AsyncAnthropic

log = structlog.get_logger(__name__)

DEFAULT_MODEL = "claude-sonnet-5-5"
DEFAULT_URL = "https://api.anthropic.com"


class AnthropicModel:
    """The engine ``anthropic``."""

    def __init__(
        self,
        *,
        api_key: str,
        model: str = "",
        base_url: str | None = None,
        max_output_tokens: int = 8192,
        turn_timeout: timedelta = timedelta(minutes=3),
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        """Reads ``ANTHROPIC_BASE_URL`` when no `base_url` is given, as the SDK does. Sends nothing.

        An empty `model` means `DEFAULT_MODEL`.

        Raises:
            BadConfiguration: no key, or one that no header can carry.
        """
        url = base_url or os.environ.get("ANTHROPIC_BASE_URL") or DEFAULT_URL
        self._endpoint = Endpoint("anthropic", model or DEFAULT_MODEL, url, usable_key(api_key, "anthropic"))
        self._max_output_tokens = max_output_tokens
        self._turn_timeout = turn_timeout
        self._http_client = http_client
        self._client: AsyncAnthropic | None = None
        self._strictness = Strictness.ALL

    @property
    def name(self) -> str:
        """``anthropic``."""
        return self._endpoint.engine

    async def turn(self, transcript: Transcript, tools: tuple[ToolSpec, ...]) -> ModelTurn:
        """One answer, within the turn's deadline and without retries.

        Raises:
            Retryable: overloaded, unreachable, or the stream broke off.
            Permanent: wrong key, unknown model, request refused.
        """
        async with turn_deadline(self.name, self._turn_timeout):
            return await self._turn(transcript, tools)

    async def aclose(self) -> None:
        """Close the connections; the object cannot be used after."""
        if self._client is not None:
            await self._client.close()

    async def _turn(self, transcript: Transcript, tools: tuple[ToolSpec, ...]) -> ModelTurn:
        sdk = await load("anthropic")
        while True:
            strictness = self._strictness
            try:
                return await self._ask(sdk, transcript, tools, strictness)
            except Rejected as error:
                weaker = strictness.after(str(error))
                if weaker is strictness:
                    raise
                log.warning("llm.strict_tools_reduced", engine=self.name, to=weaker.name, reason=str(error))
                self._strictness = min(self._strictness, weaker)

    async def _ask(
        self, sdk: ModuleType, transcript: Transcript, tools: tuple[ToolSpec, ...], strictness: Strictness
    ) -> ModelTurn:
        model = self._endpoint.model
        body = request_body(transcript, tools, model=model, max_tokens=self._max_output_tokens, strictness=strictness)
        started = asyncio.get_running_loop().time()
        answer = await self._stream(sdk, body)
        latency_s = asyncio.get_running_loop().time() - started
        return answer.turn(transcript, model=model, latency_s=latency_s)

    async def _stream(self, sdk: ModuleType, body: dict[str, Any]) -> MessageStream:
        from gcm_sentinel.llm.wire_errors import not_a_stream, translate, vendor_failures

        answer = MessageStream()
        try:
            async with await self._connected(sdk).messages.create(**body, stream=True) as events:
                async for event in events:
                    answer.add(fields(event))
        except vendor_failures(sdk) as error:
            raise translate(error, self._endpoint, sdk) from error
        if not answer.begun:
            raise not_a_stream(self._endpoint, events.response.headers)
        return answer

    def _connected(self, sdk: ModuleType) -> AsyncAnthropic:
        if self._client is None:
            self._client = sdk.AsyncAnthropic(
                api_key=self._endpoint.key,
                base_url=self._endpoint.base_url,
                timeout=self._turn_timeout.total_seconds(),
                max_retries=0,
                http_client=self._http_client,
            )
        return self._client
