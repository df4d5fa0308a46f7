"""One GPU for all tests of this folder, opened once; without one they are skipped with the reason, or fail.

They are run by ``make test-gpu``, which requires a GPU, and by who names this folder; all others pass it by. What is
tried here without a GPU is in ``tests/node_hardware``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.gpu.devices import opened
from tests.gpu.presence import open_for_this_process, present

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.probes.device import Device

_HERE = Path(__file__).parent
_TEST_WITHIN_S = 900
_FIRST = (
    "test_the_kernels_are_their_twins",
    "test_unproven_kernels",
    "test_every_sm_is_covered",
    "test_memory_faults",
    "test_injected",
)
_LAST = ("other_peoples_work", "thousand_light_runs")
_COUNTED = pytest.StashKey[list[str]]()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whether somebody asked for these tests; None leaves the answer to others."""
    asked = "gpu" in config.option.markexpr
    named_here = any(_HERE in (path, *path.parents) for path in map(_absolute, config.args))
    return None if asked or named_here else True


def _absolute(argument: str) -> Path:
    return Path(argument.partition("::")[0]).absolute()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Every test in this folder is one on a GPU, with time for a slow compiler."""
    item.add_marker(pytest.mark.gpu)
    item.add_marker(pytest.mark.timeout(_TEST_WITHIN_S))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What says most comes first, as a machine may be lent for minutes: the twins, then faults; many runs come last."""
    here = [place for place, item in enumerate(items) if _HERE in item.path.parents]
    for place, item in zip(here, sorted((items[place] for place in here), key=_urgency), strict=True):
        items[place] = item


def _urgency(item: pytest.Item) -> int:
    names = (*(name for name in _FIRST if name in item.nodeid), *(name for name in _LAST if name in item.nodeid))
    order = (*_FIRST, "", *_LAST)
    return order.index(names[-1] if names else "")


@pytest.fixture(scope="session")
def identity() -> GpuIdentity:
    """The GPU under test, as the driver names it."""
    return present(open_for_this_process, os.environ)


@pytest.fixture(scope="session")
def gpu(identity: GpuIdentity) -> Device:
    """The GPU under test, healthy as far as anybody knows."""
    return opened(identity)


@pytest.fixture
def tell(pytestconfig: pytest.Config):
    """Adds a line to the run's last words: ``tell("1000 runs")``."""
    return pytestconfig.stash.setdefault(_COUNTED, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was counted, whether it passed or not."""
    for line in config.stash.get(_COUNTED, []):
        terminalreporter.write_line(line)
