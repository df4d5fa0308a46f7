"""The system text of an investigation, put together from the files of `prompts/` and the operator's own.

A file of the same name in the override directory (GCM_SENTINEL_PROMPTS_DIR) replaces ours; an empty one removes the
part. The original agent's GCM_SENTINEL_SYSTEM_PROMPT_PATH stands in for `system.md` alone, so that evidence ids and the
way an investigation ends are still explained. The text is made once, at start: it is the head of every cached prefix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import structlog

from gcm_sentinel.domain.errors import BadConfiguration, Bug
from gcm_sentinel.domain.modes import Mode

log = structlog.get_logger(__name__)

_NAME = re.compile(r"[a-z0-9_-]+(/[a-z0-9_-]+)?")


def system_text(
    mode: Mode,
    source_sections: Mapping[str, str],
    override_dir: Path | None = None,
    system_prompt_path: Path | None = None,
) -> str:
    """The whole system text.

    `source_sections` holds, by name and in order, what each usable data source says of itself; a file
    ``sources/<name>.md`` of the operator or of ours is used instead where there is one.

    Raises:
        BadConfiguration: an override directory or file that cannot be read.
    """
    _warn_of_strangers(override_dir, source_sections)
    parts = [
        _first_part(override_dir, system_prompt_path),
        load_prompt("evidence", override_dir),
        load_prompt("finish", override_dir),
        load_prompt(f"mode-{mode}", override_dir),
    ]
    sources = [_source_part(name, own, override_dir) for name, own in source_sections.items()]
    about = "\n".join(f"- {name}: {words}" for name, words in zip(source_sections, sources, strict=True) if words)
    if about:
        parts.append(f"Sources that can be used now\n\n{about}")
    return "\n\n".join(part for part in parts if part)


def load_prompt(name: str, override_dir: Path | None = None) -> str:
    """The text of prompt `name` (``finish``, ``sources/dcgm``): the operator's file if there is one, else ours.

    Raises:
        BadConfiguration: the operator's file cannot be read.
        Bug: there is no prompt of that name.
    """
    text = _overridden(name, override_dir)
    if text is None:
        text = _packaged(name)
    if text is None:
        raise Bug(f"there is no prompt {name!r}; known are {', '.join(prompt_names())}")
    return text


def prompt_names() -> tuple[str, ...]:
    """Every prompt that is shipped and may be overridden, sorted."""
    root = resources.files("gcm_sentinel.prompts")
    return tuple(sorted([*_names(root, ""), *_names(root / "sources", "sources/")]))


def _names(folder: Traversable, prefix: str) -> list[str]:
    return [f"{prefix}{item.name[:-3]}" for item in folder.iterdir() if item.name.endswith(".md")]


def _first_part(override_dir: Path | None, system_prompt_path: Path | None) -> str:
    if system_prompt_path is None or not system_prompt_path.is_file():
        return load_prompt("system", override_dir)
    overridden = _overridden("system", override_dir)
    if overridden is not None:
        log.warning("prompts.system_given_twice", used=f"{override_dir}/system.md", ignored=str(system_prompt_path))
        return overridden
    return _read(system_prompt_path)


def _source_part(name: str, own: str, override_dir: Path | None) -> str:
    prompt = f"sources/{name}"
    if not _NAME.fullmatch(prompt):
        return own.strip()
    text = _overridden(prompt, override_dir)
    if text is None:
        text = _packaged(prompt)
    return own.strip() if text is None else text


def _overridden(name: str, override_dir: Path | None) -> str | None:
    if override_dir is None:
        return None
    if not override_dir.is_dir():
        raise BadConfiguration(f"GCM_SENTINEL_PROMPTS_DIR: {str(override_dir)!r} is no directory that can be read")
    path = override_dir / f"{name}.md"
    return _read(path) if path.is_file() else None


def _packaged(name: str) -> str | None:
    item = resources.files("gcm_sentinel.prompts").joinpath(f"{name}.md")
    return item.read_text(encoding="utf-8").strip() if item.is_file() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"the prompt {str(path)!r} cannot be read: {error}") from error


def _warn_of_strangers(override_dir: Path | None, source_sections: Mapping[str, str]) -> None:
    """Name files that replace nothing: a misspelt override would be ignored in silence."""
    if override_dir is None or not override_dir.is_dir():
        return
    known = {*prompt_names(), *(f"sources/{name}" for name in source_sections)}
    found = {path.relative_to(override_dir).with_suffix("").as_posix() for path in override_dir.rglob("*.md")}
    for name in sorted(found - known):
        log.warning("prompts.unknown_override", file=f"{override_dir}/{name}.md", known=", ".join(prompt_names()))
