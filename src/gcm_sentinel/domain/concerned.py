"""Which parts an assessment is about, named as fully as its evidence allows: what the history of a part is found by.

A model may name a GPU by its index alone; next month another GPU may have that index. And an assessment that blames
nobody ("watch GPU 3") is part of GPU 3's history all the same. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gcm_sentinel.domain.assessment import Draft
from gcm_sentinel.domain.entity import Entity, EntityKind

_DEVICES = (EntityKind.GPU, EntityKind.NIC)


def concerned(draft: Draft, shown: Iterable[Entity]) -> tuple[Entity, ...]:
    """The culprits of `draft`, else the GPUs and NICs its actions aim at, each once.

    `shown` are the entities its evidence showed: they lend UUID, serial number, address and index.
    """
    aims = (item.target for item in draft.actions if item.target is not None and item.target.kind in _DEVICES)
    devices = [entity for entity in shown if entity.kind in _DEVICES]
    found: list[Entity] = []
    for entity in draft.entities or aims:
        full = _full(entity, devices) if entity.kind in _DEVICES else entity
        if not any(full.same_as(other) for other in found):
            found.append(full)
    return tuple(found)


def _full(entity: Entity, devices: Iterable[Entity]) -> Entity:
    for other in devices:
        if entity.same_as(other):
            entity = replace(
                entity,
                node=entity.node or other.node,
                index=other.index if entity.index is None else entity.index,
                uuid=entity.uuid or other.uuid,
                pci=entity.pci or other.pci,
                serial=entity.serial or other.serial,
            )
    return entity
