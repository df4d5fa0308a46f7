"""`label_replace` and `label_join`: new labels from old ones, values untouched."""

from sentinel_fleet.prom.errors import execution
from sentinel_fleet.prom.regex import compile_anchored, expand
from sentinel_fleet.prom.rows import SAME_LABELSET, Labels, Row, label_key


def label_replace(rows: list[Row], target: str, replacement: str, source: str, pattern: str) -> list[Row]:
    """Set `target` to the expanded replacement where `pattern` matches the whole of `source`.

    Raises:
        PromError: a bad expression or label name, or two series end up with the same labels.
    """
    expression = compile_anchored(pattern)
    if not target:
        raise execution("invalid destination label name in label_replace(): ")

    def relabelled(labels: Labels) -> Labels:
        match = expression.fullmatch(labels.get(source, ""))
        return labels if match is None else _with_label(labels, target, expand(replacement, match))

    return _distinct([Row(relabelled(row.labels), row.values) for row in rows])


def label_join(rows: list[Row], target: str, separator: str, sources: list[str]) -> list[Row]:
    """Set `target` to the values of `sources`, joined.

    Raises:
        PromError: a bad label name, or two series end up with the same labels.
    """
    if not all(sources):
        raise execution("invalid source label name in label_join(): ")
    if not target:
        raise execution("invalid destination label name in label_join(): ")

    def joined(labels: Labels) -> Labels:
        return _with_label(labels, target, separator.join(labels.get(source, "") for source in sources))

    return _distinct([Row(joined(row.labels), row.values) for row in rows])


def _with_label(labels: Labels, name: str, value: str) -> dict[str, str]:
    changed = {**labels, name: value}
    if not value:
        del changed[name]
    return changed


def _distinct(rows: list[Row]) -> list[Row]:
    if len({label_key(row.labels) for row in rows}) < len(rows):
        raise execution(SAME_LABELSET)
    return rows
