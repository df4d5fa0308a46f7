"""A wheel built from the sdist holds every file: linked folders are where build tools silently lose some."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "gcm_sentinel",
    "sentinel_fleet",
    "sentinel",
    "sentinel_sdk",
    "sentinel_gateway",
    "sentinel_node",
    "sentinel_serving",
}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """A folder with the sdist and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable,
        "-m",
        "uv",
        "build",
        "--no-build-isolation",
        "--offline",
        "--out-dir",
        str(out),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=110)  # noqa: S603  our own command
    return out


@pytest.fixture(scope="module")
def unpacked(dist, tmp_path_factory):
    """The wheel's content as an installer lays it down."""
    (wheel,) = dist.glob("*.whl")
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)  # noqa: S202  our own wheel
    return folder


@pytest.fixture(scope="module")
def packed(unpacked):
    """Names of all files in the wheel."""
    return files_below(unpacked)


def files_below(folder):
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("folder", ["datasources", "tools", "prompts", "evals"])
def test_holds_every_file_of_a_linked_folder(packed, folder):
    there = {f"gcm_sentinel/{folder}/{name}" for name in files_below(ROOT / folder)}

    assert there - packed == set()


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_holds_every_file_of_a_package(packed, package):
    there = {f"{package}/{name}" for name in files_below(ROOT / "src" / package)}

    assert f"{package}/py.typed" in there
    assert there - packed == set()


def test_holds_nothing_but_the_packages(packed):
    top = {name.split("/")[0] for name in packed}

    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES


def test_definitions_are_in_the_sdist_only(dist, packed):
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        sources = {name.partition("/")[2] for name in archive.getnames()}

    there = {f"proto/{name}" for name in files_below(ROOT / "proto")}

    assert "proto/sentinel/v1/common.proto" in there
    assert there - sources == set()
    assert [name for name in packed if name.endswith(".proto")] == []


@pytest.mark.parametrize("program", ["gcm-sentinel", "sentinel-gateway"])
def test_its_programs_run_from_what_is_packed(unpacked, program):
    (info,) = unpacked.glob("*.dist-info")
    (entry,) = Distribution.at(info).entry_points.select(group="console_scripts", name=program)
    start = f"import sys; from {entry.module} import {entry.attr}; sys.argv = ['{program}', '--help']; {entry.attr}()"

    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-c", start],
        cwd=unpacked,
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert program in done.stdout
