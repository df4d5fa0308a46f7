"""The faults that `--fault` gives a GPU in software: by their words, and whether they did anything.

A fault that does nothing looks like one that the probe missed. What cannot touch the chosen probe is refused before it
runs. The rest shows in the report: every fault of an SM keeps that SM from passing, and a launch that hangs or fails
keeps the run from it. The one exception is `Unreached`, after which a probe launches again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields

from sentinel_node.device.opening import SOFTWARE_SMS
from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.probes import Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.probes.software import faults

_KINDS: dict[str, type] = {
    "stuck_bit": faults.StuckBit,
    "dead_sm": faults.DeadSm,
    "flipped_lane": faults.FlippedLane,
    "wrong_once_in": faults.WrongOnceIn,
    "unreached": faults.Unreached,
    "moved": faults.Moved,
    "unended": faults.Unended,
    "launch_error": faults.LaunchError,
    "hang": faults.Hang,
}
_UNITS_OF: dict[ProbeKind, tuple[str, ...]] = {
    ProbeKind.FMA: ("fma", "dfma", "imad"),
    ProbeKind.TENSOR_CORE: ("tensor",),
    ProbeKind.TRANSCENDENTAL: ("mufu",),
    ProbeKind.AES: ("alu",),
    ProbeKind.REGISTER_FILE: ("register",),
    ProbeKind.SHARED_MEMORY: ("shared",),
}
"""As the kernels' twins name what computes."""
_UNITS = tuple(unit for units in _UNITS_OF.values() for unit in units)
_RANGES = {
    "sm": range(SOFTWARE_SMS),
    "bit": range(32),
    "value": range(2),
    "lane": range(32),
    "mask": range(1, 2**32),
    "period": range(1, 2**31),
    "launch": range(2**31),
    "launches": range(1, 2**31 + 1),
}
_MEANINGS = {
    "sm": "which SM",
    "bit": "which bit of every 32-bit result",
    "value": "what the bit is stuck at",
    "lane": "which lane of every warp",
    "mask": "which bits flip",
    "period": "one result in how many is wrong",
    "unit": "which unit, all of the SM's if not said",
    "launch": "which launch, 0 for the first",
    "launches": "in how many launches, all if not said",
    "message": "the error's words",
}
_NAMED = "; ".join(f"{name}:{','.join(field.name for field in fields(kind))}" for name, kind in _KINDS.items())
_ENDS_THE_RUN = (faults.Hang, faults.LaunchError)


@dataclass(frozen=True, slots=True)
class Given:
    """A fault, and the words that asked for it."""

    text: str
    fault: object

    def check(self, plan: ProbePlan) -> None:
        """Refuse a fault that cannot touch a plan.

        Raises:
            Invalid: why it cannot.
        """
        if reason := self._out_of_reach(plan):
            raise Invalid(f"the fault {self.text!r} cannot take effect: {reason}")

    def _out_of_reach(self, plan: ProbePlan) -> str:
        if isinstance(self.fault, _ENDS_THE_RUN):
            return ""
        if plan.kind not in _UNITS_OF:
            return f"it is in an SM, and the {plan.kind} probe tests none; launch_error and hang touch every probe"
        sm, unit = getattr(self.fault, "sm", None), getattr(self.fault, "unit", "")
        if plan.sms and sm not in plan.sms:
            return f"it is on SM {sm}, and --sm names only {', '.join(map(str, plan.sms))}"
        if unit and unit not in _UNITS_OF[plan.kind]:
            return f"the {plan.kind} probe uses no unit {unit}, but {', '.join(_UNITS_OF[plan.kind])}"
        return ""

    def is_without_effect(self, report: ProbeReport) -> bool:
        """Whether a run ended as if there were no such fault."""
        if isinstance(self.fault, faults.Unreached):
            return False
        outcomes = {one.outcome for one in report.findings if self._may_touch(one.sm)}
        return outcomes <= ({Outcome.PASS, Outcome.FAIL} if isinstance(self.fault, _ENDS_THE_RUN) else {Outcome.PASS})

    def _may_touch(self, sm: int | None) -> bool:
        """Whether what was found of an SM, or of the whole run, may be this fault's doing."""
        return sm is None or getattr(self.fault, "sm", sm) == sm


def fault_of(text: str) -> object:
    """A fault as ``stuck_bit:sm=3,bit=7``; numbers may be hexadecimal, and launches count from 0.

    Raises:
        Invalid: there is none such, or a parameter is missing or wrong.
    """
    name, _, words = text.partition(":")
    kind = _KINDS.get(name)
    if kind is None:
        raise Invalid(f"there is no fault {name!r}; there are {_NAMED}")
    pairs = [pair.partition("=") for pair in words.split(",") if pair]
    numeric = {field.name for field in fields(kind)} - {"unit", "message"}
    try:
        _check_names(kind, [key for key, _, _ in pairs])
        given = {key: int(value, 0) if key in numeric else value for key, _, value in pairs}
        _check(given)
    except ValueError as error:
        raise Invalid(f"the fault {text!r} cannot be: {error}; {_needs(name, kind)}; there are {_NAMED}") from error
    made: object = kind(**given)
    return made


def _check_names(kind: type, given: list[str]) -> None:
    if unknown := [key for key in given if key not in {field.name for field in fields(kind)}]:
        raise ValueError(f"it has no {', '.join(unknown)}")
    if missing := [key for key in _required(kind) if key not in given]:
        raise ValueError(f"{', '.join(missing)} is missing")


def _required(kind: type) -> list[str]:
    return [field.name for field in fields(kind) if field.default is MISSING]


def _needs(name: str, kind: type) -> str:
    """What a fault's parameters mean, those first that must be given."""
    required = _required(kind)
    may = [field.name for field in fields(kind) if field.name not in required]
    parts = [(word, names) for word, names in (("needs", required), ("may have", may)) if names]
    return f"{name} " + " and ".join(
        f"{word} " + ", ".join(f"{key} ({_MEANINGS[key]})" for key in names) for word, names in parts
    )


def _check(given: Mapping[str, int | str]) -> None:
    """Refuse what would have no effect, and so look like a fault that is not found."""
    for name, value in given.items():
        allowed = _RANGES.get(name)
        if allowed is not None and value not in allowed:
            raise ValueError(f"{name} is {value}, and goes from {allowed.start} to {allowed.stop - 1}")
    if given.get("unit", "") not in ("", *_UNITS):
        raise ValueError(f"there is no unit {given['unit']!r}; there are {', '.join(_UNITS)}")
