"""What each switch of the values turns on."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml
from tests.cluster.chart.rendering import CHART, NAME, refusal, render
from tests.cluster.servers import program

POSTGRESQL = "database.existingSecret=db"
GATEWAY = "sentinel.gateway.enabled=true,sentinel.gateway.tls.existingSecret=tls"
NODE = "sentinel.node.enabled=true,sentinel.node.service.enabled=false"
TOKENS = "sentinel.gateway.tokens.existingSecret=tokens"
CONFIG = "sentinel.gateway.config"


def volume(rendered, name):
    (found,) = (one for one in rendered.pod["volumes"] if one["name"] == name)
    return found


def test_with_nothing_set_nothing_optional_is_made(plain):
    assert {kind for kind, _ in plain.kinds} == {
        *("ServiceAccount", "ConfigMap", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
        *("Service", "Deployment", "Pod"),
    }


def test_sqlite_lives_with_the_pod_unless_a_volume_is_wanted(plain):
    assert volume(plain, "state") == {"name": "state", "emptyDir": {}}
    assert plain.one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}


def test_persistence_makes_a_claim_that_outlives_the_release():
    rendered = render("--set", "persistence.enabled=true,persistence.size=3Gi")

    claim = rendered.one("PersistentVolumeClaim")
    assert claim["spec"]["resources"] == {"requests": {"storage": "3Gi"}}
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert volume(rendered, "state")["persistentVolumeClaim"] == {"claimName": NAME}


def test_an_own_claim_is_used_and_none_made():
    rendered = render("--set", "persistence.enabled=true,persistence.existingClaim=ours")

    assert rendered.of("PersistentVolumeClaim") == ()
    assert volume(rendered, "state")["persistentVolumeClaim"] == {"claimName": "ours"}


def test_postgresql_needs_no_state_folder_and_lets_replicas_roll():
    rendered = render("--set", f"{POSTGRESQL},replicaCount=3,persistence.enabled=true")

    assert rendered.one("Deployment")["spec"]["strategy"]["type"] == "RollingUpdate"
    assert "GCM_SENTINEL_STATE_DIR" not in rendered.settings
    assert rendered.of("PersistentVolumeClaim") == ()


@pytest.mark.parametrize(
    ("switch", "kind", "name"),
    [
        ("podDisruptionBudget.enabled", "PodDisruptionBudget", NAME),
        ("networkPolicy.enabled", "NetworkPolicy", NAME),
        ("serviceMonitor.enabled", "ServiceMonitor", NAME),
        ("prometheusRule.enabled", "PrometheusRule", NAME),
        ("dashboards.enabled", "ConfigMap", f"{NAME}-dashboard-gcm-sentinel"),
    ],
)
def test_a_switch_makes_one_object_more(plain, switch, kind, name):
    assert render("--set", f"{switch}=true").kinds - plain.kinds == {(kind, name)}


def test_the_alert_rules_are_those_of_the_file():
    made = render("--set", "prometheusRule.enabled=true").one("PrometheusRule")["spec"]["groups"]

    assert made == yaml.safe_load((CHART / "rules" / "gcm-sentinel.yaml").read_text())["groups"]


@pytest.mark.parametrize(("part", "file"), [(GATEWAY, "sentinel.yaml"), (NODE, "sentinel-node.yaml")])
def test_a_part_that_is_on_brings_its_alert_rules(part, file):
    made = render("--set", f"prometheusRule.enabled=true,{part}").one("PrometheusRule")["spec"]["groups"]

    rules = [yaml.safe_load((CHART / "rules" / name).read_text())["groups"] for name in ("gcm-sentinel.yaml", file)]
    assert made == [*rules[0], *rules[1]]


@pytest.mark.parametrize("path", sorted((CHART / "rules").glob("*.yaml")), ids=lambda path: path.stem)
def test_prometheus_takes_the_alert_rules(path):
    command = [program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own words

    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboards_are_those_of_the_files():
    rendered = render("--set", f"dashboards.enabled=true,{GATEWAY},{NODE}")

    made = [item["data"] for item in rendered.of("ConfigMap") if "grafana_dashboard" in item["metadata"]["labels"]]
    boards = {name: json.loads(text) for data in made for name, text in data.items()}
    assert boards == {path.name: json.loads(path.read_text()) for path in (CHART / "dashboards").glob("*.json")}


def test_a_network_policy_lets_its_own_test_in_beside_those_it_names():
    peers = "networkPolicy.enabled=true,networkPolicy.ingressFrom[0].podSelector.matchLabels.app=prometheus"

    (rule,) = render("--set", peers).one("NetworkPolicy")["spec"]["ingress"]
    assert [peer["podSelector"]["matchLabels"]["app"] for peer in rule["from"]] == ["prometheus", "gcm-sentinel-test"]


def test_a_network_policy_lets_the_agent_reach_its_gateway():
    peers = "networkPolicy.enabled=true,networkPolicy.gatewayIngressFrom[0].podSelector.matchLabels.app=probe-agent"

    (rule,) = render("--set", f"{GATEWAY},{peers}").one("NetworkPolicy", f"{NAME}-gateway")["spec"]["ingress"]
    assert [peer["podSelector"]["matchLabels"]["app"] for peer in rule["from"]] == ["probe-agent", "gcm-sentinel"]


def test_spread_constraints_are_about_the_agents_own_pods():
    rendered = render("--set", "topologySpreadConstraints[0].topologyKey=zone,topologySpreadConstraints[0].maxSkew=1")

    (constraint,) = rendered.pod["topologySpreadConstraints"]
    assert constraint["labelSelector"] == {"matchLabels": rendered.one("Deployment")["spec"]["selector"]["matchLabels"]}


def test_people_who_decide_come_from_a_secret():
    rendered = render("--set", "approvers.existingSecret=people")

    assert rendered.settings["GCM_SENTINEL_APPROVERS_FILE"] == "/etc/gcm-sentinel/approvers"
    (source,) = volume(rendered, "files")["projected"]["sources"]
    assert source["secret"] == {"name": "people", "items": [{"key": "approvers", "path": "approvers"}]}


def test_plugins_come_as_wheels_of_a_configmap():
    rendered = render("--set", "plugins.configMap=ours,plugins.wheels={a.whl,b.whl}")

    paths = [one["value"] for one in rendered.container["env"] if one["name"] == "PYTHONPATH"]
    assert paths == ["/opt/plugins/wheels/a.whl:/opt/plugins/wheels/b.whl"]
    assert volume(rendered, "plugin-wheels")["configMap"] == {"name": "ours"}


def test_plugins_come_as_an_image():
    rendered = render("--set", "plugins.image=registry/ours:1")

    assert volume(rendered, "plugin-image")["image"] == {"reference": "registry/ours:1", "pullPolicy": "IfNotPresent"}


def test_a_gateway_gets_a_volume_certificates_and_a_service():
    rendered = render("--set", GATEWAY)

    spec = rendered.one("StatefulSet", f"{NAME}-gateway")["spec"]
    assert (spec["replicas"], len(spec["volumeClaimTemplates"])) == (1, 1)
    assert [port["port"] for port in rendered.one("Service", f"{NAME}-gateway")["spec"]["ports"]] == [50051, 8080, 9090]
    assert "GCM_SENTINEL_SENTINEL_ENDPOINT" not in rendered.settings, "the agent has no identity there"


def test_a_token_takes_the_agent_to_the_port_for_tokens():
    token = "sentinel.secretSettings.sentinel_token.name=t,sentinel.secretSettings.sentinel_token.key=k"
    rendered = render("--set", f"{GATEWAY},sentinel.gateway.tokens.existingSecret=tokens,{token}")

    assert rendered.settings["GCM_SENTINEL_SENTINEL_ENDPOINT"] == f"{NAME}-gateway.monitoring.svc:50054"
    assert rendered.settings["GCM_SENTINEL_SENTINEL_CA_CERT"] == "/etc/gcm-sentinel/sentinel/ca.crt"


def test_a_gateway_without_tls_is_asked_where_that_was_said_twice():
    open_door = "sentinel.gateway.config.access.insecure=true,sentinel.settings.sentinel_plaintext=true"
    rendered = render("--set", f"sentinel.gateway.enabled=true,{open_door}")

    assert rendered.settings["GCM_SENTINEL_SENTINEL_ENDPOINT"] == f"{NAME}-gateway.monitoring.svc:50051"
    assert "GCM_SENTINEL_SENTINEL_CA_CERT" not in rendered.settings


@pytest.mark.parametrize(
    "arguments",
    [
        "strategy.type=Recreate",
        f"strategy.type=RollingUpdate,{POSTGRESQL}",
        "serviceAccount.create=false,serviceAccount.name=made-elsewhere",
        "podLabels.team=gpu",
        f"{GATEWAY},{TOKENS},{CONFIG}.grpc.listen=[::]:50051,{CONFIG}.grpc.token_listen={{[::]:50054}}",
    ],
)
def test_what_works_is_not_refused(arguments):
    assert render("--set", arguments).of("Deployment")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("replicaCount=2", "SQLite serves one process: set database.existingSecret"),
        ("llm.apiKey=a,llm.existingSecret=b", "llm.apiKey and llm.existingSecret are both set"),
        ("sentinel.actions=drain_nodes", 'there is no operation "drain_nodes". There are: condemn_gpu, cordon_node'),
        ("plugins.configMap=a", "plugins.configMap and plugins.wheels belong together"),
        ("sentinel.gateway.enabled=true", "needs sentinel.gateway.tls.existingSecret"),
        ("strategy.type=RollingUpdate", "strategy is RollingUpdate, but SQLite serves one process"),
        ("strategy.rollingUpdate.maxSurge=1", "strategy is RollingUpdate, but SQLite serves one process"),
        ("serviceAccount.create=false", "set serviceAccount.name, or rbac.create=false"),
        ("sentinel.actions=\\,", 'sentinel.actions is ",", which names no operation'),
        ("podLabels.app=x", "podLabels: app selects the pods"),
        ("podLabels.app\\.kubernetes\\.io/instance=x", "podLabels: app.kubernetes.io/instance selects the pods"),
        (f"{GATEWAY},{CONFIG}.grpc.listen=0.0.0.0:6000", "its port must be 50051"),
        (f"{GATEWAY},{CONFIG}.rest.listen=", "its port must be 8080"),
        (f"{GATEWAY},{CONFIG}.metrics.listen=[::]:9091", "its port must be 9090"),
        (f"{GATEWAY},{TOKENS},{CONFIG}.grpc.token_listen={{:50055}}", "its port must be 50054"),
        (f"{GATEWAY},{CONFIG}.grpc.token_listen=:50054", "only with sentinel.gateway.tokens.existingSecret"),
        ("sentinel.nodeAllowList=a", "additional properties 'nodeAllowList' not allowed"),
        ("sentinel.settings.max_cost=1", "value must be one of"),
        ("sentinel.settings.api_key=secret", "value must be one of"),
        ("sentinel.secretSettings.slack_bot_token.name=a", "missing property 'key'"),
        ("sentinel.cooldownSeconds=soon", "does not match pattern"),
        ("image.digest=latest", "does not match pattern"),
    ],
)
def test_what_cannot_work_is_refused_with_words(arguments, words):
    assert words in refusal("--set", arguments)
