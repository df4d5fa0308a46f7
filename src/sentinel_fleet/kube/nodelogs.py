"""/var/log of a node through the API server's proxy: kern.log as a file, journals by NodeLogQuery.

A log source that rotates says so by offering `kernel_log_rotated_at(node)` (see `RotatedLogs`); older lines then stand
in kern.log.1. Journals are cut by boots, whose beginnings are read from the kernel log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol, runtime_checkable

from aiohttp import web

from sentinel_fleet.kube.authz import Attributes, forbidden
from sentinel_fleet.kube.context import Caller, Context
from sentinel_fleet.kube.faulty import suffer_kubelet
from sentinel_fleet.kube.instants import parse_instant
from sentinel_fleet.kube.paths import ResourcePath
from sentinel_fleet.kube.status import not_found, unavailable

_BOOT_MARK = re.compile(r"kernel: \[\s*0\.000000\] Linux version ")
_NO_ENTRIES = "-- No entries --"
_MAX_TAIL = 100_000


@runtime_checkable
class RotatedLogs(Protocol):
    """A log source whose kernel logs have been rotated."""

    def kernel_log_rotated_at(self, node: str) -> float | None:
        """When kern.log was last rotated, in epoch seconds; None when it never was."""
        ...


@dataclass(frozen=True, slots=True)
class JournalQuery:
    """A NodeLogQuery for services, checked."""

    services: tuple[str, ...]
    since: float | None = None
    until: float | None = None
    tail: int | None = None
    boot: int = 0
    pattern: str = ""

    @classmethod
    def from_query(cls, services: Sequence[str], query: Mapping[str, str]) -> JournalQuery:
        """Read and check the parameters.

        Raises:
            ValueError: in the kubelet's words.
        """
        since, until = _instant(query, "sinceTime"), _instant(query, "untilTime")
        if since is not None and until is not None and since > until:
            raise ValueError(f'untilTime: Invalid value: "{query["untilTime"]}": must be after `sinceTime`')
        boot, tail = _integer(query, "boot"), _integer(query, "tailLines")
        if boot is not None and boot > 0:
            raise ValueError(f"boot: Invalid value: {boot}: must be less than 1")
        if tail is not None and not 0 <= tail <= _MAX_TAIL:
            raise ValueError(f"tailLines: Invalid value: {tail}: must be between 0 and {_MAX_TAIL}, inclusive")
        try:
            re.compile(query.get("pattern", ""))
        except re.error as error:
            raise ValueError(f'pattern: Invalid value: "{query["pattern"]}": {error}') from error
        return cls(tuple(services), since, until, tail, boot or 0, query.get("pattern", ""))


def _instant(query: Mapping[str, str], name: str) -> float | None:
    if not query.get(name):
        return None
    at = parse_instant(query[name])
    if at is None:
        raise ValueError(f'{name}: Invalid value: "{query[name]}": invalid time format')
    return at


def _integer(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    if not text.removeprefix("-").isdigit():
        raise ValueError(f'{name}: Invalid value: "{text}": strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def line_time(line: str) -> float | None:
    """When a log line was written, by the stamp it begins with."""
    return parse_instant(line.split(" ", 1)[0])


async def node_proxy(context: Context, request: web.Request, path: ResourcePath, caller: Caller) -> web.Response:
    """GET of a node's proxy; only the kubelet's /logs/ is served.

    Raises:
        ApiError: 404 without the node or for another kubelet path, 5xx for a kubelet that cannot be reached.
    """
    node = path.name
    if context.store.get("nodes", node) is None:
        raise not_found(path.resource, node)
    fault = context.faults.fault("kernel_log", node)
    await suffer_kubelet(context, request, fault, node)
    if fault == "403":
        raise forbidden(Attributes(caller.user, "get", "", "nodes/proxy", name=node))
    if fault == "503":
        raise unavailable("error trying to reach service: kubelet is not ready")
    rest = path.rest.lstrip("/")
    if rest not in ("logs", "logs/") and not rest.startswith("logs/"):
        return web.Response(status=404, text="404 page not found\n")
    files = _NodeFiles(context, node, empty=fault == "empty")
    file = rest.removeprefix("logs").lstrip("/")
    if file:
        return files.serve(file)
    if "query" in request.query:
        return _query(files, request.query.getall("query"), request.query)
    return files.directory()


def _query(files: _NodeFiles, wanted: Sequence[str], query: Mapping[str, str]) -> web.Response:
    try:
        services = [name for name in wanted if name.strip() and not re.search(r"[/\\]", name)]
        paths = [name for name in wanted if re.search(r"[/\\]", name)]
        if not services and not paths:
            raise ValueError('query: Invalid value: "": may not be empty')
        if services and paths:
            raise ValueError("query: Invalid value: cannot specify a file and service")
        if paths:
            return files.serve(paths[0].lstrip("/").removeprefix("var/log/"))
        if services[0] in files.files():
            return files.serve(services[0])
        text = files.journal(JournalQuery.from_query(services, query))
    except ValueError as error:
        return web.Response(status=400, text=f"{error}\n")
    return web.Response(text=text, content_type="text/plain")


class _NodeFiles:
    """What one node has under /var/log and in its journal, now."""

    def __init__(self, context: Context, node: str, *, empty: bool) -> None:
        self._logs = context.logs
        self._node = node
        self._now = context.clock()
        self._empty = empty

    def _kernel(self) -> list[str]:
        return [] if self._empty else self._logs.kernel_log(self._node, self._now)

    def files(self) -> dict[str, list[str]]:
        """The files by name."""
        lines = self._kernel()
        rotated = self._logs.kernel_log_rotated_at(self._node) if isinstance(self._logs, RotatedLogs) else None
        if rotated is None:
            return {"kern.log": lines}
        older = [line for line in lines if (line_time(line) or 0.0) < rotated]
        return {"kern.log": lines[len(older) :], "kern.log.1": older}

    def directory(self) -> web.Response:
        """The listing, as Go's file server writes it."""
        names = "".join(f'<a href="{name}">{name}</a>\n' for name in sorted(self.files()))
        head = '<!doctype html>\n<meta name="viewport" content="width=device-width">\n'
        return web.Response(text=f"{head}<pre>\n{names}</pre>\n", content_type="text/html")

    def serve(self, file: str) -> web.Response:
        """One file, whole."""
        lines = self.files().get(file)
        if lines is None:
            return web.Response(status=404, text="404 page not found\n")
        return web.Response(text="".join(f"{line}\n" for line in lines), content_type="text/plain")

    def journal(self, query: JournalQuery) -> str:
        """The journal lines of some services."""
        boot = self._boot(query.boot)
        if boot is None:
            return f"Data from the specified boot ({query.boot}) is not available: No such boot ID in journal\n"
        lines = self._merged(query.services)
        since, until = max(boot[0], query.since or 0.0), min(boot[1], query.until or inf)
        found = [line for line in lines if since <= (line_time(line) or 0.0) <= until]
        if query.pattern:
            found = [line for line in found if re.search(query.pattern, line.split(" ", 2)[-1])]
        if query.tail is not None:
            found = found[-query.tail :] if query.tail else []
        return "".join(f"{line}\n" for line in found or [_NO_ENTRIES])

    def _merged(self, services: Sequence[str]) -> list[str]:
        names = [name.removesuffix(".service") for name in services]
        if self._empty:
            return []
        lines = [line for name in names for line in self._logs.unit_log(self._node, name, self._now)]
        return sorted(lines, key=lambda line: line_time(line) or 0.0) if len(names) > 1 else lines

    def _boot(self, offset: int) -> tuple[float, float] | None:
        """Beginning and end of a boot counted back from the current one."""
        lines = self._kernel()
        stamps = (line_time(line) for line in lines if _BOOT_MARK.search(line))
        starts = [stamp for stamp in stamps if stamp is not None]
        if not starts or not _BOOT_MARK.search(lines[0]):
            starts.insert(0, 0.0)  # The log begins in the middle of a boot.
        at = len(starts) - 1 + offset
        if at < 0:
            return None
        # The current boot has no end: a node whose clock runs ahead stamps its lines in our future.
        return starts[at], starts[at + 1] if at + 1 < len(starts) else inf
