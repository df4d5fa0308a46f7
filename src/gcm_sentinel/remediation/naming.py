"""A GPU that an engine asks about by its number is named by its UUID before anything is planned.

From then on the order is about the UUID: what is ruled on, shown to people and sent knows no number.
"""

from __future__ import annotations

from dataclasses import replace

from gcm_sentinel.domain.gpu_numbers import number_in, numbers_in, uuid_of
from gcm_sentinel.domain.grounds import grounds
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall

_UUID, _INDEX, _NODE = "gpu_uuid", "gpu_index", "node_name"


def by_uuid(call: ToolCall, scope: Scope) -> ToolCall:
    """`call` about a GPU with its UUID in place of its number; one that names no number is left as it is.

    Raises:
        ValueError: the number names no GPU, or another one than the call says besides; the words go to the model.
    """
    uuid, index = call.arguments.get(_UUID), call.arguments.get(_INDEX)
    seen = tuple(entity for item in grounds(scope.gathered) for entity in item.result.entities)
    is_known = any(entity.uuid == uuid for entity in seen if entity.uuid)
    numbers = numbers_in(index, None if is_known else uuid)
    if not numbers or (uuid and not is_known and number_in(uuid) is None):
        return call
    if len(numbers) > 1:
        raise ValueError(f"{_UUID} {uuid!r} and {_INDEX} {index!r} are two GPUs: which one?")
    (number,) = numbers
    found = uuid_of(number, _node_of(call, scope), seen)
    if is_known and found != uuid:
        raise ValueError(f"{uuid} is not GPU {number}, which is {found}: which one?")
    rest = {key: value for key, value in call.arguments.items() if key != _INDEX}
    return replace(call, arguments={**rest, _UUID: found})


def _node_of(call: ToolCall, scope: Scope) -> str:
    """The node that `call` names; else the incident's, where it has one."""
    said, nodes = call.arguments.get(_NODE), scope.incident.affected
    if isinstance(said, str) and said:
        return said
    if len(nodes) != 1:
        raise ValueError(f"which node's GPU? The incident is about {len(nodes)}: give {_NODE!r}")
    return nodes[0]
