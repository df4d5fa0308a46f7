"""Every failure of the server, the vendor's library and the network becomes one of ours, with words that help."""

from __future__ import annotations

import inspect
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from kubernetes.aio.client import exceptions as vendor_exceptions
from kubernetes.aio.config import ConfigException
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gcm_sentinel.clients.kubernetes.errors import from_exception, vendor_failures
from gcm_sentinel.domain.errors import (
    BadConfiguration,
    Forbidden,
    NotFound,
    Overloaded,
    Rejected,
    SentinelError,
    Unreachable,
)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Rejected), (401, Forbidden), (403, Forbidden), (404, NotFound), (409, Rejected), (410, Rejected),
        (422, Rejected), (429, Overloaded), (500, Unreachable), (502, Unreachable), (503, Overloaded),
        (504, Unreachable),
    ],
)  # fmt: skip
async def test_each_status_has_its_error(api, client, status, expected):
    api.always(status, {"kind": "Status", "message": "the server's own words", "code": status})

    with pytest.raises(expected, match=rf"GET /api/v1/nodes: .* {status}: the server's own words") as caught:
        await client.get("/api/v1/nodes")

    assert type(caught.value) is expected
    assert getattr(caught.value, "status", status) == status


async def test_forbidden_says_who_may_not_do_what(api, client):
    words = 'nodes is forbidden: User "system:serviceaccount:gcm:sentinel" cannot list resource "nodes" in API group ""'
    api.always(403, {"kind": "Status", "message": words})

    with pytest.raises(Forbidden, match="system:serviceaccount:gcm:sentinel"):
        await client.list("/api/v1/nodes")


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("", None), ("soon", None)])
async def test_an_overloaded_server_says_when_to_come_back(api, client, header, seconds):
    api.always(429, {"message": "too many requests"}, **({"Retry-After": header} if header else {}))

    with pytest.raises(Overloaded) as caught:
        await client.get("/api/v1/nodes")

    assert caught.value.retry_after_s == seconds


async def test_a_body_that_is_no_status_object_is_quoted(api, client):
    api.always(404, "404 page not found\n")

    with pytest.raises(NotFound, match="404 page not found"):
        await client.get("/apis/nothing")


def _instances() -> list[Exception]:
    """One instance of every exception class the vendor and its HTTP stack define."""
    key = ConnectionKey("h", 1, False, True, None, None, None)
    reason = OSError(111, "refused")
    made: list[Exception] = [ConfigException("x"), TimeoutError(), ssl.SSLError("x"), UnicodeError("x")]
    vendor = [cls for _, cls in inspect.getmembers(vendor_exceptions, inspect.isclass) if issubclass(cls, Exception)]
    made += [cls("x") for cls in vendor]
    for _, cls in inspect.getmembers(aiohttp, inspect.isclass):
        if not issubclass(cls, Exception) or issubclass(cls, Warning):
            continue
        made.append(_make(cls, key, reason))
    return made


def _make(cls: type[Exception], key: ConnectionKey, reason: OSError) -> Exception:
    if issubclass(cls, aiohttp.ClientResponseError):
        request = aiohttp.RequestInfo(URL("http://h/x"), "GET", CIMultiDictProxy(CIMultiDict()), URL("http://h/x"))
        return cls(request, ())
    for arguments in (
        (key, reason),
        (key, ssl.SSLCertVerificationError("x")),
        (b"a", b"b", "h", 1),
        (None, ()),
        ("x",),
    ):
        try:
            return cls(*arguments)
        except (TypeError, AttributeError):
            continue
    raise AssertionError(f"no way to make {cls}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_exception_of_the_vendor_escapes():
    beyond_http = aiohttp.WebSocketError | aiohttp.WSMessageTypeError | aiohttp.EofStream
    instances = [error for error in _instances() if not isinstance(error, beyond_http)]

    escaped = [type(error) for error in instances if not isinstance(error, vendor_failures())]
    mapped: list[SentinelError] = [from_exception(error, what="GET /x") for error in instances]

    assert len(instances) > 25
    assert escaped == []
    assert all(str(error).startswith("GET /x: ") for error in mapped)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), Unreachable),
        (aiohttp.ServerDisconnectedError(), Unreachable),
        (OSError(113, "no route"), Unreachable),
        (ssl.SSLCertVerificationError("self-signed"), BadConfiguration),
        (aiohttp.InvalidURL("nonsense"), BadConfiguration),
        (ConfigException("token file empty"), BadConfiguration),
        (vendor_exceptions.ApiException(status=403, reason="no"), Forbidden),
    ],
    ids=["timeout", "disconnect", "route", "certificate", "url", "config", "api"],
)
def test_the_table_of_exceptions(error, expected):
    assert type(from_exception(error, what="GET /x")) is expected
