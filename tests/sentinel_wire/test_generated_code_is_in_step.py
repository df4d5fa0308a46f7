"""`src/sentinel/` is what `proto/` says: `generate.py --check` is silent, and speaks up for every kind of drift."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def generate(root, *arguments):
    """Run it as `make` does, from another folder and without our programs on PATH."""
    command = [sys.executable, str(root / "proto" / "generate.py"), *arguments]
    return subprocess.run(  # noqa: S603  our own command
        command, capture_output=True, text=True, timeout=60, cwd="/", env={"PATH": "/usr/bin"}, check=False
    )


@pytest.fixture
def copy(tmp_path):
    """A tree of our own to spoil."""
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    shutil.copytree(
        ROOT / "src" / "sentinel", tmp_path / "src" / "sentinel", ignore=shutil.ignore_patterns("__pycache__")
    )
    return tmp_path


def test_the_tree_is_in_step_and_checking_it_is_silent():
    checked = generate(ROOT, "--check")

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.slow
def test_a_changed_number_is_drift_until_it_is_generated(copy):
    definition = copy / "proto/sentinel/v1/health.proto"
    definition.write_text(definition.read_text().replace("double beta = 5;", "double beta = 16;"))

    before, made, after = generate(copy, "--check"), generate(copy), generate(copy, "--check")

    assert before.returncode == 1
    assert "src/sentinel/v1/health_pb2.py is not what proto/ says" in before.stderr
    assert "make protos" in before.stderr
    assert (made.returncode, made.stdout + made.stderr, after.returncode) == (0, "", 0)


def test_a_missing_and_a_left_over_file_are_drift(copy):
    generated = copy / "src" / "sentinel" / "v1"
    (generated / "trust_pb2.pyi").unlink()
    (generated / "old_pb2.py").touch()

    checked = generate(copy, "--check")

    assert checked.returncode == 1
    assert "src/sentinel/v1/trust_pb2.pyi is missing" in checked.stderr
    assert "src/sentinel/v1/old_pb2.py has no definition in proto/" in checked.stderr


def test_a_definition_that_does_not_compile_is_named(copy):
    (copy / "proto/sentinel/v1/trust.proto").write_text('syntax = "proto3"; message {')

    checked = generate(copy, "--check")

    assert checked.returncode == 1
    assert "sentinel/v1/trust.proto:1:" in checked.stderr


def test_a_warning_nobody_knows_is_passed_on(copy):
    definition = copy / "proto/sentinel/v1/trust.proto"
    definition.write_text(definition.read_text() + 'import "sentinel/v1/audit.proto";\n')

    made = generate(copy)

    assert made.returncode == 0
    assert "Import sentinel/v1/audit.proto is unused" in made.stderr
