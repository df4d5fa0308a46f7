"""Every `ci/*-values.yaml`, rendered once for all tests of a process."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from tests.cluster.chart.rendering import CI, Rendered, render


@functools.cache
def _rendered(values: Path) -> Rendered:
    return render(values=values)


@pytest.fixture(params=CI, ids=lambda path: path.name.removesuffix("-values.yaml"))
def each(request: pytest.FixtureRequest) -> Rendered:
    """What one of the files makes."""
    return _rendered(request.param)


@pytest.fixture
def plain() -> Rendered:
    """What the chart makes when nothing is set."""
    return _rendered(next(path for path in CI if path.name == "default-values.yaml"))
