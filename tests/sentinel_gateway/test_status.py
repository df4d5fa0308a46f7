"""From errors to what leaves the gateway."""

from __future__ import annotations

import json

import pytest
from grpc import StatusCode
from starlette.requests import Request
from structlog.testing import capture_logs

from sentinel_gateway.domain import errors
from sentinel_gateway.domain.errors import GatewayError, Invalid, Refused, Retryable
from sentinel_gateway.rest.answers import CODES as HTTP_CODES
from sentinel_gateway.rest.answers import on_gateway_error
from sentinel_gateway.services.status import CODES, MAX_DETAIL, answer_of

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GatewayError)]
LEAVES = [kind for kind in KINDS if not any(other in kind.__subclasses__() for other in KINDS)]
REQUEST = Request({"type": "http", "method": "GET", "path": "/x", "headers": [], "query_string": b"", "server": None})


def test_every_error_has_a_code():
    assert set(LEAVES) == set(CODES)


def test_every_error_a_caller_can_mend_has_an_http_code():
    assert {kind for kind in LEAVES if issubclass(kind, Refused | Retryable)} == set(HTTP_CODES)


def test_what_an_error_says_is_told():
    assert answer_of(Invalid("limit must be above 0"), "/m") == (StatusCode.INVALID_ARGUMENT, "limit must be above 0")


def test_words_have_a_limit_so_that_the_code_arrives():
    assert len(answer_of(Invalid("x" * 100_000), "/m")[1]) == MAX_DETAIL


@pytest.mark.parametrize("error", [KeyError("secret"), errors.Bug("secret"), errors.BadConfiguration("secret")])
def test_an_unexpected_error_leaves_as_an_id_under_which_the_log_says_more(error):
    with capture_logs() as logs:
        code, words = answer_of(error, "/m")

    assert code is StatusCode.INTERNAL
    assert "secret" not in words
    assert logs[0]["error_id"] in words
    assert logs[0]["exc_info"] is error


def test_over_http_it_is_the_same():
    with capture_logs() as logs:
        answer = on_gateway_error(REQUEST, errors.Bug("secret"))

    assert answer.status_code == 500
    assert logs[0]["error_id"] in json.loads(bytes(answer.body))["error"]["message"]
    assert b"secret" not in bytes(answer.body)
