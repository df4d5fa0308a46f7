"""What is kept where, how long, and how much may wait to be stored."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from sentinel_gateway.app.setting_values import Seconds
from sentinel_gateway.app.settings_group import Group
from sentinel_serving.setting_values import OptionalPath


class DatabaseSettings(Group):
    """Where state and ledger are kept."""

    url: SecretStr = SecretStr("")
    """``sqlite:////path`` or ``postgresql://user:password@host/name``; empty for SQLite in `state_dir`."""
    state_dir: OptionalPath = None
    """Folder of SQLite, signing key, checkpoint; unset: an SQLite `url`'s, else `$XDG_STATE_HOME/sentinel-gateway`."""


class Ledger(Group):
    """The audit ledger."""

    origin: Annotated[str, Field(min_length=1, max_length=200)] = "sentinel-gateway"
    """Names this ledger in its signed tree heads; choose it once."""
    signing_key_file: OptionalPath = None
    """Ed25519 key as PEM; unset: `signing-key.pem` in the state folder, made at the first start."""
    checkpoint_file: OptionalPath = None
    """The newest signed tree head, kept outside the database; unset: `checkpoint` in the state folder."""
    verification_interval_seconds: Seconds = 3600
    """How often the whole ledger is verified; 0 for never."""
    retention_days: Annotated[float, Field(ge=0, le=36_500)] = 0
    """Older entries are removed once a day, which the ledger records; 0 keeps all."""


class Queue(Group):
    """How much may wait for the database; more is refused as RESOURCE_EXHAUSTED."""

    max_requests: Annotated[int, Field(ge=1)] = 10_000
    """Waiting requests."""
    max_items: Annotated[int, Field(ge=1)] = 200_000
    """Executions, events, reports and entries of all waiting requests together."""


class History(Group):
    """What is kept how long, and how rates are counted."""

    rate_window_seconds: Annotated[Seconds, Field(gt=0)] = 3600
    """Over how long the rates per hour are counted."""
    sample_interval_seconds: Annotated[Seconds, Field(gt=0)] = 60
    """A GPU's score is sampled at most so often, unless its state changes."""
    summary_interval_seconds: Annotated[Seconds, Field(gt=0)] = 3600
    """How often probes that passed are summed up in the ledger."""
    keep_samples_days: Annotated[float, Field(gt=0)] = 30
    """Samples of scores."""
    keep_history_days: Annotated[float, Field(gt=0)] = 365
    """Changes of state, decided directives, TMR rounds."""
