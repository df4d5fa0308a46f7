"""Alertmanager's v2 API over the world's alerts; silences can be made and take effect."""

import json
import re
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from aiohttp import web

from sentinel_fleet.ports import SourceFaults
from sentinel_fleet.prom.faults import suffer
from sentinel_fleet.prom.silences import BadRequest, Matcher, Silences, Unprocessable, parse_matcher, timestamp

SOURCE = "alertmanager"
VERSION = "0.28.1"
_YES = frozenset({"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"})
"""What go-openapi's ConvertBool takes for true."""

Alert: TypeAlias = dict[str, Any]
"""A GettableAlert, as the API's schema has it."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Server:
    def __init__(
        self, alerts: Callable[[float], Sequence[Alert]], clock: Callable[[], float], faults: SourceFaults
    ) -> None:
        self._alerts = alerts
        self._clock = clock
        self._faults = faults
        self._silences = Silences(clock)
        self._started = clock()

    def routes(self) -> list[web.RouteDef]:
        """Every path of the API this server answers."""
        return [
            web.get("/api/v2/alerts", self.alerts),
            web.get("/api/v2/alerts/groups", self.groups),
            web.get("/api/v2/receivers", self.receivers),
            web.get("/api/v2/status", self.status),
            web.get("/api/v2/silences", self.silences),
            web.post("/api/v2/silences", self.post_silence),
            web.get("/api/v2/silence/{id}", self.silence),
            web.delete("/api/v2/silence/{id}", self.delete_silence),
            web.get("/-/healthy", self.healthy),
            web.get("/-/ready", self.healthy),
        ]

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Faults first; a bad request is answered with its reason as a JSON string."""
        suffered = await suffer(request, self._faults.fault(SOURCE, None))
        if suffered is not None:
            return suffered
        try:
            return await handler(request)
        except BadRequest as error:
            return web.json_response(str(error), status=error.status)

    async def alerts(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._selected(request))

    async def groups(self, request: web.Request) -> web.StreamResponse:
        groups: dict[tuple[str, str], list[Alert]] = {}
        for alert in self._selected(request):
            for receiver in alert["receivers"]:
                groups.setdefault((alert["labels"].get("alertname", ""), receiver["name"]), []).append(alert)
        return web.json_response(
            [
                {"labels": {"alertname": name}, "receiver": {"name": receiver}, "alerts": alerts}
                for (name, receiver), alerts in sorted(groups.items())
            ]
        )

    async def receivers(self, _: web.Request) -> web.StreamResponse:
        names = {receiver["name"] for alert in self._current() for receiver in alert["receivers"]}
        return web.json_response([{"name": name} for name in sorted(names or {"default"})])

    async def status(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(
            {
                "cluster": {"name": "sentinel-fleet", "status": "disabled", "peers": []},
                "config": {"original": "route:\n  receiver: default\n  group_by: [alertname]\n"},
                "uptime": timestamp(self._started),
                "versionInfo": {
                    "version": VERSION,
                    "revision": "simulated",
                    "branch": "HEAD",
                    "buildUser": "sentinel-fleet",
                    "buildDate": "",
                    "goVersion": "",
                },
            }
        )

    async def silences(self, request: web.Request) -> web.StreamResponse:
        wanted = [parse_matcher(text) for text in request.query.getall("filter", [])]
        now = self._clock()
        return web.json_response(
            [
                silence.as_json(now)
                for silence in self._silences.all()
                if all(_names(matcher, silence.matchers) for matcher in wanted)
            ]
        )

    async def post_silence(self, request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.text())
        except ValueError as error:
            raise BadRequest(f"parsing silence body from {str(request.rel_url)!r} failed: {error}") from error
        return web.json_response({"silenceID": self._silences.put(body).id})

    async def silence(self, request: web.Request) -> web.StreamResponse:
        silence = self._silences.get(_silence_id(request))
        if silence is None:
            return web.Response(status=web.HTTPNotFound.status_code)
        return web.json_response(silence.as_json(self._clock()))

    async def delete_silence(self, request: web.Request) -> web.StreamResponse:
        known = self._silences.expire(_silence_id(request))
        return web.Response(status=web.HTTPOk.status_code if known else web.HTTPNotFound.status_code)

    async def healthy(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text="OK")

    def _current(self) -> list[Alert]:
        """The alerts that have not ended, with our silences applied, in order of fingerprint."""
        now = self._clock()
        if self._faults.fault(SOURCE, None) == "empty":
            return []
        alive = (alert for alert in self._alerts(now) if datetime.fromisoformat(alert["endsAt"]).timestamp() > now)
        return sorted(map(self._silenced, alive), key=lambda alert: str(alert["fingerprint"]))

    def _silenced(self, alert: Alert) -> Alert:
        ids = self._silences.of(alert["labels"])
        if not ids:
            return alert
        status = {**alert["status"], "state": "suppressed", "silencedBy": [*alert["status"]["silencedBy"], *ids]}
        return {**alert, "status": status}

    def _selected(self, request: web.Request) -> list[Alert]:
        matchers = [parse_matcher(text) for text in request.query.getall("filter", [])]
        receiver = _receiver(request.query.get("receiver", ""))
        flags = {name: _flag(request, name) for name in ("active", "silenced", "inhibited", "unprocessed")}
        return [
            alert
            for alert in self._current()
            if _shown(alert, flags)
            and all(matcher.matches(alert["labels"]) for matcher in matchers)
            and _received(alert["receivers"], receiver)
        ]


def alertmanager_app(
    alerts: Callable[[float], Sequence[Alert]], clock: Callable[[], float], faults: SourceFaults
) -> web.Application:
    """Alertmanager's API; `alerts` gives the GettableAlerts of a moment in epoch seconds."""
    server = _Server(alerts, clock, faults)
    app = web.Application(middlewares=[server.middleware])
    app.add_routes(server.routes())
    return app


def _flag(request: web.Request, name: str) -> bool:
    """What is no word for yes means no, as in Alertmanager."""
    return request.query.get(name, "true").lower() in _YES


def _silence_id(request: web.Request) -> str:
    text = request.match_info["id"]
    try:
        uuid.UUID(text)
    except ValueError as error:
        raise Unprocessable(f"silenceID in path must be of type uuid: {text!r}") from error
    return text


def _shown(alert: Alert, flags: dict[str, bool]) -> bool:
    status = alert["status"]
    return not (
        (not flags["active"] and status["state"] == "active")
        or (not flags["unprocessed"] and status["state"] == "unprocessed")
        or (not flags["silenced"] and status["silencedBy"])
        or (not flags["inhibited"] and status["inhibitedBy"])
    )


def _receiver(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise BadRequest(f"failed to parse receiver param: {text}") from error


def _received(receivers: Iterable[dict[str, str]], wanted: re.Pattern[str] | None) -> bool:
    return wanted is None or any(wanted.fullmatch(receiver["name"]) for receiver in receivers)


def _names(wanted: Matcher, matchers: Iterable[Matcher]) -> bool:
    """Whether a silence speaks of the label value that a filter asks for."""
    return any(matcher.name == wanted.name and wanted.matches({wanted.name: matcher.value}) for matcher in matchers)
