"""sentinel-node on the GPU nodes: what its settings are, what each switch changes, what is refused."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

import pytest
import yaml
from tests.cluster.chart.rendering import NAME, ON_NODES, pod_of, refusal, render

from sentinel_node.app.loading import load
from sentinel_node.domain.permission import Allowed

NODE = f"{NAME}-node"
ROLES = "sentinel.node.settings.certificate_roles.caller={reader}"
SERVED = ("--set", "sentinel.node.enabled=true,sentinel.node.tls.existingSecret=tls", "--set", ROLES)
ALONE = "sentinel.node.enabled=true,sentinel.node.service.enabled=false"
GATEWAY = "sentinel.gateway.enabled=true,sentinel.gateway.tls.existingSecret=tls"


@pytest.fixture(scope="module")
def whole():
    return render(values=ON_NODES[0])


def settings_of(rendered, folder):
    """What `sentinel-node` makes of its file and its variables."""
    file = folder / "node.yaml"
    file.write_text(rendered.one("ConfigMap", NODE)["data"]["node.yaml"])
    (container,) = pod_of(rendered.one("DaemonSet", NODE))["containers"]
    return load({one["name"]: one.get("value", "gpu-7") for one in container["env"]}, file=file)


def read(*arguments, folder):
    return settings_of(render(*arguments), folder)


def pod(*arguments):
    return pod_of(render(*SERVED, *arguments).one("DaemonSet", NODE))


def volume(spec, name):
    (found,) = (one for one in spec["volumes"] if one["name"] == name)
    return found


def mounted_files(spec):
    """Every file of the volume under /etc/sentinel, by its path in the container."""
    items = [
        source["secret"]["items"] for source in volume(spec, "files")["projected"]["sources"] if "secret" in source
    ]
    return {f"/etc/sentinel/{item['path']}" for one in items for item in one}


def test_it_takes_what_it_is_given(whole, tmp_path):
    settings = settings_of(whole, tmp_path)

    assert (settings.node_name, settings.probes, settings.log_level) == ("gpu-7", Allowed.DEEP, "debug")
    assert (settings.has_tls, settings.schedule.preset) == (True, "low_overhead")


def test_it_listens_at_the_ports_of_its_container(whole, tmp_path):
    settings = settings_of(whole, tmp_path)

    (container,) = pod_of(whole.one("DaemonSet", NODE))["containers"]
    assert [port["containerPort"] for port in container["ports"]] == [
        settings.listen.port,
        settings.metrics_listen.port,
    ]


def test_every_file_that_its_settings_name_is_mounted_and_no_other(whole, tmp_path):
    settings = settings_of(whole, tmp_path).model_dump()

    named = {str(value) for name, value in settings.items() if name.endswith("_file") and value}
    assert named == mounted_files(pod_of(whole.one("DaemonSet", NODE)))


@pytest.mark.parametrize("setting", ["journal_dir", "buffer_dir"])
def test_every_folder_that_its_settings_name_is_a_volume(whole, tmp_path, setting):
    folder = PurePosixPath(getattr(settings_of(whole, tmp_path), setting))

    (container,) = pod_of(whole.one("DaemonSet", NODE))["containers"]
    places = [PurePosixPath(mount["mountPath"]) for mount in container["volumeMounts"]]
    assert any(folder.is_relative_to(place) for place in places)


def test_it_reports_to_the_gateway_of_the_chart_where_its_service_is(whole, tmp_path):
    host, _, port = settings_of(whole, tmp_path).gateway.partition(":")

    service = whole.one("Service", f"{NAME}-gateway")
    assert host == f"{service['metadata']['name']}.monitoring.svc"
    assert int(port) in [one["port"] for one in service["spec"]["ports"]]


def test_it_reports_to_nobody_as_nobody(tmp_path):
    assert read(*SERVED, "--set", GATEWAY, folder=tmp_path).gateway == ""


def test_a_gateway_that_the_agent_asks_elsewhere_is_its_own_as_well(tmp_path):
    elsewhere = "sentinel.gateway.endpoint=there:50051,sentinel.node.client.existingSecret=c"

    settings = read(*SERVED, "--set", elsewhere, folder=tmp_path)

    assert (settings.gateway, settings.hmac_key_file) == ("there:50051", None)


def test_without_callers_it_needs_no_certificate_and_listens_to_itself(tmp_path):
    rendered = render("--set", ALONE)

    assert settings_of(rendered, tmp_path).listen.is_loopback
    assert [port["name"] for port in rendered.one("Service", NODE)["spec"]["ports"]] == ["metrics"]


def test_probes_are_off_however_yaml_reads_the_word(tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("sentinel: {node: {enabled: true, probes: off, service: {enabled: false}}}")

    assert settings_of(render(values=values), tmp_path).probes is Allowed.OFF


def test_large_numbers_lists_and_mappings_arrive_whole(tmp_path):
    given = {"buffer_mib": 1_000_000, "schedule": [{"probe": "fma", "period_seconds": 60}], "stop_grace_seconds": 20.5}
    node = {"enabled": True, "service": {"enabled": False}, "settings": given}
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps({"sentinel": {"node": node}}))

    rendered = render(values=values)

    settings = settings_of(rendered, tmp_path)
    assert (settings.buffer_mib, settings.schedule.schedule[0].period_s) == (1_000_000, 60)
    assert pod_of(rendered.one("DaemonSet", NODE))["terminationGracePeriodSeconds"] > 2 * 20.5


def test_a_file_of_the_operators_own_takes_the_place_of_the_charts(tmp_path):
    named = "sentinel.node.settings.tls_cert_file=/own/crt,sentinel.node.settings.tls_key_file=/own/key"
    more = "sentinel.node.settings.tls_ca_file=/own/ca"

    settings = read("--set", f"sentinel.node.enabled=true,{named},{more}", "--set", ROLES, folder=tmp_path)

    assert [str(one) for one in (settings.tls_cert_file, settings.tls_key_file)] == ["/own/crt", "/own/key"]


def test_tokens_alone_need_no_authority_of_callers(tmp_path):
    tokens = "sentinel.node.enabled=true,sentinel.node.tls.existingSecret=tls,sentinel.node.tokens.existingSecret=t"

    settings = read("--set", tokens, folder=tmp_path)

    assert (settings.tls_ca_file, str(settings.tokens_file)) == (None, "/etc/sentinel/tokens")


def test_a_switch_makes_these_objects_more_and_changes_no_other(plain):
    rendered = render(*SERVED)

    made = {(kind, NODE) for kind in ("DaemonSet", "ConfigMap", "Service", "ServiceAccount")}
    assert rendered.kinds - plain.kinds == made
    assert [item for item in rendered.objects if (item["kind"], item["metadata"]["name"]) not in made] == list(
        plain.objects
    )


def test_no_role_is_bound_to_its_account(whole):
    bound = [
        one["name"]
        for kind in ("RoleBinding", "ClusterRoleBinding")
        for item in whole.of(kind)
        for one in item["subjects"]
    ]

    assert pod_of(whole.one("DaemonSet", NODE))["serviceAccountName"] == NODE
    assert NODE not in bound


def test_its_container_is_root_and_privileged_only_to_read_the_kernels_messages():
    (container,) = pod("--set", "sentinel.node.kernelMessages=true")["containers"]

    assert container["securityContext"] == {
        "privileged": True,
        "runAsNonRoot": False,
        "runAsUser": 0,
        "readOnlyRootFilesystem": True,
    }


def test_a_buffer_on_the_node_is_given_to_its_user_first():
    spec = pod("--set", "sentinel.node.buffer.hostPath=/var/lib/sentinel-node")

    assert volume(spec, "state")["hostPath"] == {"path": "/var/lib/sentinel-node", "type": "DirectoryOrCreate"}
    (first,) = spec["initContainers"]
    assert first["command"] == ["chown", "-hR", "65532:65532", first["volumeMounts"][0]["mountPath"]]
    assert first["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE"]}


def test_as_root_it_needs_nobody_to_be_given_a_folder():
    spec = pod("--set", "sentinel.node.buffer.hostPath=/var/lib/sentinel-node,sentinel.node.kernelMessages=true")

    assert "initContainers" not in spec


def test_a_journal_is_read_and_never_made_or_written(whole):
    spec = pod_of(whole.one("DaemonSet", NODE))

    assert volume(spec, "journal")["hostPath"] == {"path": "/var/log/journal", "type": "Directory"}
    (mount,) = (one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "journal")
    assert mount["readOnly"] is True
    assert spec["securityContext"]["supplementalGroups"] == [190]


def test_what_of_the_node_it_does_not_need_is_not_taken():
    less = "sentinel.node.journal.hostPath=,sentinel.node.hostPID=false,sentinel.node.runtimeClassName="
    spec = pod("--set", less)

    assert {"hostPID", "runtimeClassName"} & set(spec) == set()
    assert [one["name"] for one in spec["volumes"] if "hostPath" in one] == []


def test_a_port_of_the_node_leads_to_it_where_that_is_asked_for():
    (container,) = pod("--set", "sentinel.node.service.hostPort=9102")["containers"]

    assert container["ports"][0] == {"name": "grpc", "containerPort": 9102, "hostPort": 9102}


def test_a_network_policy_lets_the_agent_call_it_and_everybody_read_metrics(whole):
    calls, metrics = whole.one("NetworkPolicy", NODE)["spec"]["ingress"]

    assert [peer["podSelector"]["matchLabels"]["app"] for peer in calls["from"]] == ["gcm-sentinel"]
    assert (metrics["ports"], "from" in metrics) == ([{"port": "metrics", "protocol": "TCP"}], False)


def test_a_network_policy_lets_those_in_that_it_names():
    peers = "networkPolicy.enabled=true,networkPolicy.nodeIngressFrom[0].podSelector.matchLabels.app=prometheus"

    rules = render(*SERVED, "--set", peers).one("NetworkPolicy", NODE)["spec"]["ingress"]

    let_in = [[peer["podSelector"]["matchLabels"]["app"] for peer in rule["from"]] for rule in rules]
    assert let_in == [["gcm-sentinel", "prometheus"], ["prometheus"]]


def test_a_network_policy_lets_it_reach_the_gateway():
    peers = "networkPolicy.enabled=true,networkPolicy.gatewayIngressFrom[0].podSelector.matchLabels.app=people"

    (rule,) = render(*SERVED, "--set", f"{GATEWAY},{peers}").one("NetworkPolicy", f"{NAME}-gateway")["spec"]["ingress"]

    apps = [peer["podSelector"]["matchLabels"]["app"] for peer in rule["from"]]
    assert apps == ["people", "gcm-sentinel", "sentinel-node"]


def test_its_metrics_bear_the_name_of_the_node(whole):
    (endpoint,) = whole.one("ServiceMonitor", NODE)["spec"]["endpoints"]

    assert [rule["targetLabel"] for rule in endpoint["relabelings"]] == ["node"]
    assert endpoint["port"] in [port["name"] for port in whole.one("Service", NODE)["spec"]["ports"]]


def test_a_change_of_its_settings_replaces_its_pods_and_not_the_agents():
    def marks(*arguments):
        rendered = render(*SERVED, *arguments)
        pods = (rendered.one("DaemonSet", NODE), rendered.one("Deployment"))
        return [item["spec"]["template"]["metadata"]["annotations"]["checksum/settings"] for item in pods]

    before, after = marks(), marks("--set", "sentinel.node.settings.telemetry_seconds=30")
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]


def test_its_image_is_of_the_charts_version_or_of_a_digest():
    digest = f"sha256:{'0' * 64}"

    assert pod()["containers"][0]["image"] == "ghcr.io/facebookresearch/gcm-sentinel-node:0.1.0"
    assert pod("--set", f"sentinel.node.image.digest={digest}")["containers"][0]["image"].endswith(f"-node@{digest}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("sentinel.node.enabled=true", "needs sentinel.node.tls.existingSecret"),
        ("sentinel.node.enabled=true,sentinel.node.tls.existingSecret=tls", "nobody could call the node agents"),
        (f"{ALONE},sentinel.node.tls.existingSecret=tls", "sentinel.node.service.enabled is false"),
        (f"{ALONE},sentinel.node.service.hostPort=9102", "sentinel.node.service.enabled is false"),
        (f"{ALONE},sentinel.node.probes=deep,sentinel.node.hostPID=false", "nobody can tell whether a GPU is idle"),
        (f"{ALONE},sentinel.node.gateway.endpoint=a:1", "needs sentinel.node.client.existingSecret"),
        (f"{ALONE},sentinel.node.client.existingSecret=a", "are for a gateway, and there is none"),
        (f"{ALONE},sentinel.node.probes=most", "value must be one of"),
        (f"{ALONE},sentinel.node.settings.listen=:1", "value must be one of"),
        (f"{ALONE},sentinel.node.journal.hostPath=journal", "does not match pattern"),
    ],
)
def test_what_cannot_work_is_refused_with_words(arguments, words):
    assert words in refusal("--set", arguments)


def test_what_is_refused_is_refused_only_where_it_runs(plain):
    rendered = render("--set", "sentinel.node.probes=deep,sentinel.node.hostPID=false")

    assert yaml.safe_dump(list(rendered.objects)) == yaml.safe_dump(list(plain.objects))
