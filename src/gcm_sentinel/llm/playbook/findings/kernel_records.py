"""Findings over kernel lines that are not Xids: PCIe, host memory, storage, network, driver start, NVSwitch."""

from __future__ import annotations

from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.findings.kernel_view import cite, near, records, whose
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations
from gcm_sentinel.llm.playbook.timeline import kernel_covers

_LOG = "kernel_log"
_BENIGN_SXIDS = frozenset({
    11012, 11021, 11022, 11023, 12021, 12023, 15008, 15011, 19049, 19055, 19057, 19059, 19062, 19065, 19068, 19071,
    24001, 24002, 24003, 22013, 20001,
})  # fmt: skip
"""Corrected single-bit errors, minion link requests and TX replays (driver source, NVSwitch error ranges)."""
_HARMLESS = frozenset(
    {"aer_corrected", "edac_ce", "segfault", "other", "mlx5_power", "mlx5_access_reg", "recovery_action"}
)


def _absent(obs: Observations, what: str) -> Finding:
    if obs.kernel is None or not kernel_covers(obs):
        return UNKNOWN
    return no(f"the kernel log since {obs.kernel.data['covers_from']} has no {what}", obs.kernel.whole())


@predicate(_LOG)
def record(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The kernel logged a line of one of these kinds around the trigger (with a GPU: about its address)."""
    found = records(obs, gpu, args)
    if not found:
        return _absent(obs, f"{' or '.join(args)} record near the trigger")
    hit = max(found, key=lambda item: item.close)
    times = f"{hit.data['count']} times, last" if hit.data["count"] > 1 else "once,"
    about = f" ({hit.data['device']})" if hit.data["device"] else ""
    detail = f"the kernel logged {hit.data['kind'].replace('_', ' ')}{about} {times} at {hit.data['last_at']}"
    return yes(detail, *(cite(obs, item) for item in found[:3]), strength=hit.close)


@predicate(_LOG)
def nothing_logged(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """No Xid and no other alarming kernel line near the trigger."""
    if obs.kernel is None or not kernel_covers(obs):
        return UNKNOWN
    loud = [item for item in obs.kernel.data["records"] if item["kind"] not in _HARMLESS]
    kinds = tuple({item["kind"] for item in loud})
    told = [hit for hit in near(obs, gpu) if hit.close >= (0.2 if hit.hardware else 0.7)]
    if told or (kinds and records(obs, gpu, kinds)):
        return no()
    whose_log = gpu.label if gpu else "the node"
    return yes(
        f"the kernel log shows nothing wrong with {whose_log} near the trigger", obs.kernel.whole(), absence=True
    )


@predicate(_LOG)
def coded(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A kernel record near the trigger carries one of these codes."""
    kinds = tuple({item["kind"] for item in obs.kernel.data["records"]}) if obs.kernel else ()
    found = [hit for hit in records(obs, None, kinds) if hit.data["code"] in args]
    if not found:
        return _absent(obs, f"{' or '.join(args)} line near the trigger")
    return yes(f"the kernel log says {found[0].data['code']}", cite(obs, found[0]), strength=found[0].close)


def _sxids(obs: Observations) -> tuple[set[int], bool]:
    found = records(obs, None, ("sxid_nonfatal", "sxid_fatal"))
    numbers = {int(item.data["code"]) for item in found if item.data["code"].isdigit()}
    return numbers, any(item.data["kind"] == "sxid_fatal" for item in found)


@predicate(_LOG)
def benign_sxids_only(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """NVSwitch messages near the trigger are all of the corrected or informational kind."""
    numbers, fatal = _sxids(obs)
    found = records(obs, None, ("sxid_nonfatal", "sxid_fatal"))
    if not found:
        return _absent(obs, "NVSwitch message near the trigger")
    if fatal or not numbers or numbers - _BENIGN_SXIDS:
        return no()
    detail = f"the only NVSwitch messages are {', '.join(map(str, sorted(numbers)))}: corrected or informational"
    return yes(detail, *(cite(obs, hit) for hit in found[:3]))


@predicate(_LOG)
def fatal_sxid(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """An NVSwitch logged a fatal error."""
    found = records(obs, None, ("sxid_fatal",))
    if not found:
        return _absent(obs, "fatal NVSwitch error")
    return yes(f"an NVSwitch logged fatal SXid {found[0].data['code']}", cite(obs, found[0]), strength=found[0].close)


@predicate(_LOG)
def lockup_in_driver(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A CPU was stuck in the GPU driver or one of its tools."""
    found = [hit for hit in records(obs, None, ("soft_lockup",)) if "nv" in hit.data["example"].lower()]
    if not found:
        return _absent(obs, "lock-up in the GPU driver")
    return yes("a CPU was stuck in the GPU driver", cite(obs, found[0]))


@predicate(_LOG)
def error_on_port(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The PCIe path of the GPU logged errors (AER) around the trigger."""
    found = records(obs, gpu, ("aer_corrected", "aer_uncorrectable", "pcie_link_down"))
    if not found:
        return _absent(obs, "PCIe error on the GPU's path")
    label = gpu.label if gpu else whose(obs, found[0].data["device"]).label
    detail = f"the PCIe path of {label} logged {sum(hit.data['count'] for hit in found)} errors"
    return yes(detail, *(cite(obs, hit) for hit in found[:2]), strength=max(hit.close for hit in found))
