"""A GPU's NVLinks: state, running totals of errors, and what is at the other end.

The counters moved twice. Since Hopper they are field values with the link as scope; before, a function of their own;
Blackwell dropped both and counts recoveries only (NVML's change log, "Removed support ... on Blackwell"). Each is tried
in that order, and what a generation does not count stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

from sentinel_node.domain.pci import kernel_form
from sentinel_node.domain.telemetry import NvLink
from sentinel_node.nvml.card import Card, Field
from sentinel_node.nvml.errors import INVALID_ARGUMENT

_MOST_LINKS = 36  # NVML_NVLINK_MAX_LINKS
_ACTIVE = 1
_WHOLE_GPU = 0

# NVML_FI_DEV_NVLINK_*, https://docs.nvidia.com/deploy/nvml-api/group__nvmlFieldValueEnums.html
_LINK_COUNT: Field = (91, _WHOLE_GPU)
_REPLAY, _RECOVERY, _CRC, _RECOVERY_EVENTS = 161, 162, 163, 215
# nvmlNvLinkErrorCounter_t
_OLD_REPLAY, _OLD_RECOVERY, _OLD_CRC_FLIT, _OLD_CRC_DATA = 0, 1, 2, 3


def read_links(card: Card) -> tuple[NvLink, ...]:
    """Every link that this GPU has, active or not; none for a GPU without NVLink.

    Raises:
        GpuLost: the GPU is gone.
        SessionStale: the library must be opened anew.
    """
    count = card.fields({"nvlinks": _LINK_COUNT})["nvlinks"]
    links: list[NvLink] = []
    for index in range(min(_MOST_LINKS, _MOST_LINKS if count is None else int(count))):
        state = card.ask_known(f"nvlink {index} state", INVALID_ARGUMENT, "nvmlDeviceGetNvLinkState", index)
        if state is None and count is None:
            break
        if state is not None:
            links.append(_read_link(card, index, is_active=state == _ACTIVE))
    return tuple(links)


def _read_link(card: Card, index: int, *, is_active: bool) -> NvLink:
    counters = _counters(card, index)
    remote = card.ask(f"nvlink {index} remote", ("nvmlDeviceGetNvLinkRemotePciInfo", index)) if is_active else None
    return NvLink(
        index=index,
        is_active=is_active,
        crc_errors=counters["crc"],
        replay_errors=counters["replay"],
        recovery_errors=counters["recovery"],
        remote_pci_bus_id=kernel_form(remote.busId) if remote is not None else "",
    )


def _counters(card: Card, index: int) -> Mapping[str, int | None]:
    told = card.fields(
        {
            f"nvlink {index} replay": (_REPLAY, index),
            f"nvlink {index} recovery": (_RECOVERY, index),
            f"nvlink {index} crc": (_CRC, index),
            f"nvlink {index} recovery events": (_RECOVERY_EVENTS, index),
        }
    )
    replay, recovery, crc, events = (None if value is None else int(value) for value in told.values())
    if replay is None and recovery is None and crc is None and events is None:
        return _old_counters(card, index)
    return {"replay": replay, "recovery": events if recovery is None else recovery, "crc": crc}


def _old_counters(card: Card, index: int) -> Mapping[str, int | None]:
    flit, data, replay, recovery = (
        card.ask_known(f"nvlink {index} errors", INVALID_ARGUMENT, "nvmlDeviceGetNvLinkErrorCounter", index, counter)
        for counter in (_OLD_CRC_FLIT, _OLD_CRC_DATA, _OLD_REPLAY, _OLD_RECOVERY)
    )
    return {"replay": replay, "recovery": recovery, "crc": None if flit is None else flit + (data or 0)}
