"""The little both adapters need of a vendor SDK without importing one with this module."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any


async def load(name: str) -> ModuleType:
    """Import an SDK in a thread: it takes one to two seconds the first time, and the loop has watchers to serve."""
    return await asyncio.to_thread(importlib.import_module, name)


def fields(event: object) -> Mapping[str, Any]:
    """A stream event as the server sent it: only what it set, under its own names, whatever type the SDK gave it."""
    if isinstance(event, Mapping):
        return event
    dump = getattr(event, "to_dict", None)
    return dump(mode="json", warnings=False) if callable(dump) else {}
