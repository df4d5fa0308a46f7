"""What is kept is for its owner, and a database's address tells no password."""

from __future__ import annotations

import stat

import pytest
from structlog.testing import capture_logs
from tests.durability.conftest import scenario_text

from gcm_sentinel.app.serving import open_serving
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.state import DATABASE_FILE, DURABLE_FILE, make_folder, place_of
from gcm_sentinel.domain.errors import BadConfiguration


def test_the_files_are_for_their_owner_only_in_a_folder_of_somebody_else(tmp_path):
    make_folder(tmp_path)

    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in (DATABASE_FILE, DURABLE_FILE)} == {0o600}


@pytest.mark.parametrize(
    ("address", "shown"),
    [("host=db user=me password=hunter2", "what is not a URL"), ("mysql://me:hunter2@db/x", "'mysql'")],
    ids=["no-url", "another-kind"],
)
def test_an_address_of_another_kind_is_refused_without_its_password(address, shown):
    with pytest.raises(BadConfiguration) as refused:
        place_of(load({"database_url": address}))

    assert shown in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.slow
async def test_a_queue_without_its_incidents_is_told_once_with_what_is_gone(staged, tmp_path):
    async with staged(scenario_text(2)) as stage:
        settings = load({"kubeconfig": stage.fleet.kubeconfig, "state_dir": tmp_path / "state", "llm_api": "playbook"})
        with capture_logs() as before:
            async with open_serving(settings):
                pass
        (tmp_path / "state" / DATABASE_FILE).unlink()

        with capture_logs() as after:
            for _ in range(2):
                async with open_serving(settings):
                    pass

    assert "state.incidents_missing" not in {log["event"] for log in before}
    (told,) = [log for log in after if log["event"] == "state.incidents_missing"]
    assert told["file"] == str(tmp_path / "state" / DATABASE_FILE)
    assert "history and open incidents" in told["lost"]
