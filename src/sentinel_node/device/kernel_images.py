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

from sentinel_node.domain.errors import Unavailable
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
            Unavailable: there is no compiler, the source does not compile, or the disk does not take what it came to.
        """
        kept = self.folder / f"{source}.{architecture}.cubin"
        if not kept.exists():
            image = self.compile_kernels(source, architecture).image
            try:
                self._keep(image, kept)
            except OSError as error:
                raise Unavailable(f"the compiled kernel cannot be kept in {str(self.folder)!r}: {error}") from error
        return kept

    def _keep(self, image: bytes, kept: Path) -> None:
        number, name = tempfile.mkstemp(dir=self.folder)
        unfinished = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(image)
            unfinished.replace(kept)
        except OSError:
            unfinished.unlink(missing_ok=True)  # a full disk must not be filled further with every try
            raise
