"""Settings: flags over environment over file, everything wrong told at once, and safe out of the box."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sentinel_node.app.loading import BadSettings, load
from sentinel_node.app.settings import CONFIG_VARIABLE, PREFIX, Settings
from sentinel_node.app.unasked import scheduling_of
from sentinel_node.domain.errors import BadConfiguration
from sentinel_node.domain.permission import Allowed
from sentinel_node.domain.probes import Depth
from sentinel_node.domain.schedule import LOW_OVERHEAD

DOCS = Path(__file__).resolve().parents[2] / "docs" / "node.md"


def written(folder: Path, text: str) -> Path:
    file = folder / "node.yaml"
    file.write_text(text)
    return file


def faults(environment=None, flags=None, file=None) -> str:
    with pytest.raises(BadConfiguration) as caught:
        load(environment or {}, flags, file)
    return str(caught.value)


def test_out_of_the_box_it_is_reached_from_this_machine_only_and_runs_light_probes():
    settings = load({})

    assert (settings.listen.is_loopback, settings.probes) == (True, Allowed.LIGHT)


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path):
    file = written(tmp_path, "node_name: of-file\nlog_level: debug\nlog_format: text\n")
    environment = {f"{PREFIX}NODE_NAME": "of-environment", f"{PREFIX}LOG_LEVEL": "warning"}

    settings = load(environment | {CONFIG_VARIABLE: str(file)}, {"node_name": "of-flag", "log_level": None})

    assert (settings.node_name, settings.log_level, settings.log_format) == ("of-flag", "warning", "text")


def test_an_empty_variable_is_not_set_except_where_none_is_an_answer():
    settings = load({f"{PREFIX}LISTEN": "", f"{PREFIX}METRICS_LISTEN": ""})

    assert (settings.listen.port, settings.metrics_listen) == (9102, None)


@pytest.mark.parametrize("written_as", ["off", "false", '"off"', "OFF"])
def test_off_is_off_though_yaml_reads_it_as_false(tmp_path, written_as):
    assert load({}, file=written(tmp_path, f"probes: {written_as}\n")).probes is Allowed.OFF


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    file = written(tmp_path, "probe: deep\nlisten: nowhere\n")

    told = faults({f"{PREFIX}LOG_LEVEL": "loud", f"{PREFIX}NODENAME": "x"}, file=file)

    assert "unknown setting 'probe'" in told
    assert "did you mean 'probes'" in told
    assert "listen: expected host:port" in told
    assert f"(from {PREFIX}LOG_LEVEL)" in told
    assert "did you mean 'node_name'" in told


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"listen": "0.0.0.0:9102"}, "not loopback"),
        ({"tls_cert_file": "a"}, "tls_key_file"),
        ({"tls_ca_file": "a"}, "tls_ca_file"),
        ({"tls_cert_file": "a", "tls_key_file": "b"}, "nobody could call"),
        ({"certificate_roles": {"x": ["reader"]}}, "certificate_roles"),
        ({"certificate_roles": {"x": ["root"]}}, "certificate_roles"),
        ({"probe_deadline_seconds": 60, "probe_deadline_longest_seconds": 5}, "probe_deadline_seconds"),
        ({"gateway_cert_file": "a"}, "gateway_key_file"),
        ({"hmac_key_file": "a"}, "without gateway"),
        ({"gateway_token_file": "a"}, "without gateway"),
        ({"gateway_plaintext": True, "gateway_ca_file": "a"}, "gateway_plaintext"),
        ({"schedule": "hourly"}, "low_overhead"),
        ({"schedule": "[]"}, "empty list"),
        ({"schedule": [{"probe": "fma", "period_seconds": 0}]}, "schedule"),
        ({"schedule": [{"probe": "fma", "period_seconds": 1}] * 2}, "twice"),
        ({"overhead_budget_pct": 101}, "overhead_budget_pct"),
        ({"software_gpus": -1}, "software_gpus"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_does_not_fit_is_named(values, word):
    assert word in faults(flags=values)


@pytest.mark.parametrize("text", ["a: [", "- a\n", "\0"])
def test_a_file_that_is_no_settings_is_named(tmp_path, text):
    assert "node.yaml" in faults(file=written(tmp_path, text))


def test_a_file_that_is_not_there_is_named():
    assert "no such file" in faults({CONFIG_VARIABLE: "/nowhere/node.yaml"})


def test_what_the_kubelet_sets_beside_a_service_is_no_setting():
    load(
        {
            f"{PREFIX}SERVICE_HOST": "10.0.0.1",
            f"{PREFIX}PORT": "tcp://10.0.0.1:9102",
            "SENTINEL_NODE_PORT_9102_TCP": "x",
        }
    )


class TestSchedule:
    """When probes run by themselves."""

    def test_a_preset_is_the_published_one(self):
        assert scheduling_of(load({f"{PREFIX}SCHEDULE": "low_overhead"})).schedule == LOW_OVERHEAD

    @pytest.mark.parametrize("off", ["off", False])
    def test_off_is_none(self, off):
        assert scheduling_of(load({}, {"schedule": off})).schedule == ()

    @pytest.mark.parametrize(("every_s", "max_age_s"), [(1, 30), (10, 30), (300, 900)])
    def test_a_reading_counts_until_others_are_overdue(self, every_s, max_age_s):
        assert scheduling_of(load({}, {"telemetry_seconds": every_s})).telemetry_max_age_s == max_age_s

    def test_entries_are_taken_as_written(self, tmp_path):
        text = "probes: deep\nschedule:\n  - {probe: fma, period_seconds: 5, sm_share: 0.5, depth: deep}\n"

        (entry,) = scheduling_of(load({}, file=written(tmp_path, text))).schedule

        assert (entry.kind, entry.period_s, entry.share, entry.depth) == ("fma", 5, 0.5, Depth.DEEP)

    def test_a_deep_entry_runs_light_where_deep_probes_are_not_allowed(self):
        entries = [{"probe": "fma", "period_seconds": 5, "depth": "deep"}]

        (entry,) = scheduling_of(load({}, {"schedule": entries})).schedule

        assert entry.depth is Depth.LIGHT


def test_the_guide_names_every_setting_and_no_other():
    rows = re.findall(r"(?m)^\| `([a-z_]+)` \|", DOCS.read_text().partition("## Settings")[2].partition("\n## ")[0])

    assert rows == list(Settings.model_fields)


def test_bad_settings_keep_each_fault():
    with pytest.raises(BadSettings) as caught:
        load({}, {"log_level": "loud", "log_format": "xml"})

    assert len(caught.value.faults) == 2
