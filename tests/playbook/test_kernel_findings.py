"""What the kernel log says: near or far, leading or following, the same GPU or many."""

from __future__ import annotations

import pytest

from gcm_sentinel.llm.playbook.findings import evaluate


def ask(case, key, index=None):
    """A finding about a GPU of the case by index, or about the node."""
    obs = case.observed()
    gpu = next((ref for ref in obs.gpus if ref.index == index), None) if index is not None else None
    return evaluate(obs, key, gpu)


def test_an_xid_shortly_before_the_trigger_holds_fully(sick):
    found = ask(sick().kernel({"xid": 79, "gpu": 1, "ago": 60}), "xid(79)", 1)

    assert (found.holds, found.strength) == (True, 1.0)


@pytest.mark.parametrize(("ago", "strength"), [(60, 1.0), (3 * 3600, 0.75), (20 * 3600, 0.25)])
def test_the_further_back_the_weaker(sick, ago, strength):
    found = ask(sick().kernel({"xid": 79, "gpu": 1, "ago": ago}, covers=90000), "xid(79)", 1)

    assert found.strength == strength


def test_an_xid_of_last_week_explains_nothing(sick):
    found = ask(sick().kernel({"xid": 79, "gpu": 1, "ago": 600000}, covers=700000), "xid(79)", 1)

    assert found.holds is False


def test_a_nearer_record_outshines_an_earlier_one(sick):
    case = sick().kernel({"xid": 31, "gpu": 3, "ago": 40000}, {"xid": 119, "gpu": 4, "ago": 60}, covers=90000)

    assert ask(case, "xid(31)", 3).strength < 0.2


def test_an_xid_of_another_gpu_is_not_this_ones(sick):
    found = ask(sick().kernel({"xid": 79, "gpu": 1, "ago": 60}), "xid(79)", 2)

    assert found.holds is False


def test_absence_is_unknown_when_the_log_begins_after_the_trigger(sick):
    found = ask(sick().kernel(covers=30), "xid(79)", 1)

    assert found.holds is None


def test_absence_is_unknown_without_a_log(sick):
    found = ask(sick().fails("read_kernel_log"), "xid(79)", 1)

    assert found.holds is None


def test_a_follower_does_not_lead(sick):
    case = sick().kernel({"xid": 79, "gpu": 1, "ago": 60}, {"xid": 74, "gpu": 4, "ago": 58})

    assert ask(case, "lead_xid(79)", 1).holds is True
    assert ask(case, "lead_xid(74)", 4).holds is False
    assert ask(case, "other_gpu_led(74)", 4).holds is True


def test_codes_may_be_ranges(sick):
    assert ask(sick().kernel({"xid": 149, "gpu": 1, "ago": 60}), "xid(144-150)", 1).holds is True


def test_three_processes_on_one_gpu_are_many(sick):
    case = sick().kernel({"xid": 31, "gpu": 3, "pids": [1, 2, 3], "processes": ["a", "b"]})

    assert ask(case, "many_processes(31)", 3).holds is True


def test_two_processes_are_not_many(sick):
    assert ask(sick().kernel({"xid": 31, "gpu": 3, "pids": [1, 2]}), "many_processes(31)", 3).holds is False


def test_a_repeat_needs_two_bursts(sick):
    case = sick().kernel({"xid": 62, "gpu": 3, "ago": 100, "bursts": [100, 90000]}, {"xid": 109, "gpu": 5, "count": 3})

    assert ask(case, "repeats(62)", 3).holds is True
    assert ask(case, "repeats(109)", 5).holds is False


def test_a_line_count_is_a_flood_not_a_severity(sick):
    case = sick().kernel({"xid": 13, "gpu": 3, "count": 50000})

    assert ask(case, "flood(13)", 3).holds is True
    assert ask(case, "hardware_xid", 3).holds is False


def test_an_xid_before_the_boot_is_past(sick):
    case = sick().kernel({"xid": 79, "gpu": 3, "ago": 90000, "boot": -1}, covers=200000)

    assert ask(case, "past_xid(79)", 3).holds is True


@pytest.mark.parametrize(
    ("words", "marginal", "parity"),
    [("0x600000", True, False), ("0x30", False, True), ("0x1", False, False)],
    ids=["signal integrity", "ecc", "secondary"],
)
def test_decodes_the_first_register_word_of_74(sick, words, marginal, parity):
    text = f"NVLink: fatal error detected on link 9({words}, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0)"
    case = sick().kernel({"xid": 74, "gpu": 1, "text": text})

    assert ask(case, "signal_integrity_bits", 1).holds is marginal
    assert ask(case, "parity_bits", 1).holds is parity


@pytest.mark.parametrize(
    ("records", "benign"),
    [(("22013", "11012"), True), (("22013", "12020"), False)],
    ids=["corrected", "one that is not"],
)
def test_corrected_switch_messages_are_benign(sick, records, benign):
    case = sick().kernel(*({"kind": "sxid_nonfatal", "code": code} for code in records))

    assert ask(case, "benign_sxids_only").holds is benign


def test_pcie_errors_belong_to_the_gpu_they_name(sick):
    case = sick().kernel({"kind": "aer_corrected", "gpu": 1, "ago": 80})

    assert ask(case, "error_on_port", 1).holds is True
    assert ask(case, "error_on_port", 2).holds is False


def test_a_clean_log_is_evidence_of_absence(sick):
    found = ask(sick(), "nothing_logged")

    assert (found.holds, found.absence) == (True, True)


def test_one_burst_of_many_lines_is_still_one_event(sick):
    case = sick().kernel({"xid": 45, "gpu": 3, "count": 3, "ago": 100})

    assert ask(case, "solo(45)", 3).holds is True
