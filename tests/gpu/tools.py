"""Installs what the tests on a GPU need, by what the driver can run: ``make gpu-tools``.

The extra of the lock file brings CuPy and the compiler. cuBLAS is no part of the product and not locked: it is there to
compare with, and the tests do without it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sentinel_node.device.cupy_device import load_cupy
from sentinel_node.domain.errors import Unavailable
from sentinel_node.nvml.reader import NvmlReader

CUBLAS = {"cuda12": "nvidia-cublas-cu12", "cuda13": "nvidia-cublas>=13,<14"}
_WITHIN_S = 1800.0


def extra_for(cuda: str) -> str:
    """Of a driver that runs at most this CUDA, e.g. ``13.0``.

    Raises:
        Unavailable: it runs neither 12 nor 13.
    """
    major = int(cuda.partition(".")[0] or 0)
    if major < 12:
        raise Unavailable(f"the driver runs CUDA {cuda or 'of no known version'}, and 12 is the least")
    return "cuda13" if major >= 13 else "cuda12"


def main() -> int:
    """0 where all is there, 1 in words where it cannot be."""
    reader = NvmlReader()
    try:
        extra = extra_for(reader.versions().cuda)
    except Unavailable as error:
        sys.stderr.write(f"NOT TESTED ON A GPU: {error}\n")
        return 1
    finally:
        reader.close()
    uv = str(Path(sys.executable).with_name("uv"))
    if not _is_there() and _run(uv, "sync", "--frozen", "--quiet", "--extra", extra) != 0:
        words = f"`.venv/bin/uv sync --frozen --extra {extra}` failed"
        sys.stderr.write(f"NOT TESTED ON A GPU: {words}: CuPy and the compiler are missing\n")
        return 1
    if _run(uv, "pip", "install", "--quiet", "--python", sys.executable, CUBLAS[extra]) != 0:
        sys.stderr.write("cuBLAS could not be installed: tensor cores will have nothing to be compared with\n")
    return 0


def _is_there() -> bool:
    try:
        load_cupy()
    except Unavailable:
        return False
    return True


def _run(*command: str) -> int:
    return subprocess.run(command, check=False, timeout=_WITHIN_S).returncode  # noqa: S603 - uv with our own words


if __name__ == "__main__":
    sys.exit(main())
