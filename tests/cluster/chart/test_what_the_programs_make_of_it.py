"""The settings of every `ci/*-values.yaml` are read by agent and gateway themselves, without a complaint."""

from __future__ import annotations

import json

import pytest
from tests.cluster.chart.rendering import CHART, NAME, Rendered, pod_of, render

from gcm_sentinel.app.settings import PREFIX, Settings, load
from sentinel_gateway.app.loading import load as load_gateway

SECRETS = {"GCM_SENTINEL_DATABASE_URL": "postgresql://someone:secret@database/name"}


def environment(rendered: Rendered) -> dict[str, str]:
    """Our variables of the container, with something in place of what Secrets and the kubelet give."""
    told = {one["name"]: one.get("value", SECRETS.get(one["name"], "x")) for one in rendered.container["env"]}
    return {name: value for name, value in (rendered.settings | told).items() if name.startswith(PREFIX)}


def read(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in environment(rendered).items():
        monkeypatch.setenv(name, value)
    return load()


def test_the_agent_starts_with_what_it_is_given(each, monkeypatch):
    settings = read(each, monkeypatch)

    assert str(settings.action_mode) == each.settings["GCM_SENTINEL_ACTION_MODE"]


def test_with_nothing_set_the_agent_has_its_own_defaults(plain, monkeypatch):
    monkeypatch.delenv("GCM_SENTINEL_STATE_DIR", raising=False)
    own = Settings()
    given = read(plain, monkeypatch)

    changed = {name for name in Settings.model_fields if getattr(given, name) != getattr(own, name)}
    assert changed == {"state_dir", "replica_id"}


def test_large_numbers_lists_and_mappings_arrive_whole(tmp_path, monkeypatch):
    given = {
        "max_tokens": 1_000_000,
        "slack_approvers": ["U1", "U2"],
        "prices": {"m*": {"input": 0.5}},
        "revisit": False,
    }
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps({"sentinel": {"settings": given}}))

    settings = read(render(values=values), monkeypatch)

    assert (settings.max_tokens, settings.slack_approvers) == (1_000_000, ("U1", "U2"))
    assert (settings.prices, settings.revisit) == ({"m*": {"input": 0.5}}, False)


def test_an_empty_value_turns_a_source_off(monkeypatch):
    settings = read(render("--set", "prometheus.url=,alertmanager.url=,sentinel.settings.llm_fallback="), monkeypatch)

    assert (settings.prometheus_url, settings.alertmanager_url, settings.llm_fallback) == ("", "", ())


def test_what_extra_variables_name_stands_once(each):
    names = [one["name"] for one in each.container["env"]]

    assert len(names) == len(set(names))


def test_the_gateway_starts_with_what_it_is_given(each, tmp_path):
    if not each.of("StatefulSet"):
        return
    file = tmp_path / "gateway.yaml"
    file.write_text(each.one("ConfigMap", f"{NAME}-gateway")["data"]["gateway.yaml"])

    settings = load_gateway({}, file=file)

    listening = [settings.grpc.listen, *settings.grpc.token_listen, settings.rest.listen, settings.metrics.listen]
    (container,) = pod_of(each.one("StatefulSet", f"{NAME}-gateway"))["containers"]
    assert [one.port for one in listening if one] == [port["containerPort"] for port in container["ports"]]


def test_the_agent_asks_the_gateway_where_its_service_is():
    rendered = render(values=CHART / "ci" / "gateway-values.yaml")

    host, _, port = rendered.settings["GCM_SENTINEL_SENTINEL_ENDPOINT"].partition(":")
    service = rendered.one("Service", f"{NAME}-gateway")
    assert host == f"{service['metadata']['name']}.monitoring.svc"
    assert int(port) in [one["port"] for one in service["spec"]["ports"]]
