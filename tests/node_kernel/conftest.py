"""A kernel buffer that is a pipe, a boot of its own, and a `journalctl` that prints what a test laid down."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel_node.domain.kernel import KernelRecord
from sentinel_node.kernel.journal import Journal
from sentinel_node.kernel.log import KernelLog

BOOT = "2863af27935a458887b8c71dae594c20"
BEFORE = "0c5a3be60c7944d0b2d5b0a8c7d1e111"
BOOT_START_NS = 1_795_000_000_000_000_000
XID_79 = "NVRM: Xid (PCI:0000:9b:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."


class KernelBuffer:
    """`/dev/kmsg` as a pipe: what is printed can be read once, and reading never waits."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._writer = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.sequence = 0

    def print(self, *messages: str, at_us: int = 0, priority: int = 6) -> None:
        for message in messages:
            record = f"{priority},{self.sequence},{at_us or self.sequence * 1000},-;{message}\n"
            os.write(self._writer, record.encode())
            self.sequence += 1

    def lose(self, lines: int) -> None:
        """The kernel overwrote so many before they were read."""
        self.sequence += lines

    def close(self) -> None:
        os.close(self._writer)


class JournalFiles:
    """A program that stands for `journalctl`: prints laid down entries, newest first, and keeps how it was called."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.program = folder / "journalctl"
        self.boots = [BEFORE]
        self.entries: list[dict[str, object]] = []
        self.words = ""

    def keep(self, message: object, *, boot: str = BEFORE, at_us: int = 1_000_000, **fields: object) -> None:
        written_us = BOOT_START_NS // 1000 + at_us - (100_000_000_000 if boot == BEFORE else 0)
        self.entries.append(
            {
                "_BOOT_ID": boot,
                "__REALTIME_TIMESTAMP": str(written_us),
                "__MONOTONIC_TIMESTAMP": str(at_us),
                "_SOURCE_MONOTONIC_TIMESTAMP": str(at_us),
                "PRIORITY": "4",
                "SYSLOG_FACILITY": "0",
                "_TRANSPORT": "kernel",
                "MESSAGE": message,
                **fields,
            }
        )

    def install(self) -> Path:
        lines = [json.dumps(entry) for entry in reversed(self.entries)]
        (self._folder / "lines").write_text("".join(f"{line}\n" for line in lines))
        boots = [f"{place - len(self.boots)} {boot} Sun 2026-11-22" for place, boot in enumerate(self.boots)]
        (self._folder / "boots").write_text("".join(f"{line}\n" for line in ["IDX BOOT ID FIRST ENTRY", *boots]))
        self.program.write_text(
            "#!/bin/sh\n"
            f'printf "%s\\n" "$@" > {self._folder}/arguments\n'
            f"env > {self._folder}/environment\n"
            f"{self.words or ':'}\n"
            f'case "$*" in *--list-boots*) cat {self._folder}/boots;; *) cat {self._folder}/lines;; esac\n'
        )
        self.program.chmod(0o755)
        return self.program

    def arguments(self) -> list[str]:
        return (self._folder / "arguments").read_text().splitlines()

    def environment(self) -> set[str]:
        return {line.partition("=")[0] for line in (self._folder / "environment").read_text().splitlines()}


@pytest.fixture
def buffer(tmp_path: Path) -> Iterator[KernelBuffer]:
    buffer = KernelBuffer(tmp_path / "kmsg")
    yield buffer
    buffer.close()


@pytest.fixture
def files(tmp_path: Path) -> JournalFiles:
    return JournalFiles(tmp_path)


@pytest.fixture
def boot_id(tmp_path: Path) -> Path:
    path = tmp_path / "boot_id"
    path.write_text("2863af27-935a-4588-87b8-c71dae594c20\n")
    return path


@pytest.fixture
def log(buffer: KernelBuffer, boot_id: Path) -> Iterator[KernelLog]:
    """A log whose machine has no `journalctl`."""
    log = KernelLog(Journal(programs=()), buffer.path, boot_id, lambda: BOOT_START_NS)
    yield log
    log.close()


@pytest.fixture
def log_with_journal(buffer: KernelBuffer, boot_id: Path, files: JournalFiles) -> Iterator[KernelLog]:
    log = KernelLog(Journal(programs=(files.program,)), buffer.path, boot_id, lambda: BOOT_START_NS)
    yield log
    log.close()


def messages(records: tuple[KernelRecord, ...]) -> list[str]:
    return [record.message for record in records]
