"""The gateway may change a probe's pace for a while; what was before comes back by itself."""

from __future__ import annotations

from structlog.testing import capture_logs
from tests.node_scheduling.gpu import played

from sentinel_node.domain.probes import ProbeKind
from sentinel_node.domain.schedule import Entry, Override
from sentinel_node.scheduling.conditions import Conditions
from sentinel_node.scheduling.orders import Orders

ORDERS = Orders((Entry(ProbeKind.FMA, 60), Entry(ProbeKind.AES, 300)), 2.0)
BUSY = Conditions(temperature_c=50.0, utilization_pct=95.0)


def periods(orders: Orders, now_s: float) -> dict[str, float]:
    return {one.entry.kind.value: one.period_s for one in orders.in_force(now_s)}


def test_an_override_holds_for_its_duration_and_for_its_probe():
    orders = ORDERS.with_override(Override(ProbeKind.FMA, 30, 600), 1000)

    assert periods(orders, 1599.9) == {"fma": 30, "aes": 300}
    assert periods(orders, 1600) == {"fma": 60, "aes": 300}


def test_period_0_stops_a_probe_until_the_override_is_over():
    orders = ORDERS.with_override(Override(ProbeKind.FMA, 0, 600), 1000)

    assert periods(orders, 1000) == {"aes": 300}
    assert periods(orders, 1600) == {"fma": 60, "aes": 300}


def test_an_override_of_a_lifetime_holds_for_a_day_and_that_is_logged():
    with capture_logs() as logs:
        orders = ORDERS.with_override(Override(ProbeKind.FMA, 0, 2**32 - 1), 1000)

    assert periods(orders, 1000 + 86_399) == {"aes": 300}
    assert periods(orders, 1000 + 86_400) == {"fma": 60, "aes": 300}
    assert [line["event"] for line in logs] == ["schedule.override_shortened"]


def test_a_second_override_takes_the_place_of_the_first_and_then_the_original_comes_back():
    orders = ORDERS.with_override(Override(ProbeKind.FMA, 30, 600), 1000)
    orders = orders.with_override(Override(ProbeKind.FMA, 6, 60), 1100)

    assert periods(orders, 1159)["fma"] == 6
    assert periods(orders, 1160)["fma"] == 60


def test_a_duration_of_0_ends_an_override():
    orders = ORDERS.with_override(Override(ProbeKind.FMA, 30, 600), 1000)

    orders = orders.with_override(Override(ProbeKind.FMA, 30, 0), 1001)

    assert periods(orders, 1001)["fma"] == 60


def test_a_shorter_period_holds_at_once_and_not_after_the_old_one():
    gpu = played((Entry(ProbeKind.AES, 300),))
    gpu.play(300)
    gpu.orders = gpu.orders.with_override(Override(ProbeKind.AES, 30, 600), gpu.now_s)

    gpu.play(600)

    assert len(gpu.times(ProbeKind.AES)) in range(20, 23)


def test_a_probe_that_was_stopped_runs_when_the_override_is_over_though_nothing_else_happens():
    gpu = played((Entry(ProbeKind.FMA, 60),))
    gpu.orders = gpu.orders.with_override(Override(ProbeKind.FMA, 0, 600), gpu.now_s)

    gpu.play(700)

    assert 600 <= gpu.times(ProbeKind.FMA)[0] - 1000 <= 660


def test_a_closer_look_does_not_yield_to_a_busy_gpu():
    gpu = played((Entry(ProbeKind.FMA, 60),), conditions=BUSY)
    gpu.orders = gpu.orders.with_override(Override(ProbeKind.FMA, 30, 3600), gpu.now_s)

    gpu.play(600)

    assert len(gpu.times(ProbeKind.FMA)) in range(20, 23)


def test_one_that_only_makes_a_probe_rarer_does():
    gpu = played((Entry(ProbeKind.FMA, 60),), conditions=BUSY)
    gpu.orders = gpu.orders.with_override(Override(ProbeKind.FMA, 120, 3600), gpu.now_s)

    gpu.play(3600)

    assert len(gpu.times(ProbeKind.FMA)) in (7, 8)
