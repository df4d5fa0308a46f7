"""A driver library of two healthy GPUs, and a reader of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.node_telemetry.nvml_library import NvmlLibrary, loaded

from sentinel_node.nvml.reader import NvmlReader

NOW_NS = 1_795_312_800_000_000_000


@pytest.fixture
def library() -> Iterator[NvmlLibrary]:
    with loaded(gpus=2) as library:
        yield library


@pytest.fixture
def reader(library: NvmlLibrary) -> Iterator[NvmlReader]:
    reader = NvmlReader(timedelta(seconds=30), lambda: NOW_NS)
    yield reader
    reader.close()
