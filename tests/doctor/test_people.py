"""What `doctor` says of how people are told and decide: addresses, keys and the approvers file; nobody is told."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from datetime import timedelta

import pytest
import structlog
from aiohttp.test_utils import TestServer
from tests.cluster_sources.conftest import Faults, Logs
from tests.notify.conftest import receiver

from gcm_sentinel.app.commands import _print_findings, doctor_command
from gcm_sentinel.app.doctor_finding import Finding
from gcm_sentinel.app.doctor_people import examine_people, slack_webhook_fits
from gcm_sentinel.app.logs import configure
from gcm_sentinel.app.settings import load
from gcm_sentinel.clients.reach import reach
from gcm_sentinel.domain.errors import Unreachable
from sentinel_fleet.kube import ObjectStore, Rules, kube_app, write_kubeconfig

__all__ = ["receiver"]
KEY = "hush" * 8
NOWHERE = "http://127.0.0.1:1/hush-hush?token=hush"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)
    configure("ERROR")
    yield
    structlog.reset_defaults()


async def look(**settings):
    findings = await examine_people(load(settings))
    assert "hush" not in repr(findings)
    return {item.name: item for item in findings}


def line(name: str, of: str = "") -> str:
    return f"{hashlib.sha256((of or name).encode()).hexdigest()} {name}\n"


async def test_where_nothing_is_configured_there_is_nothing_to_say():
    assert await look() == {}


async def test_addresses_are_connected_to_and_nothing_is_sent(receiver):
    found = await look(
        webhook_url=receiver.url, slack_webhook_url=receiver.url, pagerduty_routing_key=KEY, pagerduty_url=receiver.url
    )

    assert {name: item.ok for name, item in found.items()} == dict.fromkeys(
        ("slack webhook", "pagerduty", "webhook"), True
    )
    assert "shape only" in found["pagerduty"].detail
    assert receiver.bodies == []


@pytest.mark.parametrize(
    "settings",
    [
        {"webhook_url": NOWHERE},
        {"slack_webhook_url": NOWHERE},
        {"pagerduty_routing_key": KEY, "pagerduty_url": NOWHERE},
        {"webhook_url": "https://127.0.0.1:1/hush"},
        {"webhook_url": "http://127.0.0.1:99999/hush"},
    ],
)
async def test_an_address_out_of_reach_fails_and_shows_no_path(settings):
    (finding,) = (await look(**settings)).values()

    assert finding.fails
    assert "127.0.0.1" in finding.detail


async def test_a_server_that_speaks_no_tls_is_out_of_reach(receiver):
    (finding,) = (await look(webhook_url=receiver.url.replace("http:", "https:"))).values()

    assert finding.fails


async def test_connecting_has_a_deadline():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"

        with pytest.raises(Unreachable, match=r"within 0\.05 s"):
            await reach(url, timeout=timedelta(seconds=0.05))


async def test_certificates_that_cannot_be_read_are_a_finding_and_not_the_end_of_the_report(monkeypatch, receiver):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")

    found = await look(webhook_url="https://127.0.0.1:1/hush", pagerduty_routing_key=KEY, pagerduty_url=receiver.url)

    assert found["webhook"].fails
    assert "SSL_CERT_FILE" in found["webhook"].detail
    assert found["pagerduty"].ok


@pytest.mark.parametrize("setting", ["webhook_url", "slack_webhook_url"])
async def test_what_is_no_address_is_a_finding(setting):
    (finding,) = (await look(**{setting: "https://[hush/services/T0/B0/hush"})).values()

    assert finding.fails
    assert "no address" in finding.detail


@pytest.mark.parametrize("key", ["hush", KEY + "h", "hush-hush-" * 3 + "hu"])
async def test_a_key_of_another_shape_fails_without_being_shown(key):
    finding = (await look(pagerduty_routing_key=key))["pagerduty"]

    assert finding.fails
    assert f"{len(key)} characters" in finding.detail
    assert "Events API V2" in finding.remedy


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://hooks.slack.com/services/T0/B0/hush", True),
        ("https://hooks.slack-gov.com/services/T0/B0/hush", True),
        ("https://hooks.slack.com/workflows/T0/A0/1/hush", False),
        ("http://hooks.slack.com/services/T0/B0/hush", False),
        ("https://hooks.slack.com/services/T0/B0", False),
        ("https://chat.example/hooks/hush", None),
    ],
)
def test_the_shape_of_an_incoming_webhook(url, fits):
    assert slack_webhook_fits(url) is fits


async def test_an_address_of_slack_that_is_no_incoming_webhook_fails():
    assert (await look(slack_webhook_url="https://hooks.slack.com/hush"))["slack webhook"].fails


async def test_the_people_of_the_approvers_file_are_counted(tmp_path):
    file = tmp_path / "approvers"
    file.write_text("# on call\n" + line("Ada") + line("Ada", of="another") + line("Bob"))

    (finding,) = await examine_people(load({"approvers_file": file, "action_mode": "approve"}))

    assert (finding.ok, finding.detail) == (True, f"{file}: 2 people may decide over HTTP")


async def test_each_bad_line_is_told_by_its_number_and_not_repeated(tmp_path):
    file = tmp_path / "approvers"
    file.write_text(line("Ada") + "hush-hush-is-a-token Bob\n" + line("Eve") + line("Mallory", of="Eve"))

    whole, *bad = await examine_people(load({"approvers_file": file, "action_mode": "approve"}))

    assert whole.ok
    assert "1 person" in whole.detail
    assert [item.fails for item in bad] == [True] * 3
    assert [f" line {number}: " in item.detail for number, item in zip((2, 3, 4), bad, strict=True)] == [True] * 3
    assert "lines 3 and 4 have the same digest" in bad[1].detail
    assert "hush" not in repr(bad)


@pytest.mark.parametrize("nothing", ["", "\n", "\r\n"])
async def test_the_digest_of_an_empty_token_is_nobodys(tmp_path, nothing):
    file = tmp_path / "approvers"
    file.write_text(f"{line('Ada')}{hashlib.sha256(nothing.encode()).hexdigest()} Eve\n")

    whole, bad = await examine_people(load({"approvers_file": file, "action_mode": "approve"}))

    assert "1 person" in whole.detail
    assert bad.fails
    assert " line 2: " in bad.detail
    assert "digest of an empty token" in bad.detail


@pytest.mark.parametrize("content", [None, "", "# nobody yet\n"])
async def test_a_file_that_names_nobody_fails(tmp_path, content):
    file = tmp_path / "approvers"
    if content is not None:
        file.write_text(content)

    (finding,) = await examine_people(load({"approvers_file": file, "action_mode": "approve"}))

    assert finding.fails


@pytest.mark.parametrize(
    ("settings", "fails", "words"),
    [
        ({"action_mode": "recommend"}, False, "asks nobody"),
        ({"action_mode": "approve", "http_port": 0}, True, "no port"),
    ],
)
async def test_a_file_that_nobody_can_use_is_told(tmp_path, settings, fails, words):
    file = tmp_path / "approvers"
    file.write_text(line("Ada"))

    (finding,) = await examine_people(load({"approvers_file": file, **settings}))

    assert finding.fails is fails
    assert words in finding.detail


def test_what_servers_answered_cannot_move_the_terminal_or_pass_for_another_line(capsys):
    hostile = "@bot\x1b[2K\x9b1G\nok   slack channel\u202e"
    finding = Finding("people", "slack bot", ok=False, detail=hostile, remedy=hostile, broken=True)

    _print_findings((finding,), "what is configured does not work")

    printed = capsys.readouterr().out
    assert not set(printed) & set("\x1b\x9b\u202e")
    assert [line.split()[0] for line in printed.splitlines() if line] == ["people", "FAIL", "->", "what"]


async def test_the_whole_command_fails_for_a_key_of_the_wrong_shape_alone(tmp_path, capsys):
    async with TestServer(kube_app(ObjectStore(), Logs(), Faults(), time.time, Rules())) as server:
        config = write_kubeconfig(str(server.make_url("")).rstrip("/"), tmp_path / "kubeconfig")
        away = {"prometheus_url": "", "alertmanager_url": "", "pagerduty_routing_key": "hush"}

        code = await doctor_command(load({"kubeconfig": config, "state_dir": tmp_path, **away}), output="json")

    said = capsys.readouterr().out
    failing = [row["name"] for row in json.loads(said)["findings"] if row["broken"]]
    assert (code, failing, "hush" in said) == (1, ["pagerduty"], False)
