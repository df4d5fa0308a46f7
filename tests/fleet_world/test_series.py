"""Metrics: normal courses that agree with each other, and what facts do to them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sentinel_fleet.ports import LabelMatcher

BUSY = {"node": {"node": {}}, "gpu": {"gpu": {"of": "node"}}, "job": {"workload": {"on": "node", "age": "5h"}}}
POWER = "DCGM_FI_DEV_POWER_USAGE"
REPLAYS = "DCGM_FI_DEV_PCIE_REPLAY_COUNTER"


def _metric(name, **body):
    return {"metric": {"name": name, "node": "${node}", "gpu": "${gpu}", **body}}


def _values(samples):
    return [value for _, value in samples]


def _of_gpu(world, read, name, **window):
    return read(world, name, Hostname=world.trigger.node, **window)[str(world.names["gpu"])]


@pytest.mark.parametrize(
    ("metric", "low", "high"),
    [
        ("DCGM_FI_DEV_GPU_UTIL", 94, 100),
        (POWER, 600, 702),
        ("DCGM_FI_DEV_GPU_TEMP", 54, 69),
        ("DCGM_FI_DEV_SM_CLOCK", 1755, 1980),
        ("DCGM_FI_DEV_PCIE_LINK_WIDTH", 16, 16),
    ],
)
def test_a_busy_gpu_shows_training_load(make_world, read, metric, low, high, anchor):
    world = make_world(draw=BUSY)
    by_gpu = read(world, metric, Hostname=world.trigger.node, start=anchor - 300, end=anchor)

    steady = [sorted(_values(samples))[len(samples) // 2] for samples in by_gpu.values()]

    assert len(steady) == 8
    assert all(low <= value <= high for value in steady)


def test_an_idle_gpu_shows_little_power_and_no_pod(make_world):
    world = make_world([{"idle": {"node": "${node}"}}])
    matchers = [LabelMatcher("__name__", "=", POWER), LabelMatcher("Hostname", "=", world.trigger.node)]

    series = list(world.series.select(matchers))

    assert len(series) == 8
    assert all("exported_pod" not in one.labels for one in series)
    assert all(60 < value < 120 for one in series for _, value in one.samples(world.anchor - 600, world.anchor))


def test_noise_never_repeats_itself_but_frozen_values_do(make_world, read):
    world = make_world([_metric(POWER, at="-5m", freeze=True)], draw=BUSY)
    by_gpu = read(world, POWER, Hostname=world.trigger.node, start=world.anchor - 280)

    distinct = {gpu: len(set(_values(samples))) for gpu, samples in by_gpu.items()}

    assert distinct.pop(str(world.names["gpu"])) == 1
    assert all(count >= 8 for count in distinct.values())


@pytest.mark.parametrize("metric", ["DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL"])
def test_a_counter_never_falls(make_world, read, metric):
    world = make_world(draw=BUSY)

    for samples in read(world, metric, Hostname=world.trigger.node, start=world.anchor - 12 * 3600).values():
        values = _values(samples)
        assert all(before < after for before, after in pairwise(values))


def test_a_counter_starts_again_at_a_boot(make_world, read):
    world = make_world([{"boot": {"node": "${node}", "at": "-2h", "clean": True}}])
    energy = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"

    values = _values(_of_gpu(world, read, energy, start=world.anchor - 4 * 3600))

    assert sum(after < before for before, after in pairwise(values)) == 1


EFFECTS = {
    "set": ({"at": "-5m", "set": 7}, 0, 7),
    "add": ({"at": "-5m", "add": 7}, 0, 7),
    "ramp": ({"at": "-5m", "ramp": {"to": 100, "over": "4m"}}, 0, 100),
    "rate": ({"at": "-5m", "rate_per_min": 60}, 0, 285),
    "rate that ended": ({"at": "-9m", "until": "-8m", "rate_per_min": 60}, 60, 60),
    "steps": ({"steps": [["-8m", 3], ["-2m", 9]]}, 3, 9),
    "set that ended": ({"at": "-8m", "until": "-6m", "set": 50}, 50, 0),
}


@pytest.mark.parametrize(("effect", "early", "now"), EFFECTS.values(), ids=EFFECTS.keys())
def test_an_effect_shapes_a_counter(make_world, read, effect, early, now):
    world = make_world([_metric(REPLAYS, set=0), _metric(REPLAYS, **effect)], draw=BUSY)

    samples = _of_gpu(world, read, REPLAYS)

    seven_minutes_ago = {value for t, value in samples if world.anchor - 450 < t < world.anchor - 390}
    assert seven_minutes_ago == {float(early)}
    assert samples[-1][1] == pytest.approx(now, abs=15 if effect.get("rate_per_min") else 0)


def test_neighbours_of_an_affected_gpu_stay_normal(make_world, read):
    world = make_world([_metric(REPLAYS, at="-5m", set=2900)])

    by_gpu = read(world, REPLAYS, Hostname=world.trigger.node)

    others = [max(_values(samples)) for gpu, samples in by_gpu.items() if gpu != str(world.names["gpu"])]
    assert max(others) < 10


def test_a_set_gauge_keeps_the_metrics_noise_unless_told_otherwise(make_world, read):
    noisy = make_world([_metric(POWER, at="-5m", set=690)], draw=BUSY)
    exact = make_world([_metric(POWER, at="-5m", set=690, noise=0)], draw=BUSY)

    values, flat = (_values(_of_gpu(world, read, POWER, start=world.anchor - 280)) for world in (noisy, exact))

    assert len(set(values)) > 3
    assert all(680 < value < 700 for value in values)
    assert set(flat) == {690.0}


def test_a_stopped_gpu_ends_and_its_siblings_go_on(make_world, read):
    world = make_world([_metric("*", at="-2m", stop=True)], draw=BUSY)

    last = {gpu: samples[-1][0] for gpu, samples in read(world, POWER, Hostname=world.trigger.node).items()}

    gone = last.pop(str(world.names["gpu"]))
    assert gone < world.anchor - 120
    assert all(t > world.anchor - 31 for t in last.values())


def test_a_stopped_exporter_is_down_and_refuses(make_world, read):
    stop = {"metric": {"name": "*", "node": "${node}", "at": "-10m", "stop": True}}
    world = make_world([stop], draw=BUSY)
    node = world.trigger.node

    up = {job: samples[-1][1] for job, samples in read(world, "up", by="job", node=node).items()}

    assert up == {"dcgm-exporter": 0.0, "node-exporter": 1.0, "node-problem-detector": 1.0}
    assert read(world, POWER, Hostname=node, start=world.anchor - 500) == {str(gpu): [] for gpu in range(8)}
    assert (world.faults.fault("dcgm", node), world.faults.fault("node_exporter", node)) == ("refuse", None)


def test_nothing_is_scraped_while_a_node_is_down(make_world, read):
    world = make_world([{"boot": {"node": "${node}", "at": "-20m", "clean": False, "down": "5m"}}])
    node = world.trigger.node

    samples = read(world, "node_boot_time_seconds", by="node", node=node, start=world.anchor - 3600)[node]

    times = [t for t, _ in samples]
    assert max(after - before for before, after in pairwise(times)) > 300
    assert samples[-1][1] == int(world.anchor - 1200)
    assert samples[0][1] < world.anchor - 86400


def test_the_xid_gauge_shows_the_last_xid_and_stays(make_world, read):
    lines = ["NVRM: Xid (PCI:${gpu.pci}): 62, pid=1, x", "NVRM: Xid (PCI:${gpu.pci}): 45, pid=1, Ch 1"]
    facts = [
        {"kernel": {"node": "${node}", "at": "-30m", "lines": ["NVRM: Xid (PCI:${gpu.pci}): 31, pid=1, y"]}},
        {"kernel": {"node": "${node}", "at": "-10m", "lines": lines}},
    ]
    world = make_world(facts)

    samples = _of_gpu(world, read, "DCGM_FI_DEV_XID_ERRORS", start=world.anchor - 3600)

    assert list(dict.fromkeys(_values(samples))) == [0.0, 31.0, 45.0]


@pytest.mark.parametrize("written", ["DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "DCGM_FI_DEV_PCIE_REPLAY_TOTAL"])
def test_facts_may_use_either_name_of_a_renamed_metric(make_world, read, written):
    world = make_world([_metric(written, set=50)], fleet={"racks": 1, "metric_names": "renamed"})

    assert set(_values(_of_gpu(world, read, "DCGM_FI_DEV_PCIE_REPLAY_TOTAL"))) == {50.0}
    assert read(world, REPLAYS) == {}


def test_the_default_exporter_has_no_extended_metric_even_if_a_fact_sets_it(make_world, read):
    ecc = "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"
    world = make_world([_metric(ecc, set=1)], fleet={"racks": 1, "exporter": "default"})

    assert read(world, ecc) == {}
    assert len(_of_gpu(world, read, POWER)) == 20


def test_a_metric_nobody_knows_begins_with_its_first_fact(make_world, read):
    fact = {
        "metric": {"name": "node_bmc_sel_entries", "node": "${node}", "at": "-5m", "set": 4, "labels": {"s": "psu"}}
    }
    world = make_world([fact])

    samples = read(world, "node_bmc_sel_entries", by="s")["psu"]

    assert samples[0][0] >= world.anchor - 300
    assert set(_values(samples)) == {4.0}


def test_a_nic_fact_touches_one_port(make_world, read):
    draw = {"node": {"node": {}}, "nic": {"nic": {"of": "node"}}}
    state = "node_infiniband_state_id"
    world = make_world(
        [{"metric": {"name": state, "node": "${node}", "nic": "${nic}", "at": "-1m", "set": 1}}], draw=draw
    )

    last = {nic: samples[-1][1] for nic, samples in read(world, state, by="device", node=world.trigger.node).items()}

    assert last.pop(str(world.names["nic"])) == 1.0
    assert set(last.values()) == {4.0}


def test_condition_series_follow_the_facts(make_world, read):
    world = make_world()
    labels = {"node": world.trigger.node, "condition": "GpuXid"}

    status = read(world, "kube_node_status_condition", by="status", end=world.anchor + 60, **labels)

    assert _values(status["true"])[0] == 0.0
    assert _values(status["true"])[-1] == 1.0
    gauge = read(world, "problem_gauge", by="reason", end=world.anchor + 60, node=world.trigger.node, type="GpuXid")
    assert _values(gauge["GpuXidBad"])[-1] == 1.0


def test_a_gpu_changes_its_labels_when_its_pod_ends(make_world):
    fail = {"pod": {"name": "${job.pod}", "namespace": "${job.namespace}", "at": "-10m", "phase": "Failed"}}
    world = make_world([fail], draw=BUSY)
    matchers = [LabelMatcher("__name__", "=", POWER), LabelMatcher("Hostname", "=", world.trigger.node)]

    series = list(world.series.select([*matchers, LabelMatcher("gpu", "=", "0")]))

    held = next(one for one in series if "exported_pod" in one.labels)
    free = next(one for one in series if "exported_pod" not in one.labels)
    assert held.samples(world.anchor - 1200, world.anchor)[-1][0] < world.anchor - 600
    assert free.samples(world.anchor - 590, world.anchor)[-1][1] < 120


@pytest.mark.parametrize(
    ("matchers", "count"),
    [
        ([("__name__", "=", POWER)], 32),
        ([("__name__", "=~", "DCGM_FI_DEV_(POWER_USAGE|GPU_TEMP)"), ("gpu", "=", "3")], 8),
        ([("__name__", "=", POWER), ("gpu", "!~", "0|1")], 24),
        ([("__name__", "=", POWER), ("exported_pod", "!=", "")], 0),
        ([("__name__", "=", "up"), ("job", "=", "node-exporter")], 4),
        ([("__name__", "=", POWER), ("node", "=", "nowhere")], 0),
    ],
)
def test_series_are_selected_as_prometheus_would(make_world, matchers, count):
    world = make_world(fleet={"racks": 2, "nodes_per_rack": 2, "busy": 0.0})

    assert len(list(world.series.select([LabelMatcher(*item) for item in matchers]))) == count


def test_each_label_set_comes_once(make_world):
    world = make_world(draw=BUSY)

    sets = [tuple(sorted(one.labels.items())) for one in world.series.select([])]

    assert len(sets) == len(set(sets))
    assert {dict(labels)["__name__"] for labels in sets} <= world.series.metadata().keys()
