"""`get_sentinel_trust_graph`: who agrees with the node's GPUs, and who dissents."""

from __future__ import annotations

from tests.sentinel_source.gateway_double import uuids
from tests.sentinel_source.given import NODE

from gcm_sentinel.domain.evidence import ResultStatus
from sentinel.v1 import trust_pb2

ONE, TWO, THREE, FOUR = uuids(4)
HOSTS = {ONE: NODE, TWO: NODE, THREE: "gpu-r02-n2", FOUR: f"{NODE}0"}
TOOL = "get_sentinel_trust_graph"


def graph(*pairs: tuple[str, str, int, int]) -> trust_pb2.TrustGraphSnapshot:
    snapshot = trust_pb2.TrustGraphSnapshot(coverage_pct=12.5, total_gpus=4, mean_trust_score=0.9)
    for a, b, agreed, disagreed in pairs:
        edge = snapshot.edges.add(agreement_count=agreed, disagreement_count=disagreed)
        edge.gpu_a.uuid, edge.gpu_a.hostname = a, HOSTS[a]
        edge.gpu_b.uuid, edge.gpu_b.hostname = b, HOSTS[b]
    return snapshot


async def test_a_gpu_that_disagrees_with_several_partners_comes_first(double, ask):
    double.trust = graph((ONE, TWO, 90, 10), (THREE, ONE, 80, 20), (TWO, THREE, 100, 0))

    summary = (await ask(TOOL)).summary

    first, second = summary["gpus"]
    assert (first["uuid"], first["partners_disagreeing"], first["trust"]) == (ONE, 2, 0.85)
    assert (second["uuid"], second["partners_disagreeing"], second["agreed"]) == (TWO, 1, 190)
    assert summary["edges"][0] == {
        "gpu": ONE, "driver": "", "other": THREE, "other_node": "gpu-r02-n2", "other_driver": "", "agreed": 80,
        "disagreed": 20, "trust": 0.8, "last_at": None,
    }  # fmt: skip


async def test_pairs_elsewhere_that_disagree_and_the_coverage_are_told(double, ask):
    double.trust = graph((ONE, TWO, 5, 0), (THREE, FOUR, 1, 3))

    summary = (await ask(TOOL)).summary

    assert [(pair["gpu"], pair["trust"]) for pair in summary["low_pairs"]] == [(THREE, 0.25)]
    assert (summary["coverage_pct"], summary["graph_edges"]) == (12.5, 2)


async def test_a_node_whose_gpus_were_never_compared_has_no_data(double, ask):
    double.trust = graph((THREE, FOUR, 5, 0))

    result = await ask(TOOL)

    assert result.status is ResultStatus.NO_DATA
    assert "nothing is known of its trust" in result.note
