"""Data sources by entry point: ours and third parties' come through the same door and are checked at start.

A broken plugin never stops the agent: it is reported (log, `doctor`) and left out. A plugin of ours that breaks is a
bug and shows the same way.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

import structlog

from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.protocols import Datasource

GROUP = "gcm_sentinel.datasources"
_MEMBERS = ("name", "is_available", "get_tools", "execute", "get_system_prompt_section")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The data sources that can be used, and why others cannot."""

    sources: tuple[Datasource, ...]
    broken: tuple[str, ...]


def registered() -> tuple[EntryPoint, ...]:
    """Every registered data source, in order of name."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda point: point.name))


def load(context: SourceContext, *, disabled: Iterable[str] = ()) -> Loaded:
    """Build every registered data source that is not disabled.

    Raises:
        BadConfiguration: `disabled` names one that does not exist.
    """
    off = frozenset(disabled)
    _refuse_unknown(off)
    sources: list[Datasource] = []
    broken: list[str] = []
    for point in registered():
        if point.name in off:
            continue
        try:
            sources.append(_checked(point.load()(context)))
        except Exception as error:  # the plugin border: a third party's fault must not take the agent down
            log.exception("plugin.broken", plugin=point.name)
            broken.append(f"{point.name} ({point.value}): {type(error).__name__}: {error}")
    return Loaded(tuple(sources), tuple(broken))


def _refuse_unknown(names: frozenset[str]) -> None:
    known = [point.name for point in registered()]
    unknown = sorted(names - set(known))
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        raise BadConfiguration(f"GCM_SENTINEL_DISABLED_SOURCES: no data source {unknown[0]!r}; {hint}")


def _checked(source: Datasource) -> Datasource:
    """`source`, asked once for what the agent asks at start.

    Raises:
        BadConfiguration: it is no `Datasource`.
    """
    missing = [member for member in _MEMBERS if not hasattr(source, member)]
    if missing:
        raise BadConfiguration(f"not a Datasource, it lacks {', '.join(missing)}")
    source.get_tools()
    source.get_system_prompt_section()
    return source
