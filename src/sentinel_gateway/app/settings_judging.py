"""How reports are judged, and what may be done to a GPU with whose agreement."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from sentinel_gateway.app.setting_values import Actions, Seconds
from sentinel_gateway.app.settings_group import MIB, Group
from sentinel_gateway.domain.settings import RecordedPasses
from sentinel_serving.setting_values import OptionalPath


class Probes(Group):
    """How reports of agents are judged."""

    hmac_key: SecretStr = SecretStr("")
    """The agents' shared key; empty takes unsigned executions."""
    hmac_key_file: OptionalPath = None
    """A file with the shared key, instead of `hmac_key`."""
    hmac_host_keys_file: OptionalPath = None
    """Keys of single hosts, one a line: host name, key. The shared key is for all others."""
    accept_legacy_hmac: bool = False
    """Also take the signature form of the C++ agent, which covers neither result nor time."""
    max_future_seconds: Annotated[Seconds, Field(gt=0)] = 300
    """Results from further in the future are refused: a clock is wrong."""
    max_age_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24
    """Older results are refused."""
    max_batch: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Executions, events or reports in one batch."""
    agent_active_seconds: Annotated[Seconds, Field(gt=0)] = 120
    """An agent that was silent for longer is not counted as active."""
    own_hostname: bool = False
    """A caller reports for the host it is named after (certificate or token), and for no other."""
    whole_gpu: bool = True
    """An execution holds the whole GPU for its time, as beside a workload without MPS; false: only its SM."""
    max_gpus: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    """GPUs that are known; reports about more are refused."""
    max_hosts: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    """Hosts that report, and components that receive settings; more are refused."""
    max_pairs: Annotated[int, Field(ge=0, le=100_000_000)] = 1_000_000
    """Pairs of GPUs whose agreement is remembered; votes on more count all the same."""
    max_event_bytes: Annotated[int, Field(ge=1024, le=MIB)] = 65_536
    """One execution that did not pass, anomaly, telemetry report or canary; larger ones are refused."""
    record_passes: RecordedPasses = RecordedPasses.SUMMARY
    """How probes that passed stand in the ledger: ``summary`` per GPU and hour, ``full``, or ``none``."""


class Bayesian(Group):
    """The reliability score alpha / (alpha + beta), which is shown; what decides are the settings under `model`."""

    prior_alpha: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 100
    """Passes that a GPU begins with."""
    prior_beta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1
    """Failures that it begins with."""
    probe_pass_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Added to alpha by a probe that passed."""
    probe_failure_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Added to beta by a probe that failed."""
    anomaly_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.3
    """Added to beta by an anomaly."""
    tmr_dissent_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0
    """Added to beta of the GPU that two others outvoted."""


class StateMachine(Group):
    """How long a GPU may stay in a state, and which directives wait for a person."""

    require_approval: Actions = ("condemn",)
    """Actions that wait: quarantine, reinstate, condemn, schedule_deep_test. A directive can ask to wait, too."""
    approval_timeout_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24
    """A directive that waits for longer expires."""
    four_eyes: bool = True
    """Nobody decides a directive of their own."""
    quarantine_timeout_hours: Annotated[float, Field(ge=0, le=24 * 365)] = 24
    """A GPU that stays quarantined for longer is reported in the ledger; 0 for never."""
    deep_test_timeout_hours: Annotated[float, Field(ge=0, le=24 * 365)] = 4
    """The same for a deep test."""
    max_quarantine_hours: Annotated[float, Field(ge=0, le=24 * 365)] = 720
    """After so long the gateway asks once a day to condemn a quarantined GPU that nobody decided about; 0 for never."""
