"""The images: what they are built from is pinned, what runs is no root, and the steps make programs that start.

The node's image is not built here, because what makes it up beside the other is 300 MB that need a GPU: its packages
are resolved from the lock.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.charts.dockerfile import ROOT, ignored, stages

from gcm_sentinel import __version__

ARGUMENTS, STAGES = stages()
BUILDER, NODE_BUILDER, NODE, RUNTIME = STAGES
LARGEST_MIB = 400
INSTALLS_DEBS = re.compile(r"apt-get install --yes --no-install-recommends (.*?) +&&")
INSTALLS_UV = re.compile(r"pip install --no-cache-dir uv==(\S+)")


def locked(package):
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    return next(one["version"] for one in lock["package"] if one["name"] == package)


def test_the_base_is_one_version_of_python_on_one_release_of_debian():
    assert re.fullmatch(r"python:3\.11\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", ARGUMENTS["PYTHON"])
    assert [stage.base for stage in STAGES] == ["${PYTHON}", "builder", "${PYTHON}", "${PYTHON}"]


def test_the_one_that_is_built_unless_another_is_named_needs_no_gpu():
    assert STAGES[-1].name == "runtime"


def test_what_builds_is_the_locked_version():
    (version,) = INSTALLS_UV.findall("\n".join(one.words for one in BUILDER.of("RUN")))

    assert version == locked("uv")


def test_nothing_is_installed_that_is_not_locked():
    for run in (*BUILDER.of("RUN"), *NODE_BUILDER.of("RUN")):
        assert "uv sync" not in run.words or "--frozen" in run.words
        assert "uv build" not in run.words or "--require-hashes" in run.words
        assert "uv pip install" not in run.words or "--no-deps" in run.words


@pytest.mark.parametrize("stage", [RUNTIME, NODE], ids=lambda stage: stage.name)
def test_it_runs_as_nobody_in_particular_by_number(stage):
    (user,) = stage.of("USER")

    assert user.words == "65532:65532"


@pytest.mark.parametrize(("stage", "program"), [(RUNTIME, "gcm-sentinel"), (NODE, "sentinel-node")])
def test_it_serves_unless_told_otherwise(stage, program):
    assert [one.words for one in (*stage.of("ENTRYPOINT"), *stage.of("CMD"))] == [f'["{program}"]', '["serve"]']


@pytest.mark.parametrize(("stage", "builder"), [(RUNTIME, BUILDER), (NODE, NODE_BUILDER)])
def test_what_runs_gets_the_built_environment_and_nothing_that_builds(stage, builder):
    (copied,) = stage.of("COPY")
    installed = [run.words for run in stage.of("RUN") if "pip" in run.words or "apt-get" in run.words]

    assert copied.words == f"--from={builder.name} /opt/gcm-sentinel /opt/gcm-sentinel"
    assert [INSTALLS_DEBS.findall(run) for run in installed] == ([["systemd"]] if stage is NODE else [])


def test_everything_that_is_copied_reaches_the_builder():
    sources = [part.rstrip("/") for one in BUILDER.of("COPY") for part in one.parts[:-1]]

    assert [source for source in sources if not (ROOT / source).exists() or ignored(source)] == []


@pytest.mark.parametrize(
    "path", [".git/config", ".venv/bin/python", ".env", "tests/conftest.py", "src/a/__pycache__/b.pyc"]
)
def test_what_is_not_needed_stays_here(path):
    assert ignored(path)


def test_a_linter_finds_nothing():
    found = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert found is not None, "hadolint is not installed: make setup"

    done = subprocess.run([found, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("cuda", ["cuda12", "cuda13"])
def test_the_nodes_packages_are_all_in_the_lock(cuda, tmp_path):
    (step,) = NODE_BUILDER.of("RUN")
    sync = step.words.partition("&&")[0].replace("${CUDA}", cuda).split()
    there = {"UV_PROJECT_ENVIRONMENT": str(tmp_path / "environment"), "UV_OFFLINE": "1", "PATH": os.environ["PATH"]}

    done = subprocess.run(  # noqa: S603  the Dockerfile's own command
        [str(Path(sys.executable).parent / "uv"), *sync[1:], "--dry-run"],
        cwd=ROOT,
        env=there | {"HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert f"+ cupy-{cuda}x==" in done.stderr
    assert "+ nvidia-cuda-nvrtc" in done.stderr
    assert "+ nvidia-ml-py==" in done.stderr


@pytest.fixture
def built(tmp_path):
    """The builder's steps, carried out below a folder, with the packages that `make setup` left in uv's cache."""
    place, build = tmp_path, tmp_path / "build"
    build.mkdir()
    environment = {name: value.replace("/opt/", f"{place}/opt/") for name, value in BUILDER.environment.items()}
    python = str(Path(sys.base_prefix) / "bin" / "python3.11")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    clean = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    for step in BUILDER.instructions:
        if step.name == "COPY":
            copy(step.parts[:-1], build / step.parts[-1])
        elif step.name == "RUN" and not INSTALLS_UV.search(step.words):
            subprocess.run(  # noqa: S603  the Dockerfile's own commands
                ["/bin/sh", "-euc", step.words.replace("/opt/", f"{place}/opt/")],
                cwd=build,
                env=clean | environment | {"PATH": path, "UV_OFFLINE": "1", "UV_PYTHON": python},
                check=True,
                timeout=300,
            )
    shutil.rmtree(build)
    return place / "opt" / "gcm-sentinel"


def copy(sources, target):
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, target)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_builders_steps_make_programs_that_start_with_every_extra_and_nothing_of_development(built):
    told = [
        subprocess.check_output([str(built / "bin" / program), "version"], text=True, timeout=60)  # noqa: S603
        for program in ("gcm-sentinel", "sentinel-gateway")
    ]
    there = {path.name for path in (built / "lib" / "python3.11" / "site-packages").iterdir()}
    size = sum(path.lstat().st_size for path in built.rglob("*") if path.is_file())

    assert told == [f"gcm-sentinel {__version__}\n", f"sentinel-gateway {__version__}\n"]
    assert {"slack_sdk", "opentelemetry", "psycopg"} <= there
    assert there & {"pytest", "mypy", "ruff", "hypothesis", "hatchling", "uv"} == set()
    assert size < LARGEST_MIB << 20
