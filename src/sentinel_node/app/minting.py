"""Makes bearer tokens. Only the digest is kept, so a tokens file that leaks lets nobody in."""

from __future__ import annotations

from collections.abc import Sequence

from sentinel_node.domain.access import Role
from sentinel_node.domain.errors import Invalid
from sentinel_serving.tokens import minted


def mint(name: str, roles: Sequence[str]) -> tuple[str, str]:
    """A token, and its line for the tokens file.

    Raises:
        Invalid: a role that there is not, or a name that does not fit into a line.
    """
    if not name.strip() or not name.isprintable():
        raise Invalid(f"a name is printable text, not {name!r}")
    known = sorted({role for role in roles if role in tuple(Role)})
    if unknown := [role for role in roles if role not in known]:
        raise Invalid(f"roles are {', '.join(Role)}, not {unknown[0]!r}")
    return minted(name, known)
