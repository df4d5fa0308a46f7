"""Every setting of the gateway as one tree; what is unknown is an error. `loading.py` reads it.

The groups stand by idea in the files beside this one. Every key stands in `docs/sentinel-gateway.md`, and a test
compares the two.
"""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from sentinel_gateway.app.settings_access import Access
from sentinel_gateway.app.settings_alerting import Alerting
from sentinel_gateway.app.settings_group import Group
from sentinel_gateway.app.settings_judging import Bayesian, Probes, StateMachine
from sentinel_gateway.app.settings_keeping import DatabaseSettings, History, Ledger, Queue
from sentinel_gateway.app.settings_listening import Grpc, Metrics, Rest, Tls
from sentinel_gateway.app.settings_model import Model, Tmr
from sentinel_serving.setting_values import LogFormat, LogLevel

__all__ = ["Access", "DatabaseSettings", "Ledger", "Log", "Settings", "Tls"]


class Testing(Group):
    """Fault injection."""

    enabled: bool = False
    """Offer sentinel.internal.TestingService."""


class Log(Group):
    """What is written to standard error."""

    level: LogLevel = "info"
    """debug, info, warning or error."""
    format: LogFormat = "json"
    """json or text."""


class Settings(Group):
    """All of it."""

    grpc: Grpc = Grpc()
    rest: Rest = Rest()
    metrics: Metrics = Metrics()
    tls: Tls = Tls()
    access: Access = Access()
    database: DatabaseSettings = DatabaseSettings()
    ledger: Ledger = Ledger()
    probes: Probes = Probes()
    bayesian: Bayesian = Bayesian()
    model: Model = Model()
    state_machine: StateMachine = StateMachine()
    tmr: Tmr = Tmr()
    alerting: Alerting = Alerting()
    queue: Queue = Queue()
    history: History = History()
    testing: Testing = Testing()
    log: Log = Log()

    @model_validator(mode="after")
    def _somebody_is_known(self) -> Self:
        if self.access.insecure and self.tls.on:
            raise ValueError("access.insecure means no TLS, but tls is on: choose one")
        if not self.tls.on and not self.access.insecure and self.tls.enabled is None:
            raise ValueError(
                "set tls.cert_file, tls.key_file and tls.ca_file; or --insecure on one machine; or tls.enabled: false"
                " where something else encrypts, and tokens decide who is who"
            )
        if self.access.insecure and not self.access.insecure_beyond_loopback:
            _refuse_beyond_loopback(self)
        return self


def _refuse_beyond_loopback(settings: Settings) -> None:
    addresses = (settings.grpc.listen, *settings.grpc.also_listen, settings.rest.listen, settings.metrics.listen)
    for address in addresses:
        if address is not None and not address.is_loopback:
            raise ValueError(
                f"access.insecure lets everybody who can connect condemn GPUs, and {address} is not loopback;"
                " listen on 127.0.0.1, or set access.insecure_beyond_loopback"
            )
