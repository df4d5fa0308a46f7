"""Every kernel has a source, a twin, a wanted instruction and a place in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.node_probes.gpus import COMPUTE, UNPROVEN, VARIANTS, name_of

from sentinel_node.probes.catalogue import PROBES, variants
from sentinel_node.probes.device import CUDA_FOLDER
from sentinel_node.probes.pinned import PinnedProbe
from sentinel_node.probes.software.twins import twins
from sentinel_node.probes.variant import Variant

DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "probes.md").read_text()


def test_every_kernel_has_a_twin_on_the_software_gpu() -> None:
    assert {(each.source, each.entry) for each in variants()} <= set(twins())


def test_every_kernel_stands_in_its_source() -> None:
    assert [each.entry for each in (*VARIANTS, *UNPROVEN) if each.entry not in _text(each)] == []


def test_every_pinned_kernel_has_a_program_that_gives_the_right_answer() -> None:
    pinned = [probe for probe in PROBES.values() if isinstance(probe, PinnedProbe)]

    assert {probe.kind for probe in pinned} >= set(COMPUTE)
    assert all(variant.program is not None for probe in pinned for variant in probe.variants)


@pytest.mark.parametrize("variant", [*VARIANTS, *UNPROVEN], ids=name_of)
def test_every_compute_probe_is_in_the_documentation(variant: Variant) -> None:
    assert f"`{variant.kind.value}`" in DOCUMENTATION
    assert f"`{variant.name}`" in DOCUMENTATION


def _text(variant: Variant) -> str:
    return (CUDA_FOLDER / variant.source).read_text()
