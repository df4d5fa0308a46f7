"""From the operator's settings to those the core takes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sentinel_gateway.app.collecting import Tried, all_done
from sentinel_gateway.app.settings import Settings
from sentinel_gateway.app.settings_judging import Probes
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.domain.health import Action
from sentinel_gateway.domain.model_settings import ModelSettings
from sentinel_gateway.domain.settings import (
    ApprovalSettings,
    BeliefSettings,
    CoreSettings,
    HealthSettings,
    HistorySettings,
    IngestSettings,
    QueueSettings,
    TmrSettings,
)
from sentinel_sdk.signing import Key, Keys


def core_settings(settings: Settings) -> CoreSettings:
    """What the core is told."""
    return CoreSettings(
        belief=BeliefSettings(**settings.bayesian.model_dump()),
        model=_model(settings),
        health=_health(settings),
        tmr=_tmr(settings),
        approvals=_approvals(settings),
        ingest=_ingest(settings),
        queue=QueueSettings(max_requests=settings.queue.max_requests, max_items=settings.queue.max_items),
        history=_history(settings),
        record_passes=settings.probes.record_passes,
        note_window=timedelta(seconds=settings.access.refusal_window_seconds),
    )


def keys_of(settings: Settings) -> Keys:
    """The agents' keys.

    Raises:
        BadConfiguration: a file cannot be read or holds no key, or the shared key is given twice.
    """
    probes = settings.probes
    shared = Tried(lambda: _shared_key(probes))
    hosts = Tried(lambda: _host_keys(probes.hmac_host_keys_file))
    all_done(shared, hosts)
    return Keys(shared.value, hosts.value, accept_legacy=probes.accept_legacy_hmac)


def _shared_key(probes: Probes) -> Key | None:
    shared = probes.hmac_key.get_secret_value()
    if probes.hmac_key_file is not None:
        if shared:
            raise BadConfiguration("probes.hmac_key and probes.hmac_key_file are both set: choose one")
        shared = "".join(_lines(probes.hmac_key_file, "probes.hmac_key_file")[:1])
    return Key(shared.encode()) if shared else None


def _host_keys(path: Path | None) -> dict[str, Key]:
    if path is None:
        return {}
    found: dict[str, Key] = {}
    for line in _lines(path, "probes.hmac_host_keys_file"):
        hostname, _, key = line.partition(" ")
        if not key.strip() or hostname in found:
            raise BadConfiguration(f"probes.hmac_host_keys_file: expected one `<host> <key>` for {hostname!r}")
        found[hostname] = Key(key.strip().encode())
    return found


def _lines(path: Path, setting: str) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{setting} {str(path)!r} cannot be read: {error}") from error
    if not lines:
        raise BadConfiguration(f"{setting} {str(path)!r} holds no key")
    return lines


def _health(settings: Settings) -> HealthSettings:
    machine = settings.state_machine
    return HealthSettings(
        quarantine_timeout=timedelta(hours=machine.quarantine_timeout_hours),
        deep_test_timeout=timedelta(hours=machine.deep_test_timeout_hours),
        max_quarantine=timedelta(hours=machine.max_quarantine_hours),
    )


def _model(settings: Settings) -> ModelSettings:
    model = settings.model
    return ModelSettings(
        healthy_failure_rate=model.healthy_failure_rate,
        suspect_nats=model.suspect_nats,
        quarantine_nats=model.quarantine_nats,
        quarantine_bursts=model.quarantine_bursts,
        clear_passes=model.clear_passes,
        clear_after=timedelta(seconds=model.clear_after_seconds),
        half_life=timedelta(hours=model.half_life_hours),
        anomaly_cap_nats=model.anomaly_cap_nats,
        guard_window=timedelta(seconds=model.guard_window_seconds),
        guard_share=model.guard_share,
        guard_gpus=model.guard_gpus,
        wide_share=model.wide_share,
        prior_defective=model.prior_defective,
        probe_doubt=model.probe_doubt,
        automatic_share=model.automatic_share,
        automatic_least=model.automatic_least,
        automatic_window=timedelta(hours=model.automatic_window_hours),
        deep_test_automatic=model.deep_test_automatic,
    )


def _tmr(settings: Settings) -> TmrSettings:
    tmr = settings.tmr
    return TmrSettings(
        interval=timedelta(seconds=tmr.interval_seconds),
        triples=tmr.triples,
        timeout=timedelta(seconds=tmr.timeout_seconds),
        strategy=tmr.strategy,
        model_id=tmr.model_id,
        count_unscheduled=tmr.count_unscheduled,
    )


def _approvals(settings: Settings) -> ApprovalSettings:
    machine = settings.state_machine
    return ApprovalSettings(
        actions=frozenset(Action[name.upper()] for name in machine.require_approval),
        timeout=timedelta(hours=machine.approval_timeout_hours),
        four_eyes=machine.four_eyes,
        insecure=settings.access.insecure,
    )


def _ingest(settings: Settings) -> IngestSettings:
    probes = settings.probes
    return IngestSettings(
        max_future=timedelta(seconds=probes.max_future_seconds),
        max_age=timedelta(hours=probes.max_age_hours),
        max_batch=probes.max_batch,
        agent_active=timedelta(seconds=probes.agent_active_seconds),
        own_hostname=probes.own_hostname,
        whole_gpu=probes.whole_gpu,
        max_gpus=probes.max_gpus,
        max_hosts=probes.max_hosts,
        max_pairs=probes.max_pairs,
        max_event_bytes=probes.max_event_bytes,
    )


def _history(settings: Settings) -> HistorySettings:
    history = settings.history
    return HistorySettings(
        rate_window=timedelta(seconds=history.rate_window_seconds),
        sample_interval=timedelta(seconds=history.sample_interval_seconds),
        summary_interval=timedelta(seconds=history.summary_interval_seconds),
        keep_samples=timedelta(days=history.keep_samples_days),
        keep_history=timedelta(days=history.keep_history_days),
        keep_ledger=timedelta(days=settings.ledger.retention_days),
    )
