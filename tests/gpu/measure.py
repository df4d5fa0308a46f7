"""The figures of the probes on a real GPU, as Markdown: ``.venv/bin/python -m tests.gpu.measure``.

Fails in words where no GPU can be tested. What is missed is printed and is no error: these are figures, and the tests
are beside them. Times of a whole run hold the host's part, the right answers, which are the same on any GPU.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from tests.gpu import library
from tests.gpu.arithmetic import WGMMA, march_bytes, tensor_operations, tensor_rate_tflops
from tests.gpu.devices import opened
from tests.gpu.presence import open_for_this_process
from tests.gpu.processes import process_figures
from tests.gpu.running import PROVEN, UNPROVEN, light_runs, name_of, plan_of, run, runs_on
from tests.gpu.sampling import Sampling
from tests.gpu.tables import Table, against
from tests.gpu.wrapping import Watching

from sentinel_node.domain.errors import NodeError
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Depth, Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.probes.catalogue import PROBES, variants
from sentinel_node.probes.compiling import compile_source
from sentinel_node.probes.device import Device
from sentinel_node.probes.memory import MEMORY, TESTS
from sentinel_node.probes.variant import Variant

FIRST_LINE_S = 60.0
"""All kinds light on one GPU, one after the other."""
OF_COPY, OF_LIBRARY = 0.8, 0.7
TENSOR_SOAK_S = 5.0
"""Long enough that most readings of the clock fall into it."""
DEEP_DEADLINE_S = 1800.0
OF_TENSOR_CORES = tuple(variant for variant in PROVEN if variant.kind is ProbeKind.TENSOR_CORE)
T = TypeVar("T")


def main(arguments: list[str] | None = None) -> int:
    """Print all tables; 0 unless there is no GPU."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.measure", description="figures of the probes on a GPU")
    parser.add_argument("--light-runs", type=int, default=170, help="for the count of false failures")
    parser.add_argument("--soak-s", type=float, default=20.0, help="how long each soak lasts")
    parser.add_argument("--without-deep", action="store_true", help="leave out the deep runs, which take minutes")
    options = parser.parse_args(arguments)
    try:
        gpu = open_for_this_process()
        device = opened(gpu)
    except NodeError as error:
        sys.stderr.write(f"NOT MEASURED ON A GPU: {error}\n")
        return 1
    _say(f"## {gpu.model}, {gpu.architecture}, {device.sm_count} SMs, driver {gpu.driver_version}\n")
    for table in _tables(gpu, device, options):
        _say(str(table))
    return 0


def _tables(gpu: GpuIdentity, device: Device, options: argparse.Namespace) -> Iterator[Table]:
    yield compile_times(gpu)
    yield process_figures(gpu)
    yield light_suite(device)
    if not options.without_deep:
        yield deep_runs(device)
    yield memory_bandwidth(device, library.copy_gb_per_s())
    yield tensor_rates("Tensor cores", OF_TENSOR_CORES, device, library.matrix_tflops)
    yield soaks(gpu, device, options.soak_s)
    yield false_failures(device, options.light_runs)
    # Last, for a kernel that traps leaves no context for what comes after it.
    yield tensor_rates("Tensor cores, kernels that are not proven", UNPROVEN, device, library.matrix_tflops)


def compile_times(gpu: GpuIdentity) -> Table:
    """Of each source, on this host's CPU."""
    rows = []
    for source in sorted({variant.source for variant in variants()}):
        seconds, _ = _timed(lambda source=source: compile_source(source, gpu.architecture))  # type: ignore[misc]
        rows.append((source, f"{seconds:.2f}"))
    return Table("Compiling", "By NVRTC on one core of this host, once in each process.", ("source", "s"), rows)


def light_suite(device: Device, kinds: tuple[ProbeKind, ...] = tuple(ProbeKind)) -> Table:
    """Every kind once, all variants, as the first line of a schedule does it; compiled before."""
    rows, total_s = [], 0.0
    for kind in kinds:
        plan = ProbePlan(kind, device.identity.uuid, seed=1, deadline_s=DEEP_DEADLINE_S)
        first_s, _ = _timed(lambda plan=plan: run(plan, device))  # type: ignore[misc]
        seconds, report = _timed(lambda plan=plan: run(replace(plan, seed=2), device))  # type: ignore[misc]
        total_s += seconds
        rows.append((kind.value, f"{first_s:.2f}", f"{seconds:.2f}", f"{_on_gpu_s(report):.3f}", _coverage(report)))
    rows.append(("all", "", f"{total_s:.2f}", "", f"at most {FIRST_LINE_S:g} s: {_at_most(total_s, FIRST_LINE_S)}"))
    head = ("kind", "first run s", "run s", "of it launches s", "result")
    return Table("Light runs", "All variants of a kind; the first run in a process also compiles.", head, rows)


def deep_runs(device: Device) -> Table:
    """Every variant once at full depth."""
    rows = []
    for variant in PROVEN:
        if runs_on(variant, device.identity):
            plan = replace(plan_of(variant, device), depth=Depth.DEEP, deadline_s=DEEP_DEADLINE_S)
            seconds, report = _timed(lambda plan=plan: run(plan, device))  # type: ignore[misc]
            rows.append((name_of(variant), f"{seconds:.2f}", f"{_on_gpu_s(report):.3f}", _coverage(report)))
    head = ("variant", "run s", "of it launches s", "result")
    return Table("Deep runs", "At the depth's own dose; memory: all that is free, 14 rounds.", head, rows)


def memory_bandwidth(device: Device, copy_gb_per_s: float) -> Table:
    """Of each march over one stretch, against a copy."""
    rows = [("device copy", "", "", f"{copy_gb_per_s:.0f}", "1.00", "")]
    for variant in MEMORY.variants:
        report = run(plan_of(variant, device), device)
        moved = sum(march_bytes(TESTS[variant.name], f.tested_bytes, f.repetitions) for f in report.findings)
        tested = sum(finding.tested_bytes for finding in report.findings)
        seconds = _on_gpu_s(report)
        rate = moved / seconds / 1e9 if seconds else math.nan
        share = rate / copy_gb_per_s
        row = (f"{tested / 2**30:.2f}", f"{moved / 1e9:.1f}", f"{rate:.0f}", f"{share:.2f}", against(share, OF_COPY))
        rows.append((variant.name, *row))
    head = ("test", "tested GiB", "moved GB", "GB/s", "of the copy", f"at least {OF_COPY:g}")
    note = "Bytes read and bytes written both counted; the copy is cudaMemcpyAsync within the device, the median of 21."
    return Table("Memory", note, head, rows)


def tensor_rates(
    title: str, of: tuple[Variant, ...], device: Device, of_library: Callable[[str], float | str]
) -> Table:
    """Of each variant: by the cycles of the SMs at the clock they had, and by the time of the launches."""
    able = (variant for variant in of if runs_on(variant, device.identity))
    rows = [_tensor_rate(variant, device, of_library) for variant in able]
    last = f"at least {OF_LIBRARY:g}"
    head = ("format", "SM clock MHz", "TFLOP/s by cycles", "by launch time", "library", "share", last)
    note = "Multiplications and additions counted; int8 in TOP/s. The library is cuBLAS, 8192 by 8192, sums of 32 bits."
    return Table(title, note, head, rows)


def _tensor_rate(variant: Variant, device: Device, of_library: Callable[[str], float | str]) -> tuple[str, ...]:
    watching = Watching(device)
    with Sampling(device.identity.uuid) as sampled:
        report = run(replace(plan_of(variant, device), soak_s=TENSOR_SOAK_S), watching)
    seconds, repetitions = _on_gpu_s(report), sum(finding.repetitions for finding in report.findings)
    if report.outcome is not Outcome.PASS or not seconds:
        why = next((finding.reason for finding in report.findings if finding.reason), "")
        return variant.name, "", "", "", "", "", f"{report.outcome.value}: {why}"
    clock_mhz = sampled.median("sm_clock_mhz")
    rate = tensor_rate_tflops(variant.name, watching.cycles_per_repetition(), device.sm_count, clock_mhz)
    whole = tensor_operations(variant.name) * repetitions / seconds / 1e12
    figures = (f"{clock_mhz:.0f}", f"{rate:.1f}", f"{whole:.1f}")
    return variant.name, *figures, *_of_library(variant.name, rate, of_library)


def soaks(gpu: GpuIdentity, device: Device, soak_s: float) -> Table:
    """Power, clock and temperature while a probe goes on."""
    rows = []
    for variant in (PROBES[ProbeKind.FMA].variants[0], PROBES[ProbeKind.TENSOR_CORE].variants[1], MEMORY.variants[0]):
        plan = replace(plan_of(variant, device), soak_s=soak_s, deadline_s=soak_s + DEEP_DEADLINE_S)
        with Sampling(gpu.uuid) as sampled:
            report = run(plan, device)
        fields = ("power_w", "sm_clock_mhz", "temperature_c", "memory_temperature_c")
        rows.append((name_of(variant), *(sampled.told(field) for field in fields), report.outcome.value))
    head = ("variant", "power W", "SM clock MHz", "GPU °C", "memory °C", "outcome")
    return Table("Soaking", f"For {soak_s:g} s each: median, and least to most, by NVML twice a second.", head, rows)


def false_failures(device: Device, count: int) -> Table:
    """Of light runs with changing seeds."""
    able = tuple(variant for variant in PROVEN if runs_on(variant, device.identity))
    found = light_runs(device, count, able)
    row = (str(found.runs), str(found.findings), str(found.repetitions), str(len(found.not_passed)))
    head = ("light runs", "findings", "outputs compared", "not passed")
    return Table("False failures", "; ".join(found.not_passed) or "None.", head, [row])


def _of_library(name: str, rate: float, of_library: Callable[[str], float | str]) -> tuple[str, str, str]:
    form = name.removeprefix(WGMMA)
    if form not in library.FORMATS:
        return "", "", ""
    reached = of_library(form)
    if isinstance(reached, str):
        return reached, "", "not known"
    return f"{reached:.1f}", f"{rate / reached:.2f}", against(rate / reached, OF_LIBRARY)


def _coverage(report: ProbeReport) -> str:
    passed = report.count(Outcome.PASS)
    if report.plan.kind is ProbeKind.MEMORY:
        return f"{passed} of {len(report.findings)} stretches pass"
    per_variant = len({finding.variant for finding in report.findings})
    return f"{passed} of {report.sms_present * per_variant} SMs pass"


def _on_gpu_s(report: ProbeReport) -> float:
    """The time of launches as the host saw it: of memory over all stretches, else of each variant's slowest SM."""
    if report.plan.kind is ProbeKind.MEMORY:
        return sum(finding.duration_ns for finding in report.findings) / 1e9
    longest: dict[str, int] = {}
    for finding in report.findings:
        longest[finding.variant] = max(longest.get(finding.variant, 0), finding.duration_ns)
    return sum(longest.values()) / 1e9


def _at_most(figure: float, wanted: float) -> str:
    return against(figure, wanted, at_most=True)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began_s = time.monotonic()
    done = work()
    return time.monotonic() - began_s, done


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
