"""A server program in a process of its own: output in a file, awaited until it answers, ended by its pid.

It dies with whoever started it, however that ended. The programs are those that ``make cluster-tools`` builds; where
they are missing the tests are skipped with the reason, and in CI (``CI`` is set) they fail.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parents[2] / ".cache" / "cluster" / "bin"
_PORTS = range(18_000, 32_000)
"""Linux gives connections those from 32768 (``net.ipv4.ip_local_port_range``)."""
_END_WITHIN_S = 20
_LAST_LINES = 30


def program(name: str) -> str:
    """The path of one of the built programs."""
    path = PROGRAMS / name
    if path.is_file():
        return str(path)
    words = f"{name} is not built: run `make cluster-tools`, which needs Go"
    if os.environ.get("CI"):
        raise RuntimeError(words)
    pytest.skip(f"NOT TESTED ON A REAL CLUSTER: {words}; CI fails without it")


def free_ports(count: int) -> list[int]:
    """Different TCP ports of the loopback device on which nobody listens.

    Below those that the kernel gives to connections and to whoever asks for any, so that none of them takes one before
    the server does.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(_PORTS.start, _PORTS.stop)  # noqa: S311 - no secret
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports += [] if port in ports else [port]
    return ports


def until(holds: Callable[[], bool], within_s: float, what: str, *, broken: Callable[[], str] = str) -> None:
    """Ask again and again until it holds.

    `broken` says why it never will; empty while it still may.

    Raises:
        TimeoutError: it did not within that time.
    """
    deadline = time.monotonic() + within_s
    while not holds():
        if reason := broken():
            raise RuntimeError(f"{what}: {reason}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within_s:g} s")
        time.sleep(0.05)


class Server:
    """One running program."""

    def __init__(self, name: str, arguments: Sequence[str], folder: Path) -> None:
        """Start it; its log is ``<name>.log`` in `folder`."""
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = ["setpriv", "--pdeathsig", "KILL", program(name), *arguments]
        self._process = self._start()

    def wait(self, answers: Callable[[], bool], within_s: float) -> None:
        """Until it answers.

        Raises:
            RuntimeError: it ended instead; with the last lines of its log.
            TimeoutError: it did not answer in time.
        """
        until(answers, within_s, f"{self.name} starts", broken=self._ended)

    def kill(self) -> None:
        """End it where it stands, without a word to it."""
        self._process.kill()
        self._process.wait(_END_WITHIN_S)

    def start_again(self) -> None:
        """Start it anew, once it has ended."""
        self._process = self._start()

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        self._process.terminate()
        try:
            self._process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_END_WITHIN_S)

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self.log.parent)  # noqa: S603 - our own words

    def _ended(self) -> str:
        if self._process.poll() is None:
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        return f"it ended with {self._process.returncode}\n" + "\n".join(lines)
