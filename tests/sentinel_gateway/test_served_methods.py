"""What is served, and that nothing is served which nobody thought about."""

from __future__ import annotations

import asyncio
import itertools

import grpc
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tests.sentinel_gateway.driving import WITHIN_S, refusal_of

from sentinel.v1 import config_pb2
from sentinel_gateway.services.extensions import EXTENSION_METHODS
from sentinel_gateway.services.methods import METHODS
from sentinel_gateway.services.server import served_services

OURS = {
    *EXTENSION_METHODS,
    *(f"/{service.full_name}/{method.name}" for service in served_services() for method in service.methods),
}
THEIRS = {
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/List",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}


def test_every_served_method_has_its_permission():
    assert set(METHODS) == OURS | THEIRS


async def test_every_method_is_answered(client):
    codes = {method: await _code(client.channel, method) for method in sorted(OURS)}

    silent = {method for method, code in codes.items() if code is grpc.StatusCode.UNIMPLEMENTED}
    assert all("TestingService" in method for method in silent)


async def _code(channel, method):
    call = channel.stream_stream(method)(iter([b""]), timeout=WITHIN_S)
    heard = asyncio.ensure_future(call.initial_metadata())
    ended = asyncio.ensure_future(call.code())
    await asyncio.wait((heard, ended), return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        call.cancel()
    await asyncio.gather(heard, return_exceptions=True)
    return await ended


async def test_a_method_nobody_has_is_unimplemented(client):
    call = client.channel.unary_unary("/sentinel.v1.CorrelationService/Nothing")

    assert (await refusal_of(call(b"", timeout=WITHIN_S)))[0] is grpc.StatusCode.UNIMPLEMENTED


async def test_the_undeclared_methods_are_answered(client):
    update = config_pb2.ConfigUpdate(update_id="u1", overhead_budget=config_pb2.OverheadBudgetUpdate(budget_pct=2))

    assert (await client.trust_graph(Empty(), timeout=WITHIN_S)).total_gpus == 0
    assert (await client.apply_config(update, timeout=WITHIN_S)).applied


async def test_every_service_has_its_health(client):
    for service in ("", *(service.full_name for service in served_services())):
        answer = await client.check(health_pb2.HealthCheckRequest(service=service), timeout=WITHIN_S)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_the_health_of_an_unknown_service_is_not_found(client):
    code, _ = await refusal_of(client.check(health_pb2.HealthCheckRequest(service="nothing"), timeout=WITHIN_S))

    assert code is grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_every_service(client):
    ask = client.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )

    answers = [answer async for answer in ask(itertools.repeat(_LIST, 1), timeout=WITHIN_S)]
    names = {service.name for service in answers[0].list_services_response.service}
    assert names >= {service.full_name for service in served_services()}


_LIST = reflection_pb2.ServerReflectionRequest(list_services="")


async def test_fault_injection_is_off_unless_asked_for(client):
    call = client.channel.unary_unary("/sentinel.internal.TestingService/ListFaults")

    code, words = await refusal_of(call(b"", timeout=WITHIN_S))
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "testing.enabled" in words
