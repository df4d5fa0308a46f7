"""An assessment in a terminal: plain lines for pipes and logs, a coloured panel for people.

Used by the CLI (`investigate`, `demo`). The plain form keeps the lines scripts already cut out of the original agent's
output (Node, Severity, Confidence, Action, Summary, Root cause, Tool calls) and adds what stands behind them. All text
is hostile: it is printed through `web/plain`, so no escape sequence of a log line reaches the terminal, and Rich gets
`Text`, never markup. Rich is imported when a panel is drawn, not before.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from gcm_sentinel.domain import actions
from gcm_sentinel.domain.assessment import Claim, Outcome, RecommendedAction, Severity
from gcm_sentinel.domain.evidence import DESK
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.published_action import PublishedAction
from gcm_sentinel.web.incident_view import cost, name_of
from gcm_sentinel.web.plain import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.panel import Panel

_LABEL = 13
_COLOURS = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.INFO: "blue", Severity.OK: "green"}


def render_text(publication: Publication, *, width: int = 100) -> str:
    """The assessment as plain text in lines of at most `width` columns, ending in a new line."""
    lines = [*_facts(publication, width)]
    for title, items in _sections(publication):
        lines += ["", f"{title}:", *(line for item in items for line in _item(item, width))]
    return "\n".join(lines) + "\n"


def render_panel(publication: Publication) -> Panel:
    """The assessment as a Rich panel in the colour of its severity."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    draft = publication.assessment.draft
    colour = _COLOURS[draft.severity]
    parts: list[RenderableType] = [_columns(_values(publication), label="bold", only={"Severity:": f"bold {colour}"})]
    for heading, items in _sections(publication):
        parts.append(Text(f"\n{heading}", style=f"bold {colour}"))
        parts.append(_columns(tuple(item.split(" ", 1)) for item in items))
    name = Text(f" {draft.severity.upper()} {one_line(publication.assessment.node)} ", style=f"bold {colour}")
    return Panel(Group(*parts), title=name, border_style=colour, expand=False, padding=(0, 1))


def _columns(
    rows: Iterable[Sequence[str]], *, label: str = "", only: Mapping[str, str] = MappingProxyType({})
) -> RenderableType:
    """Two columns, so that long text hangs under itself; `only` gives some rows a style of their own."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    for first, rest in rows:
        table.add_row(Text(first, style=label), Text(rest, style=only.get(first, "")))
    return table


def _values(publication: Publication) -> Iterator[tuple[str, str]]:
    assessment = publication.assessment
    draft = assessment.draft
    yield "Node:", one_line(assessment.node)
    yield "Severity:", str(draft.severity)
    yield "Confidence:", f"{draft.confidence:.0%}"
    yield "Action:", str(actions.primary(tuple(item.action for item in draft.actions)))
    yield "Summary:", one_line(draft.summary)
    yield "Root cause:", one_line(draft.root_cause)
    yield "Fault class:", str(draft.fault_class)
    if assessment.outcome is not Outcome.CONCLUDED:
        yield "Outcome:", f"{assessment.outcome} (no conclusion)"
    if draft.entities:
        yield "Culprit:", ", ".join(one_line(name_of(entity)) for entity in draft.entities)
    yield "Tool calls:", str(assessment.spend.tool_calls)
    yield "Engine:", one_line(" ".join(dict.fromkeys((assessment.engine, assessment.model))).strip())
    yield "Spent:", f"{assessment.spend.wall_s:.1f} s, {assessment.spend.tokens} tokens, {cost(assessment.spend)}"


def _facts(publication: Publication, width: int) -> Iterator[str]:
    for label, value in _values(publication):
        yield from _wrapped(value, width, first=f"{label:<{_LABEL}}", then=" " * _LABEL)


def _sections(publication: Publication) -> Iterator[tuple[str, list[str]]]:
    assessment = publication.assessment
    draft = assessment.draft
    sections = (
        ("Actions", [f"{number}. {_action(item)}" for number, item in enumerate(draft.actions, 1)]),
        ("Asked of the agent", [f"- {_asked_for(item)}" for item in publication.actions]),
        ("Asked of the agent, and refused", [f"- {one_line(item.words)}" for item in publication.held_back]),
        ("Claims", [f"- {_claim(claim)}" for claim in draft.claims]),
        ("Struck claims", [f"- {_claim(item.claim)}: {one_line(item.reason)}" for item in assessment.struck]),
        ("Ruled out", [f"- {item.fault_class}: {one_line(item.reason)}" for item in draft.ruled_out]),
        ("Not checked", [f"- {item}" for item in _not_checked(publication)]),
        ("Notes", [f"- {one_line(note)}" for note in assessment.notes]),
    )
    return ((title, items) for title, items in sections if items)


def _action(item: RecommendedAction) -> str:
    target = f" {name_of(item.target)}" if item.target else ""
    return one_line(f"{item.action}{target}" + (f": {item.reason}" if item.reason else ""))


def _asked_for(action: PublishedAction) -> str:
    by = f", decided by {action.decided_by}" if action.decided_by else ""
    return one_line(f"{action.words}{by}" + (f": {action.note}" if action.note else ""))


def _claim(claim: Claim) -> str:
    cited = ", ".join(dict.fromkeys(cite.evidence for cite in claim.cites))
    return one_line(f"{claim.text} [{cited}]")


def _not_checked(publication: Publication) -> Iterator[str]:
    yield from (one_line(item) for item in publication.assessment.draft.not_checked)
    for evidence in publication.evidence:
        if not evidence.result.status.observed and evidence.source != DESK:
            yield one_line(f"{evidence.id} {evidence.tool}: {evidence.result.status}, {evidence.result.note}")


def _item(text: str, width: int) -> list[str]:
    return _wrapped(text, width, first="  ", then="     ")


def _wrapped(text: str, width: int, *, first: str, then: str) -> list[str]:
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )
    return lines or [first.rstrip()]
