"""What `doctor` says of Slack: whose the tokens are, what they may do, where the bot is; and nothing is posted."""

from __future__ import annotations

import os
import re
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from tests.slack.double import APP, BOT, CHANNEL

from gcm_sentinel.app.doctor_slack import examine_slack
from gcm_sentinel.app.settings import load


@pytest.fixture
def examine(slack, monkeypatch):
    """Look at what is configured: findings by name; of several of one name a list."""
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)

    async def look(**settings):
        usual = {"slack_bot_token": BOT, "slack_channel": CHANNEL, "slack_api_url": f"{slack.url}/api/"}
        findings = await examine_slack(load({**usual, **settings}))
        assert "hush" not in repr(findings)
        return {item.name: item for item in findings}

    return look


async def test_all_is_well_and_nothing_was_posted(slack, examine):
    found = await examine(slack_app_token=APP, slack_approvers="U0ADA,C2B", action_mode="approve")

    assert [(name, item.ok) for name, item in found.items()] == [
        ("slack bot", True), ("slack channel", True), ("slack app", True), ("slack approvers", True),
    ]  # fmt: skip
    assert found["slack bot"].detail == "@gcm-sentinel of Acme; its scopes: channels:read, chat:write, groups:read"
    assert "1 user, and everybody in C2B may decide" in found["slack approvers"].detail
    assert sorted(slack.calls) == ["apps.connections.open", "auth.test", "conversations.info"]


async def test_without_a_bot_there_is_nothing_to_say(examine):
    assert await examine(slack_bot_token="", slack_channel="") == {}


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("xapp-hush-hush", "is an app-level token"),
        ("xoxp-hush-hush", "is a user's token"),
        ("xoxe.xoxb-hush", "rotates"),
        ("hush-hush", "nothing that begins with xoxb-"),
        ("xoxb-hush-hush\n", "white space"),
    ],
)
async def test_a_token_of_another_kind_is_told_by_its_beginning_and_not_sent(slack, examine, token, words):
    finding = (await examine(slack_bot_token=token))["slack bot"]

    assert finding.fails
    assert words in finding.detail
    assert slack.calls == []


async def test_a_token_that_slack_refuses_fails_with_where_to_take_one(examine):
    finding = (await examine(slack_bot_token="xoxb-hush-hush-old"))["slack bot"]

    assert finding.fails
    assert finding.detail == "Slack auth.test: invalid_auth"
    assert "GCM_SENTINEL_SLACK_BOT_TOKEN" in finding.remedy


async def test_a_bot_that_may_not_post_fails(slack, examine):
    slack.scopes = "channels:read"

    finding = (await examine())["slack bot"]

    assert finding.fails
    assert "add the scope chat:write" in finding.remedy


@pytest.mark.parametrize(("member", "archived"), [(False, False), (True, True)], ids=["not invited", "archived"])
async def test_a_channel_in_which_it_cannot_post_fails(slack, examine, member, archived):
    slack.member, slack.archived = member, archived

    finding = (await examine())["slack channel"]

    assert finding.fails
    assert ("/invite @gcm-sentinel" in finding.remedy) is not archived


async def test_a_bot_that_may_post_anywhere_need_not_be_in_the_channel(slack, examine):
    slack.member, slack.scopes = False, "chat:write,chat:write.public,channels:read"

    assert (await examine())["slack channel"].ok


async def test_without_the_scope_to_look_it_says_that_it_did_not(slack, examine):
    slack.scopes = "chat:write"

    finding = (await examine())["slack channel"]

    assert (finding.ok, finding.fails) == (False, False)
    assert "was not seen" in finding.detail
    assert "channels:read" in finding.remedy


async def test_a_private_channel_without_its_scope_is_not_called_missing(slack, examine):
    slack.private, slack.scopes = True, "chat:write,channels:read"

    finding = (await examine())["slack channel"]

    assert (finding.ok, finding.fails) == (False, False)


async def test_a_channel_that_is_not_there_fails(examine):
    assert (await examine(slack_channel="C0NOWHERE"))["slack channel"].fails


async def test_a_channel_by_its_name_is_not_looked_at(examine):
    finding = (await examine(slack_channel="#gpu-alerts"))["slack channel"]

    assert (finding.ok, finding.fails) == (False, False)
    assert "'#gpu-alerts' is a name" in finding.detail


@pytest.mark.parametrize("token", [BOT, "xapp-hush-hush-old"], ids=["swapped", "refused"])
async def test_an_app_token_that_opens_no_socket_fails(examine, token):
    finding = (await examine(slack_app_token=token, slack_approvers="U0ADA"))["slack app"]

    assert finding.fails
    assert "connections:write" in finding.remedy


async def test_in_a_mode_that_asks_nobody_it_says_so(examine):
    assert (
        "mode recommend takes no decisions"
        in (await examine(slack_app_token=APP, slack_approvers="U0ADA"))["slack app"].detail
    )


@pytest.mark.parametrize(
    ("name", "shown"), [("@ada", "'@ada'"), ("u0ada", "'u0ada'"), ("xoxb-" + "hush" * 9, "'xoxb'… (41 characters)")]
)
async def test_an_approver_that_is_no_id_is_named(examine, name, shown):
    finding = (await examine(slack_approvers=f"U0ADA,{name}"))["slack approvers"]

    assert finding.fails
    assert finding.detail.startswith(f"{shown} in GCM_SENTINEL_SLACK_APPROVERS")


async def test_a_slack_out_of_reach_fails_with_its_address(examine):
    found = await examine(slack_api_url="http://127.0.0.1:1/api/")

    assert list(found) == ["slack bot"]
    assert "http://127.0.0.1:1/api/" in found["slack bot"].remedy


def test_the_manifest_of_the_guide_gives_what_is_looked_for():
    guide = (Path(__file__).resolve().parents[2] / "docs" / "notifying.md").read_text()
    (block,) = re.findall(r"(?m)^ *```yaml\n((?:.*\n)*?) *```", guide)
    manifest = yaml.safe_load(dedent(block))

    assert set(manifest) == {"display_information", "features", "oauth_config", "settings"}
    assert len(manifest["display_information"]["description"]) <= 140
    assert manifest["oauth_config"]["scopes"]["bot"] == ["chat:write", "channels:read", "groups:read"]
    assert manifest["settings"]["interactivity"]["is_enabled"]
    assert manifest["settings"]["socket_mode_enabled"]
    assert not manifest["settings"]["token_rotation_enabled"]
