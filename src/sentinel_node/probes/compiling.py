"""CUDA C to machine code by NVRTC, NVIDIA's compiler as a library: no GPU, driver or toolkit needed.

The library comes from its wheel (extra ``cuda12`` or ``cuda13``) or from a toolkit on the library path. The sources
include nothing outside ``cuda/``, because the wheel brings no system headers.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sentinel_node.domain.errors import Unavailable
from sentinel_node.probes.device import CUDA_FOLDER

OPTIONS = ("--std=c++17", f"-I{CUDA_FOLDER}")
"""Beside the architecture; the same for tests and for a GPU. No fast-math: denormals and rounding are under test."""
_NAMED_TARGET = re.compile(r"_(sm_\d+a)\.cu$")


class CompileFailed(Unavailable):
    """NVRTC refused a source; the message is its log, with line numbers."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """One source for one architecture."""

    image: bytes
    """A cubin, ELF."""
    log: str
    """Warnings; empty where there are none."""


def compile_source(source: str, architecture: str, folder: Path = CUDA_FOLDER) -> Compiled:
    """Compile a file of `folder`.

    Args:
        source: The file's name, e.g. ``fma.cu``.
        architecture: A real one, e.g. ``sm_90``; see `target_of`.
        folder: Where the file lies; includes come from ``cuda/`` in any case.

    Raises:
        CompileFailed: It does not compile.
        Unavailable: There is no NVRTC here.
    """
    return compile_text((folder / source).read_text(encoding="utf-8"), source, target_of(source, architecture))


def target_of(source: str, architecture: str) -> str:
    """What a file of ``cuda/`` is compiled for on a GPU: its architecture, unless the file's name ends in another one.

    Instructions that only Hopper has are refused for ``sm_90`` and need ``sm_90a``, whose code runs on no other GPU.
    """
    named = _NAMED_TARGET.search(source)
    return named[1] if named else architecture


def compile_text(text: str, name: str, architecture: str) -> Compiled:
    """As `compile_source`, from a text; `name` is what the log calls it."""
    nvrtc = _load()
    program = ctypes.c_void_p()
    _check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), name.encode(), 0, None, None), name)
    try:
        options = [option.encode() for option in (f"--gpu-architecture={architecture}", *OPTIONS)]
        result = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        log = _read(program, nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog).rstrip(b"\0").decode().strip()
        if result != 0:
            raise CompileFailed(f"{name} for {architecture}: {log or f'NVRTC error {result}'}")
        return Compiled(_read(program, nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN), log)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def find_in_wheels(*patterns: str) -> Iterator[Path]:
    """Files of NVIDIA's wheels, which share the namespace package ``nvidia``."""
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for pattern in patterns:
            yield from sorted(Path(folder).glob(pattern))


def _load() -> ctypes.CDLL:
    # The wheel also holds nvrtc-builtins and an ".alt" build, which the patterns leave out.
    found = next(find_in_wheels("cu*/lib/libnvrtc.so.[0-9]*", "cuda_nvrtc/lib/libnvrtc.so.[0-9]*"), None)
    name = str(found) if found and "alt" not in found.name else ctypes.util.find_library("nvrtc")
    if name is None:
        raise Unavailable("no CUDA compiler: install gcm-sentinel with the extra cuda12 or cuda13")
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise Unavailable(f"the CUDA compiler {name} cannot be loaded: {error}") from error


def _read(
    program: ctypes.c_void_p, size_of: Callable[[ctypes.c_void_p, object], int], copy: Callable[..., int]
) -> bytes:
    size = ctypes.c_size_t()
    _check(size_of(program, ctypes.byref(size)), "result size")
    buffer = ctypes.create_string_buffer(size.value)
    _check(copy(program, buffer), "result")
    return buffer.raw


def _check(result: int, what: str) -> None:
    if result != 0:
        raise CompileFailed(f"{what}: NVRTC error {result}")
