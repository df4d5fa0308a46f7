"""Finds scenarios for `demo`, `eval` and `fleet serve`, by id or by path: `--scenario` means the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gcm_sentinel.domain.errors import BadConfiguration
from sentinel_fleet.scenario import Scenario, ScenarioError, load

SCENARIOS = Path(__file__).resolve().parent.parent / "evals" / "scenarios"
_FILE = "scenario.yaml"


def find_scenarios(folder: Path, only: tuple[str, ...] = ()) -> tuple[Scenario, ...]:
    """The scenarios of `folder` (or the one file it is), in order of id.

    With `only` those alone, each once, in that order: an id in `folder`, a scenario file, or the folder that holds it.

    Raises:
        BadConfiguration: no such folder, none in it, something in `only` that is neither, or a scenario that does not
            parse.
    """
    known = {path.parent.name: path for path in _files(folder)}
    if not known:
        raise BadConfiguration(f"no scenarios under {str(folder)!r}; expected <id>/{_FILE}")
    wanted = {path.resolve(): path for path in (_named(word, known, folder) for word in only)}
    try:
        return tuple(map(load, wanted.values() if only else known.values()))
    except ScenarioError as error:
        raise BadConfiguration(str(error)) from error


def find_scenario(word: str) -> Scenario:
    """The one that `word` names: an id of ours, a scenario file, or the folder that holds it.

    Raises:
        BadConfiguration: it names none, or one that does not parse.
    """
    return find_scenarios(SCENARIOS, (word,))[0]


def _named(word: str, known: Mapping[str, Path], folder: Path) -> Path:
    if word in known:
        return known[word]
    path = Path(word)
    if path.is_file():
        return path
    if word and (path / _FILE).is_file():
        return path / _FILE
    several = [item.parent.name for item in _files(path)] if word and path.is_dir() else []
    if several:
        raise BadConfiguration(f"--scenario {word!r} is a folder of scenarios, name one; there are: {_listed(several)}")
    raise BadConfiguration(
        f"there is no scenario {word!r}: it is no id under {str(folder)!r} and no path of a {_FILE} or its folder; "
        f"there are: {_listed(known)}"
    )


def _listed(ids: Mapping[str, Path] | list[str]) -> str:
    return ", ".join(sorted(ids))


def _files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    own = folder / _FILE
    return [own] if own.is_file() else sorted(folder.glob(f"*/{_FILE}"))
