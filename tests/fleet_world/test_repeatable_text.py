"""Identifiers and instants are drawn by arithmetic of our own; they are what the standard library would make."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from hashlib import blake2b

import pytest

from sentinel_fleet.stable import drift, jitter, stable_uuid
from sentinel_fleet.times import rfc3339_micro, syslog_stamp


@pytest.mark.parametrize("number", range(40))
def test_a_drawn_uuid_is_of_version_four(number):
    digest = blake2b(f"seed\x1f{number}".encode(), digest_size=16).digest()

    assert stable_uuid("seed", number) == str(uuid.UUID(bytes=digest, version=4))


@pytest.mark.parametrize("at", [0.0, 1_700_000_000.0, 1_700_000_000.000001, 1_763_000_000.999999])
def test_an_instant_always_has_its_microseconds(at):
    moment = datetime.fromtimestamp(at, UTC)

    assert rfc3339_micro(at) == moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert syslog_stamp(at) == moment.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


def test_drift_runs_from_one_drawn_value_to_the_next():
    assert drift(7, 900.0, 300.0) == jitter(7, 3)
    assert drift(7, 1050.0, 300.0) == pytest.approx((jitter(7, 3) + jitter(7, 4)) / 2)
