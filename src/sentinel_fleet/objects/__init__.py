"""Kubernetes objects as plain dicts, built from histories at an instant.

Objects of a large fleet share their unchanging parts (label maps, container specs, field lists), which is what keeps
5,000 nodes within memory: whoever changes an object copies it first.
"""

from __future__ import annotations

from typing import Any, TypeAlias

KubeObject: TypeAlias = dict[str, Any]
"""One object of the Kubernetes API; its shape is the API's, not ours."""
