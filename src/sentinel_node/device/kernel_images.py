"""Compiled kernels on disk, shared by the processes of all GPUs: each source is compiled once, not for every probe.

The folder is the agent's own and new with each start, so what lies in it was compiled by this very version from these
very sources. Whoever could write there could run code on the GPUs, so it is nobody else's to enter.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sentinel_node.probes.compiling import Compiled, compile_source


@dataclass(frozen=True, slots=True)
class KernelImages:
    """A folder of cubins."""

    folder: Path
    compile_kernels: Callable[[str, str], Compiled] = compile_source
    """Makes machine code of a source's name and an architecture; tests give faulty kernels."""

    def file(self, source: str, architecture: str) -> Path:
        """The machine code of one source for one architecture; compiled where it is not there yet.

        Two processes may compile the same at once; the later one replaces it by its like.

        Raises:
            Unavailable: there is no compiler, or the source does not compile.
        """
        kept = self.folder / f"{source}.{architecture}.cubin"
        if not kept.exists():
            image = self.compile_kernels(source, architecture).image
            number, unfinished = tempfile.mkstemp(dir=self.folder)
            with os.fdopen(number, "wb") as file:
                file.write(image)
            Path(unfinished).replace(kept)
        return kept
