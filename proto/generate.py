"""Writes `src/sentinel/` from the protocol definitions beside this file; with ``--check`` says whether it is in step.

Run by `make protos` and, with ``--check``, by `make check`. The generated code is committed, so that installing needs
no compiler; it must come from the versions of grpcio-tools and mypy-protobuf that uv.lock names. A file whose text
stays the same is not touched, so a server that is importing them meanwhile never finds one missing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROTO = Path(__file__).resolve().parent
GENERATED = PROTO.parent / "src" / "sentinel"
_PACKAGE = '"""Generated from `proto/sentinel/` by `make protos`; not edited by hand."""\n'
_OUTPUTS = ("python", "grpc_python", "mypy", "mypy_grpc")
_EXPECTED = (
    re.compile(r"^Writing mypy to "),
    # The published common.proto imports it for nothing, and a descriptor lists its imports, so ours does the same.
    re.compile(r"sentinel/v1/common\.proto:\d+:\d+: warning: Import google/protobuf/timestamp\.proto is unused\.$"),
)
_TIMEOUT_S = 60.0


def generated() -> dict[str, str]:
    """The files of the package `sentinel` as the definitions say: relative path to text.

    Raises:
        SystemExit: the compiler refused a definition, or is not installed; its words are in the message.
    """
    with tempfile.TemporaryDirectory() as temporary:
        _compile(Path(temporary))
        texts = _texts(Path(temporary) / "sentinel")
    folders = {parent for name in texts for parent in Path(name).parents}
    packages = {(folder / "__init__.py").as_posix(): _PACKAGE for folder in folders}
    useful = {name: text for name, text in texts.items() if not _serves_nothing(name, texts)}
    return useful | packages | {"py.typed": ""}


def kept() -> dict[str, str]:
    """The files of the package as they stand in the tree."""
    return _texts(GENERATED)


def write(wanted: dict[str, str]) -> None:
    """Make the package in the tree equal to `wanted`."""
    present = kept()
    for name in present.keys() - wanted.keys():
        (GENERATED / name).unlink()
    for name, text in wanted.items():
        if present.get(name) != text:
            (GENERATED / name).parent.mkdir(parents=True, exist_ok=True)
            (GENERATED / name).write_text(text, encoding="utf-8")


def drift(wanted: dict[str, str], present: dict[str, str]) -> list[str]:
    """One line for each file that is not as it should be."""
    differences = []
    for name in sorted(wanted.keys() | present.keys()):
        if name not in present:
            differences.append(f"src/sentinel/{name} is missing")
        elif name not in wanted:
            differences.append(f"src/sentinel/{name} has no definition in proto/")
        elif wanted[name] != present[name]:
            differences.append(f"src/sentinel/{name} is not what proto/ says")
    return differences


def main() -> int:
    """0 when the generated code was written, or is in step."""
    wanted = generated()
    if "--check" not in sys.argv[1:]:
        write(wanted)
        return 0
    differences = drift(wanted, kept())
    if differences:
        sys.stderr.write("\n".join([*differences, "run `make protos` and commit what it writes", ""]))
    return 1 if differences else 0


def _compile(folder: Path) -> None:
    """Run protoc in a process of its own: it and its plugins write straight to the standard streams."""
    files = sorted(file.relative_to(PROTO).as_posix() for file in PROTO.rglob("*.proto"))
    outputs = [f"--{kind}_out={folder}" for kind in _OUTPUTS]
    plugins = Path(sys.executable).parent  # not resolved: in a virtual environment the link is where the scripts are
    path = os.pathsep.join([str(plugins), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", *outputs, *files],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise SystemExit(f"protoc failed:\n{done.stdout}{done.stderr}")
    told = [line for line in done.stderr.splitlines() if line and not any(known.search(line) for known in _EXPECTED)]
    sys.stderr.writelines(f"{line}\n" for line in told)


def _texts(root: Path) -> dict[str, str]:
    files = (file for file in root.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {file.relative_to(root).as_posix(): file.read_text("utf-8") for file in files}


def _serves_nothing(name: str, texts: dict[str, str]) -> bool:
    """Whether this is a service module of a definition without services."""
    stem, dot, _ = name.partition("_pb2_grpc.py")
    return bool(dot) and "Servicer" not in texts[f"{stem}_pb2_grpc.py"]


if __name__ == "__main__":
    sys.exit(main())
