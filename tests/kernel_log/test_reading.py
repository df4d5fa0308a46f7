"""A whole log read: bursts and leads, boots, continuations, floods."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.datasources.kernel_records import Selection, read_kernel_log
from gcm_sentinel.datasources.log_lines import parse_lines
from gcm_sentinel.datasources.xid_bursts import XidAt, find_bursts

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)
GPU_A, GPU_B = "0000:17:00", "0000:3b:00"


def at(minutes: float, text: str, *, uptime_s: float | None = None, program: str = "kernel") -> str:
    stamp = (NOW - timedelta(minutes=60) + timedelta(minutes=minutes)).isoformat(timespec="microseconds")
    uptime = f"[{100_000 + minutes * 60 if uptime_s is None else uptime_s:12.6f}] "
    return f"{stamp} n1 {program}: {uptime if program == 'kernel' else ''}{text}"


def read(*lines: str, since: float = 0.0, patterns: tuple[str, ...] = (), boot: int | None = None):
    return read_kernel_log(list(parse_lines(lines, NOW)), Selection(since, patterns, boot), NOW.timestamp())


@pytest.mark.parametrize(
    ("xids", "lead"),
    [
        ([79, 154, 45], 79),
        ([45, 62, 45], 62),
        ([31, 43, 79], 79),
        ([13, 43, 45], 13),
        ([45, 45], 45),
        ([43, 45], 43),
        ([48, 63, 94, 45, 154], 48),
        ([154], None),
        ([106, 107], None),
        ([106, 79], 79),
        ([31, 9999], 9999),
        ([92, 31], 31),
    ],
    ids=str,
)
def test_the_first_hardware_xid_leads_and_followers_never_do(xids, lead):
    bursts = find_bursts([XidAt(float(place), 0, xid, GPU_A) for place, xid in enumerate(xids)])

    assert len(bursts) == 1
    assert (bursts[0].lead.xid if bursts[0].lead else None) == lead


def test_three_minutes_of_silence_end_a_burst_and_so_does_a_reboot():
    seen = [XidAt(0, -1, 31, GPU_A), XidAt(180, -1, 31, GPU_A), XidAt(361, -1, 31, GPU_A), XidAt(362, 0, 31, GPU_A)]

    assert [(burst.started, burst.ended, burst.boot) for burst in find_bursts(seen)] == [
        (0, 180, -1),
        (361, 361, -1),
        (362, 362, 0),
    ]


def test_the_lead_may_be_on_another_gpu():
    log = read(
        at(1, f"NVRM: Xid (PCI:{GPU_A}): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."),
        at(
            1.1, f"NVRM: Xid (PCI:{GPU_B}): 74, pid='<unknown>', name=<unknown>, NVLink: fatal error detected on link 3"
        ),
    )

    assert (log.bursts[0].lead.xid, log.bursts[0].lead.pci) == (79, GPU_A)
    assert log.bursts[0].pcis == (GPU_A, GPU_B)


def test_data_lines_of_an_sxid_are_the_same_event():
    log = read(
        at(1, "nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 20034, Fatal, Link 62 LTSSM Fault Up"),
        at(1, "nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 20034, Severity 1 Engine instance 62 Sub-engine instance 00"),
        at(1, "nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 20034, Data {0x10000000, 0x00000000}"),
    )

    assert {key: tally.count for key, tally in log.events.items()} == {(0, "sxid_fatal", "0000:05:00", "20034"): 1}


def test_a_data_line_that_lost_its_head_is_classed_by_the_table():
    log = read(at(1, "nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 22013, Data {0x1}"))

    assert list(log.events) == [(0, "sxid_nonfatal", "0000:05:00", "22013")]


def test_the_detail_line_of_an_aer_report_is_not_a_second_error():
    log = read(
        at(1, "pcieport 0000:15:01.0: AER: Corrected error received: 0000:17:00.0"),
        at(1, "nvidia 0000:17:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)"),
        at(1, "nvidia 0000:17:00.0:    [ 0] RxErr                  (First)"),
    )

    assert [tally.count for tally in log.events.values()] == [1]


def test_the_three_line_banner_at_load_names_its_gpu():
    log = read(
        at(1, "NVRM: The NVIDIA GPU 0000:18:00.0"),
        at(1, "NVRM: (PCI ID: 10de:2330) installed in this system has"),
        at(1, "NVRM: fallen off the bus and is not responding to commands."),
    )

    assert list(log.events) == [(0, "off_bus_banner", "0000:18:00", "")]


def test_an_xid_text_of_a_program_is_no_xid():
    log = read(at(1, f"NVRM: Xid (PCI:{GPU_A}): 79, GPU has fallen off the bus.", program="python3"))

    assert log.xids == {}
    assert list(log.events) == [(0, "other", "python3", "xid_text_not_from_kernel")]


def test_boots_are_split_at_the_kernel_banner_and_know_how_they_ended():
    log = read(
        at(0, f"NVRM: Xid (PCI:{GPU_A}): 62, pid=1, name=a"),
        at(1, "reboot: Restarting system"),
        at(3, "Linux version 6.8.0-45-generic", uptime_s=0.0),
        at(4, f"NVRM: Xid (PCI:{GPU_A}): 62, pid=2, name=b", uptime_s=60.0),
    )

    assert [(boot.number, boot.clean) for boot in log.boots] == [(-1, True), (0, None)]
    assert [key[0] for key in log.xids] == [-1, 0]


def test_a_boot_whose_beginning_is_lost_is_found_by_its_uptime():
    log = read(at(0, "x", uptime_s=5000), at(9, "y", uptime_s=12.0))

    assert [(boot.number, boot.clean) for boot in log.boots] == [(-1, False), (0, None)]
    assert log.boots[1].started == pytest.approx((NOW - timedelta(minutes=51, seconds=12)).timestamp())


def test_lines_out_of_order_are_not_a_reboot():
    log = read(at(1, "a", uptime_s=100.5), at(1, "b", uptime_s=99.0), at(2, "c", uptime_s=160))

    assert len(log.boots) == 1


def test_the_selection_limits_what_is_counted_but_not_the_recovery_action():
    early = at(
        1, f"NVRM: Xid (PCI:{GPU_A}): 154, GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)"
    )
    late = at(30, f"NVRM: Xid (PCI:{GPU_B}): 31, pid=7, name=python3, MMU Fault")

    log = read(early, late, since=(NOW - timedelta(minutes=40)).timestamp())

    assert [key[1:] for key in log.xids] == [(GPU_B, 31)]
    assert log.recovery_action == "Node Reboot Required"


def test_a_pattern_keeps_lines_that_hold_any_of_its_texts():
    log = read(at(1, "foo one"), at(2, "BAR two"), at(3, "baz"), patterns=("foo", "bar"))

    assert log.matched == 2
    assert "baz" not in log.text


def test_a_log_covers_what_was_asked_as_far_as_it_reaches_back():
    since = (NOW - timedelta(minutes=90)).timestamp()

    log = read(at(0, "first line"), at(5, "last line"), since=since)

    assert log.covers == ((NOW - timedelta(minutes=60)).timestamp(), NOW.timestamp())


def test_a_quiet_log_still_covers_the_window():
    since = (NOW - timedelta(minutes=10)).timestamp()

    assert read(at(0, "long ago"), since=since).covers == (since, NOW.timestamp())


def test_a_boot_the_log_does_not_hold_is_not_covered():
    assert read(at(0, "x"), boot=-1).covers is None


def test_an_empty_log_covers_nothing():
    log = read()

    assert (log.lines_total, log.boots, log.covers) == (0, (), None)


@pytest.mark.slow
def test_a_flood_of_100_000_lines_is_counted_and_not_kept():
    text = f"NVRM: Xid (PCI:{GPU_A}): 43, pid=77, name=python3, Ch 00000008"
    lines = [at(place / 50_000, text) for place in range(100_000)]

    started = time.process_time()
    log = read(*lines)
    took_s = time.process_time() - started

    tally = log.xids[0, GPU_A, 43]
    assert (tally.count, list(tally.pids)) == (100_000, [77])
    assert len(log.text) < 10_000
    assert "99980 more lines" in log.text
    assert took_s < 4, "about 0.5 s on an idle core; the bound leaves room for a busy machine"


def test_a_flood_keeps_lines_of_every_gpu():
    lines = [at(1, f"NVRM: Xid (PCI:{pci}): 13, pid={n}, name=p") for pci in (GPU_A, GPU_B) for n in range(300)]

    log = read(*lines)

    assert log.text.count(GPU_A) == log.text.count(GPU_B) == 21


def test_a_line_whose_writer_is_not_known_is_not_called_a_program_s():
    log = read(at(0, "start"), "n1 ??? NVRM: Xid (PCI:0000:17:00): 79, GPU lost")

    assert list(log.events) == [(0, "other", "", "xid_text_of_unknown_origin")]


@pytest.mark.parametrize(("since", "patterns"), [(NOW.timestamp() - 59.5 * 60, ()), (0.0, ("pid=7",))])
def test_what_leads_a_burst_does_not_depend_on_what_was_asked_for(since, patterns):
    lines = (
        at(0, f"NVRM: Xid ({GPU_A}): 79, GPU has fallen off the bus."),
        at(1, f"NVRM: Xid ({GPU_A}): 45, pid=7, name=x, Ch 0"),
        at(9, f"NVRM: Xid ({GPU_B}): 31, pid=9, name=y, Ch 0"),
    )

    log = read(*lines, since=since, patterns=patterns)

    assert (log.bursts[0].number, log.bursts[0].lead.xid, log.bursts[0].xids) == (1, 79, (79, 45))
    assert (0, GPU_A, 79) not in log.xids
    assert len(log.bursts) == (2 if not patterns else 1)


def test_a_boot_without_uptimes_begins_with_its_first_line():
    stamp = "Nov 20 19:30:00 n1 kernel:"

    log = read("Nov 20 18:00:00 n1 kernel: before", f"{stamp} Linux version 5.14.0-427.el9", f"{stamp} after", boot=0)

    assert log.boots[-1].started == datetime(2026, 11, 20, 19, 30, tzinfo=UTC).timestamp()
    assert log.covers == (log.boots[-1].started, NOW.timestamp())


def test_a_serial_number_belongs_to_the_gpu_named_last_and_goes_with_its_uuid():
    log = read(
        at(0, f"NVRM: GPU at PCI:{GPU_A}: GPU-aaaaaaaa"),
        at(0.1, "NVRM: GPU Board Serial Number: 111"),
        at(5, f"NVRM: GPU at PCI:{GPU_B}: GPU-bbbbbbbb"),
        at(6, f"NVRM: GPU {GPU_B}.0: GPU serial number is 222."),
        at(20, f"NVRM: GPU at PCI:{GPU_A}: GPU-cccccccc"),
    )

    assert log.uuids == {GPU_A: "GPU-cccccccc", GPU_B: "GPU-bbbbbbbb"}
    assert log.serials == {GPU_B: "222"}
