"""A wheel on PYTHONPATH brings data sources: so the chart takes plugins from a ConfigMap or an image volume."""

from __future__ import annotations

import importlib
import zipfile

import pytest

from gcm_sentinel.app.plugins import registered

SOURCE = "def build(context):\n    return context\n"
ENTRY_POINTS = "[gcm_sentinel.datasources]\nracks = our_racks:build\n"


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "our_racks-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("our_racks.py", SOURCE)
        archive.writestr("our_racks-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: our-racks\nVersion: 1.0\n")
        archive.writestr("our_racks-1.0.dist-info/entry_points.txt", ENTRY_POINTS)
    return path


def test_a_wheel_is_used_as_it_is_mounted(wheel, monkeypatch):
    monkeypatch.syspath_prepend(str(wheel))
    importlib.invalidate_caches()

    (point,) = (one for one in registered() if one.name == "racks")
    assert point.load()("the context") == "the context"
