"""What GPU metrics say side by side: absence is not zero, a total is not a rate, one GPU is not eight."""

from __future__ import annotations

import pytest

from gcm_sentinel.llm.playbook.findings import evaluate


def ask(case, key, index=None):
    """A finding about a GPU of the case by index, or about the node."""
    obs = case.observed()
    gpu = next((ref for ref in obs.gpus if ref.index == index), None) if index is not None else None
    return evaluate(obs, key, gpu)


def test_one_series_ends_while_peers_go_on(sick):
    case = sick().gone(1)

    assert ask(case, "series_ended", 1).holds is True
    assert ask(case, "series_ended", 2).holds is False
    assert ask(case, "all_series_ended").holds is False


def test_a_series_two_scrapes_behind_its_peers_has_ended(sick):
    behind = {"ended_s_ago": 70.0}
    case = sick().metrics({name: {1: behind} for name in ("GPU_TEMP", "POWER_USAGE", "SM_CLOCK")})

    assert ask(case, "series_ended", 1).holds is True
    assert ask(case, "gpus_live", 1).holds is False


def test_all_series_ending_is_no_single_gpu(sick):
    case = sick().gone(*range(8), ago=900)

    assert ask(case, "all_series_ended").holds is True
    assert ask(case, "series_ended", 1).holds is False


def test_a_dead_exporter_proves_no_gpu_alive(sick):
    case = sick().metrics(up=False)

    assert ask(case, "gpus_live").holds is False
    assert ask(case, "exporter_down").holds is True


def test_a_metric_that_is_not_exported_is_unknown_not_zero(sick):
    case = sick().metrics(absent=["DCGM_FI_DEV_ROW_REMAP_PENDING"])

    assert ask(case, "remap_pending", 1).holds is None


def test_a_flag_belongs_to_one_gpu(sick):
    case = sick().metrics({"ROW_REMAP_FAILURE": {2: {"last": 1.0}}})

    assert ask(case, "remap_failed", 2).holds is True
    assert ask(case, "remap_failed", 3).holds is False


@pytest.mark.parametrize(
    ("figures", "flat", "climbing"),
    [
        ({"last": 212.0, "first": 212.0}, True, False),
        ({"last": 2000.0, "delta": 1800.0, "recent_rate_per_min": 40.0}, False, True),
        ({"last": 3.0}, False, False),
    ],
    ids=["old burst", "steady climb", "a few"],
)
def test_tells_an_old_replay_burst_from_a_climb(sick, figures, flat, climbing):
    case = sick().metrics({"PCIE_REPLAY_COUNTER": {7: figures}})

    assert ask(case, "replay_flat", 7).holds is flat
    assert ask(case, "replay_climbs", 7).holds is climbing


def test_a_narrow_link_is_never_power_saving(sick):
    case = sick().metrics({"PCIE_LINK_WIDTH": {3: {"last": 8.0}}})

    assert ask(case, "link_narrow", 3).holds is True


def test_a_slow_link_counts_as_idle_only_where_nothing_runs(sick):
    idle = {"last": 0.0, "mean": 0.0, "maximum": 0.0}
    slow = {"last": 1.0, "maximum": 1.0}

    assert ask(sick().metrics({"PCIE_LINK_GEN": {2: slow}, "GPU_UTIL": {2: idle}}), "slow_link_idle").holds is True
    assert ask(sick().metrics({"PCIE_LINK_GEN": {2: slow}}), "slow_link_idle").holds is False


def test_hotter_needs_equal_power(sick):
    hot = {"mean": 86.0, "maximum": 89.0}

    assert ask(sick().metrics({"GPU_TEMP": {6: hot}}), "hotter_at_equal_power", 6).holds is True
    loaded = sick().metrics({"GPU_TEMP": {6: hot}, "POWER_USAGE": {6: {"mean": 900.0}}})
    assert ask(loaded, "hotter_at_equal_power", 6).holds is False


def test_seven_hot_gpus_are_the_chassis(sick):
    hot = {"mean": 86.0, "maximum": 89.0}

    assert ask(sick().metrics({"GPU_TEMP": {-1: hot}}), "all_hot").holds is True
    assert ask(sick().metrics({"GPU_TEMP": {6: hot}}), "all_hot").holds is False


@pytest.mark.parametrize(("bits", "thermal", "brake"), [(64, True, False), (128, False, True), (4, False, False)])
def test_reads_the_bits_of_clock_event_reasons(sick, bits, thermal, brake):
    case = sick().metrics({"CLOCK_THROTTLE_REASONS": {1: {"last": float(bits), "maximum": float(bits)}}})

    assert ask(case, "thermal_slowdown", 1).holds is thermal
    assert ask(case, "power_brake", 1).holds is brake


def test_values_still_to_the_last_digit_are_a_frozen_exporter(sick):
    still = {"constant": True}
    case = sick().metrics({"GPU_TEMP": {-1: still}, "POWER_USAGE": {-1: still}})

    assert ask(case, "frozen").holds is True
    assert ask(sick(), "frozen").holds is False


def test_a_routine_code_in_the_gauge_has_nothing_to_do_with_a_slow_node(sick):
    gauge = {"XID_ERRORS": {4: {"last": 43.0, "constant": True}}}
    slow = sick(kind="NodeSlow", message="feels slow", transition=None).metrics(gauge)

    assert ask(slow, "gauge_is_old", 4).holds is False
    assert ask(sick(kind="GpuXid", message="XID 43").metrics(gauge), "gauge_is_old", 4).holds is True


def test_new_metric_names_mean_the_same(sick):
    case = sick()
    for row in case.answers["compare_gpu_metrics"].summary["metrics"]:
        row["metric"] = {"DCGM_FI_DEV_ROW_REMAP_FAILURE": "DCGM_FI_DEV_ROW_REMAP_FAILED"}.get(
            row["metric"], row["metric"]
        )

    assert ask(case, "remap_failed", 1).holds is False
