"""A process that has loaded the gateway's command and forks one gateway after the other from it.

Loading the command is nearly all that a gateway's start costs, and whoever plays many worlds would pay it for each. So
it is loaded once, before any thread or event loop exists, and every gateway is a fork of that: a process of its own,
with its own files, settings and sockets, as if its command had been started.

Started by `warm.py` as ``python -m sentinel_fleet.sentinel.nursery <descriptor>``, with one end of a socket for
packets. Each packet orders one gateway: JSON with `arguments` and `environment`, and two descriptors, its standard
output and error. The answer is a packet with a descriptor of the new process (pidfd). When the other end closes, all
that is left of them is killed. Linux only.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from sentinel_fleet.sentinel.command import COMMAND

ORDER_BYTES = 256 * 1024
"""The largest order: an environment and a command line."""
_SERVES = "serve"
"""The module beside the command's own that it loads when it is told to serve."""


def main() -> None:
    """Fork gateways until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells all of us; the other end decides
    control = socket.socket(fileno=int(sys.argv[1]))
    command = _loaded()
    gc.freeze()  # or the first collection in each fork would copy all of it
    children: set[int] = set()
    while True:
        content, descriptors, _, _ = socket.recv_fds(control, ORDER_BYTES, 2)
        if not content:
            break
        _forget_ended(children)
        child = os.fork()
        if child == 0:
            control.close()
            _become(command, json.loads(content), descriptors)
        children.add(child)
        _answer(control, child)
        for descriptor in descriptors:
            os.close(descriptor)
    _forget_ended(children)
    for child in children:
        os.kill(child, signal.SIGKILL)


def _loaded() -> EntryPoint:
    (command,) = entry_points(group="console_scripts", name=COMMAND)
    command.load()
    import_module(f"{command.module.rpartition('.')[0]}.{_SERVES}")
    return command


def _answer(control: socket.socket, child: int) -> None:
    handle = os.pidfd_open(child)  # not reaped yet, so it is this very process
    socket.send_fds(control, [b"."], [handle])
    os.close(handle)


def _forget_ended(children: set[int]) -> None:
    for child in tuple(children):
        if os.waitpid(child, os.WNOHANG)[0]:
            children.discard(child)


def _become(command: EntryPoint, order: dict[str, object], descriptors: list[int]) -> None:
    """Be the command, with these arguments; never returns."""
    for own, given in zip((1, 2), descriptors, strict=True):
        os.dup2(given, own)
        os.close(given)
    arguments, environment = order["arguments"], order["environment"]
    sys.argv = [COMMAND, *arguments] if isinstance(arguments, list) else [COMMAND]
    os.environ.clear()
    os.environ.update(environment if isinstance(environment, dict) else {})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code: object = 1
    try:
        command.load()()
        code = 0
    except SystemExit as ended:
        code = ended.code
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
