"""Writes what the chart says twice: README.md's tables and values.schema.json, and files/operations.yaml from the code.

    .venv/bin/python charts/gcm-sentinel/generate.py            write them
    .venv/bin/python charts/gcm-sentinel/generate.py --check    exit 1 where one of them is not up to date

values.yaml is the manual: the sentences above a key explain it, `## Title` begins a section, `# @schema {...}` adds to
the JSON schema what the default cannot say. A mapping whose keys are described is closed, so a slip of the pen is
refused; one that is described itself takes anything. Which names `sentinel.settings` takes is the agent's own list of
settings, less those that have a key of their own in a template and those that are secret; `sentinel.node.settings` are
those of the node agent, likewise.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from gcm_sentinel.app.settings import PREFIX, Settings
from gcm_sentinel.domain.operations import DECLARED
from sentinel_node.app.settings import Settings as NodeSettings

CHART = Path(__file__).resolve().parent
BEGIN, END = "<!-- values: made by generate.py -->", "<!-- values: end -->"
_SCHEMA = "@schema "
_NOT_BY_NAME = frozenset({"kubeconfig", "kube_context", "log_level"})
"""A pod has a ServiceAccount, and `logLevel` is an argument of the command."""
_NODE_WITH_A_KEY = frozenset(
    {"node_name", "listen", "metrics_listen", "probes", "state_dir", "journal_dir", "gateway", "buffer_dir"}
)
"""Settings of `sentinel-node` that follow from other values. Files may be named anew: each node may have its own."""
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of values.yaml."""

    path: tuple[str, ...]
    default: Any  # whatever YAML holds
    words: str
    section: str
    schema: Mapping[str, Any]
    """What its `@schema` lines add."""

    @property
    def name(self) -> str:
        """Dotted, as `--set` takes it."""
        return ".".join(self.path)


def keys(text: str) -> list[Key]:
    """The keys of a values file that a user sets, in order; a mapping without words of its own is none."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # noqa: S101  values.yaml is a mapping
    return list(_keys(root, (), text.splitlines()))


def _keys(mapping: yaml.MappingNode, above: tuple[str, ...], lines: list[str]) -> Iterator[Key]:
    for name, value in mapping.value:
        path = (*above, name.value)
        words, schema = _comment(lines, name.start_mark.line)
        if not words and isinstance(value, yaml.MappingNode) and value.value:
            yield from _keys(value, path, lines)
        else:
            yield Key(path, _plain(value), words, _section(lines, name.start_mark.line), schema)


def _plain(node: yaml.Node) -> Any:  # noqa: ANN401  whatever YAML holds
    return yaml.safe_load(yaml.serialize(node))


def _comment(lines: list[str], line: int) -> tuple[str, dict[str, Any]]:
    """The words and the schema that stand right above a line."""
    first = line
    while first > 0 and re.match(r"\s*# ", lines[first - 1]):
        first -= 1
    told = [text.strip().removeprefix("# ") for text in lines[first:line]]
    schema: dict[str, Any] = {}
    for text in told:
        if text.startswith(_SCHEMA):
            schema |= json.loads(text.removeprefix(_SCHEMA))
    return " ".join(text for text in told if not text.startswith(_SCHEMA)), schema


def _section(lines: list[str], line: int) -> str:
    titles = (text.removeprefix("## ") for text in reversed(lines[:line]) if text.startswith("## "))
    return next(titles, "")


def schema(found: list[Key]) -> dict[str, Any]:
    """The JSON schema of the values."""
    top = _closed()
    for key in found:
        place = top
        for name in key.path[:-1]:
            place = place["properties"].setdefault(name, _closed())
        place["properties"][key.path[-1]] = {"description": key.words, **_type(key.default), **key.schema}
    top["properties"]["global"] = {"type": "object", "description": "What a chart around this one shares."}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of gcm-sentinel", **top}


def _closed() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _type(default: object) -> dict[str, Any]:
    return {"type": _TYPES[type(default)]}


def tables(found: list[Key]) -> str:
    """The tables of README.md, one for each section."""
    parts: list[str] = []
    for section in dict.fromkeys(key.section for key in found):
        rows = [
            f"| `{key.name}` | {_shown(key.default)} | {_cell(key.words)} |" for key in found if key.section == section
        ]
        parts.append("\n".join([f"### {section}", "", "| key | default | meaning |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def _shown(default: object) -> str:
    return f"`{default if isinstance(default, str) else json.dumps(default)}`" if default not in ("", [], {}) else ""


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


def settings_with_a_key() -> set[str]:
    """Settings that a template writes; nobody else may set them by another way."""
    templates = "".join(path.read_text() for path in sorted((CHART / "templates").glob("*.*")))
    return {name.lower() for name in re.findall(rf"{PREFIX}([A-Z_]*[A-Z])(?!%)\b", templates)}


def is_secret(name: str) -> bool:
    """Whether a setting must not stand in a ConfigMap."""
    return Settings.model_fields[name].annotation is SecretStr


def _with_settings(found: list[Key]) -> list[Key]:
    """The keys; those under which settings stand by their names with the names they take."""
    free = sorted(set(Settings.model_fields) - settings_with_a_key() - _NOT_BY_NAME)
    plain = {"propertyNames": {"enum": [name for name in free if not is_secret(name)]}}
    reference = _closed() | {"properties": {"name": {"type": "string"}, "key": {"type": "string"}}}
    secret = {
        "propertyNames": {"enum": [name for name in [*free, "webhook_url"] if is_secret(name)]},
        "additionalProperties": reference | {"required": ["name", "key"]},
    }
    node = {"propertyNames": {"enum": sorted(set(NodeSettings.model_fields) - _NODE_WITH_A_KEY)}}
    more = {"sentinel.settings": plain, "sentinel.secretSettings": secret, "sentinel.node.settings": node}
    return [replace(key, schema={**key.schema, **more.get(key.name, {})}) for key in found]


def operations() -> str:
    """What each operation needs of RBAC, as the code declares it."""
    declared = {
        str(operation): [
            {"group": need.group, "resource": need.resource, "verb": need.verb} for need in declaration.permissions
        ]
        for operation, declaration in sorted(DECLARED.items())
    }
    head = (
        "# What each operation needs of RBAC, made by generate.py from gcm_sentinel.domain.operations; do not edit.\n"
    )
    return head + yaml.safe_dump(declared, sort_keys=True)


def outputs() -> dict[Path, str]:
    """Every file that is made, with what is to stand in it."""
    found = keys((CHART / "values.yaml").read_text())
    readme = CHART / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    return {
        CHART / "values.schema.json": json.dumps(schema(_with_settings(found)), indent=2) + "\n",
        CHART / "files" / "operations.yaml": operations(),
        readme: f"{before}{BEGIN}\n\n{tables(found)}\n\n{END}{after}",
    }


def main(arguments: list[str]) -> int:
    """Write, or with ``--check`` compare."""
    stale = [path for path, text in outputs().items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        sys.stdout.writelines(f"not up to date: {path.relative_to(CHART)}\n" for path in stale)
        return 1 if stale else 0
    for path in stale:
        path.write_text(outputs()[path])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
