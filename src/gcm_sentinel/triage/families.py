"""Which symptoms go together: lines of fault, and which families follow from anything.

Two questions are told apart. *On one node* nearly everything goes together: a GPU that dies shows up as an Xid, as a
missing device, as a check that cannot run and as a kubelet that falls silent; only storage, network and maintenance
stand for themselves. *Across nodes* a shared cause shows itself by one kind of symptom, so lines are narrow there:
nodes with memory errors do not count towards a switch that took the network away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

from gcm_sentinel.domain.conditions import Family, fault_family

FOLLOW_ON = frozenset({Family.KUBELET, Family.NETWORK, Family.CHECK})
"""What other faults bring about: a node of a failing group that loses its network, its kubelet or its checkers."""

_APART_ON_A_NODE = frozenset({Family.STORAGE, Family.NETWORK, Family.MAINTENANCE})

_LINES = {
    Family.GPU: "gpu",
    Family.GPU_BUS: "gpu",
    Family.GPU_MEMORY: "gpu",
    Family.XID: "gpu",
    Family.NVLINK: "gpu",
    Family.THERMAL: "thermal",
    Family.NETWORK: "network",
    Family.STORAGE: "storage",
    Family.HOST: "host",
    Family.KUBELET: "host",
    Family.CHECK: "check",
    Family.MAINTENANCE: "maintenance",
    Family.SDC: "sdc",
}
"""Family -> line across nodes. `other` has none: unknown names count together only where they are the same name."""

_LINES_APART = frozenset(_LINES[family] for family in _APART_ON_A_NODE)

FOLLOWING_LINES = frozenset({"network", "host", "check"})
"""Lines whose symptoms may be the effect of a larger cause elsewhere."""


@lru_cache(maxsize=4096)
def family_of(kind: str) -> Family:
    """`fault_family`, remembered: a storm names few kinds very often."""
    return fault_family(kind)


@lru_cache(maxsize=4096)
def line_of(kind: str) -> str:
    """The line across nodes of a condition type or alert name."""
    return _LINES.get(family_of(kind), f"other:{kind}")


def lines_of(kinds: Iterable[str], families: Iterable[Family] = ()) -> frozenset[str]:
    """The lines of several kinds, and of families whose kinds are not known."""
    return frozenset({line_of(kind) for kind in kinds} | {_LINES[family] for family in families if family in _LINES})


def related_on_a_node(one: Family, others: Collection[Family]) -> bool:
    """Whether a symptom belongs to the same fault as others on its node, seen within one burst."""
    if one in _APART_ON_A_NODE:
        return one in others
    return any(other not in _APART_ON_A_NODE for other in others)


def goes_along(family: Family, lines: Collection[str]) -> bool:
    """Whether a symptom goes where its node's symptoms of `lines` go, because it would have folded with them there."""
    if family in _APART_ON_A_NODE:
        return _LINES[family] in lines
    return any(line not in _LINES_APART for line in lines) or family in FOLLOW_ON
