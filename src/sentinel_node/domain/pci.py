"""One spelling of a PCI address: ``0000:9b:00.0``, as the kernel writes it.

The driver's library writes eight digits of domain in capitals (``00000000:9B:00.0``), an Xid line leaves the function
away (``0000:9b:00``), old lines the domain. Everything here is compared in one form, so that a log line, a sample and
a directory of sysfs meet.
"""

from __future__ import annotations

import re

_ADDRESS = re.compile(
    r"(?:(?P<domain>[0-9a-fA-F]{1,8}):)?(?P<bus>[0-9a-fA-F]{2}):(?P<device>[0-9a-fA-F]{2})(?:\.(?P<function>[0-7]))?"
)


def kernel_form(text: str) -> str:
    """The address in the kernel's spelling; empty where `text` is none. A missing domain or function counts as 0."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None:
        return ""
    domain = int(found["domain"] or "0", 16)
    return f"{domain:04x}:{found['bus'].lower()}:{found['device'].lower()}.{found['function'] or '0'}"
