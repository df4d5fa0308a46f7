"""`doctor` says in an acting mode whether the SENTINEL gateway takes directives of ours, without directing anything."""

from __future__ import annotations

import grpc
import pytest
from tests.sentinel_source.conftest import double

from gcm_sentinel.app.doctor_sentinel import examine_gateway
from gcm_sentinel.clients.sentinel import Access, SentinelGateway

__all__ = ["double"]


@pytest.fixture
async def directing(double):
    """What it finds of directing; None where it did not ask."""
    gateway = SentinelGateway(Access(double.endpoint, plaintext=True))

    async def look(*, directs: bool = True):
        findings = await examine_gateway(gateway, records=False, directs=directs)
        return next((item for item in findings if item.name == "direct"), None)

    yield look
    await gateway.aclose()


async def test_a_role_that_may_direct_is_well(double, directing):
    assert (await directing()).ok
    assert "IssueDirective" not in [name for name, _ in double.asked]


async def test_a_role_that_may_not_is_a_fault_and_the_role_is_named(double, directing):
    double.fail["WithdrawDirective"] = (grpc.StatusCode.PERMISSION_DENIED, "your roles do not allow it")

    finding = await directing()

    assert finding.fails
    assert "`responder`" in finding.remedy
    assert "GCM_SENTINEL_ACTIONS" in finding.remedy


async def test_a_gateway_without_the_call_is_a_fault(double, directing):
    double.fail["WithdrawDirective"] = (grpc.StatusCode.UNIMPLEMENTED, "unknown method")

    assert (await directing()).fails


async def test_where_nothing_is_directed_nothing_is_asked(double, directing):
    assert await directing(directs=False) is None
    assert "WithdrawDirective" not in [name for name, _ in double.asked]
