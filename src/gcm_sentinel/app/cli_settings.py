"""The settings of a command with its flags over them; imports late, so that `--help` stays quick and small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gcm_sentinel.app.settings import Settings


def settings_of(flags: dict[str, Any]) -> Settings:
    """Settings with `flags` over them, logging configured.

    Raises:
        BadConfiguration: a setting that cannot be used, or an engine asked for that has no key.
    """
    from gcm_sentinel.app.logs import configure
    from gcm_sentinel.app.settings import load

    settings = load(flags)
    if flags.get("llm_api"):
        _refuse_engine_without_key(settings)
    configure(settings.log_level)
    return settings


def _refuse_engine_without_key(settings: Settings) -> None:
    """An engine asked for by a flag must be the one that answers; only the setting may fall back to the playbook."""
    from gcm_sentinel.app.models import chosen_engine
    from gcm_sentinel.domain.errors import BadConfiguration

    if settings.llm_api not in ("auto", chosen_engine(settings)):
        raise BadConfiguration(f"--engine {settings.llm_api} needs a key: set GCM_SENTINEL_API_KEY")
