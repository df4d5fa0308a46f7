"""No secret of the gateway can get into its ConfigMap, and each has another way in."""

from __future__ import annotations

import json

import pytest
import yaml
from tests.charts.chart import defined
from tests.cluster.chart.rendering import CHART, NAME, pod_of, refusal, render

from sentinel_gateway.app.loading import load

GATEWAY = "sentinel.gateway.enabled=true,sentinel.gateway.tls.existingSecret=tls"
IN_PLACE_OF: dict[str, str] = yaml.safe_load(defined("gcm-sentinel.gatewaySecrets"))
SECRET = "what nobody may read"
RECEIVERS = json.dumps([{"name": "tickets", "url": "https://tickets.example.com/hook", "secret": SECRET}])


def nested(path, value):
    """A value where a path such as ``alerting.webhooks[].url`` says."""
    for part in reversed(path.split(".")):
        value = {part.removesuffix("[]"): [value] if part.endswith("[]") else value}
    return value


@pytest.mark.parametrize(("path", "words"), IN_PLACE_OF.items(), ids=IN_PLACE_OF)
def test_a_secret_among_the_settings_is_refused_with_what_to_do_instead(path, words):
    told = refusal("--set", GATEWAY, "--set-json", f"sentinel.gateway.config={json.dumps(nested(path, SECRET))}")

    assert f"sentinel.gateway.config.{path} would stand in a ConfigMap for all to read: {words}" in told
    assert SECRET not in told


def test_a_secret_in_a_text_of_json_is_refused():
    slack = json.dumps({"alerting": {"slack": json.dumps({"webhook_url": SECRET})}})

    told = refusal("--set", GATEWAY, "--set-json", f"sentinel.gateway.config={slack}")

    assert "sentinel.gateway.config.alerting.slack may hold a secret" in told
    assert SECRET not in told


def test_one_that_is_empty_is_none():
    assert render("--set", f"{GATEWAY},sentinel.gateway.config.probes.hmac_key=").of("StatefulSet")


def test_files_of_secrets_stand_where_the_settings_name_them():
    rendered = render(values=CHART / "ci" / "gateway-values.yaml")

    settings = yaml.safe_load(rendered.one("ConfigMap", f"{NAME}-gateway")["data"]["gateway.yaml"])["alerting"]
    pod = pod_of(rendered.one("StatefulSet", f"{NAME}-gateway"))
    (volume,) = (one["secret"] for one in pod["volumes"] if one["name"] == "alerts")
    (mount,) = (one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "alerts")
    there = {f"{mount['mountPath']}/{item['path']}" for item in volume["items"]}
    assert {settings["slack"]["webhook_url_file"], settings["pagerduty"]["routing_key_file"]} == there


def test_a_list_of_receivers_comes_as_json_from_a_secret():
    rendered = render(values=CHART / "ci" / "gateway-values.yaml")
    (container,) = pod_of(rendered.one("StatefulSet", f"{NAME}-gateway"))["containers"]

    (variable,) = container["env"]
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "sentinel-gateway-alerts", "key": "webhooks"}}
    settings = load({variable["name"]: RECEIVERS, "SENTINEL_GATEWAY__TLS__ENABLED": "false"})
    assert [one.secret.get_secret_value() for one in settings.alerting.webhooks] == [SECRET]
