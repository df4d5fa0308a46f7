"""How a node's logs are fetched: through the kubelet's log endpoint on the API server, or from Loki.

The kubelet serves files of ``/var/log`` and, with NodeLogQuery, journals of services; both need the verb ``get`` on
``nodes/proxy``. Loki holds what was shipped before a node died, so it is asked first where it is configured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gcm_sentinel.clients.http import HttpClient
from gcm_sentinel.clients.kubernetes import KubernetesClient, metadata
from gcm_sentinel.datasources.log_lines import parse_line
from gcm_sentinel.domain.errors import BadResponse, NotFound, SentinelError

KERNEL_FILES = ("kern.log", "syslog", "messages")
"""Files of ``/var/log`` that may hold kernel messages, the most exact first."""
ENABLE_KUBELET = (
    "Allow the verb get on nodes/proxy in the agent's ClusterRole (the kubelet serves /var/log through it; nothing is"
    " changed on the node), or set the Loki URL to read shipped logs instead"
)
ENABLE_QUERY = (
    "Service journals need the kubelet's NodeLogQuery feature (enableSystemLogHandler and enableSystemLogQuery), the"
    " verb get on nodes/proxy, or a Loki URL"
)
ENABLE_SHIPPED = "The node did not give it; logs that were shipped before can be read by setting the Loki URL"
_MAX_BYTES = 16 * 1024 * 1024
"""Of each file, its end: a hundred thousand Xid lines, and memory for several investigations at once."""
_PAGE = 5000
_MAX_PAGES = 8
_HOST_LABELS = ("node", "node_name", "nodename", "hostname", "host", "instance")
_UNIT_LABELS = ("unit", "systemd_unit", "service_name")


@dataclass(frozen=True, slots=True)
class FetchedLog:
    """A log as it came."""

    transport: str
    """``kubelet:kern.log``, ``kubelet:journal`` or ``loki``."""
    query: str
    lines: tuple[str, ...]


async def kernel_log_of_kubelet(kubernetes: KubernetesClient, node: str, since: datetime, older: bool) -> FetchedLog:  # noqa: FBT001
    """The kernel log file of a node, with its rotated predecessor when the file begins after `since` or `older` is set.

    A file that is there but empty counts only when no other one has lines.

    Raises:
        SentinelError: forbidden, unreachable, or no such file (`NotFound`).
    """
    empty: FetchedLog | None = None
    for name in KERNEL_FILES:
        path = f"/api/v1/nodes/{node}/proxy/logs/{name}"
        try:
            current = await kubernetes.text(path, max_bytes=_MAX_BYTES)
        except NotFound:
            continue
        lines = current.splitlines()
        if older or not _begins_before(lines, since):
            lines = [*await _rotated(kubernetes, f"{path}.1"), *lines]
        if any(line.strip() for line in lines):
            return FetchedLog(f"kubelet:{name}", f"GET {path}", tuple(lines))
        empty = empty or FetchedLog(f"kubelet:{name}", f"GET {path}", ())
    if empty is not None:
        return empty
    await kubernetes.get(f"/api/v1/nodes/{node}")
    raise NotFound(f"the kubelet of {node} serves none of {', '.join(KERNEL_FILES)} under /var/log")


async def probe_kubelet(kubernetes: KubernetesClient) -> None:
    """List the log folder of any one node.

    Raises:
        SentinelError: forbidden, or that node does not answer.
    """
    page = await kubernetes.get("/api/v1/nodes", {"limit": 1})
    for found in page.get("items") or ():
        await kubernetes.text(f"/api/v1/nodes/{metadata(found)['name']}/proxy/logs/", max_bytes=1024 * 1024)


async def _rotated(kubernetes: KubernetesClient, path: str) -> list[str]:
    try:
        return (await kubernetes.text(path, max_bytes=_MAX_BYTES)).splitlines()
    except NotFound:
        return []


def _begins_before(lines: list[str], since: datetime) -> bool:
    for raw in lines[:50]:
        at = parse_line(raw, since + timedelta(days=90)).at
        if at is not None:
            return at <= since.timestamp()
    return False


async def journal_of_kubelet(kubernetes: KubernetesClient, node: str, unit: str, since: datetime) -> FetchedLog:
    """The journal of a systemd unit.

    Raises:
        SentinelError: forbidden, unreachable, the feature is off, or no such unit.
    """
    path = f"/api/v1/nodes/{node}/proxy/logs/"
    params = {"query": unit, "sinceTime": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    told = await kubernetes.text(path, params, max_bytes=_MAX_BYTES)
    if told.lstrip().startswith(("<pre>", "<!doctype", "<html")):
        raise NotFound(f"the kubelet of {node} lists files instead of a journal: its log query is off")
    lines = tuple(line for line in told.splitlines() if line.strip() != "-- No entries --")
    return FetchedLog("kubelet:journal", f"GET {path}?query={unit}&sinceTime={params['sinceTime']}", lines)


class Loki:
    """Log queries of one Loki."""

    def __init__(self, http: HttpClient, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/")

    async def kernel_log(self, node: str, start: datetime, end: datetime) -> FetchedLog:
        """Kernel lines of a node, oldest first; none when it has no stream of that node.

        Raises:
            SentinelError: unreachable, or it refused the query.
        """
        labels = await self._labels()
        marks = ['transport="kernel"'] if "transport" in labels else []
        marks += ['filename=~".*/(kern.log|syslog|messages)"'] if "filename" in labels else []
        marks += ['job="systemd-journal"'] if "job" in labels else []
        return await self._first(_selectors(labels, _HOST_LABELS, node, marks), start, end)

    async def journal(self, node: str, unit: str, start: datetime, end: datetime) -> FetchedLog:
        """The journal of a systemd unit, oldest first.

        Raises:
            SentinelError: unreachable, or it refused the query.
        """
        labels = await self._labels()
        exact = unit.removesuffix(".service").replace(".", "[.]")
        marks = [f'{label}=~"{exact}([.]service)?"' for label in _UNIT_LABELS if label in labels]
        return await self._first(_selectors(labels, _HOST_LABELS, node, marks), start, end)

    async def _labels(self) -> frozenset[str]:
        answer = await self._http.get(f"{self._url}/loki/api/v1/labels")
        names = _data(answer.text)
        return frozenset(str(name) for name in names) if isinstance(names, list) else frozenset()

    async def _first(self, selectors: Iterable[str], start: datetime, end: datetime) -> FetchedLog:
        asked = ""
        for asked in selectors:
            entries = await self._entries(asked, start, end)
            if entries:
                return FetchedLog("loki", asked, tuple(entries))
        return FetchedLog("loki", asked or "no label of this Loki names a node", ())

    async def _entries(self, selector: str, start: datetime, end: datetime) -> list[str]:
        found: list[tuple[int, str]] = []
        last_ns = int(end.timestamp() * 1e9)
        for _ in range(_MAX_PAGES):
            params = {
                "query": selector,
                "start": str(int(start.timestamp() * 1e9)),
                "end": str(last_ns),
                "limit": str(_PAGE),
                "direction": "backward",
            }
            answer = await self._http.get(f"{self._url}/loki/api/v1/query_range", params=params)
            page = _entries(answer.text)
            found += page
            if len(page) < _PAGE:
                break
            last_ns = min(at for at, _ in page) + 1  # `end` is exclusive, and a moment may have more lines than fit
        oldest_first = sorted(dict.fromkeys(reversed(found)), key=lambda entry: entry[0])
        return [line for _, entry in oldest_first for line in entry.split("\n")]


def _selectors(labels: frozenset[str], hosts: Iterable[str], node: str, marks: Iterable[str]) -> list[str]:
    return [f'{{{host}="{node}", {mark}}}' for mark in marks for host in hosts if host in labels]


def _data(body: str) -> Any:  # noqa: ANN401 (JSON from outside)
    try:
        parsed = json.loads(body)
        return parsed["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadResponse(f"Loki's answer could not be read: {body[:120]!r}") from error


def _entries(body: str) -> list[tuple[int, str]]:
    data = _data(body)
    try:
        return [
            (int(at), "\n".join(with_header(int(at), stream["stream"], line) for line in entry.splitlines()))
            for stream in data["result"]
            for at, entry, *_ in stream["values"]  # the journal keeps what one print wrote as one entry
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadResponse(f"Loki's entries could not be read: {error!r}") from error


def with_header(at_ns: int, labels: Mapping[str, str], line: str) -> str:
    """A Loki entry as a syslog line: one that has a header of its own is kept, else labels give host and program."""
    moment = datetime.fromtimestamp(at_ns / 1e9, UTC)
    own = parse_line(line, moment)
    if own.at is not None:
        return line
    program = "kernel" if labels.get("transport") == "kernel" else labels.get("syslog_identifier", "journal")
    host = next((labels[label] for label in _HOST_LABELS if labels.get(label)), "-")
    return f"{moment.isoformat()} {host} {program}: {line}"


def why(error: SentinelError) -> str:
    """A short reason for a note."""
    return f"{type(error).__name__}: {error}"
