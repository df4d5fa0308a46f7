"""Reads the Dockerfile into its stages and instructions, as far as ours goes: no heredocs, no shell form but RUN's."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its lines joined."""

    name: str
    words: str

    @property
    def parts(self) -> list[str]:
        """Its words, as a shell splits them."""
        return shlex.split(self.words)


@dataclass(frozen=True, slots=True)
class Stage:
    """What follows one FROM."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def of(self, name: str) -> list[Instruction]:
        """Its instructions of one kind."""
        return [one for one in self.instructions if one.name == name]

    @property
    def environment(self) -> dict[str, str]:
        """What ENV sets."""
        pairs = (part.partition("=") for one in self.of("ENV") for part in one.parts)
        return {name: value for name, _, value in pairs}


def stages() -> tuple[dict[str, str], list[Stage]]:
    """The arguments before the first FROM, and the stages."""
    arguments: dict[str, str] = {}
    found: list[Stage] = []
    text = re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text()).replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, words = line.partition(" ")
        if name == "FROM":
            base, _, stage = words.partition(" AS ")
            found.append(Stage(base, stage))
        elif found:
            found[-1].instructions.append(Instruction(name, words.strip()))
        else:
            argument, _, value = words.partition("=")
            arguments[argument] = value
    return arguments, found


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path out of what is sent to the builder: the last line that fits it decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keeps = pattern.startswith("!")
        wanted = pattern.removeprefix("!")
        above = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
        anywhere = wanted.startswith("**/") and any(fnmatch(part, wanted[3:]) for part in Path(path).parts)
        if anywhere or any(fnmatch(one, wanted) for one in above):
            out = not keeps
    return out
