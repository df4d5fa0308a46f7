"""Which GPU "GPU 3" is: its UUID, by what authoritative fields have shown in this investigation and by nothing else.

A number is no identity: it moves when a GPU falls off the bus, is replaced, or the driver counts anew. So a number that
was seen with two UUIDs, or a GPU that was seen with two numbers, names nothing, and nor does one nobody has seen. What
a model writes says which number it means, never which UUID that is. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.grounds import FREE_QUERY

_NUMBER = re.compile(r"(?:gpu)?[ #:_-]*(\d{1,2})", re.IGNORECASE)
_UUID = re.compile(r"^(?:GPU|MIG)-[0-9A-Za-z-]+$|(?i:(?:gpu|mig)-[0-9a-f]{8}[0-9a-f-]*)")
"""A word of that form, or one within other words that can be nothing else: ``GPU 3 (GPU-5fd4f087-...)``."""


def number_in(word: object) -> int | None:
    """The number that `word` is: ``3``, ``"3"``, ``"gpu3"``, ``"GPU 3"``; None for anything else."""
    if isinstance(word, int) and not isinstance(word, bool):
        return word
    found = _NUMBER.fullmatch(word.strip()) if isinstance(word, str) else None
    return int(found[1]) if found else None


def numbers_in(*words: object) -> frozenset[int]:
    """The different numbers that `words` are."""
    return frozenset(number for word in words if (number := number_in(word)) is not None)


def uuid_of(number: int, node: str, seen: Iterable[Entity]) -> str:
    """UUID of GPU `number` on `node`, by the entities `seen`.

    Raises:
        ValueError: none was seen, or not one alone; the words say how to name it.
    """
    gpus = [item for item in seen if item.kind is EntityKind.GPU and item.uuid and item.index is not None]
    called = f"GPU {number} on {node}"
    uuids = {item.uuid for item in gpus if item.node == node and item.index == number and item.uuid}
    if not uuids:
        look = f"look at the node's GPUs first ({FREE_QUERY} does not count), then name it by UUID"
        raise ValueError(f"no evidence shows the UUID of {called}: {look}")
    if len(uuids) > 1:
        raise ValueError(f"evidence shows several as {called} ({', '.join(sorted(uuids))}): name the one by its UUID")
    (uuid,) = uuids
    numbers = {item.index for item in gpus if item.uuid == uuid}
    if len(numbers) > 1:
        raise ValueError(f"evidence shows {called} under other numbers as well: name it by its UUID, {uuid}")
    return uuid


def with_uuid(target: Entity, seen: Iterable[Entity], nodes: Collection[str]) -> Entity:
    """`target` with its UUID, where it is a GPU that was named by number; as it is where the number names none.

    A UUID that it is named by is its identity: a number that says another changes nothing. Without a node it is one of
    the incident's only node, where `nodes`, those of the incident, are one.
    """
    entities = tuple(seen)
    if target.kind is not EntityKind.GPU:
        return target
    uuids = _uuids_in((target.uuid, target.name), entities)
    numbers = numbers_in(target.index, *(word for word in (target.uuid, target.name) if word not in uuids))
    node = target.node or (next(iter(nodes)) if len(nodes) == 1 else None)
    if len(numbers) != 1 or node is None or (target.uuid and not uuids and number_in(target.uuid) is None):
        return target
    (number,) = numbers
    try:
        found = uuid_of(number, node, entities)
    except ValueError:
        return target
    return target if uuids - {found} else replace(target, uuid=found, index=number, node=node)


def _uuids_in(words: Iterable[str | None], seen: Iterable[Entity]) -> frozenset[str]:
    """What in `words` is a UUID: one that was seen, or whatever has the form of one."""
    known = {item.uuid for item in seen if item.kind is EntityKind.GPU and item.uuid}
    found: set[str] = set()
    for word in filter(None, words):
        found |= {uuid for uuid in known if uuid in word}
        if number_in(word) is None:
            found |= set(_UUID.findall(word))
    return frozenset(found)
