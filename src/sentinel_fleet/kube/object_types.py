"""The fields of built-in objects and their types, from `object_types.txt`: a type a line, `name field:type field:type`.

A type is the name of another line, `[]type` for a list, `{}type` for a map, or one of the plain ones that `decoding`
reads. The file is what a real server of version 1.36 says in /openapi/v2; the tests of a real cluster hold it against
one and can renew it. Kinds that a CRD defines are open: of those only the metadata are described.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentinel_fleet.kube.resources import Resource

OPEN = "Custom"
"""The type of objects whose further fields are anybody's."""

Fields = Mapping[str, str]


@cache
def object_types() -> Mapping[str, Fields]:
    """Field types by field, by type name."""
    text = files("sentinel_fleet.kube").joinpath("object_types.txt").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        name, *fields = line.split(" ")
        found[name] = dict(field.split(":", 1) for field in fields)
    found[OPEN] = {**dict.fromkeys(("apiVersion", "kind"), "string"), "metadata": "ObjectMeta"}
    found[OPEN] |= dict.fromkeys(("spec", "status"), "{}any")
    return found


def type_of(resource: Resource) -> str:
    """The name of the type of a resource's objects."""
    name = f"{resource.group.split('.')[0]}.{resource.kind}"
    if resource.custom:
        return OPEN
    return name if name in object_types() else resource.kind
