"""What holds for every test: nothing is prepared again for each of the many processes and clients that tests start.

- Compiled modules are kept even where the machine says otherwise: each process would compile all that it imports.
- The certificates the machine trusts are not read, which takes 20 ms for each HTTP client; no test leaves the loopback
  device, and those that speak TLS bring authorities of their own.
- A run of several processes keeps its files in memory where there is room: the disk would be waited for at each commit.
  They are gone when it ends; those of a run in one process (``-n 0``) stay where pytest keeps them, to be looked at.
- There are more processes than cores (three for two), because a test often waits for a server or a database.
- gRPC leaves a process alone that is forked off one in which it runs, as the start of a PostgreSQL server is.
- Logging that one test set up is not that of the next. An error is logged as a plain traceback: with the values of all
  variables, as is the default, it takes 30 ms.
- What thousands of collected tests and their modules are made of is not looked through for garbage again and again.
- The fast tests have SQLite; what is tried on PostgreSQL too is slow, so that they need no server.
- A property that does not say how many examples it is tried with is tried with few among the fast tests. With
  ``-m slow`` it counts as slow too, and is tried with as many as Hypothesis finds right.
"""

from __future__ import annotations

import gc
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - files below it have names that nobody foresees
_ROOM_BYTES = 3 << 30
"""A whole run takes about 0.5 GiB."""
_NEW_SERVER = "GCM_TEST_POSTGRES_FILES"
"""Names the folder where the processes of a run share the files of a new server (`tests.postgres`)."""
_FEW_EXAMPLES = 20
"""A fifth of what Hypothesis does by itself."""


def pytest_configure(config: pytest.Config) -> None:
    """In the process that starts the workers, before they start; they and what they start inherit it."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback
    os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("nobody_ca.pem"))
    if config.option.markexpr == "not slow":
        hypothesis.settings.register_profile("fast", max_examples=_FEW_EXAMPLES)
        hypothesis.settings.load_profile("fast")
    if _NEW_SERVER in os.environ:
        return
    folder = _folder_of_the_run(in_memory=bool(config.getoption("numprocesses", None)))
    os.environ[_NEW_SERVER] = str(folder / "postgres")

    def end() -> None:
        del os.environ[_NEW_SERVER]
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(end)


def pytest_xdist_auto_num_workers() -> int | None:
    """How many processes ``-n auto`` starts, unless xdist's own variable asks for a number."""
    cores = os.cpu_count() or 1
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else cores + math.ceil(cores / 4)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that a test runs in its own process sets the logging of the process up."""
    yield
    structlog.reset_defaults()


def pytest_itemcollected(item: pytest.Item) -> None:
    """What needs a server is slow. A property is tried among the fast tests and, with more examples, the slow ones."""
    if _needs_server(item):
        item.add_marker(pytest.mark.slow)
    if item.config.option.markexpr == "slow" and hypothesis.is_hypothesis_test(getattr(item, "obj", None)):
        item.add_marker(pytest.mark.slow)


def _needs_server(item: pytest.Item) -> bool:
    parameters = getattr(item, "callspec", None)
    kinds = [value for value in parameters.params.values() if isinstance(value, str)] if parameters else []
    if "sqlite" in kinds:
        return False
    return "postgresql" in kinds or bool({"postgres_url", "postgres_server"} & set(getattr(item, "fixturenames", ())))


def pytest_collectstart() -> None:
    """Nearly all that importing and collecting makes stays."""
    gc.disable()


def pytest_collection_finish() -> None:
    """It is there until the end; from now on only what tests make is looked through."""
    gc.freeze()
    gc.enable()


def _folder_of_the_run(*, in_memory: bool) -> Path:
    """A folder that goes when the run ends; temporary files of all its processes are there if they are in memory."""
    if not in_memory or not _IN_MEMORY.is_dir() or shutil.disk_usage(_IN_MEMORY).free < _ROOM_BYTES:
        return Path(tempfile.mkdtemp(prefix="gcm-tests-"))
    folder = tempfile.mkdtemp(prefix="gcm-tests-", dir=_IN_MEMORY)
    Path(folder).chmod(0o711)  # PostgreSQL runs as another user
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    return Path(folder)
