"""A wheel built from the sdist holds every file: linked folders are where build tools silently lose some."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Names of all files in the wheel that is built from the sdist."""
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
    (wheel,) = out.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize("folder", ["datasources", "tools", "prompts", "evals"])
def test_holds_every_file_of_a_linked_folder(packed, folder):
    there = {
        f"gcm_sentinel/{path.relative_to(ROOT)}"
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert there - packed == set()


def test_holds_every_module_of_both_packages(packed):
    source = ROOT / "src"
    modules = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and path.suffix in {".py", ".yaml", ".j2", ".css", ".typed"}
    }

    assert modules - packed == set()
