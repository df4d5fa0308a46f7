"""Which passes are evidence for a GPU that something speaks against, so that a copied one speaks for it once.

All are counted, in whatever order they come. Evidence are they only for GPUs with failures or in a deep test, and only
of those it is asked: the others cost nothing, neither memory nor time. When an SM last passed is not stored. After a
restart, and for a GPU that just failed for the first time, only what ran after the last probe of all is evidence.
"""

from __future__ import annotations

from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.gpus import GpuState, NewResults
from sentinel_gateway.domain.passes import LastPasses


def later(known: GpuState, new: NewResults, round_: Round) -> NewResults:
    """More results of a GPU, which `known` is without them, with those alone as evidence that are."""
    uuid = known.gpu.uuid
    if not known.sms.trails and known.deep_test is None and not new.fails:
        if round_.passes.get(uuid) is not None:
            round_.passes.remove(uuid)
        return new
    before = round_.passes.get(uuid) or LastPasses(known.last_probe_ns or 0)
    evidence, after = before.later(new.outcomes)
    round_.passes.put(uuid, after)
    return new._replace(evidence=evidence)
