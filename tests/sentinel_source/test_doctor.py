"""What `doctor` says of the gateway: whether it answers, what we may do there, and whose signature counts."""

from __future__ import annotations

from datetime import timedelta

import grpc
import pytest
from tests.sentinel_source.ledger_double import ORIGIN, LedgerDouble

from gcm_sentinel.app.doctor import Finding, healthy, verdict
from gcm_sentinel.app.doctor_sentinel import examine_gateway, told_once
from gcm_sentinel.clients.sentinel import Access, SentinelGateway


@pytest.fixture
async def examine(double, tmp_path):
    """Look at the double as one who has pinned this key: ``await examine(key)``."""

    async def look(key: str = "", *, records: bool = True):
        path = tmp_path / "ledger.key"
        path.write_text(key)
        gateway = SentinelGateway(Access(double.endpoint, plaintext=True, ledger_public_key=path if key else None))
        findings = await examine_gateway(gateway, records=records)
        await gateway.aclose()
        return {finding.name: finding for finding in findings}

    return look


async def test_without_a_gateway_there_is_nothing_to_say():
    assert await examine_gateway(None, records=True) == ()


async def test_all_is_well_and_nothing_was_recorded(double, examine):
    found = await examine(double.ledger.public_key)

    assert [(name, finding.ok) for name, finding in found.items()] == [
        ("gateway", True), ("read health", True), ("audit", True), ("ledger key", True), ("record", True),
    ]  # fmt: skip
    assert double.ledger.entries == []


async def test_a_ledger_without_entries_has_nothing_to_sign(double, examine):
    double.fail["GetCheckpoint"] = (grpc.StatusCode.NOT_FOUND, "nothing was recorded yet")

    found = await examine()

    assert (found["audit"].ok, "ledger key" in found) == (True, False)


async def test_an_unpinned_key_is_named_with_what_to_do(examine):
    finding = (await examine())["ledger key"]

    assert (finding.ok, finding.fails) == (False, False)
    assert ORIGIN in finding.detail
    assert "ledger's operator" in finding.remedy
    assert "GCM_SENTINEL_SENTINEL_LEDGER_PUBLIC_KEY" in finding.remedy


async def test_a_ledger_that_the_pinned_key_did_not_sign_is_an_alarm_and_nothing_invites_to_pin_its_key(examine):
    finding = (await examine(LedgerDouble().public_key))["ledger key"]

    assert finding.fails
    assert "not signed by the pinned key" in finding.detail
    assert finding.remedy == "ask the ledger's operator before trusting anything it says"


def test_a_source_that_reads_such_a_ledger_is_not_well_though_it_answers():
    gateway = (Finding("sentinel", "ledger key", ok=False, broken=True, detail="another ledger", remedy="ask"),)
    sources = [Finding("source", name, ok=True, detail="tools") for name in ("sentinel", "audit_ledger")]

    told = told_once(sources, gateway)

    assert [(one.fails, one.detail) for one in told] == [
        (False, "tools"),
        (True, "it answers, but `sentinel: ledger key` failed; see there"),
    ]


@pytest.mark.parametrize(
    ("method", "name"),
    [("QueryFleetHealth", "read health"), ("GetCheckpoint", "audit"), ("IngestEvents", "record")],
)
async def test_a_missing_role_is_named(double, examine, method, name):
    double.fail[method] = (grpc.StatusCode.PERMISSION_DENIED, "your roles do not allow it")

    found = await examine()

    assert [key for key, finding in found.items() if finding.fails] == [name]
    assert "`investigator`" in found[name].remedy


async def test_where_nobody_knows_us_the_token_is_what_to_check(double, examine):
    double.fail["QueryFleetHealth"] = (grpc.StatusCode.UNAUTHENTICATED, "the token is not known")

    finding = (await examine())["read health"]

    assert finding.fails
    assert "GCM_SENTINEL_SENTINEL_TOKEN" in finding.remedy
    assert "investigator" not in finding.remedy


async def test_a_gateway_whose_events_cannot_be_followed_is_named(double):
    gateway = SentinelGateway(Access(double.endpoint, plaintext=True))

    findings = await examine_gateway(gateway, records=False, watches=True)
    await gateway.aclose()

    (following,) = [finding for finding in findings if finding.name == "follow events"]
    assert not following.ok
    assert "GCM_SENTINEL_SENTINEL_WATCH=false" in following.remedy


async def test_recording_is_not_looked_at_where_it_is_turned_off(examine):
    assert "record" not in await examine(records=False)


async def test_a_gateway_out_of_reach_is_one_line():
    gateway = SentinelGateway(Access("127.0.0.1:1", plaintext=True, timeout=timedelta(seconds=1)))

    (finding,) = await examine_gateway(gateway, records=True)
    await gateway.aclose()

    assert (finding.name, finding.fails) == ("gateway", True)
    assert "GCM_SENTINEL_SENTINEL_ENDPOINT" in finding.remedy


def test_what_is_configured_and_broken_is_a_failure_and_what_is_off_is_none():
    off = Finding("source", "loki", ok=False, detail="not configured")
    broken = Finding("sentinel", "gateway", ok=False, broken=True, detail="refused the connection")
    lacking = Finding("cluster", "kubernetes", ok=False, required=True, detail="refused the connection")

    assert [healthy([off, *more]) for more in ((), (broken,), (lacking,))] == [True, False, False]
    assert [verdict([off, *more]) for more in ((), (broken,), (broken, lacking))] == [
        "everything the main job needs is there",
        "the main job can be done, but what is configured does not work: see FAIL above",
        "the main job cannot be done",
    ]


async def test_what_fails_for_the_same_reason_says_so_instead_of_repeating_it(double, examine):
    for method in ("QueryFleetHealth", "GetCheckpoint", "IngestEvents"):
        double.fail[method] = (grpc.StatusCode.UNAUTHENTICATED, "nobody we know")

    found = await examine()

    assert "nobody we know" in found["read health"].detail
    for name in ("audit", "record"):
        assert found[name].fails
        assert found[name].detail == "not checked because `sentinel: read health` failed; see there"
    (source,) = told_once([Finding("source", "audit_ledger", ok=False, detail="who?")], [found["audit"]])
    assert source.detail == "not checked because `sentinel: read health` failed; see there"


def test_sources_that_ask_the_gateway_refer_to_what_is_said_of_it():
    gateway = (Finding("sentinel", "gateway", ok=False, broken=True, detail="refused the connection", remedy="look"),)
    sources = [Finding("source", name, ok=False, detail="refused") for name in ("sentinel", "audit_ledger", "loki")]

    told = told_once(sources, gateway)

    assert [one.detail for one in told] == [
        *["not checked because `sentinel: gateway` failed; see there"] * 2,
        "refused",
    ]
    assert [one.fails for one in told] == [True, True, False]


def test_a_source_that_is_off_keeps_its_own_words():
    sources = (Finding("source", "sentinel", ok=False, detail="no gateway is configured", remedy="set it"),)

    assert told_once(sources, ()) == sources
