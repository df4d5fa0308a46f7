"""The one error of a scenario file: which file, which place, which value, and what is allowed there."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)
_LONGEST_VALUE = 120


class ScenarioError(ValueError):
    """Raised when a scenario file does not describe a world; its text is one line."""

    def __init__(self, place: str, problem: str, value: object = None, file: str = "scenario") -> None:
        self.file = file
        self.place = place
        self.problem = problem
        self.value = value
        super().__init__(self._line())

    def in_file(self, file: str) -> ScenarioError:
        """The same error, naming the file."""
        return ScenarioError(self.place, self.problem, self.value, file)

    def _line(self) -> str:
        shown = "" if self.value is None else f"{_short(self.value)}: "
        return f"{self.file}: {self.place}: {shown}{self.problem}".replace("\n", " ")


def validate(model: type[Model], data: object, place: str, context: object = None) -> Model:
    """Parse `data` as `model`.

    Raises:
        ScenarioError: for the first thing that is wrong, at its own place.
    """
    if not isinstance(data, Mapping):
        raise ScenarioError(place, "expected a mapping of keys to values", data)
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _from_pydantic(model, first, place) from None


def _from_pydantic(model: type[BaseModel], error: Any, place: str) -> ScenarioError:  # noqa: ANN401 - pydantic's dict
    location: Sequence[int | str] = error["loc"]
    where = join(place, *location)
    if error["type"] == "extra_forbidden":
        allowed = ", ".join(_keys(model, location[:-1]))
        return ScenarioError(join(place, *location[:-1]), f"unknown key; allowed: {allowed}", location[-1])
    if error["type"] == "missing":
        return ScenarioError(where, "missing")
    problem = str(error["msg"]).removeprefix("Value error, ")
    return ScenarioError(where, problem[:1].lower() + problem[1:], error["input"])


def join(place: str, *parts: int | str) -> str:
    """`facts[3].metric` and `at` make `facts[3].metric.at`; numbers become indices."""
    for part in parts:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place


def _keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str) and current is not None and part in current.model_fields:
            current = _model_inside(current.model_fields[part].annotation)
    fields = current.model_fields.items() if current is not None else ()
    return [field.alias or name for name, field in fields]


def _model_inside(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, BaseModel) else None
    for inner in get_args(annotation):
        if inner is not types.NoneType and (found := _model_inside(inner)) is not None:
            return found
    return None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
