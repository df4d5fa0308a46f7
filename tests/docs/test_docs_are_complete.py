"""What exists is documented, and what is documented exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gcm_sentinel.app.plugins import registered
from gcm_sentinel.app.settings import PREFIX, Settings
from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.faults import FaultClass

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "evals" / "README.md"])
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_the_operations_guide(name):
    assert f"`{PREFIX}{name.upper()}`" in OPERATIONS


def test_the_operations_guide_names_no_setting_that_does_not_exist():
    named = set(re.findall(rf"`({PREFIX}[A-Z_]+)`", OPERATIONS))

    assert named - {f"{PREFIX}CONFIG"} <= {PREFIX + name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("point", registered(), ids=lambda point: point.name)
def test_every_data_source_is_in_the_operations_guide(point):
    assert f"`{point.name}`" in OPERATIONS


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_link_inside_the_project_leads_somewhere(path):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]

    assert [target for target in local if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_file_named_in_code_spans_exists(path):
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    named = re.findall(
        r"`((?:src|docs|tests|evals|prompts|datasources|domain|engine|clients|watch|llm)/[\w./-]+)`", text
    )
    bases = (ROOT, ROOT / "src" / "gcm_sentinel")

    assert [name for name in named if not any((base / name).exists() for base in bases)] == []


def test_the_readme_is_short_and_names_the_two_commands():
    readme = (ROOT / "README.md").read_text()

    assert len(readme.splitlines()) < 150
    assert "make demo" in readme
    assert "make test" in readme


@pytest.mark.parametrize("closed", [FaultClass, Action], ids=["fault-classes", "actions"])
def test_every_member_of_a_closed_list_is_explained(closed):
    from gcm_sentinel.domain import actions, faults

    meaning = faults.MEANING if closed is FaultClass else actions.MEANING

    assert set(meaning) == set(closed)


def test_a_command_named_in_the_docs_exists():
    from gcm_sentinel.app.cli import cli

    known = {command.name or str(command.callback.__name__) for command in cli.registered_commands if command.callback}
    known |= {group.name for group in cli.registered_groups if group.name}
    spoken = {match for path in DOCS for match in re.findall(r"(?m)(?:`|^)gcm-sentinel ([a-z]+)\b", path.read_text())}

    assert spoken
    assert spoken <= known
