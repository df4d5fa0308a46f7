"""A query as this server understands it: every node is something the evaluator can answer exactly.

`parsing` makes these from the text, refusing what lies outside the subset; `evaluate` reads them. Times and durations
are whole milliseconds, Prometheus' own resolution, so that window borders compare exactly.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sentinel_fleet.ports import LabelMatcher

At: TypeAlias = int | Literal["start", "end"]
"""The `@` modifier: epoch milliseconds, or an end of the query's own range."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a selector looks: the step's own time unless `at` pins it, moved back by `offset_ms`."""

    offset_ms: int = 0
    at: At | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """An instant vector selector."""

    matchers: tuple[LabelMatcher, ...]
    moment: Moment


@dataclass(frozen=True, slots=True)
class Range:
    """A range vector: the samples of a selector or of a subquery's results within the last `range_ms`."""

    source: "Selector | Subquery"
    range_ms: int

    @property
    def moment(self) -> Moment:
        """When the window ends."""
        return self.source.moment


@dataclass(frozen=True, slots=True)
class Subquery:
    """An instant expression evaluated every `step_ms`."""

    body: "Node"
    step_ms: int
    moment: Moment


@dataclass(frozen=True, slots=True)
class Negate:
    """Unary minus."""

    body: "Node"


@dataclass(frozen=True, slots=True)
class Matching:
    """How the two sides of a binary operation find each other."""

    on: bool
    """`on(labels)` when true, `ignoring(labels)` when false."""
    labels: tuple[str, ...]
    cardinality: Literal["one-to-one", "many-to-one", "one-to-many"]
    include: tuple[str, ...] = ()
    """Labels of the "one" side that group_left/group_right copies."""


@dataclass(frozen=True, slots=True)
class Binary:
    """An arithmetic, comparison or set operation."""

    op: str
    left: "Node"
    right: "Node"
    matching: Matching
    return_bool: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation over label groups."""

    op: str
    body: "Node"
    parameter: "Node | None"
    grouping: tuple[str, ...]
    without: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function call."""

    name: str
    arguments: tuple["Node", ...]


Node: TypeAlias = Number | Text | Selector | Range | Negate | Binary | Aggregate | Call

Kind = Literal["scalar", "vector", "matrix", "string"]

_SCALAR_CALLS = frozenset({"time", "scalar", "pi"})


def kind_of(node: Node) -> Kind:
    """The type of the node's result, as PromQL names it."""
    match node:
        case Number():
            return "scalar"
        case Text():
            return "string"
        case Range():
            return "matrix"
        case Negate():
            return kind_of(node.body)
        case Binary():
            scalar = kind_of(node.left) == kind_of(node.right) == "scalar"
            return "scalar" if scalar else "vector"
        case Call() if node.name in _SCALAR_CALLS:
            return "scalar"
        case _:
            return "vector"
