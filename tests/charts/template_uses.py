"""Which values templates use, as whole paths: `.Values.a.b`, also by way of `with`, `$x := ...` and `range dict`.

A template's dot and its variables stand for paths of the values as long as that is plain from the text. What comes
another way, such as a mapping that is given to `include`, is not followed, so a key that is used in such a way alone
counts as unused: name it by its path, or give it a variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

Paths = frozenset[str]
"""What an expression may stand for, from the root: ``Values.a``; none where that is unknown."""
ROOT: Paths = frozenset({""})
_ACTION = re.compile(r"\{\{-?\s*(/\*.*?\*/|.*?)\s*-?\}\}", re.DOTALL)
_TEXT = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`')
_PATH = re.compile(r"(?:index\s+)?(?<![\w.)])((?:\$\w*)?(?:\.[A-Za-z]\w*)+)")
_ASSIGNED = re.compile(r"(?:\$\w*\s*,\s*)?(\$\w+)\s*:=\s*(.*)", re.DOTALL)


@dataclass(slots=True)
class _Scope:
    """What the dot and the variables stand for."""

    dot: Paths = ROOT
    outside: Paths = ROOT
    """The dot after the block's `else`."""
    variables: dict[str, Paths] = field(default_factory=lambda: {"$": ROOT})

    def meant(self, expression: str) -> Paths:
        """The paths of an expression that is one path, or a `dict` of such; none of any other."""
        words = expression.split()
        if words[:1] == ["dict"]:
            return frozenset(path for word in words[1:] for path in self.paths(word))
        return self.paths(words[0]) if len(words) == 1 else frozenset()

    def paths(self, word: str) -> Paths:
        """The paths of `.a.b` or `$x.a.b`."""
        name, _, path = word.partition(".")
        bases = self.variables.get(name, frozenset()) if name else self.dot
        return frozenset(f"{base}.{path}".strip(".") for base in bases)


def used(template: str) -> set[str]:
    """The paths below `Values` that a file of templates uses; ``a.*`` where `index` may take any key of a."""
    return {path.removeprefix("Values.") for path in _used(template) if path.startswith("Values.")}


def _used(template: str) -> Iterator[str]:
    scopes = [_Scope()]
    for action in _ACTION.findall(template):
        words = "" if action.startswith("/*") else _TEXT.sub('""', action)
        first, _, rest = words.partition(" ")
        if first == "end":
            scopes.pop()
        elif first == "else":
            scopes[-1].dot = scopes[-1].outside
        scope = scopes[-1]
        for found in _PATH.finditer(words):
            yield from (f"{path}.*" if found[0].startswith("index") else path for path in scope.paths(found[1]))
        if first in {"define", "block"}:
            scopes.append(_Scope())
        elif first in {"if", "with", "range"}:
            scopes.append(_inside(first, rest, scope))
        elif assigned := _ASSIGNED.fullmatch(words):
            scope.variables[assigned[1]] = scope.meant(assigned[2])


def _inside(block: str, words: str, scope: _Scope) -> _Scope:
    """What holds within `if`, `with` or `range`."""
    inner = _Scope(scope.dot, scope.dot, dict(scope.variables))
    assigned = _ASSIGNED.fullmatch(words)
    expression = assigned[2] if assigned else words
    is_of_paths = block != "range" or expression.startswith("dict ")
    meant = scope.meant(expression) if is_of_paths else frozenset()
    if assigned:
        inner.variables[assigned[1]] = meant
    if block != "if":
        inner.dot = meant
    return inner
