"""Deciding over HTTP: the questions that wait, one of them, a decision, and the breaker, for whoever bears a token.

    GET  /v1/approvals                  those that wait
    GET  /v1/approvals/{id}             one, with exactly what would be sent
    POST /v1/approvals/{id}/decision    {"approve": true, "digest": "…", "reason": "…"}
    GET  /v1/breaker                    whether it is open
    POST /v1/breaker/reset              close it

Nothing of it is served without `GCM_SENTINEL_APPROVERS_FILE`. The token says who decides; names in a request do not
count. As everywhere, a decision is about a digest.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gcm_sentinel.app.approval_book import Book
from gcm_sentinel.app.approvers import Approvers
from gcm_sentinel.domain.action_record import ActionRecord, Approval, ApprovalState, Decision
from gcm_sentinel.domain.errors import Refused, Retryable
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.question import answer_in_words
from gcm_sentinel.web.order_json import approval_to_json, because_to_json

log = structlog.get_logger(__name__)

CHANNEL = "http"
FORMAT = "gcm-sentinel/approvals/v1"
_BODY_MAX_BYTES = 16 * 1024
_BEARER = "bearer "
_UNKNOWN = "a bearer token of an approver is needed; `gcm-sentinel doctor` says which lines of the file count"

Handler: TypeAlias = Callable[[Request, str], Awaitable[Response]]


class _Decision(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    approve: bool
    digest: str = Field(pattern="^[0-9a-f]{64}$")
    reason: str = Field(default="", max_length=1000)


class ApprovalRoutes:
    """The routes over one book."""

    def __init__(self, book: Book, approvers: Approvers) -> None:
        self._book = book
        self._approvers = approvers

    def routes(self) -> list[Route]:
        """For a Starlette application."""
        return [
            Route("/v1/approvals", self._known(self._list)),
            Route("/v1/approvals/{id}", self._known(self._show)),
            Route("/v1/approvals/{id}/decision", self._known(self._decide), methods=["POST"]),
            Route("/v1/breaker", self._known(self._breaker)),
            Route("/v1/breaker/reset", self._known(self._reset), methods=["POST"]),
        ]

    def _known(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """`handler`, for people we know; it is told who asks."""

        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            token = given[len(_BEARER) :] if given[: len(_BEARER)].lower() == _BEARER else ""
            name = self._approvers.who(token.strip())
            if name is None:
                log.warning("approval.unauthenticated", path=request.url.path, client=_client(request))
                return _said(401, _UNKNOWN, {"www-authenticate": "Bearer"})
            try:
                return await handler(request, name)
            except Retryable as error:
                return _said(503, f"not now: {error}", {"retry-after": "5"})

        return guarded

    async def _list(self, _request: Request, _name: str) -> Response:
        now = self._book.clock.now()
        waiting = await self._book.approvals.waiting(now)
        found = [(item, await self._book.actions.get(item.action_id)) for item in waiting]
        shown = [approval_to_json(item, of, await self._book.foreseen(of), now) for item, of in found if of is not None]
        return _json(200, {"format": FORMAT, "approvals": shown})

    async def _show(self, request: Request, _name: str) -> Response:
        found = await self._question(request)
        return found if isinstance(found, Response) else await self._shown(*found)

    async def _shown(self, asked: Approval, record: ActionRecord) -> Response:
        whole = await self._book.whole(asked, record)
        found = approval_to_json(asked, record, whole.effect, whole.now)
        shown: JsonObject = {**found, "because": because_to_json(whole.because)}
        return _json(200, {"format": FORMAT, "approval": shown})

    async def _decide(self, request: Request, name: str) -> Response:
        found = await self._question(request)
        if isinstance(found, Response):
            return found
        said = await _body(request)
        if isinstance(said, Response):
            return said
        asked, record = found
        decision = Decision(said.approve, said.digest, name, CHANNEL, self._book.clock.now(), said.reason)
        try:
            decided = await self._book.approvals.decide(asked.id, decision)
        except Refused as error:
            log.warning("approval.refused", question=asked.id, by=name, reason=str(error))
            return _said(409, str(error))
        found_now = decided.approval
        log.info("approval.decided", question=asked.id, by=name, state=str(found_now.state), won=decided.won)
        if not decided.won and (found_now.state is ApprovalState.APPROVED) is not said.approve:
            return _said(409, f"it was decided before: {answer_in_words(found_now, decision.at)}")
        return await self._shown(found_now, record)

    async def _breaker(self, _request: Request, _name: str) -> Response:
        found = await self._book.actions.breaker()
        since = found.opened_at.isoformat() if found.opened_at else None
        return _json(200, {"open": found.is_open, "since": since, "reason": found.reason if found.is_open else ""})

    async def _reset(self, _request: Request, name: str) -> Response:
        closed = await self._book.actions.close_breaker(self._book.clock.now(), name)
        log.warning("breaker.reset", by=name, was_open=closed)
        return _json(200, {"open": False, "was_open": closed})

    async def _question(self, request: Request) -> tuple[Approval, ActionRecord] | Response:
        question = request.path_params["id"]
        asked = await self._book.approvals.get(question)
        record = await self._book.actions.get(asked.action_id) if asked else None
        if asked is None or record is None:
            return _said(404, f"there is no question {question!r}")
        return asked, record


async def _body(request: Request) -> _Decision | Response:
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _BODY_MAX_BYTES:
            return _said(413, f"a decision has at most {_BODY_MAX_BYTES} bytes")
    try:
        return _Decision.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "body"
        return _said(400, f"{place}: {first['msg']}; expected approve, digest (64 hex digits) and reason")


def _client(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _said(status: int, words: str, headers: dict[str, str] | None = None) -> Response:
    return _json(status, {"error": words}, headers)


def _json(status: int, content: JsonObject, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(content)  # what is not ASCII is escaped: whoever prints the answer may do so in a terminal
    headers = {"cache-control": "no-store", **(headers or {})}
    return Response(body, status_code=status, media_type="application/json", headers=headers)
