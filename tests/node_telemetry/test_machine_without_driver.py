"""A machine without bindings, library or driver is told what is missing."""

from __future__ import annotations

import sys

import pynvml
import pytest

from sentinel_node.domain.errors import Unavailable
from sentinel_node.nvml.reader import NvmlReader


@pytest.fixture
def reader():
    reader = NvmlReader()
    yield reader
    reader.close()


def test_without_the_package_the_extra_is_named(reader: NvmlReader, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)

    with pytest.raises(Unavailable, match=r"nvidia-ml-py is not installed; install gcm-sentinel\[node\]"):
        reader.samples()


def test_without_the_library_the_driver_is_asked_for(reader: NvmlReader, monkeypatch: pytest.MonkeyPatch):
    def no_library(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "CDLL", no_library)

    with pytest.raises(Unavailable, match="libnvidia-ml.so.1 was not found; install the NVIDIA driver"):
        reader.samples()
