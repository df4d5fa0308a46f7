"""PromQL text to a plan, by way of `promql_parser`'s typed tree.

The parser accepts more than the server answers (experimental functions, `fill`, `or` between matchers); whatever is not
named here is refused as `bad_data` rather than answered approximately. Parentheses disappear: they have done their
work by the time the tree stands.
"""

import re
from datetime import timedelta

import promql_parser as pp

from sentinel_fleet.ports import LabelMatcher, MatchOperator
from sentinel_fleet.prom import plan
from sentinel_fleet.prom.errors import bad_data, unsupported
from sentinel_fleet.prom.functions import AGGREGATIONS, FUNCTIONS
from sentinel_fleet.prom.refusals import refusal
from sentinel_fleet.prom.regex import compile_anchored

DEFAULT_SUBQUERY_STEP_MS = 60_000
"""Prometheus' default evaluation interval, used by `[5m:]`."""

_MAX_LENGTH = 65_536
_MAX_OPERATORS = 200
_QUOTED_OR_COMMENT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`|#[^\n]*", re.DOTALL)
_OPERATOR = re.compile(r"[-+*/%^(\[]|[<>=!]=?|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)

_BEFORE_EPOCH = re.compile(r"@\s*-")

_SET_OPERATORS = frozenset({"and", "or", "unless"})
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "^", "atan2"})
_COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})


def parse_query(text: str) -> plan.Node:
    """The plan of a query.

    Raises:
        PromError: not PromQL, or outside the supported subset.
    """
    if not text.strip():
        raise bad_data("unknown position: parse error: no expression found in input")
    _check_parsable(text)
    try:
        tree = pp.parse(text)
    except ValueError as error:
        raise bad_data(refusal(str(error), text)) from error
    return _node(tree)


def _check_parsable(text: str) -> None:
    """Refuse what the parser cannot survive: it is native code and would take the process with it.

    Deep nesting overflows its stack, and a moment before 1970 makes it panic.
    """
    skeleton = _QUOTED_OR_COMMENT.sub("", text)
    if len(text) > _MAX_LENGTH or len(_OPERATOR.findall(skeleton)) > _MAX_OPERATORS:
        raise bad_data(f"parse error: query is longer than this server accepts ({_MAX_OPERATORS} operators)")
    if _BEFORE_EPOCH.search(skeleton):
        raise unsupported("an @ timestamp before 1970")


def parse_selector(text: str) -> tuple[LabelMatcher, ...]:
    """The matchers of a series selector, as `match[]` takes them.

    Raises:
        PromError: not a plain selector.
    """
    node = parse_query(text)
    if not isinstance(node, plan.Selector) or node.moment != plan.Moment():
        raise bad_data(f"parse error: not a series selector: {text!r}")
    return node.matchers


def _node(tree: object) -> plan.Node:
    match tree:
        case pp.ParenExpr():
            return _node(tree.expr)
        case pp.NumberLiteral():
            return plan.Number(tree.val)
        case pp.StringLiteral():
            return plan.Text(tree.val)
        case pp.VectorSelector():
            return _selector(tree)
        case pp.MatrixSelector():
            return plan.Range(_selector(tree.vector_selector), _milliseconds(tree.range))
        case pp.SubqueryExpr():
            return _subquery(tree)
        case pp.UnaryExpr():
            return plan.Negate(_node(tree.expr))
        case _:
            return _operation(tree)


def _operation(tree: object) -> plan.Node:
    match tree:
        case pp.BinaryExpr():
            return _binary(tree)
        case pp.AggregateExpr():
            return _aggregate(tree)
        case pp.Call():
            return _call(tree)
        case _:
            raise unsupported(f"an expression of type {type(tree).__name__}")


def _milliseconds(duration: timedelta | None) -> int:
    return 0 if duration is None else duration // timedelta(milliseconds=1)


def _moment(offset: timedelta | None, at: pp.AtModifier | None) -> plan.Moment:
    return plan.Moment(_milliseconds(offset), None if at is None else _at(at))


def _at(at: pp.AtModifier) -> plan.At:
    if at.type == pp.AtModifierType.Start:
        return "start"
    if at.type == pp.AtModifierType.End:
        return "end"
    try:
        moment = at.at
    except (ValueError, OverflowError) as error:
        raise unsupported("an @ timestamp this far in the future") from error
    if moment is None:
        raise unsupported("this @ modifier")
    return round(moment.timestamp() * 1000)


_OPERATORS: tuple[tuple[pp.MatchOp, MatchOperator], ...] = (
    (pp.MatchOp.Equal, "="),
    (pp.MatchOp.NotEqual, "!="),
    (pp.MatchOp.Re, "=~"),
    (pp.MatchOp.NotRe, "!~"),
)


def _matcher(matcher: pp.Matcher) -> LabelMatcher:
    op = next(symbol for kind, symbol in _OPERATORS if matcher.op == kind)
    if op in ("=~", "!~"):
        compile_anchored(matcher.value)
    return LabelMatcher(matcher.name, op, matcher.value)


def _selector(tree: pp.VectorSelector) -> plan.Selector:
    if tree.matchers.or_matchers:
        raise unsupported('"or" between label matchers')
    matchers = [_matcher(matcher) for matcher in tree.matchers.matchers]
    if tree.name is not None:
        matchers.insert(0, LabelMatcher("__name__", "=", tree.name))
    return plan.Selector(tuple(matchers), _moment(tree.offset, tree.at))


def _subquery(tree: pp.SubqueryExpr) -> plan.Range:
    body = _node(tree.expr)
    if plan.kind_of(body) != "vector":
        raise bad_data(f"parse error: subquery is only allowed on instant vector, got {plan.kind_of(body)} instead")
    step_ms = DEFAULT_SUBQUERY_STEP_MS if tree.step is None else _milliseconds(tree.step)
    subquery = plan.Subquery(body, step_ms, _moment(tree.offset, tree.at))
    return plan.Range(subquery, _milliseconds(tree.range))


def _binary(tree: pp.BinaryExpr) -> plan.Node:
    op = str(tree.op)
    if op not in _SET_OPERATORS | _ARITHMETIC | _COMPARISONS:
        raise unsupported(f'operator "{op}"')
    modifier = tree.modifier
    if modifier is not None and (modifier.fill_values.lhs is not None or modifier.fill_values.rhs is not None):
        raise unsupported("fill")
    left, right = _node(tree.lhs), _node(tree.rhs)
    return plan.Binary(op, left, right, _matching(modifier), modifier is not None and modifier.return_bool)


def _matching(modifier: pp.BinModifier | None) -> plan.Matching:
    if modifier is None:
        return plan.Matching(on=False, labels=(), cardinality="one-to-one")
    labels = modifier.matching
    on = labels is not None and labels.type == pp.LabelModifierType.Include
    names = () if labels is None else tuple(labels.labels)
    include = tuple(modifier.group_labels or ())
    if modifier.card == pp.VectorMatchCardinality.ManyToOne:
        return plan.Matching(on=on, labels=names, cardinality="many-to-one", include=include)
    if modifier.card == pp.VectorMatchCardinality.OneToMany:
        return plan.Matching(on=on, labels=names, cardinality="one-to-many", include=include)
    return plan.Matching(on=on, labels=names, cardinality="one-to-one")


def _aggregate(tree: pp.AggregateExpr) -> plan.Node:
    op = str(tree.op)
    if op not in AGGREGATIONS:
        raise unsupported(f'aggregation "{op}"')
    modifier = tree.modifier
    without = modifier is not None and modifier.type == pp.AggModifierType.Without
    grouping = () if modifier is None else tuple(modifier.labels)
    parameter = None if tree.param is None else _node(tree.param)
    return plan.Aggregate(op, _node(tree.expr), parameter, grouping, without)


def _call(tree: pp.Call) -> plan.Node:
    name = tree.func.name
    if name not in FUNCTIONS:
        raise unsupported(f'function "{name}"')
    return plan.Call(name, tuple(_node(argument) for argument in tree.args))
