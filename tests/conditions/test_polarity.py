"""Which status of which condition type is bad."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.conditions import (
    AKS_CONDITIONS,
    DEFAULT_WATCH_CONDITIONS,
    EKS_CONDITIONS,
    GCM_CONDITIONS,
    NPD_CONDITIONS,
    NVSENTINEL_CONDITIONS,
    is_watched,
    state_of,
)


@pytest.mark.parametrize(
    ("type_", "status", "expected"),
    [
        ("Ready", "True", "ok"),
        ("Ready", "False", "problem"),
        ("Ready", "Unknown", "problem"),
        ("MemoryPressure", "True", "problem"),
        ("NetworkUnavailable", "False", "ok"),
        ("GcmXidErrorsProblem", "True", "problem"),
        ("GcmXidErrorsProblem", "False", "ok"),
        ("GcmXidErrorsProblem", "Unknown", "unknown"),
        ("GcmPciProblem", "True", "problem"),
        ("GpuCount", "True", "problem"),
        ("IbDev", "True", "problem"),
        ("KernelDeadlock", "True", "problem"),
        ("AcceleratedHardwareReady", "True", "ok"),
        ("AcceleratedHardwareReady", "False", "problem"),
        ("AcceleratedHardwareReady", "Unknown", "unknown"),
        ("SysLogsXIDError", "True", "problem"),
        ("XID74Reg0SoloNVLinkError", "True", "problem"),
        ("MemoryHealthy", "True", "ok"),
        ("MemoryHealthy", "False", "problem"),
        ("SiteSpecificThing", "True", "unlisted"),
        ("SiteSpecificThing", "Unknown", "unlisted"),
        ("GpuCount", "", "unknown"),
    ],
)
def test_polarity_is_known_by_type(type_, status, expected):
    assert state_of(type_, status) == expected


@pytest.mark.parametrize(
    ("patterns", "status", "expected"),
    [
        (("SiteGpuCheck",), "True", "problem"),
        (("SiteGpuCheck",), "False", "ok"),
        (("Site*",), "True", "problem"),
        (("SiteGpuCheck=False",), "False", "problem"),
        (("SiteGpuCheck=False",), "True", "ok"),
        (("Site*=False",), "False", "problem"),
        (("Site*=False", "SiteGpuCheck=True"), "True", "problem"),
        (("Other",), "True", "unlisted"),
        (("!SiteGpuCheck", "!Site*"), "True", "unlisted"),
    ],
    ids=str,
)
def test_an_operator_decides_over_custom_types(patterns, status, expected):
    assert state_of("SiteGpuCheck", status, patterns) == expected


def test_listing_a_known_type_does_not_turn_its_polarity():
    assert state_of("Ready", "True", ("Ready", "*")) == "ok"
    assert state_of("StorageReady", "False", ("*Ready",)) == "problem"


def test_a_status_spelt_out_wins_over_what_is_known():
    assert state_of("GpuCount", "False", ("GpuCount=False",)) == "problem"


@pytest.mark.parametrize(
    ("type_", "patterns", "expected"),
    [
        ("GcmXidErrorsProblem", DEFAULT_WATCH_CONDITIONS, True),
        ("Ready", DEFAULT_WATCH_CONDITIONS, True),
        ("MemoryPressure", DEFAULT_WATCH_CONDITIONS, False),
        ("RepeatedNICFlap", DEFAULT_WATCH_CONDITIONS, True),
        ("GcmPciProblem", ("Gcm*",), True),
        ("GcmPciProblem", ("Gcm*", "!GcmPciProblem"), False),
        ("SiteReady", ("Site*=False",), True),
    ],
)
def test_the_watch_list_takes_names_globs_and_exclusions(type_, patterns, expected):
    assert is_watched(type_, patterns) is expected


def test_the_defaults_hold_every_list():
    lists = (GCM_CONDITIONS, NVSENTINEL_CONDITIONS, AKS_CONDITIONS, EKS_CONDITIONS, NPD_CONDITIONS)

    assert len(GCM_CONDITIONS) == 13
    assert all(set(names) <= set(DEFAULT_WATCH_CONDITIONS) for names in lists)
    assert len(set(DEFAULT_WATCH_CONDITIONS)) == len(DEFAULT_WATCH_CONDITIONS)
