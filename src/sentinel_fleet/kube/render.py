"""How objects leave the server: as themselves, as tables, or as bare metadata, whichever the client accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sentinel_fleet.kube.events import EVENTS_GROUP, to_events_api
from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.record import Record, to_json
from sentinel_fleet.kube.resources import Resource
from sentinel_fleet.kube.status import ApiError, failure
from sentinel_fleet.kube.table import partial_metadata, table

Form = Literal["object", "table", "metadata"]

_FORMS: dict[str, Form] = {
    "": "object",
    "Table": "table",
    "PartialObjectMetadata": "metadata",
    "PartialObjectMetadataList": "metadata",
}
_JSON = ("application/json", "application/*", "*/*")


def negotiate(accept: str) -> Form:
    """The form an Accept header asks for, first acceptable clause wins.

    Raises:
        ApiError: 406 when no clause can be served.
    """
    for clause in accept.split(",") if accept.strip() else ("*/*",):
        media, *parameters = (part.strip() for part in clause.split(";"))
        wanted = dict(p.split("=", 1) for p in parameters if "=" in p)
        if media in _JSON and wanted.get("g", "meta.k8s.io") == "meta.k8s.io" and wanted.get("as", "") in _FORMS:
            return _FORMS[wanted.get("as", "")]
    raise _not_acceptable()


def _not_acceptable() -> ApiError:
    return failure(406, "NotAcceptable", "only the following media types are accepted: application/json")


@dataclass(frozen=True, slots=True)
class Renderer:
    """One request's way of showing objects of one resource."""

    resource: Resource
    form: Form
    now: float
    include: str = ""
    """Table rows carry `None`, the whole `Object`, or metadata (anything else)."""

    def shown(self, obj: JsonObject) -> JsonObject:
        """The object in the API version asked for."""
        return to_events_api(obj) if self.resource.group == EVENTS_GROUP else obj

    def body(self, record: Record) -> bytes:
        """The object's JSON without kind and apiVersion."""
        if self.resource.group != EVENTS_GROUP:
            return record.body()
        shown = self.shown(record.obj)
        return to_json({key: value for key, value in shown.items() if key not in ("kind", "apiVersion")})

    def one(self, record: Record, *, header: bool = True) -> bytes:
        """A single object."""
        if self.form == "table":
            shown = table(self.resource, [record], self.now, self.include, header=header)
            return to_json({**shown, "metadata": {"resourceVersion": str(record.rv)}})
        if self.form == "metadata":
            return to_json(partial_metadata(record.obj))
        return self._typed(record)

    def _typed(self, record: Record) -> bytes:
        head = f'{{"kind":"{self.resource.kind}","apiVersion":"{self.resource.api_version}",'
        return head.encode() + self.body(record)[1:]

    def many(self, records: Sequence[Record], metadata: JsonObject) -> bytes:
        """A list; items of built-in kinds come without kind and apiVersion, as the real server sends them."""
        if self.form == "table":
            return to_json({**table(self.resource, records, self.now, self.include), "metadata": metadata})
        if self.form == "metadata":
            kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
            items = b",".join(to_json(partial_metadata(record.obj)) for record in records)
        else:
            kind, version = f"{self.resource.kind}List", self.resource.api_version
            show = self._typed if self.resource.custom else self.body
            items = b",".join(map(show, records))
        head = f'{{"kind":"{kind}","apiVersion":"{version}","metadata":'.encode()
        return b"".join((head, to_json(metadata), b',"items":[', items, b"]}"))
