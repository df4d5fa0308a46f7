"""Who asks, where nobody said it: for the record of requests and decisions made on the command line."""

from __future__ import annotations

import getpass
import os
import socket


def asker() -> str:
    """``user@host``; the user's number where it has no name, as in many containers."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
