"""Who is asked, and with which key: what both SDK adapters know before they import their SDK."""

from __future__ import annotations

from dataclasses import dataclass, field

from gcm_sentinel.domain.errors import BadConfiguration

KEY_SETTING = "GCM_SENTINEL_API_KEY"
URL_SETTING = "GCM_SENTINEL_LLM_BASE_URL"
MODEL_SETTING = "GCM_SENTINEL_MODEL"

_LONGEST = 400
_SHORTEST_KEY = 8
"""Shorter ones are place-holders ("none") and would take words out of a sentence."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who was asked, for messages."""

    engine: str
    model: str
    base_url: str
    key: str = field(repr=False)
    """Only to take it out of a provider's words."""

    @property
    def key_setting(self) -> str:
        """Where the key comes from: the chosen engine's setting, or the one of an engine in the fallback list."""
        return f"{KEY_SETTING} (as a fallback engine: GCM_SENTINEL_{self.engine.upper()}_API_KEY)"

    def quoted(self, words: object) -> str:
        """A provider's words on one line, cut, without the key."""
        text = " ".join(str(words).split())
        if len(self.key) >= _SHORTEST_KEY:
            text = text.replace(self.key, "[key]")
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def usable_key(key: str, engine: str) -> str:
    """The key without the blanks and line ends that come with files.

    Raises:
        BadConfiguration: there is none, or it holds something no header can carry.
    """
    trimmed = key.strip()
    if not trimmed:
        raise BadConfiguration(
            f"the engine {engine!r} needs a key: set {KEY_SETTING}, or use the engine 'playbook', which needs none"
        )
    if not trimmed.isascii() or not trimmed.isprintable() or " " in trimmed:
        raise BadConfiguration(f"{KEY_SETTING} holds characters no key has (blanks or line ends inside?)")
    return trimmed
