"""Everything that settings point at, read at the start: all of it is looked at, whatever is wrong with some of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sentinel_gateway.app.collecting import BadSettings, Tried, all_done
from sentinel_gateway.app.core_settings import core_settings, keys_of
from sentinel_gateway.app.loading import Groups, load
from sentinel_gateway.app.places import places_of
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.app.settings_alerting import alert_settings
from sentinel_gateway.app.tokens import Rules
from sentinel_gateway.app.transport import certificates_of, check_addresses
from sentinel_gateway.domain.alert_settings import AlertSettings
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.storage.connecting import place_of
from sentinel_sdk.signing import Keys
from sentinel_serving.certificates import Certificates


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a gateway is made of."""

    core: CoreSettings
    keys: Keys
    alerts: AlertSettings
    rules: Rules
    certificates: Certificates | None


def settings_that_fit(
    environment: Mapping[str, str],
    flags: Groups | None = None,
    file: Path | None = None,
    ports: Mapping[str, int] | None = None,
) -> Settings:
    """As `load`; but where settings do not fit, what is wrong with the files that the others name is told with them.

    Raises:
        BadConfiguration: as `load`.
    """
    try:
        return load(environment, flags, file, ports)
    except BadSettings as error:
        raise BadSettings([*error.faults, *_faults_in_files(error.rest)]) from error


def _faults_in_files(rest: Settings | None) -> tuple[str, ...]:
    """Whether the settings fit to each other is not looked at: some of them are missing."""
    return () if rest is None else Tried(lambda: _inputs(rest)).faults


def inputs_of(settings: Settings) -> Inputs:
    """Read all of it.

    Raises:
        BadSettings: everything that cannot be used.
    """
    return _inputs(settings, Tried(lambda: check_addresses(settings)))


def _inputs(settings: Settings, *more: Tried[None]) -> Inputs:
    database = Tried(lambda: place_of(places_of(settings).database_url))
    core = Tried(lambda: core_settings(settings))
    keys = Tried(lambda: keys_of(settings))
    alerts = Tried(lambda: alert_settings(settings.alerting))
    rules = Tried(lambda: Rules(settings.access))
    certificates = Tried(lambda: certificates_of(settings))
    all_done(*more, database, core, keys, alerts, rules, certificates)
    return Inputs(core.value, keys.value, alerts.value, rules.value, certificates.value)
