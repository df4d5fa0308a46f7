"""`sentinel-gateway serve`: one gateway until told to stop. The first signal ends it in order, the second at once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

import structlog

from sentinel_gateway.app.garbage import collect_rarely
from sentinel_gateway.app.running import Running, running_gateway
from sentinel_gateway.app.settings import Settings
from sentinel_serving.setting_values import Address

log = structlog.get_logger(__name__)

_KILLED = 130


async def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM.

    Raises:
        GatewayError: it could not start, or a part of it failed.
    """
    stop = asyncio.Event()
    _exit_on_signal()
    async with running_gateway(settings) as running:
        _stop_on_signal(stop)
        collect_rarely()
        announce(running, settings)
        waits = [asyncio.create_task(event.wait()) for event in (stop, running.ended)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def announce(running: Running, settings: Settings) -> None:
    """One line of JSON on standard output with where it listens, for whoever started it with port 0."""
    grpc = settings.grpc
    addresses = (grpc.listen, *grpc.also_listen, *grpc.token_listen)
    facts = {
        "event": "gateway.serving",
        "grpc": [_at(address, port) for address, port in zip(addresses, running.grpc_ports, strict=True)],
        "rest": _at(settings.rest.listen, running.rest_port),
        "metrics": _at(settings.metrics.listen, running.metrics_port),
        "tls": settings.tls.on,
        "pid": os.getpid(),
    }
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    log.info(**facts)
    if settings.access.insecure:
        log.warning("access.insecure", hint="whoever can connect is admin and agent")


def _at(address: Address | None, port: int | None) -> str | None:
    return str(Address(address.host, port)) if address is not None and port is not None else None


def _exit_on_signal() -> None:
    """While it starts nothing is answered and nothing has to end in order; the loop may be waiting for a database."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(_KILLED))


def _stop_on_signal(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            log.warning("gateway.killed")
            os._exit(_KILLED)
        log.info("gateway.signalled", hint="a second signal exits at once")
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
