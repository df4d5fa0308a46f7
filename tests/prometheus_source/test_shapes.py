"""The pure parts: shapes of series, deviations, joining, durations, labels."""

from datetime import timedelta

import pytest

from gcm_sentinel.clients.prometheus import PromSeries
from gcm_sentinel.datasources.durations import bounded_duration, parse_duration, spell
from gcm_sentinel.datasources.exporter_uptime import down_since, quoted
from gcm_sentinel.datasources.gpu_comparison import compare, window_of
from gcm_sentinel.datasources.gpu_labels import entities_of, gpu_key, holding_pod, instance_host, node_named, speaks_of
from gcm_sentinel.datasources.gpu_panel import PANEL, compared, full_name
from gcm_sentinel.datasources.gpu_roster import LabelledPoints, Roster
from gcm_sentinel.datasources.gpu_series import joined, number, step_of
from gcm_sentinel.datasources.knowledge_tables import by_key
from gcm_sentinel.datasources.series_shape import deviations, shape


def shaped(points, start_s, end_s, *, counter):
    found = shape(points, start_s, end_s, counter=counter)
    assert found is not None
    return found


def test_a_counter_adds_the_lost_part_back_after_a_reset():
    stats = shaped([(0, 10), (60, 15), (120, 2), (180, 5)], 0, 180, counter=True)

    assert (stats["delta"], stats["resets"]) == (10, 1)
    assert stats["rate_per_min"] == pytest.approx(10 / 3)


def test_a_gauge_that_falls_has_no_resets():
    stats = shaped([(0, 10), (60, 4)], 0, 60, counter=False)

    assert (stats["delta"], stats["resets"]) == (-6, 0)


def test_change_points_are_dated_and_a_constant_series_has_none():
    moved = shaped([(0, 1), (30, 1), (60, 2), (90, 3), (120, 3)], 0, 120, counter=False)
    still = shaped([(0, 1), (30, 1)], 0, 60, counter=False)

    assert (moved["changed_at"], moved["last_changed_at"]) == ("1970-01-01T00:01:00Z", "1970-01-01T00:01:30Z")
    assert (still["constant"], still["changed_at"]) == (True, None)


def test_a_dead_series_shows_how_long_it_is_silent():
    assert shaped([(0, 1), (30, 1)], 0, 600, counter=False)["ended_s_ago"] == 570


def test_an_old_burst_and_a_steady_climb_differ_in_their_recent_rate():
    burst = shaped([(t, 0 if t < 60 else 200) for t in range(0, 3601, 60)], 0, 3600, counter=True)
    climb = shaped([(t, t / 18) for t in range(0, 3601, 60)], 0, 3600, counter=True)

    assert burst["rate_per_min"] == pytest.approx(climb["rate_per_min"])
    assert burst["recent_rate_per_min"] == 0
    assert climb["recent_rate_per_min"] == pytest.approx(10 / 3)


def test_points_that_are_no_numbers_are_left_out():
    assert shape([(0, float("nan"))], 0, 60, counter=False) is None
    assert shaped([(0, float("inf")), (30, 2)], 0, 60, counter=False)["points"] == 1


def test_deviation_is_measured_against_the_others_with_a_floor():
    found = deviations({0: 66, 1: 67, 2: 68, 3: 70, 4: 88}, resolution=1.0)

    assert found[4][0] == 67.5
    assert found[4][1] > 4
    assert all(abs(found[index][1]) < 4 for index in range(4))


def test_too_few_peers_give_no_deviation():
    assert deviations({0: 1, 1: 100, 2: 1}, 1.0) == {}


def test_series_that_differ_in_the_pod_only_are_one_history():
    one = {"__name__": "DCGM_FI_DEV_FB_USED", "gpu": "0"}
    series = [
        LabelledPoints({**one, "exported_pod": "a"}, [(0, 1), (30, 1)]),
        LabelledPoints({**one, "exported_pod": "b"}, [(60, 5), (90, 5)]),
    ]

    found = compare(series, [compared("DCGM_FI_DEV_FB_USED")], window_of(0, 90, series))

    assert found[0]["by_gpu"]["0"]["points"] == 4
    assert found[0]["ended"] == []


def test_a_gpu_without_a_series_others_have_is_missing():
    series = [
        LabelledPoints({"__name__": "DCGM_FI_DEV_GPU_TEMP", "gpu": "0"}, [(0, 40)]),
        LabelledPoints({"__name__": "DCGM_FI_DEV_XID_ERRORS", "gpu": "1"}, [(0, 0)]),
    ]

    found = compare(series, [compared("DCGM_FI_DEV_GPU_TEMP")], window_of(0, 30, series))

    assert found[0]["missing"] == [1]


def test_mig_instances_are_told_apart():
    assert gpu_key({"gpu": "3", "GPU_I_ID": "7"}) == "3/7"


def test_down_since_is_the_start_of_the_last_run_of_zeros():
    assert down_since([(0, 1), (30, 0), (60, 1), (90, 0), (120, 0)]) == 90
    assert down_since([(0, 0), (30, 1)]) is None


def test_the_tail_of_a_long_window_comes_from_raw_samples():
    labels = {"gpu": "0"}
    coarse = [PromSeries(labels, ((0, 1.0), (5000, 1.0), (9700, 2.0), (10_000, 2.0)))]

    kept = joined(coarse, [PromSeries(labels, ((9500, 2.0), (9530, 2.0)))], 10_000)

    assert kept[0].points == ((0, 1.0), (5000, 1.0), (9500, 2.0), (9530, 2.0))


def test_a_series_without_raw_samples_ends_before_the_tail():
    coarse = [PromSeries({}, ((9000, 1.0), (9900, 1.0)))]

    assert joined(coarse, [], 10_000)[0].points == ((9000, 1.0),)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("7d", 604800), ("45", 45), (" 2H ", 7200)]
)
def test_durations_are_read_as_operators_write_them(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "-5m", "0s", "5x", "1h 30", "9999d", "5m;drop"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_a_duration_above_the_bound_is_refused():
    with pytest.raises(ValueError, match="longer than the 7d"):
        bounded_duration("8d", timedelta(days=7))


@pytest.mark.parametrize(
    ("length", "text"), [(timedelta(hours=1), "1h"), (timedelta(seconds=90), "90s"), (timedelta(days=7), "7d")]
)
def test_durations_are_spelt_as_promql_does(length, text):
    assert spell(length) == text


@pytest.mark.parametrize("length", [timedelta(minutes=5), timedelta(hours=1), timedelta(hours=24), timedelta(days=7)])
def test_a_range_has_at_most_240_steps(length):
    assert length / step_of(length) <= 240


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ({"Hostname": "n1", "node": "n2"}, "n1"),
        ({"node": "n2"}, "n2"),
        ({"instance": "n3:9100"}, "n3"),
        ({"instance": "[fd00::1]:9100"}, "fd00::1"),
        ({"instance": "n4"}, "n4"),
        ({}, ""),
    ],
    ids=["Hostname first", "node", "instance", "IPv6", "no port", "none"],
)
def test_the_node_of_labels(labels, named):
    assert node_named(labels) == named


def test_a_node_is_matched_exactly():
    assert speaks_of({"instance": "gpu-1:9400"}, "gpu-1")
    assert not speaks_of({"instance": "gpu-10:9400", "node": "gpu-10"}, "gpu-1")
    assert instance_host({"instance": "gpu-10:9400"}) == "gpu-10"


@pytest.mark.parametrize(
    ("labels", "pod"),
    [
        ({"exported_pod": "p", "exported_namespace": "a", "pod": "nvidia-dcgm-exporter-x"}, "a/p"),
        ({"pod": "nvidia-dcgm-exporter-x", "namespace": "gpu-operator"}, None),
        ({"pod": "train-0", "namespace": "team"}, "team/train-0"),
        ({}, None),
    ],
    ids=["renamed", "the exporter itself", "honoured", "none"],
)
def test_the_pod_that_holds_a_gpu_is_never_the_exporter(labels, pod):
    assert holding_pod(labels) == pod


def test_entities_come_once_each():
    labels = {"Hostname": "n1", "gpu": "0", "UUID": "GPU-1", "exported_pod": "p", "exported_namespace": "a"}

    assert [entity.name for entity in entities_of([labels, labels])] == ["n1", "GPU-1", "a/p"]


def test_every_metric_of_the_panel_is_known_to_the_knowledge_base():
    assert [name for name in PANEL if name not in by_key("dcgm_fields")] == []


def test_a_field_may_be_named_without_its_prefix():
    assert full_name("gr_engine_active") == "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
    assert full_name("node_load1") == "node_load1"


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (0.25, "0.25"), (float("nan"), "NaN"), (float("-inf"), "-Inf"), (1e300, "1e+300")]
)
def test_values_are_written_as_prometheus_writes_them(value, text):
    assert number(value) == text


def test_label_values_are_quoted_for_promql():
    assert quoted('a"b\\c') == r'"a\"b\\c"'


def gpu_series(uuid, index, points, name="DCGM_FI_DEV_ECC_DBE_AGG_TOTAL"):
    return LabelledPoints({"__name__": name, "gpu": str(index), "UUID": uuid, "pci_bus_id": f"0:{uuid}:00"}, points)


def test_a_gpu_that_got_another_index_after_a_reboot_keeps_its_own_history():
    series = [
        gpu_series("a", 0, [(0, 1), (30, 1)]),
        gpu_series("b", 1, [(0, 2), (30, 2)]),
        gpu_series("c", 2, [(0, 3), (30, 3)]),
        gpu_series("a", 0, [(600, 1), (630, 1)]),
        gpu_series("c", 1, [(600, 3), (630, 3)]),
    ]

    found = compare(series, [compared("DCGM_FI_DEV_ECC_DBE_AGG_TOTAL")], window_of(0, 640, series))[0]
    roster = Roster.of(series)

    assert {key: (stats["first"], stats["last"]) for key, stats in found["by_gpu"].items()} == {
        "0": (1, 1),
        "1": (3, 3),
    }
    assert (found["ended"], found["missing"]) == ([], [])
    assert [(gone.gpu["uuid"], gone.gpu["index"], gone.last_s) for gone in roster.departed] == [("b", 1, 30)]


def test_a_metric_renamed_by_an_upgrade_is_one_history_under_its_new_name():
    old, new = "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_GPU_TEMP_CELSIUS"
    series = [gpu_series("a", 0, [(0, 40), (30, 41)], old), gpu_series("a", 0, [(60, 42), (90, 43)], new)]

    found = compare(series, [compared(old)], window_of(0, 90, series))[0]

    assert (found["metric"], found["by_gpu"]["0"]["points"], found["ended"]) == (new, 4, [])
