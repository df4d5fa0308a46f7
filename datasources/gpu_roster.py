"""Which GPU a series belongs to when indices move: the UUID decides, the index is only its present place. Pure.

After a reboot without one of its GPUs a node numbers the others anew. Series by index would then splice the history of
one GPU to that of another and call the wrong one gone; so every series of a UUID counts for the index that UUID has
last, and a UUID whose index another one took over is told apart as departed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gcm_sentinel.datasources.gpu_labels import gpu_index, gpu_key, identity
from gcm_sentinel.domain.summaries import GpuIdentity


@dataclass(frozen=True, slots=True)
class LabelledPoints:
    """One series with its labels, as the comparison takes it."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Departed:
    """A GPU that was seen in the range and whose index another one has now."""

    gpu: GpuIdentity
    last_s: float


@dataclass(frozen=True, slots=True)
class Roster:
    """The node's GPUs as their latest series name them, by index."""

    gpus: tuple[GpuIdentity, ...]
    departed: tuple[Departed, ...]

    @classmethod
    def of(cls, series: Iterable[LabelledPoints]) -> Roster:
        """The GPUs that `series` name; series without points or without a GPU name none."""
        latest: dict[str, Departed] = {}
        for one in series:
            known = identity(one.labels)
            if known is None or not one.points:
                continue
            name, last_s = known["uuid"] or f"index {known['index']}", one.points[-1][0]
            if name not in latest or latest[name].last_s < last_s:
                latest[name] = Departed(known, last_s)
        holders: dict[int, Departed] = {}
        for seen in latest.values():
            other = holders.get(seen.gpu["index"])
            if other is None or other.last_s < seen.last_s:
                holders[seen.gpu["index"]] = seen
        gone = (seen for seen in latest.values() if holders[seen.gpu["index"]] is not seen)
        return cls(tuple(holders[index].gpu for index in sorted(holders)), tuple(gone))

    def key_of(self, labels: Mapping[str, str]) -> str | None:
        """Under which GPU (``3``, a MIG instance ``3/7``) a series counts; None when under no GPU of the present."""
        own, uuid = gpu_key(labels), labels.get("UUID") or labels.get("uuid")
        if own is None or uuid is None:
            return own
        index = next((gpu["index"] for gpu in self.gpus if gpu["uuid"] == uuid), None)
        if index is None:
            return None
        return own if index == gpu_index(labels) else "/".join([str(index), *own.split("/")[1:]])
