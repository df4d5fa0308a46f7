"""`incidents show`."""

from __future__ import annotations

import pytest
from tests.incidents_cli.past import NODE

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.domain.evidence import DESK, Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.gate import Ruling, Verdict
from gcm_sentinel.domain.ownership import NodeMarks
from gcm_sentinel.domain.remediation import Affected, Plan
from gcm_sentinel.remediation.proposals import noted
from gcm_sentinel.storage.evidence import StoredEvidence


def test_everything_about_an_incident_is_there(run, past):
    past(lambda given: given.investigated())

    out = run("show", "inc-abc123").out

    assert "State:        open" in out
    assert "Triggers (1):" in out
    assert f"{NODE}  GpuXid  problem  [folded]  Xid79: GPU has fallen off" in out
    assert "inc-abc123.1  done  why: opened" in out
    assert "Root cause:  The PCIe path of one GPU failed." in out
    assert "- Xid 79 was logged [E1]" in out
    assert "  E1    read_kernel_log         ok           kern.log" in out
    assert "inc-abc123.1  webhook  owed" in out


def test_every_label_is_set_off_from_its_value(run, past):
    past(lambda given: given.opened())

    assert "Last trigger: 20" in run("show", "inc-abc123").out


def test_a_running_investigation_says_since_when_and_by_whom(run, past):
    past(lambda given: given.running())

    assert "inc-abc123.1  running since 20" in (out := run("show", "inc-abc123").out)
    assert " UTC, by replica-1  why: opened" in out


def test_what_is_wrong_now_is_there(run, past):
    past(lambda given: given.opened())

    assert f"Wrong now:\n  {NODE}  GpuXid  problem since" in run("show", "inc-abc123").out


def test_a_delivery_that_arrived_says_when(run, past):
    async def happen(given):
        await given.investigated()
        await given.delivered()

    past(happen)

    assert "inc-abc123.1  webhook  delivered 20" in run("show", "inc-abc123").out


def test_an_incident_that_waits_for_its_investigation_can_be_shown(run, past):
    past(lambda given: given.opened())

    done = run("show", "inc-abc123")

    assert done.code == 0
    assert "inc-abc123.1  wanted  why: opened" in done.out
    assert "Assessment" not in done.out


@pytest.mark.parametrize("given_id", ["inc-abc123", "inc-a", "abc", "inc-abc123.1"])
def test_the_beginning_of_an_id_is_enough(run, past, given_id):
    past(lambda given: given.investigated())

    assert "Incident:     inc-abc123\n" in run("show", given_id).out


def test_a_beginning_that_fits_several_names_them(run, past):
    async def happen(given):
        await given.opened("inc-abc123")
        await given.opened("inc-abc999")

    past(happen)
    done = run("show", "abc")

    assert done.code == 2
    assert "inc-abc123" in done.err
    assert "inc-abc999" in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["inc-zzz"], "there is no incident 'inc-zzz'"),
        (["inc-abc123", "--revision", "7"], "has no investigation 7; there are: 1"),
        (["inc-abc123.7"], "has no investigation 7"),
        (["inc-abc123", "--evidence", "E9"], "no evidence 'E9'; there is: E1"),
        (["inc-"], "an incident id is needed"),
    ],
    ids=["incident", "revision", "investigation-id", "evidence", "nothing"],
)
def test_what_is_not_there_is_one_line_and_exit_code_2(run, past, arguments, says):
    past(lambda given: given.investigated())

    done = run("show", *arguments)

    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert says in done.err


def test_evidence_is_shown_whole_and_cannot_command_the_terminal(run, past):
    past(lambda given: given.investigated())

    out = run("show", "inc-abc123", "--evidence", "e1").out

    assert "GPU has fallen off the bus." in out
    assert "Query:        kern.log" in out
    assert "\x1b" not in out


def test_evidence_as_json_holds_the_raw_text(run, past):
    past(lambda given: given.investigated())

    shown = run("show", "inc-abc123", "--evidence", "E1", "--output", "json").json

    assert shown["format"] == "gcm-sentinel/evidence/v1"
    assert shown["investigation"] == "inc-abc123.1"
    assert "\x1b[31mred" in shown["raw"]
    assert shown["summary"] == {"xids": [79]}


async def proposed(given):
    await given.investigated()
    record = await given.ordered()
    pod = Affected("ml/train-0", "PyTorchJob/llama", 8, ("ml/train-1",))
    plan = Plan(
        record.order, NodeMarks(), affects=(pod,), spared=("ml/db-0: no controller",), notes=("the gang stops",)
    )
    result = noted(plan, Ruling(Verdict.ASK, ("a person decides",)))
    evidence = Evidence("E2", DESK, "cordon_node", {"reason": "unfit"}, result, record.requested_at, "d")
    await StoredEvidence(given.database).put("inc-abc123.1", evidence)


def test_evidence_of_a_proposal_is_its_plan(run, past):
    past(proposed)

    out = run("show", "inc-abc123", "--evidence", "E2").out

    assert f"plan: cordon_node on node {NODE} (UID uid-cordon_node)\n" in out
    assert f'  would send  1 request:\n    PATCH /api/v1/nodes/{NODE} {{"spec":{{"unschedulable":true}}}}\n' in out
    assert "  affects     1 pod:\n    ml/train-0 of PyTorchJob/llama; 8 GPUs; stops with it: ml/train-1\n" in out
    assert "  leaves\n    ml/db-0: no controller\n  know\n    the gang stops\n" in out
    assert "  undone by   uncordon_node\n" in out
    assert "  next        a person decides. It goes further only when your assessment advises it" in out


def test_a_plan_that_is_damaged_says_so(run, past):
    async def damaged(given):
        await given.investigated()
        result = ToolResult(ResultStatus.OK, "dry run", {"proposal": "gone\x1b[2J"})
        evidence = Evidence("E2", DESK, "cordon_node", {}, result, SystemClock().now(), "d")
        await StoredEvidence(given.database).put("inc-abc123.1", evidence)

    past(damaged)

    assert "the plan cannot be read: evidence E2.proposal" in run("show", "inc-abc123", "--evidence", "E2").out


def test_json_holds_record_triggers_investigations_report_and_deliveries(run, past):
    past(lambda given: given.investigated())

    shown = run("show", "inc-abc123", "--output", "json").json

    assert shown["format"] == "gcm-sentinel/incident/v1"
    assert shown["incident"]["state"] == "open"
    assert [(item["kind"], item["state"]) for item in shown["triggers"]] == [("GpuXid", "folded")]
    assert [item["why"] for item in shown["investigations"]] == ["opened"]
    assert shown["report"]["assessment"]["fault_class"] == "gpu_off_bus"
    assert [item["state"] for item in shown["deliveries"]] == ["owed"]
    assert shown["looked_at"] == "inc-abc123.1"


def test_html_is_the_report(run, past):
    past(lambda given: given.investigated())

    out = run("show", "inc-abc123", "--output", "html").out

    assert out.lstrip().lower().startswith("<!doctype html>")
    assert "The PCIe path of one GPU failed." in out


def test_there_is_no_page_without_an_assessment(run, past):
    past(lambda given: given.opened())

    done = run("show", "inc-abc123", "--output", "html")

    assert done.code == 2
    assert "has no assessment" in done.err


def test_the_newest_finished_investigation_is_looked_at_while_another_is_wanted(run, past):
    past(lambda given: given.investigated())
    run("reinvestigate", "inc-abc123")

    shown = run("show", "inc-abc123", "--output", "json").json

    assert [item["state"] for item in shown["investigations"]] == ["done", "wanted"]
    assert shown["looked_at"] == "inc-abc123.1"


def test_fewer_triggers_may_be_asked_for(run, past):
    past(lambda given: given.opened())

    assert "Triggers (1):\n  and 1 more" in run("show", "inc-abc123", "--triggers", "0").out
