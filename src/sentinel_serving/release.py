"""Which version runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """The version of the distribution this is part of."""
    try:
        return installed("gcm-sentinel")
    except PackageNotFoundError:
        return "0+unknown"
