"""Progress of an investigation for a person: live lines in a terminal, plain lines elsewhere, on standard error."""

from __future__ import annotations

import sys
from typing import TextIO

from gcm_sentinel.engine.investigation import OnStep, Step
from gcm_sentinel.web.plain import printable


def reporter(*, verbose: bool, stream: TextIO | None = None) -> OnStep:
    """An `OnStep` that writes one line a step; `verbose` adds the model's words."""
    out = stream or sys.stderr
    colour = out.isatty()

    def dim(text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if colour else text

    def on_step(step: Step) -> None:
        if step.stage == "turn.ended" and step.text and verbose:
            for line in printable(step.text).strip().splitlines():
                out.write(dim(f"    {line}") + "\n")
        elif step.stage == "tool.started":
            out.write(f"  [{step.round}] {printable(step.text)} {dim(_short(step.detail))}\n")
        elif step.stage == "tool.ended" and step.detail != "ok":
            out.write(f"  [{step.round}] {step.text}: {step.detail}\n")
        elif step.stage == "returned":
            out.write(f"  [{step.round}] the assessment went back for correction\n")
            if verbose:
                out.write(dim(printable(step.text)) + "\n")
        out.flush()

    return on_step


def _short(text: str, limit: int = 100) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
