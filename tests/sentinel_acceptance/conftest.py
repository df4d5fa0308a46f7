"""What a whole SENTINEL must show from end to end, as far as a gateway can: real gRPC against a real gateway.

Every test has a gateway of its own, for each needs the fleet's quiet around one fault. Other points of the same list:

    restart keeps beliefs, states and the chain     tests/sentinel_gateway/test_end_and_restart.py
    condemn waits for approval                      tests/sentinel_gateway/test_directives.py
    a forged HMAC is refused and recorded           tests/sentinel_gateway/test_reports_of_agents.py
    tampering is detected                           tests/sentinel_gateway/test_ledger_over_the_wire.py
    every setting changes something or is refused   tests/sentinel_gateway/test_every_setting.py
    dashboards show only real data                  tests/charts/test_sentinel_dashboards.py

Detectors and injected faults are those of the simulated fleet: its monitors and its GPUs in software. What belongs to
the probes on a GPU stands in docs/critiques.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from tests.sentinel_acceptance.place import Fleet, opened

from sentinel_gateway.app.loading import Groups


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Logs go nowhere."""
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )


@pytest.fixture
def groups() -> Groups:
    """What a test sets besides the usual; overridden by tests."""
    return {}


@pytest.fixture
async def fleet(tmp_path: Path, groups: Groups) -> AsyncIterator[Fleet]:
    """See `place`."""
    async with opened(tmp_path, groups) as place:
        yield place
