"""An agent in a simulated world asks that world's gateway, or none; what the operator has set is left alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.fleet_sentinel.conftest import scenario_of

from gcm_sentinel.app.simulated import settings_for
from sentinel_fleet.serve import Fleet, serve
from sentinel_fleet.world import World

OPERATORS = {
    "ENDPOINT": "sentinel.example.com:50051",
    "CA_CERT": "/etc/sentinel/ca.crt",
    "TOKEN": "the operator's",
    "LEDGER_PUBLIC_KEY": "/etc/sentinel/ledger.key",
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world on a machine whose operator has a gateway."""
    for name, value in OPERATORS.items():
        monkeypatch.setenv(f"GCM_SENTINEL_SENTINEL_{name}", value)
    return scenario_of(tmp_path, [], sentinel={}).realise(1, anchor=time.time())


async def test_a_world_without_a_gateway_has_none_for_the_agent(world: World):
    async with serve(world) as fleet:
        settings = settings_for(fleet, world, "playbook")

    assert settings.sentinel_endpoint == ""
    assert settings.sentinel_token.get_secret_value() == ""
    assert (settings.sentinel_ca_cert, settings.sentinel_ledger_public_key) == (None, None)


async def test_a_worlds_own_gateway_takes_the_operators_place(world: World, tmp_path: Path):
    from sentinel_fleet.sentinel.serving import ServedSentinel

    keys = tmp_path / "keys"
    async with serve(world) as served:
        told = {name: getattr(served, name) for name in Fleet.__slots__}
        fleet = Fleet(**told | {"sentinel": ServedSentinel("127.0.0.1:7", "the investigator's", keys)})
        settings = settings_for(fleet, world, "playbook")

    assert settings.sentinel_endpoint == "127.0.0.1:7"
    assert settings.sentinel_plaintext
    assert settings.sentinel_token.get_secret_value() == "the investigator's"
    assert (settings.sentinel_ca_cert, settings.sentinel_ledger_public_key) == (None, keys)
