"""Go's RE2 expressions run by Python's `re`, and a refusal where the two would disagree.

Prometheus anchors every expression at both ends and lets the dot match a newline. Classes such as `\\d` are ASCII in
RE2. Constructs only one of the two engines knows (look-around, back-references, possessive repeats, POSIX classes)
are refused: RE2 refuses the first three too, and the last would silently mean something else here.
"""

import re
from functools import lru_cache

from sentinel_fleet.prom.errors import bad_data

_ESCAPE_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_FOREIGN = re.compile(r"[*+?}][*+]|\{,|\(\?[^)P:]*[aLux#(=!<>][^)]*|\(\?P[=>]")
_FOREIGN_ESCAPE = re.compile(r"\\(?:[1-9Zu]|[^\x00-\x7f])")
_REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_MOST_REPEATS = 1000


@lru_cache(maxsize=1024)
def compile_anchored(pattern: str) -> re.Pattern[str]:
    """Compile for use with `fullmatch`.

    Raises:
        PromError: the expression is wrong, or means something else to RE2 than to Python.
    """
    if _means_something_else(pattern):
        raise bad_data(f"parse error: error parsing regexp: unsupported syntax: `{pattern}`")
    try:
        return re.compile(pattern, re.ASCII | re.DOTALL)
    except (re.error, OverflowError, RecursionError) as error:
        raise bad_data(f"parse error: error parsing regexp: {error}: `{pattern}`") from error


def _means_something_else(pattern: str) -> bool:
    skeleton = _ESCAPE_OR_CLASS.sub("x", pattern)
    repeats = (int(count) for bounds in _REPEAT.findall(skeleton) for count in bounds if count)
    return (
        "[:" in pattern
        or _FOREIGN.search(skeleton) is not None
        or _FOREIGN_ESCAPE.search(pattern.replace("\\\\", "")) is not None
        or (re.search(r"\(\?[a-z]*i", skeleton) is not None and not pattern.isascii())
        or any(count > _MOST_REPEATS for count in repeats)
    )


_VARIABLE = re.compile(r"\$(?:\$|\{(?P<braced>\w+)\}|(?P<bare>\w+))", re.ASCII)


def expand(template: str, match: re.Match[str]) -> str:
    """Go's `Regexp.Expand`: `$1`, `${1}`, `$name`; an unknown group is empty, `$$` a dollar sign."""

    def value(variable: re.Match[str]) -> str:
        name = variable["braced"] or variable["bare"]
        if name is None:
            return "$"
        if name.isdigit():
            index = int(name)
            return (match[index] or "") if index <= match.re.groups else ""
        return (match[name] or "") if name in match.re.groupindex else ""

    return _VARIABLE.sub(value, template)
