"""NVLinks: which there are, and their errors, over three generations of counters."""

from __future__ import annotations

from tests.node_telemetry.nvml_library import Link, NvmlLibrary

from sentinel_node.domain.telemetry import NvLink
from sentinel_node.nvml.reader import NvmlReader


def test_every_link_is_told_with_its_state_and_other_end(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].links[3].active = 0

    links = reader.samples()[0].links

    assert len(links) == 18
    assert links[2] == NvLink(2, True, 0, 0, 0, "0000:c5:00.0")
    assert links[3] == NvLink(3, False, 0, 0, 0, "")


def test_hopper_counts_by_field_values_of_a_link(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].links[5].fields = {161: 7, 162: 1, 163: 5_000_000_000}

    link = reader.samples()[0].links[5]

    assert (link.replay_errors, link.recovery_errors, link.crc_errors) == (7, 1, 5_000_000_000)


def test_boards_before_hopper_count_by_function(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].links = [Link(fields={}, old_counters={0: 4, 1: 2, 2: 10, 3: 1})]

    assert reader.samples()[0].links == (NvLink(0, True, 11, 4, 2, "0000:c5:00.0"),)


def test_blackwell_counts_recoveries_only(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].links = [Link(fields={215: 3})]

    link = reader.samples()[0].links[0]

    assert (link.replay_errors, link.recovery_errors, link.crc_errors) == (None, 3, None)


def test_a_driver_that_does_not_count_links_is_asked_for_each_until_there_is_none(
    library: NvmlLibrary, reader: NvmlReader
):
    library.codes["field 91", 0] = 3
    library.gpus[0].fields[91] = None  # type: ignore[assignment]
    library.gpus[0].links = [Link(), Link()]

    sample = reader.samples()[0]

    assert (len(sample.links), sample.unreadable) == (2, ())


def test_a_gpu_without_nvlink_has_none(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].links = []

    assert reader.samples()[0].links == ()
