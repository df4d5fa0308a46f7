"""Names, values and sentences of the original chart, and its two lists, which the agent can read now."""

from __future__ import annotations

import pytest
import yaml
from tests.cluster.chart.rendering import CI, NAME, refusal, render

from gcm_sentinel.app.settings import load

SEED = (
    "--set",
    "llm.existingSecret=gcm-sentinel-llm",
    "--set",
    "sentinel.nodeAllowlist=YOUR_GPU_NODE_NAME",
)


@pytest.fixture(scope="module")
def original():
    return render(values=next(path for path in CI if path.name == "original-values.yaml"))


def allowed(rendered, monkeypatch):
    """What the agent makes of the allow-list of a render."""
    monkeypatch.setenv("GCM_SENTINEL_NODE_ALLOWLIST", rendered.settings["GCM_SENTINEL_NODE_ALLOWLIST"])
    return load().node_allowlist


def test_objects_are_called_as_before(original):
    kinds = {"Deployment", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"}

    assert {(kind, NAME) for kind in kinds} <= original.kinds


def test_selectors_are_as_before_so_an_installed_release_can_be_upgraded(original):
    selector = original.one("Deployment")["spec"]["selector"]["matchLabels"]

    assert selector == {"app": "gcm-sentinel", "app.kubernetes.io/instance": "gcm-sentinel"}


def test_the_pod_is_found_by_the_label_of_the_guide(plain):
    labels = plain.one("Deployment")["spec"]["template"]["metadata"]["labels"]

    assert labels["app"] == "gcm-sentinel"


def test_the_command_is_as_before(original):
    assert (original.container["command"], original.container["args"]) == (
        ["gcm-sentinel"],
        ["serve", "--log-level", "INFO"],
    )


def test_the_commands_of_the_guide_render_as_written():
    rendered = render(*SEED)

    (key,) = (one for one in rendered.container["env"] if one["name"] == "GCM_SENTINEL_API_KEY")
    assert key["valueFrom"]["secretKeyRef"] == {"name": "gcm-sentinel-llm", "key": "api-key"}
    assert rendered.settings["GCM_SENTINEL_NODE_ALLOWLIST"] == "YOUR_GPU_NODE_NAME"
    assert rendered.settings["GCM_SENTINEL_ACTION_MODE"] == "recommend"


@pytest.mark.parametrize(
    "written",
    ["sentinel.nodeAllowlist=gpu-0*\\,gpu-17", "sentinel.nodeAllowlist={gpu-0*,gpu-17}"],
    ids=["comma list", "list"],
)
def test_the_allow_list_reaches_the_agent_whole(written, monkeypatch):
    assert allowed(render("--set", written), monkeypatch) == ("gpu-0*", "gpu-17")


def test_the_conditions_of_a_values_file_reach_the_agent(original, monkeypatch):
    monkeypatch.setenv("GCM_SENTINEL_WATCH_CONDITIONS", original.settings["GCM_SENTINEL_WATCH_CONDITIONS"])

    values = yaml.safe_load((CI[0].parent / "original-values.yaml").read_text())
    assert load().watch_conditions == tuple(values["sentinel"]["watchConditions"])


def test_a_webhook_address_is_kept_in_a_secret(original):
    (variable,) = (one for one in original.container["env"] if one["name"] == "GCM_SENTINEL_WEBHOOK_URL")

    assert variable["valueFrom"]["secretKeyRef"] == {"name": NAME, "key": "webhook-url"}
    assert original.one("Secret")["stringData"] == {"webhook-url": "https://hooks.example.com/gpu"}


def test_an_unknown_mode_is_refused_with_the_originals_sentence():
    words = 'Invalid sentinel.actionMode: "yolo". Must be one of: recommend, annotate, execute'

    assert words in refusal("--set", "sentinel.actionMode=yolo")


def test_an_own_prompt_stands_where_the_original_had_it():
    rendered = render("--set", "prompts.system=Be brief.")

    assert rendered.one("ConfigMap", f"{NAME}-prompt")["data"] == {"system-prompt.txt": "Be brief."}
    assert rendered.settings["GCM_SENTINEL_SYSTEM_PROMPT_PATH"] == "/etc/gcm-sentinel/system-prompt.txt"
