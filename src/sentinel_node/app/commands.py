"""Commands that take each option once. The library below takes the last of several without a word, so `--variant fp32
--variant fp64` would test one of the two and pass.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption


class Once(TyperCommand):
    """A command that refuses an option which is given more often than it can mean something."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  the library's context has no public name
        """As the library does it, after a look at what was given."""
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        often = Counter(one.name or "" for one in given if isinstance(one, TyperOption) and not one.multiple)
        for name, times in often.items():
            if times > 1:
                raise typer.BadParameter(f"--{name.replace('_', '-')} is given {times} times, and takes one value", ctx)
        return super().parse_args(ctx, args)
