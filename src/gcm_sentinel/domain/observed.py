"""Which entities an investigation has really seen: the pure register behind claim checking."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gcm_sentinel.domain.entity import Entity, EntityKind, node
from gcm_sentinel.domain.evidence import DESK, Evidence
from gcm_sentinel.domain.trigger import Incident

_UUID = re.compile(r"\bGPU-[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Observed:
    """The entities authoritative fields have shown so far."""

    entities: tuple[Entity, ...]

    @classmethod
    def of(cls, incident: Incident, evidence: Iterable[Evidence]) -> Observed:
        """From the incident's own triggers and nodes, and the entities of every piece of evidence."""
        seen = [node(name) for name in (*(trigger.node for trigger in incident.triggers), *incident.affected)]
        for item in evidence:
            if item.source != DESK:
                seen.extend(item.result.entities)
        return cls(tuple(dict.fromkeys(seen)))

    def has(self, entity: Entity) -> bool:
        """Whether `entity` is one of them, by the strongest identity they share."""
        return any(entity.same_as(seen) for seen in self.entities)

    @property
    def nodes(self) -> frozenset[str]:
        """Names of all nodes seen, those that other entities stand on included."""
        named = {entity.name for entity in self.entities if entity.kind is EntityKind.NODE}
        return frozenset(named | {entity.node for entity in self.entities if entity.node})

    def strangers(self, text: str) -> tuple[str, ...]:
        """Node names and GPU UUIDs in `text` that were never seen.

        A word counts as a node name when it has the shape of one that was seen (equal but for its digits).
        """
        uuids = {entity.uuid.lower() for entity in self.entities if entity.uuid}
        found = [uuid for uuid in _UUID.findall(text) if uuid.lower() not in uuids]
        found.extend(name for name in _words_shaped_like(self.nodes, text) if name not in self.nodes)
        return tuple(dict.fromkeys(found))


def _words_shaped_like(names: frozenset[str], text: str) -> list[str]:
    shapes = {r"\d+".join(re.escape(part) for part in _DIGITS.split(name)) for name in names if _DIGITS.search(name)}
    if not shapes:
        return []
    pattern = re.compile(rf"(?<![\w.-])(?:{'|'.join(sorted(shapes))})(?![\w-])")
    return pattern.findall(text)
