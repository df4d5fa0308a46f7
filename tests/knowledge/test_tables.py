"""Every row of the knowledge base names its sources, and its figures can be read."""

import re

import pytest

from gcm_sentinel.datasources.knowledge_tables import TABLES, classic_field, field_names, find, sources, table, xid
from gcm_sentinel.domain.errors import BadConfiguration

NAMES = sorted({name for names in TABLES.values() for name in names})
KINDS = {
    "application", "driver", "hardware", "memory", "nvlink", "bus", "thermal", "follower", "informational", "test",
    "unknown",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_a_known_source(name):
    for row in table(name):
        cited = row["source"].split()
        assert cited, row
        assert set(cited) <= set(sources()), row


@pytest.mark.parametrize("name", NAMES)
def test_every_row_says_something_and_has_a_key_of_its_own(name):
    rows = table(name)

    assert len({row["key"] for row in rows}) == len(rows) > 0
    assert all(row["key"] and (row["meaning"] or row.get("name")) for row in rows)
    assert all(None not in row and None not in row.values() for row in rows), "a row with too many or too few cells"


def test_every_source_is_used_and_has_an_address():
    cited = {key for name in NAMES for row in table(name) for key in row["source"].split()}

    assert cited == set(sources())
    assert all("https://" in told for told in sources().values())


def test_all_xids_from_1_to_176_are_there_with_a_known_class():
    assert [int(row["key"]) for row in table("xids")] == list(range(1, 177))
    assert {row["class"] for row in table("xids")} <= KINDS


def test_all_398_sxids_are_there_and_each_lies_in_a_range():
    rows = table("sxids")
    ranges = [(int(row["key"]), int(row["last"])) for row in table("sxid_ranges")]

    assert len(rows) == 398
    assert all(any(low <= int(row["key"]) <= high for low, high in ranges) for row in rows)
    assert {row["class"] for row in rows} == {"fatal", "nonfatal"}


@pytest.mark.parametrize("name", ["remap", "rma", "xid_patterns"])
def test_limits_are_numbers_with_a_unit(name):
    for row in table(name):
        assert re.fullmatch(r"\d*", row["limit"]), row
        assert bool(row["limit"]) == bool(row["unit"]), row


def test_field_ids_and_bits_are_numbers():
    assert all(row["field_id"].isdecimal() for row in table("dcgm_fields") if row["field_id"])
    assert all(int(row["key"], 16) >= 0 for row in table("clock_events"))
    assert [int(row["key"]) for row in table("recovery_actions")] == [0, 1, 2, 3, 4, 5]
    assert all(re.fullmatch(r"[1345]\.\d+", row["key"]) for row in table("nvlink_words"))


def test_fields_say_their_unit_type_and_whether_they_are_exported_by_default():
    for row in table("dcgm_fields"):
        assert row["unit"], row
        assert row["type"] in ("gauge", "counter"), row
        assert row["exported_by_default"] in ("yes", "no"), row


@pytest.mark.parametrize(
    ("number", "kind", "immediate"),
    [
        (13, "application", "RESTART_APP"),
        (31, "application", "RESTART_APP"),
        (45, "follower", "WORKFLOW_XID_45"),
        (48, "memory", "WORKFLOW_XID_48"),
        (62, "hardware", "RESET_GPU"),
        (63, "memory", "IGNORE"),
        (74, "nvlink", "WORKFLOW_NVLINK_ERR"),
        (79, "bus", "RESTART_BM"),
        (94, "memory", "RESTART_APP"),
        (95, "memory", "RESET_GPU"),
        (106, "test", "IGNORE"),
        (119, "driver", "RESET_GPU"),
        (154, "informational", "XID_154"),
    ],
)
def test_the_xids_that_matter_most_are_classed(number, kind, immediate):
    facts = xid(number)

    assert (facts.kind, facts.immediate) == (kind, immediate)


def test_an_xid_nobody_knows_is_unknown_and_not_guessed():
    facts = xid(9999)

    assert (facts.name, facts.kind, facts.immediate) == ("unknown", "unknown", "")


@pytest.mark.parametrize(
    ("kind", "key", "found"),
    [
        ("xid", "79", "79"),
        ("xid", "Xid 79", "79"),
        ("xid", "GPU_INIT_ERROR", "143"),
        ("sxid", "20034", "20034"),
        ("sxid", "20099", "20000"),
        ("dcgm_field", "dcgm_fi_dev_gpu_temp", "DCGM_FI_DEV_GPU_TEMP"),
        ("dcgm_field", "DCGM_FI_DEV_GPU_TEMP_CELSIUS", "DCGM_FI_DEV_GPU_TEMP"),
        ("dcgm_health", "DCGM_FR_XID_ERROR", "DCGM_FR_XID_ERROR"),
        ("dcgm_health", "XID_ERROR", "DCGM_FR_XID_ERROR"),
        ("dcgm_health", "THERMAL", "THERMAL"),
        ("clock_event", "64", "0x40"),
        ("clock_event", "hw_thermal_slowdown", "0x40"),
        ("recovery_action", "0x1", "1"),
        ("recovery_action", "Drain and Reset", "4"),
        ("nvlink_word", "1.21", "1.21"),
    ],
)
def test_keys_are_found_in_the_spellings_people_use(kind, key, found):
    row = find(kind, key)

    assert row is not None
    assert row["key"] == found


@pytest.mark.parametrize(("kind", "key"), [("xid", "9999"), ("sxid", "99999"), ("dcgm_field", "DCGM_FI"), ("rma", "")])
def test_what_is_not_there_is_not_found(kind, key):
    assert find(kind, key) is None


def test_old_and_new_field_names_lead_to_each_other():
    assert field_names("DCGM_FI_DEV_XID_ERRORS") == ("DCGM_FI_DEV_XID_ERRORS", "DCGM_FI_DEV_XID_ERROR")
    assert classic_field("DCGM_FI_DEV_BOARD_POWER_WATTS") == "DCGM_FI_DEV_POWER_USAGE"
    assert classic_field("DCGM_FI_DEV_NOBODY_KNOWS") == "DCGM_FI_DEV_NOBODY_KNOWS"


def test_a_table_that_does_not_exist_is_a_configuration_error():
    with pytest.raises(BadConfiguration, match="astrology"):
        table("astrology")
