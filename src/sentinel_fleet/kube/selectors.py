"""Label and field selectors: the text of a query parameter becomes one predicate over objects.

Semantics follow k8s.io/apimachinery/pkg/labels and fields: `!=` and `notin` also match objects without the label.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sentinel_fleet.kube.jsontypes import JsonObject, dig, objects
from sentinel_fleet.kube.resources import Resource

LabelTest = Callable[[Mapping[str, str]], bool]

_TOKEN = re.compile(r"\s*(?:(==|!=|=|!|,|\(|\)|>|<)|([^\s=!,()<>]+))")
_KEY = re.compile(r"(?:[a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


class BadSelector(ValueError):
    """Raised when a selector cannot be read; the message is what the API server would say."""


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadSelector(f"unable to parse requirement: unexpected character at {text[at:]!r}")
        found.append(match.group(1) or match.group(2))
        at = match.end()
    return found


class _Requirements:
    """A recursive-descent reader of one label selector."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def read(self) -> list[LabelTest]:
        tests = [self._one()]
        while self._peek() == ",":
            self._at += 1
            tests.append(self._one())
        if self._peek():
            raise BadSelector(f"found '{self._peek()}', expected: ',' or 'end of string'")
        return tests

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _key(self) -> str:
        key = self._take()
        if not _KEY.fullmatch(key):
            raise BadSelector(
                f"unable to parse requirement: <nil>: Invalid value: {key!r}: a valid label key is expected"
            )
        return key

    def _value(self) -> str:
        return "" if self._peek() in ("", ",", ")") else self._take()

    def _values(self) -> frozenset[str]:
        if self._take() != "(":
            raise BadSelector("unable to parse requirement: found '' expected: '('")
        values = {self._value()}
        while self._peek() == ",":
            self._at += 1
            values.add(self._value())
        if self._take() != ")":
            raise BadSelector("found '', expected: ',', or ')'")
        return frozenset(values)

    def _one(self) -> LabelTest:
        if self._peek() == "!":
            self._at += 1
            absent = self._key()
            return lambda labels: absent not in labels
        key = self._key()
        operator = self._peek()
        if operator in ("", ","):
            return lambda labels: key in labels
        self._at += 1
        return self._binary(key, operator)

    def _binary(self, key: str, operator: str) -> LabelTest:
        if operator in ("in", "notin"):
            return set_test(key, operator, self._values())
        value = self._value()
        if operator in ("=", "=="):
            return lambda labels: labels.get(key) == value
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        if operator in ("<", ">"):
            return _numeric_test(key, operator, value)
        raise BadSelector(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def set_test(key: str, operator: str, values: frozenset[str]) -> LabelTest:
    """A test of one label against a set of values; `operator` is `in` or `notin`."""
    if operator == "in":
        return lambda labels: labels.get(key) in values
    return lambda labels: labels.get(key) not in values


def _numeric_test(key: str, operator: str, value: str) -> LabelTest:
    if not value.isdigit():
        raise BadSelector(f"for 'Gt', 'Lt' operators, the value must be an integer: {value!r}")
    bound = int(value)

    def test(labels: Mapping[str, str]) -> bool:
        text = labels.get(key, "")
        return text.isdigit() and (int(text) < bound if operator == "<" else int(text) > bound)

    return test


def parse_labels(text: str) -> tuple[LabelTest, ...]:
    """The tests of a `labelSelector` parameter; empty text selects everything.

    Raises:
        BadSelector: the text is not a label selector.
    """
    return tuple(_Requirements(text).read()) if text.strip() else ()


def label_selector_test(selector: object) -> LabelTest:
    """The test of a `metav1.LabelSelector` object: None selects nothing, an empty one everything."""
    if not isinstance(selector, dict):
        return lambda _labels: False
    tests: list[LabelTest] = [
        set_test(key, "in", frozenset((value,))) for key, value in (selector.get("matchLabels") or {}).items()
    ]
    tests += [_expression_test(item) for item in objects(selector.get("matchExpressions"))]
    return lambda labels: all(test(labels) for test in tests)


def _expression_test(expression: JsonObject) -> LabelTest:
    key, operator = str(expression.get("key")), expression.get("operator")
    if operator == "Exists":
        return lambda labels: key in labels
    if operator == "DoesNotExist":
        return lambda labels: key not in labels
    return set_test(key, "in" if operator == "In" else "notin", frozenset(expression.get("values") or ()))


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One `field=value` or `field!=value`."""

    path: str
    value: str
    equal: bool

    def matches(self, obj: JsonObject) -> bool:
        """Whether the object's field satisfies the term."""
        return (field_value(obj, self.path) == self.value) is self.equal


def parse_fields(text: str, resource: Resource) -> tuple[FieldTerm, ...]:
    """The terms of a `fieldSelector` parameter.

    Raises:
        BadSelector: the text is not a field selector, or the resource does not support one of its fields.
    """
    terms = []
    for part in re.split(r"(?<!\\),", text):
        if not part:
            continue
        match = re.fullmatch(r"([^=!]+)(==|!=|=)(.*)", part)
        if match is None:
            raise BadSelector(f"invalid selector: '{text}'; can't understand '{part}'")
        name, operator, value = match.groups()
        terms.append(FieldTerm(_stored_name(name, resource), re.sub(r"\\(.)", r"\1", value), operator != "!="))
    return tuple(terms)


def _stored_name(name: str, resource: Resource) -> str:
    if name == "spec.host" and resource.kind == "Pod":
        return "spec.nodeName"
    if name != "metadata.name" and not (name == "metadata.namespace" and resource.namespaced):
        if resource.group and not resource.fields:
            known = '"metadata.name", "metadata.namespace"'
            raise BadSelector(f'"{name}" is not a known field selector: only {known}')
        if name not in resource.fields:
            raise BadSelector(f"field label not supported: {name}")
    return name.replace("regarding.", "involvedObject.").replace("reportingController", "reportingComponent")


def field_value(obj: JsonObject, path: str) -> str:
    """A selectable field as text: missing is empty, booleans are `true` and `false`."""
    if path == "source":
        return str(dig(obj, "source", "component") or obj.get("reportingComponent") or "")
    if path == "name":
        path = "metadata.name"
    if path == "status.successful":
        return str(dig(obj, "status", "succeeded") or 0)
    value = dig(obj, *path.split("."))
    if path in ("spec.unschedulable", "spec.hostNetwork"):
        return "true" if value else "false"
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Selector:
    """What a list or watch asks for: a namespace, labels and fields."""

    namespace: str = ""
    """Empty for all namespaces."""
    labels: tuple[LabelTest, ...] = ()
    fields: tuple[FieldTerm, ...] = ()

    @property
    def unfiltered(self) -> bool:
        """Whether neither labels nor fields narrow it."""
        return not self.labels and not self.fields

    def exact(self, path: str) -> str | None:
        """The value an indexed field must have, None when it is free."""
        return next((t.value for t in self.fields if t.path == path and t.equal), None)

    def matches(self, obj: JsonObject) -> bool:
        """Whether the object is selected."""
        metadata = obj["metadata"]
        if self.namespace and metadata.get("namespace") != self.namespace:
            return False
        if self.labels:
            labels = metadata.get("labels") or {}
            if not all(test(labels) for test in self.labels):
                return False
        return all(term.matches(obj) for term in self.fields)


def parse_selector(resource: Resource, namespace: str, labels: str, fields: str) -> Selector:
    """A selector from the query's texts.

    Raises:
        BadSelector: one of them cannot be read.
    """
    return Selector(namespace, parse_labels(labels), parse_fields(fields, resource))
