"""Which GPU "GPU 3" is: its UUID, by what authoritative fields have shown in this investigation and by nothing else.

A number is no identity: it moves when a GPU falls off the bus, is replaced, or the driver counts anew. So a number that
was seen with two UUIDs, or a GPU that was seen with two numbers, names nothing, and nor does one nobody has seen. What
a model writes says which number it means, never which UUID that is. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from gcm_sentinel.domain.entity import Entity, EntityKind

_NUMBER = re.compile(r"(?:gpu)?[ #:_-]*(\d{1,2})", re.IGNORECASE)


def number_in(word: object) -> int | None:
    """The number that `word` is: ``3``, ``"3"``, ``"gpu3"``, ``"GPU 3"``; None for anything else."""
    if isinstance(word, int) and not isinstance(word, bool):
        return word
    found = _NUMBER.fullmatch(word.strip()) if isinstance(word, str) else None
    return int(found[1]) if found else None


def numbers_in(*words: object) -> frozenset[int]:
    """The different numbers that `words` are."""
    return frozenset(number for word in words if (number := number_in(word)) is not None)


def uuid_of(number: int, node: str | None, seen: Iterable[Entity]) -> str:
    """UUID of GPU `number` on `node`, by the entities `seen`; where `node` is None, of the only GPU of that number.

    Raises:
        ValueError: none was seen, or not one alone; the words say how to name it.
    """
    gpus = [item for item in seen if item.kind is EntityKind.GPU and item.uuid and item.index is not None]
    here = [item for item in gpus if node is None or item.node == node]
    called = f"GPU {number} on {node}" if node else f"GPU {number}"
    uuids = {item.uuid for item in here if item.index == number and item.uuid}
    if not uuids:
        raise ValueError(f"no evidence shows the UUID of {called}: look at the node's GPUs first, then name it by UUID")
    if len(uuids) > 1:
        raise ValueError(f"evidence shows several as {called} ({', '.join(sorted(uuids))}): name the one by its UUID")
    (uuid,) = uuids
    numbers = {item.index for item in gpus if item.uuid == uuid}
    if len(numbers) > 1:
        raise ValueError(f"evidence shows {called} under other numbers as well: name it by its UUID, {uuid}")
    return uuid


def with_uuid(target: Entity, seen: Iterable[Entity]) -> Entity:
    """`target` with its UUID, where it is a GPU that was named by number; as it is where the number names none."""
    entities = tuple(seen)
    if target.kind is not EntityKind.GPU or any(target.uuid and target.uuid == item.uuid for item in entities):
        return target
    numbers = numbers_in(target.index, target.uuid, target.name)
    if len(numbers) != 1 or (target.uuid and number_in(target.uuid) is None):
        return target
    (number,) = numbers
    try:
        return replace(target, uuid=uuid_of(number, target.node, entities), index=number)
    except ValueError:
        return target
