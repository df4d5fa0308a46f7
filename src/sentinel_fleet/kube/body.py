"""What a mutating request carries, and the checks of its query: dryRun, fieldManager, force and fieldValidation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sentinel_fleet.kube.status import FieldError, invalid_kind

APPLY = "application/apply-patch+yaml"
_OPTIONS = {
    "create": "CreateOptions",
    "update": "UpdateOptions",
    "patch": "PatchOptions",
    "delete": "DeleteOptions",
    "deletecollection": "DeleteOptions",
}
_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_MANAGER_LIMIT = 128


@dataclass(frozen=True, slots=True)
class Body:
    """What a mutating request carries."""

    data: bytes
    content_type: str
    query: Mapping[str, str]

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be stored."""
        return self.query.get("dryRun") == "All"

    @property
    def strict(self) -> bool:
        """Whether a field that there is not is a reason to refuse."""
        return self.query.get("fieldValidation") == "Strict"

    @property
    def warns(self) -> bool:
        """Whether a field that there is not is told of."""
        return self.query.get("fieldValidation", "") in ("", "Warn")

    def check(self, verb: str) -> None:
        """Refuse option values the API does not know.

        Raises:
            ApiError: 422 that names them all.
        """
        errors = [
            *self._dry_run_errors(),
            *self._manager_errors(),
            *self._patch_errors(verb),
            *self._validation_errors(),
        ]
        if errors:
            raise invalid_kind("meta.k8s.io", _OPTIONS[verb], "", errors)

    def _dry_run_errors(self) -> list[FieldError]:
        value = self.query.get("dryRun", "All")
        detail = 'supported values: "All"'
        return [] if value == "All" else [FieldError("FieldValueNotSupported", "dryRun", [value], detail)]

    def _manager_errors(self) -> list[FieldError]:
        fits = len(self.query.get("fieldManager", "").encode()) <= _MANAGER_LIMIT
        detail = f"may not be more than {_MANAGER_LIMIT} bytes"
        return [] if fits else [FieldError("FieldValueTooLong", "fieldManager", None, detail)]

    def _patch_errors(self, verb: str) -> list[FieldError]:
        if verb != "patch":
            return []
        if self.content_type == APPLY and not self.query.get("fieldManager"):
            return [FieldError("FieldValueRequired", "fieldManager", None, "is required for apply patch")]
        if self.content_type != APPLY and "force" in self.query:
            return [FieldError("FieldValueForbidden", "force", None, "may not be specified for non-apply patch")]
        return []

    def _validation_errors(self) -> list[FieldError]:
        value = self.query.get("fieldValidation", "")
        listed = ", ".join(f'"{known}"' for known in _VALIDATIONS)
        detail = f"supported values: {listed}"
        return [] if value in _VALIDATIONS else [FieldError("FieldValueNotSupported", "fieldValidation", value, detail)]
