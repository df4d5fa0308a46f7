"""The token for the gateway is read again when its file changes."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from structlog.testing import capture_logs
from tests.node_reporting.node import GPU, node, report, until

from sentinel_gateway.domain.access import token_digest
from sentinel_node.domain import metrics
from sentinel_node.domain.errors import BadConfiguration
from sentinel_node.reporting.token import TokenFile

OLD, NEW = "old-token", "new-token"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{OLD}\n")
    return path


class TestAtTheGateway:
    """A gateway that knows the new token and not the old one."""

    @pytest.fixture
    def groups(self):
        agent = {"name": "node-1", "sha256": token_digest(NEW), "roles": ["agent"]}
        return {"tls": {"enabled": False}, "access": {"tokens": [agent]}}

    async def test_what_waits_is_sent_with_the_new_one(self, taking, tmp_path, file):
        one = node(tmp_path, taking.grpc_port, token=TokenFile(file, look_every_s=0.01), longest_backoff_s=300.0)
        async with one.running() as reporter:
            await reporter.report(report(), GPU)
            await until(lambda: one.metrics.values[metrics.GRPC_ERRORS, "unauthenticated"] > 0)
            renewed = tmp_path / "renewed"
            renewed.write_text(NEW)
            renewed.replace(file)
            await until(lambda: one.metrics.values[metrics.BATCHES_SENT,] == 1)

        assert one.depth() == 0


async def test_a_folder_that_is_swapped_by_a_link_is_noticed(tmp_path):
    for name, content in (("first", OLD), ("second", NEW)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(content)
    shutil.copystat(tmp_path / "first" / "token", tmp_path / "second" / "token")
    (tmp_path / "data").symlink_to("first")
    token = TokenFile(tmp_path / "data" / "token", look_every_s=0.001)

    (tmp_path / "swapped").symlink_to("second")
    (tmp_path / "swapped").replace(tmp_path / "data")
    await token.changed()

    assert token.current == NEW


async def test_what_is_no_token_leaves_the_old_one_in_force_and_is_told_once(file):
    token = TokenFile(file, look_every_s=0.001)
    file.write_text("two\nlines")

    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            group.create_task(token.changed())
            await until(lambda: bool(logs))
            assert token.current == OLD
            file.unlink()
            await until(lambda: len(logs) == 2)
            (file.parent / "new").write_text(NEW)
            (file.parent / "new").replace(file)

    assert [entry["event"] for entry in logs] == [*["gateway.token_reload_failed"] * 2, "gateway.token_reloaded"]


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff", "tökän".encode(), b"a\tb"])
def test_a_file_without_a_token_is_said_at_the_start(file, content):
    file.write_bytes(content)

    with pytest.raises(BadConfiguration, match="gateway_token_file"):
        TokenFile(file)
