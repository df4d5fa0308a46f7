"""What the HTTP client makes of what servers answer."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from aiohttp import web

from gcm_sentinel.clients.http import HttpClient, retry_after_s, safe_url
from gcm_sentinel.domain.errors import (
    BadResponse,
    Forbidden,
    NotFound,
    Overloaded,
    Permanent,
    Rejected,
    Retryable,
    SentinelError,
    Unreachable,
)


async def test_returns_status_text_and_headers(serve, client):
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=f"hello {request.query['who']}", headers={"X-Kind": "greeting"})

    answer = await client.get(await serve(hello), params={"who": "node"})

    assert (answer.status, answer.text, answer.headers["x-kind"]) == (200, "hello node", "greeting")


async def test_posts_json(serve, client):
    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"got": await request.json()}, status=201)

    answer = await client.post(await serve(echo), json={"a": 1})

    assert (answer.status, answer.text) == (201, '{"got": {"a": 1}}')


async def test_posts_raw_content(serve, client):
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    answer = await client.post(await serve(echo), content=b"signed bytes")

    assert answer.text == "signed bytes"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (408, Unreachable),
        (409, Rejected),
        (429, Overloaded),
        (500, Unreachable),
        (502, Unreachable),
        (503, Overloaded),
        (529, Overloaded),
    ],
)
async def test_maps_each_status_to_the_question_a_caller_asks(serve, client, status, error):
    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=status, text="the reason in words")

    with pytest.raises(error, match="the reason in words"):
        await client.get(await serve(refuse))


async def test_keeps_the_wish_of_an_overloaded_server(serve, client):
    async def busy(_request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "7"})

    with pytest.raises(Overloaded) as caught:
        await client.get(await serve(busy))

    assert caught.value.retry_after_s == 7.0


async def test_a_slow_drip_of_bytes_does_not_outlast_the_deadline(serve, client):
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b".")
            await asyncio.sleep(0.05)
        return response

    with pytest.raises(Unreachable, match=r"within 0\.3 s"):
        await client.get(await serve(drip), timeout=timedelta(seconds=0.3))


async def test_a_closed_port_is_unreachable(client, unused_tcp_port):
    with pytest.raises(Unreachable, match="cannot reach"):
        await client.get(f"http://127.0.0.1:{unused_tcp_port}/metrics")


async def test_refuses_a_body_above_the_cap(serve, client):
    async def flood(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 20_000)

    with pytest.raises(BadResponse, match="longer than 10000 bytes"):
        await client.get(await serve(flood))


async def test_follows_a_redirect_on_the_same_host(serve, client):
    async def move(request: web.Request) -> web.Response:
        if request.path == "/old":
            raise web.HTTPFound("/new")
        return web.Response(text="moved")

    assert (await client.get(f"{await serve(move)}/old")).text == "moved"


async def test_a_post_that_is_sent_to_a_page_was_not_delivered(serve, client):
    async def login(request: web.Request) -> web.Response:
        if request.method == "POST":
            raise web.HTTPFound("/login")
        return web.Response(text="please log in")

    with pytest.raises(BadResponse, match="redirects a POST"):
        await client.post(f"{await serve(login)}/hook", json={"a": 1})


async def test_a_post_keeps_its_method_where_the_server_says_so(serve, client):
    async def move(request: web.Request) -> web.Response:
        if request.path == "/old":
            raise web.HTTPPermanentRedirect("/new")
        return web.Response(text=f"{request.method} {await request.text()}")

    assert (await client.post(f"{await serve(move)}/old", content="x")).text == "POST x"


async def test_does_not_follow_a_redirect_to_another_host(serve, client):
    seen = []

    async def elsewhere(_request: web.Request) -> web.Response:
        seen.append("reached")
        return web.Response(text="stolen")

    target = await serve(elsewhere)

    async def move(_request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{target}/x")

    with pytest.raises(BadResponse, match="another host"):
        await client.get(await serve(move), headers={"Authorization": "Bearer s3cret"})
    assert seen == []


async def test_gives_up_on_a_redirect_loop(serve, client):
    async def loop(_request: web.Request) -> web.Response:
        raise web.HTTPFound("/again")

    with pytest.raises(BadResponse, match="redirects more than"):
        await client.get(await serve(loop))


async def test_credentials_of_a_url_stay_out_of_the_message(client, unused_tcp_port):
    with pytest.raises(Unreachable) as caught:
        await client.get(f"http://bob:hunter2@127.0.0.1:{unused_tcp_port}/metrics?token=abc")

    assert "hunter2" not in str(caught.value)
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://host/x", "not a url", "http://", "/relative"])
async def test_refuses_what_is_not_an_http_url(client, url):
    with pytest.raises(Rejected):
        await client.get(url)


def test_safe_url_drops_credentials_and_query():
    assert safe_url("https://u:p@prom.example:9090/api?x=1#f") == "https://prom.example:9090/api"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("", None), ("12", 12.0), ("soon", None), ("Fri, 20 Nov 2026 20:00:30 GMT", 30.0)],
    ids=["none", "number", "nonsense", "date"],
)
def test_reads_retry_after_as_number_or_date(header, seconds):
    assert retry_after_s(header, now=datetime(2026, 11, 20, 20, tzinfo=UTC)) == seconds


async def test_closing_twice_is_fine_and_a_later_request_reopens(serve):
    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="hi")

    http = HttpClient()
    url = await serve(hello)
    await http.get(url)
    await http.aclose()
    await http.aclose()

    assert (await http.get(url)).text == "hi"
    await http.aclose()


def _leaves(root: type[Exception]) -> list[type[Exception]]:
    below = [leaf for child in root.__subclasses__() for leaf in _leaves(child)]
    return [root, *below]


@pytest.mark.parametrize("vendor_error", _leaves(httpx2.HTTPError), ids=lambda error: error.__name__)
async def test_no_vendor_error_escapes(vendor_error, client, monkeypatch):
    async def fail(_request, **_kwargs):
        raise vendor_error.__new__(vendor_error)

    monkeypatch.setattr(client._pool(), "send", fail)

    with pytest.raises(SentinelError) as caught:
        await client.get("http://127.0.0.1:1/")
    assert isinstance(caught.value, Retryable | Permanent)
