"""The check `driver`: do the driver's kernel module and its library belong together, and is nothing else in the way?"""

from __future__ import annotations

from sentinel_node.diagnostics.machine import Machine
from sentinel_node.domain.diagnosis import Figure, Observation, Status, figures
from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.machine import DriverVersions, KernelDriver

_REQUIRED = ("nvidia", "nvidia_uvm")
_RIVALS = ("nouveau", "nova_core")


def check(machine: Machine) -> tuple[Observation, ...]:
    """Compare the loaded module with the library."""
    try:
        return driver_observations(machine.kernel_driver(), machine.driver.versions(), "")
    except Unavailable as error:
        return driver_observations(machine.kernel_driver(), None, str(error))


def driver_observations(kernel: KernelDriver, library: DriverVersions | None, why: str) -> tuple[Observation, ...]:
    """What is wrong, the gravest first, or that nothing is.

    Args:
        kernel: The module.
        library: The library; None where it cannot be asked.
        why: It cannot be asked, and why.
    """
    told = _figures(kernel, library)
    found = [Observation(status, "node", text, told) for status, text in _judged(kernel, library)]
    if library is None:
        found.append(Observation(Status.UNKNOWN, "node", why, told))
    return tuple(found) or (Observation(Status.OK, "node", "Module and library are of one version.", told),)


def _figures(kernel: KernelDriver, library: DriverVersions | None) -> tuple[Figure, ...]:
    return figures(
        module_version=kernel.module_version or None,
        module_kind=_kind(kernel.banner),
        driver_version=library.driver if library else None,
        library_version=library.library if library else None,
        newest_cuda=library.cuda if library else None,
        modules=",".join(kernel.modules) or "none",
        gpus_of_the_module=len(kernel.gpus),
    )


def _judged(kernel: KernelDriver, library: DriverVersions | None) -> list[tuple[Status, str]]:
    found: list[tuple[Status, str]] = []
    if "nvidia" not in kernel.modules:
        found.append((Status.BAD, "The kernel module nvidia is not loaded."))
    elif library and kernel.module_version and kernel.module_version != library.driver:
        text = f"The loaded module is {kernel.module_version}, the library's driver {library.driver}."
        found.append((Status.BAD, text))
    rivals = [name for name in _RIVALS if name in kernel.modules]
    if rivals:
        found.append((Status.BAD, f"Another driver for these GPUs is loaded: {', '.join(rivals)}."))
    if "nvidia" in kernel.modules and "nvidia_uvm" not in kernel.modules:
        found.append((Status.WARNING, "The module nvidia_uvm is not loaded: CUDA cannot start."))
    return found


def _kind(banner: str) -> str | None:
    if not banner:
        return None
    return "open" if "Open Kernel Module" in banner else "proprietary"
