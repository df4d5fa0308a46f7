"""A container without an image: a process that sees the volumes where the Pod mounts them and can write nowhere else.

It runs in a mount namespace of its own, so nothing of this machine is changed: folders that are missing are made in
layers that end with it. Where the Pod says so the root is read-only, with those layers and with the folders of the
kernel that its user might write to; every capability is dropped and none can be gained. Its programs are those of this
virtual environment, in place of the image's. Two things differ from a node: the user stays ours, for the interpreter
may stand in a home that nobody else may read, and the network is this machine's, with no name in it but ``localhost``,
so that nothing outside can be reached by its name.

What it prints goes into a file in the form of a container runtime, where the kubelet's stand-in finds it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from tests.cluster.agent.pod import Mount, Ready

_ROOT = Path(__file__).resolve().parents[3]
_PROGRAMS = f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = (_ROOT, Path(sys.prefix), Path(sys.base_prefix))
"""What the process runs from; it stays in sight though a volume is mounted over a folder above it."""
_CONFINED = ("setpriv", "--pdeathsig", "KILL", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")
_END_WITHIN_S = 60
_MOUNTING = ("--mount", "--propagation", "private")
_NAMESPACES = (("unshare", *_MOUNTING), ("unshare", "--user", "--map-root-user", *_MOUNTING))
"""As root, and as anybody where user namespaces are allowed; root may be without the right to mount."""
_COVERED = ("/dev/shm", "/sys/fs/cgroup")  # noqa: S108 - nothing is put there
"""File systems of their own, which the root's being read-only does not reach."""


class Container:
    """One running container."""

    def __init__(self, ready: Ready, folder: Path, log: Path, variables: dict[str, str]) -> None:
        """Start it; `variables` are those that every container of a node has, `folder` is for its own files."""
        self.log = log
        (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n")
        (folder / "hosts").write_text("127.0.0.1 localhost\n")
        (folder / "layers").mkdir()
        environment = {"PATH": _PROGRAMS, "HOME": "/", **variables, **ready.variables}
        command = [*_namespace(), "sh", "-c", "\n".join(_script(ready, folder)), "sh", *_CONFINED, *ready.command]
        self._process = subprocess.Popen(  # noqa: S603 - the Pod's own command
            command, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._log = log.open("a", encoding="utf-8")
        self._copies = [threading.Thread(target=self._copy, args=pipe, daemon=True) for pipe in self._pipes()]
        for copy in self._copies:
            copy.start()

    @property
    def ended(self) -> str:
        """How it ended, with its last words; empty while it runs."""
        code = self._process.poll()
        return "" if code is None else f"it ended with {code}\n" + "\n".join(self.lines()[-20:])

    def lines(self) -> list[str]:
        """What it has printed until now."""
        return [line.split(" ", 3)[3] for line in self.log.read_text(encoding="utf-8").splitlines()]

    def stop(self) -> int:
        """Ask it to end as a kubelet does; its exit code."""
        self._process.terminate()
        try:
            self._process.wait(_END_WITHIN_S)
        finally:
            self._process.kill()
            self._process.wait(_END_WITHIN_S)
            for copy in self._copies:
                copy.join(_END_WITHIN_S)
            self._log.close()
        return self._process.returncode

    def _pipes(self) -> Iterator[tuple[str, IO[bytes]]]:
        for name, pipe in (("stdout", self._process.stdout), ("stderr", self._process.stderr)):
            assert pipe is not None
            yield name, pipe

    def _copy(self, stream: str, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                words = line.decode(errors="replace").rstrip("\n")
                self._log.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z {stream} F {words}\n")
                self._log.flush()


def _namespace() -> tuple[str, ...]:
    """The first way to a mount namespace that this machine allows.

    Raises:
        RuntimeError: it allows none.
    """
    for way in _NAMESPACES:
        done = subprocess.run([*way, "true"], capture_output=True, timeout=_END_WITHIN_S, check=False)  # noqa: S603
        if done.returncode == 0:
            return way
    raise RuntimeError(f"these tests need root with CAP_SYS_ADMIN, or user namespaces: {done.stderr.decode().strip()}")


def _script(ready: Ready, folder: Path) -> Iterator[str]:
    """What is run in the namespace before the command takes its place."""
    yield "set -eu"
    layered = yield from _room_for([mount.target for mount in ready.mounts], folder / "layers")
    own = [f"/etc/{name}" for name in ("resolv.conf", "hosts")]
    for target in own:
        yield _line("mount", "--bind", str(folder / Path(target).name), target)
    if ready.read_only_root:
        yield from (_line("mount", "-o", "remount,ro,bind", place) for place in (*layered, *own))
        yield from (
            _line("mount", "-t", "tmpfs", "-o", "ro", "none", place) for place in filter(os.path.isdir, _COVERED)
        )
    for mount in sorted(ready.mounts, key=lambda mount: folder.is_relative_to(mount.target)):  # hides our own folder
        yield from _mounted(mount)
    if ready.read_only_root:
        yield _line("mount", "-o", "remount,ro,bind", "/")
    yield 'exec "$@"'


def _room_for(targets: list[str], layers: Path) -> Generator[str, None, list[str]]:
    """Folders for what is mounted where nothing is, in a layer over the nearest folder that is there.

    Returns those folders that lie in a layer then.
    """
    missing = [target for target in targets if not Path(target).is_dir()]
    above = {_existing(target) for target in missing}
    yield _line("mount", "-t", "tmpfs", "-o", "mode=0755", "layers", str(layers))
    layered = sorted(there for there in above if not above & set(there.parents))
    for number, there in enumerate(layered):
        upper, work = layers / f"upper-{number}", layers / f"work-{number}"
        yield _line("mkdir", str(upper), str(work))
        options = f"lowerdir={there},upperdir={upper},workdir={work}"
        yield _line("mount", "-t", "overlay", "-o", options, "overlay", str(there))
    yield from (_line("mkdir", "-p", target) for target in missing)
    return [str(there) for there in layered]


def _mounted(mount: Mount) -> Iterator[str]:
    for kept in {path for path in _KEPT if path.is_relative_to(mount.target)}:
        inside = mount.source / kept.relative_to(mount.target)
        yield _line("mkdir", "-p", str(inside))
        yield _line("mount", "--rbind", str(kept), str(inside))
    yield _line("mount", "--rbind", str(mount.source), mount.target)
    if mount.read_only:
        yield _line("mount", "-o", "remount,ro,bind", mount.target)


def _existing(path: str) -> Path:
    """The nearest folder on the way to `path` that is there, links followed."""
    return next(found for found in (Path(path), *Path(path).parents) if found.is_dir()).resolve()


def _line(*words: str) -> str:
    return shlex.join(words)
