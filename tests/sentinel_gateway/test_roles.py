"""Roles by methods: who may call what, over real connections with tokens."""

from __future__ import annotations

import itertools
from typing import Literal

import grpc
import pytest
import pytest_asyncio
from tests.sentinel_gateway.driving import WITHIN_S
from tests.sentinel_gateway.roles import role_settings, token_of

from sentinel_gateway.app.running import running_gateway
from sentinel_gateway.domain.roles import Permission, Role
from sentinel_gateway.services.methods import METHODS, OPEN

MAY: dict[Role, set[Permission]] = {
    Role.VIEWER: {Permission.READ},
    Role.OPERATOR: {
        Permission.READ, Permission.DIRECT, Permission.OVERRULE, Permission.CONFIGURE, Permission.RECORD,
    },
    Role.AUDITOR: {Permission.READ, Permission.AUDIT},
    Role.ADMIN: {
        Permission.READ, Permission.DIRECT, Permission.OVERRULE, Permission.DECIDE, Permission.CONFIGURE,
        Permission.AUDIT, Permission.RECORD, Permission.TEST,
    },
    Role.AGENT: {Permission.REPORT},
    Role.INVESTIGATOR: {Permission.READ, Permission.AUDIT, Permission.RECORD},
    Role.RESPONDER: {Permission.READ, Permission.AUDIT, Permission.RECORD, Permission.DIRECT},
}  # fmt: skip
"""The table of the documentation, written out a second time."""

CHANGING: dict[str, set[Role]] = {
    "/sentinel.v1.QuarantineService/IssueDirective": {Role.OPERATOR, Role.ADMIN, Role.RESPONDER},
    "/sentinel.ext.v1.DirectiveService/WithdrawDirective": {Role.OPERATOR, Role.ADMIN, Role.RESPONDER},
    "/sentinel.ext.v1.DirectiveService/DecideDirective": {Role.ADMIN},
    "/sentinel.v1.ConfigService/ApplyConfig": {Role.OPERATOR, Role.ADMIN},
    "/sentinel.internal.TestingService/InjectFault": {Role.ADMIN},
    "/sentinel.internal.TestingService/ClearFault": {Role.ADMIN},
}
"""Whom the methods that change something are for, by their names."""

_WROTE_TOO_LATE = "Internal error from Core"
"""What grpc.aio says of a call that was over before it had written."""

REFUSED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def channel(tmp_path_factory):
    wanted = role_settings(tmp_path_factory.mktemp("gateway"), {"testing": {"enabled": True}})
    async with (
        running_gateway(wanted) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
    ):
        yield channel


async def _code(channel, method: str, token: str | None) -> grpc.StatusCode:
    """How a call ends that sends bytes which are no message: refused before they are looked at, or because of them.

    A call that is refused while its client still writes ends now and then in words of the client library's own, once in
    a thousand times: that says nothing about the gateway, and it is asked again.
    """
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    for _ in range(10):
        call = channel.stream_stream(method)(iter([b"\xff\xff"]), metadata=metadata, timeout=WITHIN_S)
        code: grpc.StatusCode = await call.code()
        if await call.details() != _WROTE_TOO_LATE:
            return code
    raise AssertionError(f"{method} never said how it ended")


Caller = Role | Literal["nobody", "stranger"]


async def test_a_role_is_let_in_where_its_permissions_say_and_nowhere_else(channel):
    callers: tuple[Caller, ...] = (*Role, "nobody", "stranger")
    table = [(caller, method, needed) for caller in callers for method, needed in METHODS.items() if needed != OPEN]

    got = {(caller, method): await _code(channel, method, _token(caller)) for caller, method, _ in table}

    wanted = {(caller, method): _expected(caller, needed) for caller, method, needed in table}
    assert {each: code if code in REFUSED else None for each, code in got.items()} == wanted


@pytest.mark.parametrize("method", CHANGING)
async def test_what_changes_something_is_for_these_roles_alone(channel, method):
    codes = {role: await _code(channel, method, token_of(role)) for role in Role}

    assert {role for role, code in codes.items() if code not in REFUSED} == CHANGING[method]


def _token(caller: Caller) -> str | None:
    return None if caller == "nobody" else token_of(caller)


def _expected(caller: Caller, needed: Permission) -> grpc.StatusCode | None:
    if not isinstance(caller, Role):
        return grpc.StatusCode.UNAUTHENTICATED
    return None if needed in MAY[caller] else grpc.StatusCode.PERMISSION_DENIED


async def test_bytes_that_are_no_message_are_an_invalid_argument(channel):
    method = "/sentinel.v1.CorrelationService/QueryGpuHealth"

    assert await _code(channel, method, "token-of-viewer") is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_header_of_another_kind_is_refused(channel):
    call = channel.stream_stream("/sentinel.v1.CorrelationService/QueryFleetHealth")
    headers = ("Basic abc", "Bearer", "token-of-admin")

    codes = [
        await call(iter([b""]), metadata=(("authorization", header),), timeout=WITHIN_S).code() for header in headers
    ]
    assert codes == [grpc.StatusCode.UNAUTHENTICATED] * 3


async def test_two_headers_are_refused(channel):
    call = channel.stream_stream("/sentinel.v1.CorrelationService/QueryFleetHealth")

    twice = tuple(itertools.repeat(("authorization", "Bearer token-of-viewer"), 2))
    assert await call(iter([b""]), metadata=twice, timeout=WITHIN_S).code() is grpc.StatusCode.UNAUTHENTICATED
