"""values.yaml is the manual: what is made from it is up to date, every key is used, every setting has a way in."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from tests.charts.chart import CHART, defined, generator
from tests.charts.secret_settings import secret_settings
from tests.charts.template_uses import used

from gcm_sentinel import __version__
from gcm_sentinel.app.settings import Settings
from sentinel_gateway.app.settings import Settings as GatewaySettings
from sentinel_node.app.settings import Settings as NodeSettings
from sentinel_node.domain.permission import Allowed

ORIGINAL = {
    "": ["replicaCount", "resources", "logLevel", "nodeSelector", "tolerations"],
    "image.": ["repository", "tag", "pullPolicy"],
    "llm.": ["api", "apiKey", "existingSecret", "secretKey", "model"],
    "prometheus.": ["url"],
    "sentinel.": [
        "actionMode",
        "cooldownSeconds",
        "nodeAllowlist",
        "maxActionsPerHour",
        "maxToolRounds",
        "maxToolOutput",
    ]
    + ["webhookUrl", "watchConditions"],
}
USED = sorted({path for file in sorted((CHART / "templates").rglob("*.*")) for path in used(file.read_text())})


@pytest.fixture(scope="module")
def script():
    return generator()


@pytest.fixture(scope="module")
def keys(script):
    return script.keys((CHART / "values.yaml").read_text())


@pytest.fixture(scope="module")
def sentinel_schema():
    schema = json.loads((CHART / "values.schema.json").read_text())
    return schema["properties"]["sentinel"]["properties"]


def test_what_is_made_from_values_and_code_is_up_to_date(script):
    stale = [path.name for path, text in script.outputs().items() if path.read_text() != text]

    assert stale == [], "run .venv/bin/python charts/gcm-sentinel/generate.py"


def test_a_change_that_was_not_carried_over_is_told(script, monkeypatch, capsys):
    monkeypatch.setattr(script, "operations", lambda: "of another version\n")

    assert script.main(["--check"]) == 1
    assert capsys.readouterr().out == "not up to date: files/operations.yaml\n"


def test_every_key_has_a_sentence(keys):
    assert [key.name for key in keys if not key.words.endswith(".")] == []


def test_the_original_charts_keys_are_all_there(keys):
    theirs = {group + name for group, names in ORIGINAL.items() for name in names}
    assert theirs - {key.name for key in keys} == set()


def test_every_value_a_template_uses_is_defined(keys):
    """A described mapping takes any key."""
    groups = {".".join(key.path[:length]) for key in keys for length in range(1, len(key.path))}

    assert [path for path in USED if path.removesuffix(".*") not in groups and not within(path, keys)] == []


def within(path, keys):
    return any(f"{path}.".startswith(f"{key.name}.") for key in keys)


def test_every_key_is_used_by_a_template(keys):
    assert unused(keys) == []


def unused(keys):
    return [key.name for key in keys if not any(fits(path, key.name) for path in USED)]


def fits(path, name):
    """Whether what a template uses is that key or something in it; `a.*` is every key of a."""
    return f"{path}.".startswith(f"{name}.") or (path.endswith(".*") and name.startswith(path.removesuffix("*")))


def test_a_key_that_nobody_uses_is_found_however_usual_its_name_is(script):
    names = ["enabled", "annotations", "existingSecret", "name"]
    more = "".join(f"\n  # Nobody reads this.\n  {name}: false" for name in names)

    text = (CHART / "values.yaml").read_text().replace("\nloki:", f"\nloki:{more}")
    assert unused(script.keys(text)) == [f"loki.{name}" for name in names]


@pytest.mark.parametrize(
    ("template", "paths"),
    [
        ("{{ .Values.a.b }}{{ $.Values.c }}", {"a.b", "c"}),
        ("{{- with .Values.a }}{{ .b }}{{ else }}{{ .Values.c }}{{ end }}{{ .b }}", {"a", "a.b", "c"}),
        ("{{ $x := .Values.a -}}{{ if $x.b }}{{ $x.c }}{{ end }}", {"a", "a.b", "a.c"}),
        ('{{ range $n, $x := dict "p" .Values.a "q" .Values.b }}{{ $x.c }}{{ end }}', {"a", "b", "a.c", "b.c"}),
        ("{{ range .Values.a }}{{ .b }}{{ end }}", {"a"}),
        ("{{ range $n, $p := dict }}{{ index $.Values.a $n | toYaml }}{{ end }}", {"a.*"}),
        ('{{ with .Values.a }}{{ define "t" }}{{ .Values.b }}{{ end }}{{ end }}', {"a", "b"}),
        ('{{/* .Values.a */}}{{ fail ".Values.b" }}', set()),
    ],
)
def test_what_a_template_uses_is_a_whole_path(template, paths):
    assert used(template) == paths


def test_every_setting_of_the_agent_can_be_given_in_one_way_alone(script, sentinel_schema):
    own = script.settings_with_a_key()
    plain = set(sentinel_schema["settings"]["propertyNames"]["enum"])
    secret = set(sentinel_schema["secretSettings"]["propertyNames"]["enum"])

    by_argument = {"kubeconfig", "kube_context", "log_level"}
    assert own | plain | secret | by_argument == set(Settings.model_fields)
    assert (own & plain, plain & secret, own & secret) == (set(), set(), {"webhook_url"})


def test_no_secret_can_be_put_into_the_configmap(script, sentinel_schema):
    assert [name for name in sentinel_schema["settings"]["propertyNames"]["enum"] if script.is_secret(name)] == []


def test_every_secret_of_the_gateway_is_kept_out_of_its_configmap():
    """Those that stand here are refused: tests/cluster/chart."""
    refused = yaml.safe_load(defined("gcm-sentinel.gatewaySecrets"))

    assert set(refused) == set(secret_settings(GatewaySettings))


def test_every_setting_of_the_node_agent_can_be_given_and_files_alone_in_two_ways(sentinel_schema):
    own = {"node_name", *re.findall(r"^(\w+):", defined("gcm-sentinel.nodeConfig"), re.MULTILINE)}
    given = set(sentinel_schema["node"]["properties"]["settings"]["propertyNames"]["enum"])

    assert own | given == set(NodeSettings.model_fields)
    assert {name for name in own & given if not name.endswith("_file")} == set()


def test_the_node_agents_probes_are_those_it_knows_and_the_word_that_yaml_reads_as_false(sentinel_schema):
    assert sentinel_schema["node"]["properties"]["probes"]["enum"] == [*(str(one) for one in Allowed), False]


def test_the_chart_is_for_the_version_it_stands_beside():
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == __version__
