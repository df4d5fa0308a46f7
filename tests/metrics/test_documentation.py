"""Every metric is explained in the operations guide, and the guide names none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

OPERATIONS = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()


def exposed(metrics):
    return {family.name + ("_total" if family.type == "counter" else ""): family for family in metrics.families()}


def documented():
    rows = [line for line in OPERATIONS.splitlines() if line.startswith("| `gcm_sentinel_")]
    return {name: row.split("|")[2] for row in rows for name in re.findall(r"`(gcm_sentinel_\w+)`", row.split("|")[1])}


def test_every_metric_is_explained(metrics):
    assert set(exposed(metrics)) - set(documented()) == set()


def test_no_metric_is_explained_that_does_not_exist(metrics):
    assert set(documented()) - set(exposed(metrics)) == set()


def test_the_labels_that_are_explained_are_those_there_are(metrics):
    wrong = {}
    for name, family in exposed(metrics).items():
        found = {label for sample in family.samples for label in sample.labels} - {"le"}
        told = {label.strip() for label in documented()[name].split(",") if label.strip()}
        if found and found != told:
            wrong[name] = (found, told)

    assert wrong == {}
