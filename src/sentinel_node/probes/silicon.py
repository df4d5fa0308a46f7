"""The arithmetic of one SM, as the NumPy twins of the kernels see it.

A twin hands every result of the unit under test through `Silicon.result`. A healthy SM returns it as it is, and so the
very same function gives the right answer for a real GPU and the behaviour of a software one, faults included.
"""

from __future__ import annotations

from typing import Protocol

from sentinel_node.probes.record import Words


class Silicon(Protocol):
    """One SM."""

    def result(self, unit: str, words: Words) -> Words:
        """What the SM makes of a right result.

        Args:
            unit: Which part computes it: ``fma``, ``dfma``, ``imad``, ``tensor``, ``mufu``, ``alu``, ``register``
                or ``shared``.
            words: Shape (..., threads), the thread's number in its block last; a 64-bit result is two calls.
        """


class HealthySilicon:
    """Computes everything right."""

    def result(self, unit: str, words: Words) -> Words:
        """The words themselves."""
        del unit
        return words


HEALTHY = HealthySilicon()
