"""What holds for every test: nothing is prepared again for each of the many processes and clients that tests start.

- Compiled modules are kept even where the machine says otherwise: each process would compile all that it imports.
- The certificates the machine trusts are not read, which takes 20 ms for each HTTP client; no test leaves the loopback
  device, and those that speak TLS bring authorities of their own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def pytest_configure() -> None:
    """In the process that starts the workers, before they start; they and what they start inherit it."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("nobody_ca.pem"))
