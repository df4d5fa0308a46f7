"""OpenAI and every server that speaks its language (vLLM, SGLang, Ollama, llama.cpp, Azure), through the official SDK.

Two wires: the Responses API for OpenAI itself (nothing stored there; encrypted reasoning is carried by us), Chat
Completions for everything reached by a base URL, because that is what compatible servers have in common. Servers
differ in what they take; what one refuses by name is left out from then on (`Dialect.after`) instead of asking the
operator to know. As with Anthropic, the SDK is imported at the first turn and its retries are off: see
llm/failover.py. One object serves one event loop.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import structlog

from gcm_sentinel.domain.errors import Rejected, SentinelError
from gcm_sentinel.domain.transcript import ModelTurn, ToolSpec, Transcript
from gcm_sentinel.llm.deadline import turn_deadline
from gcm_sentinel.llm.endpoint import Endpoint, usable_key
from gcm_sentinel.llm.openai_chat_wire import ChatStream, chat_body
from gcm_sentinel.llm.openai_responses_wire import ResponseStream, responses_body
from gcm_sentinel.llm.openai_wire import Dialect
from gcm_sentinel.llm.sdk import fields, load

if TYPE_CHECKING:
    from openai import AsyncOpenAI

log = structlog.get_logger(__name__)

DEFAULT_MODEL = "gpt-6.1-sol"
DEFAULT_URL = "https://api.openai.com/v1"
NO_KEY = "none"
"""Sent to a server of one's own that asks for no key; the SDK refuses to send nothing."""

Api = Literal["chat", "responses"]


class OpenAIModel:
    """The engine ``openai``."""

    def __init__(
        self,
        *,
        api_key: str,
        model: str = "",
        base_url: str | None = None,
        max_output_tokens: int = 8192,
        turn_timeout: timedelta = timedelta(minutes=3),
        api: Api | None = None,
    ) -> None:
        """Reads ``OPENAI_BASE_URL`` when no `base_url` is given, as the SDK does. Sends nothing.

        An empty `model` means `DEFAULT_MODEL`; `api` None means Chat Completions with a base URL, Responses without.

        Raises:
            BadConfiguration: no key although OpenAI itself is asked, or one that no header can carry.
        """
        given = base_url or os.environ.get("OPENAI_BASE_URL")
        key = usable_key(api_key.strip() or (NO_KEY if given else ""), "openai")
        self._endpoint = Endpoint("openai", model or DEFAULT_MODEL, given or DEFAULT_URL, key)
        self._api: Api = api or ("chat" if given else "responses")
        self._dialect = Dialect.of(self._endpoint.base_url)
        self._max_output_tokens = max_output_tokens
        self._turn_timeout = turn_timeout
        self._client: AsyncOpenAI | None = None

    @property
    def name(self) -> str:
        """``openai``."""
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
        sdk = await load("openai")
        while True:
            dialect = self._dialect
            try:
                return await self._ask(sdk, transcript, tools, dialect)
            except Rejected as error:
                learned = dialect.after(str(error))
                if learned == dialect:
                    raise
                log.warning(
                    "llm.dialect_learned", engine=self.name, base_url=self._endpoint.base_url, reason=str(error)
                )
                self._dialect = learned

    async def _ask(
        self, sdk: ModuleType, transcript: Transcript, tools: tuple[ToolSpec, ...], dialect: Dialect
    ) -> ModelTurn:
        chat = self._api == "chat"
        model = self._endpoint.model
        write = chat_body if chat else responses_body
        body = write(transcript, tools, model=model, max_tokens=self._max_output_tokens, dialect=dialect)
        answer: ChatStream | ResponseStream = ChatStream() if chat else ResponseStream()
        started = asyncio.get_running_loop().time()
        await self._stream(sdk, body, answer)
        latency_s = asyncio.get_running_loop().time() - started
        return answer.turn(transcript, tools, model=model, latency_s=latency_s)

    async def _stream(self, sdk: ModuleType, body: dict[str, Any], answer: ChatStream | ResponseStream) -> None:
        from gcm_sentinel.llm.wire_errors import not_a_stream, translate, vendor_failures

        try:
            client = self._connected(sdk)
            create = client.chat.completions.create if isinstance(answer, ChatStream) else client.responses.create
            async with await create(**body, stream=True) as events:
                async for event in events:
                    answer.add(fields(event))
        except vendor_failures(sdk) as error:
            raise translate(error, self._endpoint, sdk) from error
        if isinstance(answer, ResponseStream) and answer.failure is not None:
            raise self._failed(answer.failure)
        if not answer.begun:
            raise not_a_stream(self._endpoint, events.response.headers)

    def _failed(self, failure: object) -> SentinelError:
        """The error for a stream that said itself that it failed."""
        from gcm_sentinel.llm.wire_errors import from_event

        return from_event(self._endpoint, failure)

    def _connected(self, sdk: ModuleType) -> AsyncOpenAI:
        if self._client is None:
            self._client = sdk.AsyncOpenAI(
                api_key=self._endpoint.key,
                base_url=self._endpoint.base_url,
                timeout=self._turn_timeout.total_seconds(),
                max_retries=0,
            )
        return self._client
