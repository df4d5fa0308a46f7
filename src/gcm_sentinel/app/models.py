"""Chooses the engines: the one the settings name, then those that take over when it cannot go on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from gcm_sentinel.app.settings import Settings
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.protocols import Model
from gcm_sentinel.engine.loop import Price
from gcm_sentinel.llm.failover import FailoverModel
from gcm_sentinel.llm.prices import PriceTable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Account:
    """How one provider is reached."""

    key: str = field(repr=False)
    base_url: str | None = None
    model: str = ""
    """Empty for the engine's own default."""


def chosen_engine(settings: Settings) -> str:
    """The name of the first engine: the one that is set, the playbook engine where no key allows another."""
    keyed = bool(settings.api_key.get_secret_value())
    local = settings.llm_api == "openai" and bool(settings.llm_base_url)
    if settings.llm_api == "playbook" or (settings.llm_api == "auto" and not keyed):
        return "playbook"
    if not keyed and not local:
        return "playbook"
    return "anthropic" if settings.llm_api == "auto" else settings.llm_api


def build_model(settings: Settings) -> Model:
    """The engines of `settings` as one model.

    Raises:
        BadConfiguration: an engine that does not exist, in GCM_SENTINEL_LLM_FALLBACK.
    """
    first = chosen_engine(settings)
    if first == "playbook":
        if settings.llm_api in ("anthropic", "openai"):
            log.warning("model.no_key", llm_api=settings.llm_api, using="playbook", set="GCM_SENTINEL_API_KEY")
        return _first(first, settings)
    models = [_first(first, settings)]
    for name in dict.fromkeys(settings.llm_fallback):
        if name != first and (standby := _standby(name, settings)) is not None:
            models.append(standby)
    return FailoverModel(models)


def playbook_model() -> Model:
    """The engine that needs no key and costs nothing."""
    from gcm_sentinel.llm.playbook.model import PlaybookModel

    return PlaybookModel()


def _first(name: str, settings: Settings) -> Model:
    key = settings.api_key.get_secret_value()
    return _engine(name, settings, _Account(key, settings.llm_base_url or None, settings.model))


def _standby(name: str, settings: Settings) -> Model | None:
    """An engine of the fallback list, with its own key and default model; None when it has no key."""
    keys = {"anthropic": settings.anthropic_api_key, "openai": settings.openai_api_key}
    key = keys[name].get_secret_value() if name in keys else ""
    if name in keys and not key:
        log.warning("model.fallback_without_key", engine=name, set=f"GCM_SENTINEL_{name.upper()}_API_KEY")
        return None
    return _engine(name, settings, _Account(key))


def _engine(name: str, settings: Settings, account: _Account) -> Model:
    timeout = timedelta(seconds=settings.turn_timeout_seconds)
    if name == "playbook":
        return playbook_model()
    if name == "anthropic":
        from gcm_sentinel.llm import anthropic

        model = account.model or anthropic.DEFAULT_MODEL
        return anthropic.AnthropicModel(
            api_key=account.key, model=model, base_url=account.base_url, turn_timeout=timeout
        )
    if name == "openai":
        from gcm_sentinel.llm import openai

        model = account.model or openai.DEFAULT_MODEL
        return openai.OpenAIModel(api_key=account.key, model=model, base_url=account.base_url, turn_timeout=timeout)
    raise BadConfiguration(f"GCM_SENTINEL_LLM_FALLBACK: no engine {name!r}; engines: anthropic, openai, playbook")


def price_of(settings: Settings) -> Price:
    """What a turn costs in USD by the settings' table; None where the model's price is not known."""
    return PriceTable(settings.prices).cost
