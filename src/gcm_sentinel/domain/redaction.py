"""Secrets out: the one pure function every tool result passes before it is stored, shown to a model or printed.

The patterns prefer a false positive in a log line over a leaked credential. They are anchored on shapes that carry
their own mark (key prefixes, PEM headers, JWTs, `password=`), so that hashes, UUIDs and the hex dumps of GPU logs stay
readable. Whoever writes a log line chooses what these patterns read, so every repetition is bounded or cannot begin
twice in one run of characters: their time grows with the length of the text and never with its square.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.trigger import Trigger

MASK = "[redacted]"

_NAMED = (
    r"(?:password|passwd|passphrase|pwd|secret|api[_-]?key|apikey|access[_-]?key|account[_-]?key|secret[_-]?key|"
    r"auth[_-]?token|access[_-]?token|refresh[_-]?token|client[_-]?secret|private[_-]?key|connection[_-]?string|token|"
    r"credential|wandb_api_key|hf_token)"
)
_QUOTE = r"(?:\\{0,4}[\"'])"
"""A quotation mark, also one escaped because the line holds JSON inside JSON."""
_IS = rf"{_QUOTE}?\s{{0,8}}[:=]\s{{0,8}}"
_SCHEME = r"(?:bearer|basic|token|apikey|negotiate|digest)"


@dataclass(frozen=True, slots=True)
class _Shape:
    """One kind of secret. The pattern is only tried on text that holds one of its marks: logs are long and clean."""

    marks: frozenset[str]
    """Lower-case words, one of which every match contains."""
    pattern: re.Pattern[str]
    replacement: str = MASK


_NAMED_MARKS = frozenset({"pass", "pwd", "secret", "key", "token", "credential", "connection"})

_SHAPES: tuple[_Shape, ...] = (
    _Shape(
        frozenset({"private key"}),
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
    ),
    _Shape(
        frozenset({"eyj"}), re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")
    ),
    _Shape(frozenset({"sk-", "pk-", "rk-"}), re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}")),
    _Shape(frozenset({"k_live_", "k_test_"}), re.compile(r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}")),
    _Shape(
        frozenset({"gh", "github_pat_"}), re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}")
    ),
    _Shape(frozenset({"xox", "xapp-"}), re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}")),
    _Shape(
        frozenset({"hf_", "nvapi-", "glpat-", "npm_"}),
        re.compile(
            r"\bhf_[A-Za-z0-9]{20,}|\bnvapi-[A-Za-z0-9_-]{20,}|\bglpat-[A-Za-z0-9_-]{16,}|\bnpm_[A-Za-z0-9]{30,}"
        ),
    ),
    _Shape(frozenset({"akia", "asia"}), re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    _Shape(frozenset({"aiza", "ya29."}), re.compile(r"\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{20,}")),
    _Shape(
        frozenset({"hooks.slack.com", "discord", "webhook.office.com"}),
        re.compile(
            r"(?i)(hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/|"
            r"webhook\.office\.com/)[^\s\"'<>]+"
        ),
        rf"\g<1>{MASK}",
    ),
    _Shape(
        frozenset({"authorization"}),
        re.compile(rf"(?i)(authorization{_IS}{_QUOTE}?)(?:({_SCHEME}\s{{1,8}})[^\s\"',;\\]+|[^\s\"',;\\]{{16,}})"),
        rf"\g<1>\g<2>{MASK}",
    ),
    _Shape(frozenset({"bearer"}), re.compile(r"(?i)\b(bearer\s{1,8})[A-Za-z0-9._~+/=-]{16,}"), rf"\g<1>{MASK}"),
    _Shape(
        frozenset({"cookie"}), re.compile(rf"(?i)\b((?:set-)?cookie{_IS}{_QUOTE}?)[^\n\"'\\]{{4,}}"), rf"\g<1>{MASK}"
    ),
    _Shape(frozenset({"://"}), re.compile(r"(://[^\s:/@]{0,200}:)[^\s@/]+(@)"), rf"\g<1>{MASK}\g<2>"),
    _Shape(frozenset({"://"}), re.compile(r"(://)[^\s:/@]{16,}(@)"), rf"\g<1>{MASK}\g<2>"),
    _Shape(
        frozenset({"x-amz-signature", "sig="}),
        re.compile(r"(?i)((?:x-amz-signature|[?&]sig)=)[^\s&\"']+"),
        rf"\g<1>{MASK}",
    ),
    _Shape(
        frozenset({"value"}),
        re.compile(
            rf"(?i)({_QUOTE}?name{_IS}{_QUOTE}?[\w.-]{{0,60}}{_NAMED}[\w.-]{{0,40}}{_QUOTE}?\s{{0,40}},?\s{{0,40}}"
            rf"{_QUOTE}?value{_IS}{_QUOTE}?)(?!\[redacted\])[^\s\"',}}\\]+"
        ),
        rf"\g<1>{MASK}",
    ),
    _Shape(
        _NAMED_MARKS,
        re.compile(
            rf"(?i)({_NAMED}[\w.-]{{0,40}}{_IS}(\\{{0,4}}[\"']))(?!\[redacted\])(?:(?!\2)[^\n]){{4,4000}}(?=\2)"
        ),
        rf"\g<1>{MASK}",
    ),
    _Shape(
        _NAMED_MARKS,
        re.compile(rf"(?i)({_NAMED}[\w.-]{{0,40}}{_IS}{_QUOTE}?)(?!\[redacted\])[^\s\"',;&}}\\]{{4,}}"),
        rf"\g<1>{MASK}",
    ),
    _Shape(
        _NAMED_MARKS,
        re.compile(
            rf"(?i)((?<![\w-])--[\w-]{{0,40}}{_NAMED}[\w-]{{0,40}}\s{{1,8}}{_QUOTE}?)(?![-\[])[^\s\"',;\\]{{4,}}"
        ),
        rf"\g<1>{MASK}",
    ),
)
"""In this order: a shape may leave what a later one masks, and a mask is never masked again."""

_MARKS = tuple(frozenset[str]().union(*(shape.marks for shape in _SHAPES)))

_NAMED_KEY = re.compile(rf"(?i)(?:^|[_./-]|(?<=[a-z])){_NAMED}$")


@dataclass(frozen=True, slots=True)
class Redactor:
    """Removes secrets and whatever the operator lists (`extra`, compiled patterns)."""

    extra: tuple[re.Pattern[str], ...] = ()

    def text(self, text: str) -> str:
        """`text` without secrets, and without half characters that could be neither stored nor sent."""
        text = _whole(text)
        if marked := _marks_in(text):  # few texts have any, and there are very many texts
            for shape in _SHAPES:
                if not shape.marks.isdisjoint(marked):
                    text = shape.pattern.sub(shape.replacement, text)
        for pattern in self.extra:
            text = pattern.sub(MASK, text)
        return text

    def json(self, value: Json) -> Json:
        """A JSON value without secrets: strings are cleaned, values under secret-looking keys masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int | float):  # most leaves; asking for a mapping first takes them ten times as long
            return value
        if isinstance(value, Mapping):
            return self.object(value)
        if isinstance(value, Sequence):
            return [self.json(item) for item in value]
        return value

    def object(self, value: JsonObject) -> dict[str, Json]:
        """The same for an object, whose keys can name a secret, also as ``{"name": "DB_PASSWORD", "value": …}``."""
        name = value.get("name")
        named = isinstance(name, str) and _names_secret(name)
        return {
            self._key(key): _masked(item) if _names_secret(key) or (named and key == "value") else self.json(item)
            for key, item in value.items()
        }

    def _key(self, key: str) -> str:
        return key if not self.extra and _is_plain(key) else self.text(key)

    def trigger(self, trigger: Trigger) -> Trigger:
        """A trigger whose reporter's words hold no secret."""
        return replace(trigger, reason=self.text(trigger.reason), message=self.text(trigger.message))


def _marks_in(text: str) -> list[str]:
    """The marks that stand in `text`, in whatever case."""
    folded = text.lower()
    return [mark for mark in _MARKS if mark in folded]


@lru_cache(maxsize=4096)  # summaries have thousands of keys and a few hundred different ones
def _is_plain(key: str) -> bool:
    """Whether cleaning leaves a key as it is, because it holds no mark of a secret and no half characters."""
    return key.isascii() and not _marks_in(key)


@lru_cache(maxsize=4096)
def _names_secret(name: str) -> bool:
    return _NAMED_KEY.search(name[-80:]) is not None


def _masked(value: Json) -> Json:
    """`value` with a mask in its place where it could be a secret: a number or a flag is none."""
    return MASK if value and isinstance(value, str | Mapping | Sequence) else value


def _whole(text: str) -> str:
    """`text` with lone surrogates (half of a character cut in two, legal in JSON) replaced."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
