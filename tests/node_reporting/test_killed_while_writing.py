"""An agent that is killed with SIGKILL loses nothing that it had appended."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sentinel_node.reporting.settings import BufferSettings
from sentinel_node.reporting.spool import Spool

pytestmark = pytest.mark.slow
WRITES = """
import sys
from pathlib import Path
from sentinel_node.reporting.settings import BufferSettings
from sentinel_node.reporting.spool import Spool

spool = Spool(BufferSettings(Path(sys.argv[1]), segment_bytes=20_000))
while True:
    number = spool.append(b"x" * (number % 3000) if (number := spool._last + 1) else b"")
    print(number, flush=True)
"""


@pytest.mark.parametrize("at", [1, 57, 400])
def test_all_that_it_said_to_have_kept_is_there_over_three_lives(tmp_path, at):
    said = 0
    for life in range(1, 4):
        with subprocess.Popen(  # noqa: S603 - our own
            (sys.executable, "-c", WRITES, str(tmp_path)), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            while said < at * life:
                said = int(process.stdout.readline())
            process.kill()
            said = max([said, *(int(line) for line in process.stdout if line.endswith("\n"))])

        with Spool(BufferSettings(tmp_path)) as spool:
            records = spool.read(0, 10**6)
        assert [one.number for one in records] == list(range(1, len(records) + 1))
        assert len(records) in (said, said + 1)
        assert all(one.content == b"x" * (one.number % 3000) for one in records)
        said = len(records)
