"""One plan in a process: what comes of it, how long that is waited for, and what is said where nothing comes.

Until the plan's time begins, a process starts, opens its GPU and compiles. It says which of these it is at, because
only one of them asks anything of the GPU, and only a GPU that does not answer may be told as a TIMEOUT.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from sentinel_node.device.worker import Answer, Failed, Reached, Stage, Stop
from sentinel_node.domain.probes import Finding, Outcome, ProbePlan, ProbeReport
from sentinel_node.domain.seams import ProbeWatch, Progress

_POLL_S = 0.1
_ENDING_S = 5.0
"""For a process that was told to end, or killed, to be gone."""
_NOTE_S, _NOTED_AFTER = 0.02, 10


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited."""

    ready_s: float = 60.0
    """Until the plan's time begins: for starting Python, opening the GPU and compiling, some seconds as a rule."""
    late_s: float = 15.0
    """Beyond a plan's deadline, within which a probe that still runs says by itself what hangs."""
    keep_s: float = 2.0
    """How long an idle process stays."""


class ProbeProcess:
    """A process and our end of its pipe."""

    def __init__(self, process: SpawnProcess, connection: Connection) -> None:
        self.process = process
        self.connection = connection
        self.retiring: threading.Timer | None = None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it lives. Waits a moment: another thread may be just about to note it."""
        for _ in range(_NOTED_AFTER):
            if (code := self.process.exitcode) is not None:
                return code
            time.sleep(_NOTE_S)
        return None

    def end(self, *, kill: bool = False) -> bool:
        """Let it end, or make it; whether it is gone."""
        self.connection.close()
        for is_killed in (False, True):
            if is_killed or kill:
                self.process.kill()
            self.process.join(_ENDING_S)
            if self.exit_code is not None:
                return True
        return False


class PlanRun:
    """One plan in its process: what comes of it, and how long that is waited for."""

    def __init__(self, plan: ProbePlan, worker: ProbeProcess, patience: Patience) -> None:
        self._plan, self._worker, self._patience = plan, worker, patience
        self._stage = Stage.STARTING
        self._ends_s = time.monotonic() + patience.ready_s
        self.sm_count = 0
        """0 until the GPU is open."""
        self._is_proven = True

    def carried_out(self, watch: ProbeWatch) -> ProbeReport | Failed | Finding:
        """What the process answered; a finding in its place where it is gone, or late."""
        connection, was_stopped = self._worker.connection, False
        try:
            connection.send(self._plan)
            while time.monotonic() < self._ends_s:
                if watch.is_stopped and not was_stopped:
                    connection.send(Stop())
                    was_stopped = True
                if not connection.poll(_POLL_S):
                    continue
                answer: Answer = connection.recv()
                if isinstance(answer, Reached):
                    self._reached(answer)
                elif isinstance(answer, Progress):
                    watch.progressed(answer)
                else:
                    return answer
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return self._gone()
        return self._late()

    def _reached(self, reached: Reached) -> None:
        self._stage, self.sm_count = reached.stage, reached.sm_count or self.sm_count
        self._is_proven = reached.is_proven
        if reached.stage is Stage.RUNNING:
            self._ends_s = time.monotonic() + self._plan.deadline_s + self._patience.late_s

    def _late(self) -> Finding:
        plan, ready_s = self._plan, self._patience.ready_s
        outcome, words = {
            Stage.STARTING: (Outcome.NOT_RUN, f"did not start within {ready_s:g} s: this host is too slow"),
            Stage.OPENING: (Outcome.TIMEOUT, f"could not open the GPU within {ready_s:g} s"),
            Stage.PREPARING: (Outcome.NOT_RUN, f"had not prepared its kernels within {ready_s:g} s: not prepared"),
            Stage.RUNNING: (Outcome.TIMEOUT, f"gave no answer within {plan.deadline_s:g} s"),
        }[self._stage]
        reason = f"the probe's process {self._worker.process.pid} {words}, and was killed"
        return Finding(outcome, None, plan.variant, reason, is_proven=self._is_proven)

    def _gone(self) -> Finding:
        process = self._worker.process
        process.join(_ENDING_S)
        code = self._worker.exit_code
        how = "closed its pipe" if code is None else f"ended with exit code {code}"
        if code is not None and code < 0:
            how = f"ended by signal {-code}"
        return Finding(Outcome.ERROR, None, self._plan.variant, f"the probe's process {process.pid} {how}")
