"""Prometheus, Alertmanager and the exporters of a simulated fleet, over the real HTTP protocols.

    app = prometheus_app(world.series, time.time, world.faults)

PromQL follows Prometheus 3 exactly inside the subset that `functions` and `parsing` name; what lies outside is refused
in Prometheus' own error shape. Not simulated: native histograms, rules, exemplars, remote read and write.
"""

from sentinel_fleet.prom.alertmanager import alertmanager_app
from sentinel_fleet.prom.api import prometheus_app
from sentinel_fleet.prom.exporters import DCGM, NODE, ExporterSources, exporter_app

__all__ = ["DCGM", "NODE", "ExporterSources", "alertmanager_app", "exporter_app", "prometheus_app"]
