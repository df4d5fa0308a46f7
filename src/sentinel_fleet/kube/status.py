"""Refusals in the API server's own words: every one becomes a `metav1.Status` with its HTTP code.

Handlers raise `ApiError`; `app` turns it into the response. The texts are those of k8s.io/apimachinery/pkg/api/errors,
because clients and people match on them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sentinel_fleet.kube.jsontypes import JsonObject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sentinel_fleet.kube.resources import Resource

_FIELD_ERRORS = {
    "FieldValueInvalid": "Invalid value",
    "FieldValueRequired": "Required value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueNotSupported": "Unsupported value",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueTooLong": "Too long",
}
_WITHOUT_VALUE = {"FieldValueRequired", "FieldValueForbidden", "FieldValueTooLong"}


class ApiError(Exception):
    """Raised when a request is refused; carries the Status that says so."""

    def __init__(self, status: JsonObject, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status["message"])
        self.status = status
        self.headers = dict(headers or {})

    @property
    def code(self) -> int:
        """The HTTP status code."""
        return int(self.status["code"])


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field of an object that cannot be accepted."""

    type: Literal[
        "FieldValueInvalid",
        "FieldValueRequired",
        "FieldValueForbidden",
        "FieldValueNotSupported",
        "FieldValueDuplicate",
        "FieldValueTooLong",
    ]
    field: str
    value: object = None
    detail: str = ""

    def body(self) -> str:
        """The complaint without the field's name."""
        text = _FIELD_ERRORS[self.type]
        if self.type not in _WITHOUT_VALUE:
            text += f": {json.dumps(self.value, separators=(',', ':'))}"
        return f"{text}: {self.detail}" if self.detail else text

    def __str__(self) -> str:
        return f"{self.field}: {self.body()}"


def invalid_field(field: str, value: object, detail: str) -> FieldError:
    """A field whose value is malformed; by far the most frequent complaint."""
    return FieldError("FieldValueInvalid", field, value, detail)


def failure(code: int, reason: str, message: str, details: JsonObject | None = None) -> ApiError:
    """A refusal of any kind."""
    status: JsonObject = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    if reason:
        status["reason"] = reason
    if details is not None:
        status["details"] = details
    status["code"] = code
    retry_after_s = (details or {}).get("retryAfterSeconds")
    return ApiError(status, {"Retry-After": str(retry_after_s)} if retry_after_s else None)


def success(details: JsonObject | None = None) -> JsonObject:
    """The Status of a request that has nothing else to return."""
    status: JsonObject = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return {**status, "details": details} if details else status


def _details(resource: Resource, name: str) -> JsonObject:
    details = {"name": name, "group": resource.group, "kind": resource.plural}
    return {key: value for key, value in details.items() if value}


def not_found(resource: Resource, name: str) -> ApiError:
    """There is no such object."""
    return failure(404, "NotFound", f'{resource.qualified} "{name}" not found', _details(resource, name))


def unknown_resource() -> ApiError:
    """The path names a kind this server does not serve."""
    return failure(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: Resource, name: str) -> ApiError:
    """An object of that name is there already."""
    return failure(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', _details(resource, name))


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    """The object is not in the state the client believed."""
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return failure(409, "Conflict", message, _details(resource, name))


def storage_conflict(resource: Resource, name: str, why: str) -> ApiError:
    """As `conflict`, where the storage says so: it knows kinds only."""
    qualified = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    message = f'Operation cannot be fulfilled on {qualified} "{name}": {why}'
    return failure(409, "Conflict", message, {**_details(resource, name), "kind": resource.kind})


def invalid(resource: Resource, name: str, errors: Sequence[FieldError]) -> ApiError:
    """The object was understood and breaks a rule of its kind."""
    return invalid_kind(resource.group, resource.kind, name, errors)


def invalid_kind(group: str, kind: str, name: str, errors: Sequence[FieldError]) -> ApiError:
    """As `invalid`, for kinds that are not resources (option objects)."""
    texts = [str(error) for error in errors]
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    causes = [{"reason": e.type, "message": e.body(), "field": e.field} for e in errors]
    named = {key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value}
    qualified = f"{kind}.{group}" if group else kind
    return failure(422, "Invalid", f'{qualified} "{name}" is invalid: {joined}', {**named, "causes": causes})


def unprocessable() -> ApiError:
    """A patch that cannot be applied to the object."""
    return failure(422, "Invalid", "the server rejected our request due to an error in our request", {})


def bad_request(message: str) -> ApiError:
    """The request itself is malformed."""
    return failure(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """The credentials are missing or unknown."""
    return failure(401, "Unauthorized", "Unauthorized")


def expired(message: str, continue_token: str = "") -> ApiError:
    """The requested resourceVersion has been compacted away."""
    error = failure(410, "Expired", message)
    if continue_token:
        error.status["metadata"] = {"continue": continue_token}
    return error


def too_large_version(wanted: int, current: int) -> ApiError:
    """A resourceVersion of the future."""
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    message = f"Timeout: Too large resource version: {wanted}, current: {current}"
    return failure(504, "Timeout", message, {"causes": causes, "retryAfterSeconds": 1})


def too_many_requests(message: str, causes: list[JsonObject], retry_after_s: int) -> ApiError:
    """Ask again later."""
    details: JsonObject = {"causes": causes}
    if retry_after_s:
        details["retryAfterSeconds"] = retry_after_s
    return failure(429, "TooManyRequests", message, details)


def unavailable(message: str) -> ApiError:
    """The server, or the kubelet behind it, cannot answer now."""
    return failure(503, "ServiceUnavailable", message)


def internal(message: str) -> ApiError:
    """Something on the server's side failed."""
    details: JsonObject = {"causes": [{"message": message}]}
    return failure(500, "InternalError", f"Internal error occurred: {message}", details)


def method_not_allowed() -> ApiError:
    """The path exists and the verb does not."""
    return failure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    """The body is in a format this server does not read."""
    listed = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {listed}"
    return failure(415, "UnsupportedMediaType", message)


def unsupported_patch() -> ApiError:
    """A patch of a type that there is not."""
    return failure(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
