"""The machine-readable shape of a result, which other programs depend on."""

from __future__ import annotations

import json
from typing import Any

from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.web.report_json import publication_to_json


def as_read_back(publication: Publication) -> dict[str, Any]:
    return json.loads(json.dumps(publication_to_json(publication)))  # type: ignore[no-any-return]


def test_names_its_format_and_its_parts(off_bus: Publication) -> None:
    report = as_read_back(off_bus)

    assert set(report) == {"format", "incident", "assessment", "orders", "held_back", "evidence"}
    assert report["format"] == "gcm-sentinel/report/v1"


def test_the_assessment_has_every_documented_key(off_bus: Publication) -> None:
    assessment = as_read_back(off_bus)["assessment"]

    assert set(assessment) == {
        *("incident_id", "node", "condition", "outcome", "severity", "fault_class", "fault_meaning", "summary"),
        *("root_cause", "confidence", "entities", "causal_chain", "actions", "primary_action", "claims", "struck"),
        *("ruled_out", "not_checked", "notes", "engine", "model", "created_at", "spend"),
    }
    assert (assessment["severity"], assessment["fault_class"]) == ("critical", "gpu_off_bus")
    assert (assessment["outcome"], assessment["primary_action"]) == ("concluded", "drain")
    assert assessment["created_at"] == "2026-11-20T03:13:25+00:00"
    assert assessment["spend"]["tokens"] == 34050


def test_claims_keep_their_citations_and_struck_ones_their_reason(off_bus: Publication) -> None:
    assessment = as_read_back(off_bus)["assessment"]

    assert assessment["claims"][0]["cites"][1] == {"evidence": "E2", "quote": "bursts[0].lead_xid = 79"}
    assert assessment["claims"][3]["absence"] is True
    assert assessment["struck"][0]["reason"] == "the quote does not stand in E2"
    assert assessment["struck"][0]["claim"]["text"] == "GPU 3 shows the same errors"


def test_actions_are_explained_and_aimed(off_bus: Publication) -> None:
    action = as_read_back(off_bus)["assessment"]["actions"][4]

    assert action["action"] == "probe-deep"
    assert action["meaning"].startswith("run deep probes")
    assert action["target"] == {
        "kind": "gpu",
        "name": "gpu1",
        "node": "gpu-r03-n05",
        "index": 1,
        "uuid": None,
        "pci": "0000:17:00",
    }


def test_evidence_is_named_by_query_range_digest_and_length_without_its_raw_text(off_bus: Publication) -> None:
    evidence = as_read_back(off_bus)["evidence"][1]

    assert set(evidence) == {
        *("id", "source", "tool", "arguments", "status", "query", "note", "time_range", "observed_at"),
        *("digest", "entities", "summary", "raw_length"),
    }
    assert evidence["raw_length"] == len(off_bus.evidence[1].result.raw)
    assert evidence["time_range"]["start"] == "2026-11-20T02:12:44+00:00"
    assert evidence["digest"] == off_bus.evidence[1].digest


def test_triggers_carry_their_fingerprint(off_bus: Publication) -> None:
    incident = as_read_back(off_bus)["incident"]

    assert incident["triggers"][0]["fingerprint"] == off_bus.incident.lead.fingerprint
    assert incident["node"] == "gpu-r03-n05"


def test_an_unknown_price_is_null_and_not_zero(hostile: Publication) -> None:
    assert as_read_back(hostile)["assessment"]["spend"]["cost_usd"] is None
