"""Every pod of every `ci/*-values.yaml` is confined, fits together, and is found by those who look for it."""

from __future__ import annotations

import pytest
from tests.cluster.chart.rendering import CHART, CI, NAME, helm, pod_of, render

LASTING = ("Deployment", "StatefulSet", "DaemonSet")


def makers(rendered):
    """What is a pod or makes pods."""
    return [item for kind in (*LASTING, "Pod") for item in rendered.of(kind)]


def pods(rendered):
    return [pod_of(item) for item in makers(rendered)]


def containers(pod):
    return [*pod.get("initContainers", ()), *pod["containers"]]


@pytest.mark.parametrize("values", CI, ids=lambda path: path.name)
def test_a_lint_finds_nothing(values):
    done = helm("lint", "--strict", str(CHART), "--values", str(values))

    assert done.returncode == 0, done.stdout


def test_no_pod_is_root_and_the_usual_calls_alone_are_allowed(each):
    for pod in pods(each):
        context = pod["securityContext"]

        assert (context["runAsNonRoot"], context["runAsUser"] > 0) == (True, True)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_no_container_can_write_its_root_or_gain_rights(each):
    for container in (one for pod in pods(each) for one in containers(pod)):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_every_container_says_what_it_needs(each):
    for container in (one for pod in pods(each) for one in containers(pod)):
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]


def test_every_mounted_volume_is_there_and_every_volume_mounted(each):
    for item in makers(each):
        pod = pod_of(item)
        claims = {claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", ())}
        volumes = [volume["name"] for volume in pod["volumes"]]
        mounted = {mount["name"] for one in containers(pod) for mount in one.get("volumeMounts", ())}

        assert sorted(mounted - claims) == sorted(volumes)


def test_nothing_but_the_agent_and_its_test_gets_a_token_of_the_api_server(each):
    for item in (*each.of("StatefulSet"), *each.of("DaemonSet"), *each.of("ServiceAccount")):
        spec = item if item["kind"] == "ServiceAccount" else pod_of(item)

        assert spec["automountServiceAccountToken"] is False


def test_selectors_find_their_pods_and_no_others(each):
    lasting = [item for kind in LASTING for item in each.of(kind)]
    labels = [item["spec"]["template"]["metadata"]["labels"] for item in lasting]
    labels += [item["metadata"]["labels"] for item in each.of("Pod")]
    for selector in (item["spec"]["selector"]["matchLabels"] for item in lasting):
        assert sum(selector.items() <= one.items() for one in labels) == 1
    for service in each.of("Service"):
        assert sum(service["spec"]["selector"].items() <= one.items() for one in labels) == 1


def test_services_and_probes_name_ports_of_their_containers(each):
    for item in (item for kind in LASTING for item in each.of(kind)):
        (container,) = pod_of(item)["containers"]
        ports = {port["name"] for port in container["ports"]}
        (service,) = (one for one in each.of("Service") if one["metadata"]["name"] == item["metadata"]["name"])

        assert {port["targetPort"] for port in service["spec"]["ports"]} == ports
        probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("liveness", "readiness", "startup")]
        assert [probe["path"] for probe in probes] == ["/livez", "/readyz", "/livez"]
        assert {probe["port"] for probe in probes} <= ports


def test_no_object_bears_the_charts_version_where_it_selects(each):
    assert "helm.sh/chart" not in str([item["spec"].get("selector") for item in each.objects if "spec" in item])


def test_a_change_of_settings_replaces_the_pods():
    def marks(*arguments):
        return render(*arguments).one("Deployment")["spec"]["template"]["metadata"]["annotations"]

    before, after = marks(), marks("--set", "sentinel.cooldownSeconds=60")
    assert before["checksum/settings"] != after["checksum/settings"]


def test_the_test_pod_asks_the_doctor_with_the_agents_own_rights(plain):
    (test,) = plain.of("Pod")

    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert test["spec"]["serviceAccountName"] == plain.pod["serviceAccountName"]
    assert test["spec"]["containers"][0]["args"] == ["doctor"]
    assert test["spec"]["containers"][0]["env"] == plain.container["env"]


def test_the_image_is_of_the_charts_version_or_of_a_digest():
    digest = f"sha256:{'0' * 64}"

    assert render().container["image"] == "ghcr.io/facebookresearch/gcm-sentinel:0.1.0"
    assert render("--set", "image.tag=1.2").container["image"].endswith(":1.2")
    assert render("--set", f"image.digest={digest}").container["image"].endswith(f"gcm-sentinel@{digest}")


def test_names_fit_however_the_release_is_called():
    rendered = render("--set", "fullnameOverride=watch")

    assert {name.split("-")[0] for _, name in rendered.kinds} == {"watch"}
    assert NAME not in str(rendered.objects)
