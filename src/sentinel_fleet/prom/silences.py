"""Alertmanager's matchers and silences, held in memory."""

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

_MATCHER = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class BadRequest(Exception):
    """Raised when Alertmanager would answer 400."""

    status = 400


class Unprocessable(BadRequest):
    """Raised when it would answer 422: what was sent can be read, but something is missing or of the wrong form."""

    status = 422


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on an alert's labels."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels satisfy it; a missing label is empty."""
        actual = labels.get(self.name, "")
        if self.is_regex:
            return (re.fullmatch(self.value, actual, re.DOTALL) is not None) is self.is_equal
        return (actual == self.value) is self.is_equal

    def as_json(self) -> dict[str, Any]:
        """The wire form."""
        return {"name": self.name, "value": self.value, "isRegex": self.is_regex, "isEqual": self.is_equal}


def parse_matcher(text: str) -> Matcher:
    """A matcher as the `filter` parameter writes it: `alertname="GPUXid"`, quotes optional.

    Raises:
        BadRequest: not a matcher, or a wrong expression.
    """
    match = _MATCHER.fullmatch(text.strip().removeprefix("{").removesuffix("}"))
    if match is None:
        raise BadRequest(f"bad matcher format: {text}")
    name, op, value = match.groups()
    if len(value) >= 2 and value.startswith('"') and value.endswith('"'):
        value = _ESCAPE.sub(lambda escape: "\n" if escape[1] == "n" else escape[1], value[1:-1])
    elif '"' in value:
        raise BadRequest(f"bad matcher format: {text}")
    return _checked(Matcher(name, value, is_regex="~" in op, is_equal="!" not in op))


def _checked(matcher: Matcher) -> Matcher:
    if matcher.is_regex:
        try:
            re.compile(matcher.value)
        except re.error as error:
            raise BadRequest(f"invalid regular expression {matcher.value!r}: {error}") from error
    return matcher


class _MatcherBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str = Field(min_length=1)
    value: str
    is_regex: bool = Field(alias="isRegex")
    is_equal: bool = Field(default=True, alias="isEqual")


class _SilenceBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str = ""
    matchers: list[_MatcherBody] = Field(min_length=1)
    starts_at: AwareDatetime = Field(alias="startsAt")
    ends_at: AwareDatetime = Field(alias="endsAt")
    created_by: str = Field(alias="createdBy")
    comment: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match all matchers are silenced between start and end (epoch seconds)."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: float
    ends_at: float
    updated_at: float
    created_by: str
    comment: str

    def state(self, now: float) -> Literal["pending", "active", "expired"]:
        """Where the silence stands."""
        if now >= self.ends_at:
            return "expired"
        return "active" if now >= self.starts_at else "pending"

    def as_json(self, now: float) -> dict[str, Any]:
        """Alertmanager's GettableSilence."""
        return {
            "id": self.id,
            "status": {"state": self.state(now)},
            "matchers": [matcher.as_json() for matcher in self.matchers],
            "startsAt": timestamp(self.starts_at),
            "endsAt": timestamp(self.ends_at),
            "updatedAt": timestamp(self.updated_at),
            "createdBy": self.created_by,
            "comment": self.comment,
        }


class Silences:
    """Every silence made so far."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._silences: dict[str, Silence] = {}

    def put(self, body: object) -> Silence:
        """Create or replace a silence from a PostableSilence.

        Raises:
            BadRequest: the body is no silence, or one that never holds.
            Unprocessable: something is missing in it.
        """
        try:
            posted = _SilenceBody.model_validate(body)
        except ValidationError as error:
            first = error.errors()[0]
            missing = first["input"] is None or first["type"] in ("missing", "too_short")
            kind = Unprocessable if missing else BadRequest
            raise kind(f"{'.'.join(map(str, first['loc']))} in body: {first['msg']}") from error
        now = self._clock()
        if posted.ends_at <= posted.starts_at:
            raise BadRequest("start time must be before end time")
        if posted.ends_at.timestamp() <= now:
            raise BadRequest("end time can't be in the past")
        silence = Silence(
            id=posted.id if posted.id in self._silences else str(uuid.uuid4()),
            matchers=tuple(
                _checked(Matcher(one.name, one.value, one.is_regex, one.is_equal)) for one in posted.matchers
            ),
            starts_at=posted.starts_at.timestamp(),
            ends_at=posted.ends_at.timestamp(),
            updated_at=now,
            created_by=posted.created_by,
            comment=posted.comment,
        )
        self._silences[silence.id] = silence
        return silence

    def get(self, silence_id: str) -> Silence | None:
        """One silence, None when there is none of that id."""
        return self._silences.get(silence_id)

    def expire(self, silence_id: str) -> bool:
        """End a silence now; False when there is none of that id."""
        silence = self._silences.get(silence_id)
        if silence is None:
            return False
        now = self._clock()
        self._silences[silence_id] = replace(silence, ends_at=min(silence.ends_at, now), updated_at=now)
        return True

    def all(self) -> Iterable[Silence]:
        """Every silence, in order of creation."""
        return self._silences.values()

    def of(self, labels: Mapping[str, str]) -> list[str]:
        """The ids of the active silences that silence an alert with these labels."""
        now = self._clock()
        return [
            silence.id
            for silence in self._silences.values()
            if silence.state(now) == "active" and all(matcher.matches(labels) for matcher in silence.matchers)
        ]


def timestamp(epoch_s: float) -> str:
    """A moment as Alertmanager writes it."""
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
