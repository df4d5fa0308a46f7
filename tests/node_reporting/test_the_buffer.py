"""What was appended is there after any end of the process, in order, until it was acknowledged."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sentinel_node.domain.errors import BadConfiguration, Unavailable
from sentinel_node.reporting.settings import BufferSettings
from sentinel_node.reporting.spool import Spool

WITHIN_S = 20.0


@pytest.fixture
def settings(tmp_path):
    return BufferSettings(tmp_path / "buffer", limit_bytes=10_000, segment_bytes=1000)


def numbers(spool: Spool) -> list[int]:
    return [one.number for one in spool.read(0, 1000)]


def filled(settings: BufferSettings, count: int, size: int = 100) -> None:
    with Spool(settings) as spool:
        for place in range(count):
            spool.append(bytes([place % 256]) * size)


def files(settings: BufferSettings):
    return sorted(settings.folder.glob("*.records"))


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def test_records_come_back_as_they_were_and_in_their_order(settings):
    with Spool(settings) as spool:
        appended = [spool.append(b"one"), spool.append(b"", durable=True), spool.append(b"three")]

        assert appended == [1, 2, 3]
        assert [one.content for one in spool.read(0, 10)] == [b"one", b"", b"three"]
        assert [one.number for one in spool.read(1, 1)] == [2]


def test_they_are_there_after_a_restart_and_numbers_go_on(settings):
    filled(settings, 25)

    with Spool(settings) as spool:
        assert numbers(spool) == list(range(1, 26))
        assert spool.append(b"more") == 26


def test_what_was_acknowledged_is_gone_also_from_the_disk_and_numbers_go_on(settings):
    filled(settings, 25)
    with Spool(settings) as spool:
        spool.acknowledge(25)

    with Spool(settings) as spool:
        assert (numbers(spool), spool.depth, files(settings)) == ([], 0, [])
        assert spool.append(b"more") == 26


def test_only_what_comes_after_the_acknowledged_is_sent_again(settings):
    filled(settings, 25)
    with Spool(settings) as spool:
        spool.acknowledge(12)

    with Spool(settings) as spool:
        assert (numbers(spool), spool.depth) == (list(range(13, 26)), 13)


@pytest.mark.parametrize("left", [1, 8, 16, 20, 115])
def test_a_torn_tail_is_cut_off_and_everything_before_it_is_there(settings, left):
    filled(settings, 3)
    file = files(settings)[-1]
    os.truncate(file, 2 * 116 + left)

    with Spool(settings) as spool:
        assert numbers(spool) == [1, 2]
        assert spool.append(b"next") == 3
        assert [one.content for one in spool.read(2, 1)] == [b"next"]


@pytest.mark.parametrize("place", [4, 50], ids=["checksum", "content"])
def test_of_records_with_a_flipped_bit_only_those_are_lost_and_counted(settings, place):
    filled(settings, 25)
    flip(files(settings)[1], 2 * 116 + place)
    flip(files(settings)[1], 3 * 116 + place)

    with Spool(settings) as spool:
        assert [numbers(spool), numbers(spool)] == [[*range(1, 12), *range(14, 26)]] * 2
        assert spool.dropped == 2


@pytest.mark.parametrize("place", [2, 12], ids=["length", "number"])
def test_where_a_record_cannot_be_passed_over_the_rest_of_its_file_is_lost_and_counted_once(settings, place):
    filled(settings, 25)
    flip(files(settings)[1], 2 * 116 + place)

    for lost in (7, 0):
        with Spool(settings) as spool:
            assert numbers(spool) == [*range(1, 12), *range(19, 26)]
            assert spool.dropped == lost


def test_a_damaged_record_at_the_very_end_is_cut_off_like_a_torn_one(settings):
    filled(settings, 3)
    flip(files(settings)[0], 2 * 116 + 50)

    with Spool(settings) as spool:
        assert (numbers(spool), spool.append(b"next")) == ([1, 2], 3)


def test_an_end_in_the_middle_of_nothing_leaves_nothing(settings):
    filled(settings, 1)
    os.truncate(files(settings)[0], 5)

    for _ in range(2):
        with Spool(settings) as spool:
            assert (numbers(spool), files(settings)) == ([], [])


@pytest.mark.parametrize("content", [b"", b"\0" * 12, b"torn", b"\xff" * 12])
def test_where_the_acknowledged_number_is_lost_everything_is_sent_again(settings, content):
    filled(settings, 3)
    with Spool(settings) as spool:
        spool.acknowledge(2)
    (settings.folder / "acknowledged").write_bytes(content)

    with Spool(settings) as spool:
        assert numbers(spool) == [1, 2, 3]


def test_a_file_that_vanished_is_counted_as_lost_and_what_follows_is_there(settings):
    filled(settings, 25)
    with Spool(settings) as spool:
        files(settings)[0].unlink()

        assert [numbers(spool), numbers(spool)] == [list(range(10, 26))] * 2
        assert spool.dropped == 9


def test_beyond_the_limit_the_oldest_are_dropped_and_counted(settings):
    with Spool(settings) as spool:
        for place in range(200):
            spool.append(bytes([place]) * 100)

        assert spool.size_bytes <= settings.limit_bytes
        assert numbers(spool) == list(range(spool.dropped + 1, 201))
        assert spool.dropped >= 100


def test_what_is_dropped_after_it_was_acknowledged_is_no_loss(settings):
    with Spool(settings) as spool:
        for place in range(200):
            spool.acknowledge(spool.append(bytes([place]) * 100))

        assert (spool.dropped, spool.depth) == (0, 0)


def test_nothing_is_written_after_it_was_closed(settings):
    with Spool(settings) as spool:
        pass

    with pytest.raises(Unavailable, match="closed"):
        spool.append(b"late")
    assert files(settings) == []


def test_a_second_agent_is_refused(settings):
    with Spool(settings), pytest.raises(BadConfiguration, match="another agent"):
        Spool(settings)


def test_a_folder_that_cannot_be_made_is_a_setting_to_mend(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(BadConfiguration, match="cannot be used"):
        Spool(BufferSettings(tmp_path / "file" / "buffer"))


@pytest.mark.parametrize("taken", [0, 5])
@pytest.mark.parametrize("before", [[], [b"before"]], ids=["first", "later"])
def test_a_full_disk_loses_one_record_and_says_so(settings, monkeypatch, taken, before):
    written = os.pwrite

    def full(file, data, offset):
        written(file, data[:taken], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    with Spool(settings) as spool:
        for content in before:
            spool.append(content)
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(Unavailable, match="No space left"):
            spool.append(b"lost")
        monkeypatch.setattr(os, "pwrite", written)
        spool.acknowledge(spool.append(b"acknowledged"))
        spool.append(b"after")

    with Spool(settings) as spool:
        assert [one.content for one in spool.read(0, 10)] == [b"after"]


def test_a_record_that_the_disk_did_not_take_for_certain_does_not_come_back(settings, monkeypatch):
    def fails(file):
        raise OSError(errno.EIO, "Input/output error")

    with Spool(settings) as spool:
        spool.append(b"before")
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", fails)
            with pytest.raises(Unavailable, match="Input/output error"):
                spool.append(b"not kept", durable=True)
        assert spool.append(b"after") == 2

    with Spool(settings) as spool:
        assert [(one.number, one.content) for one in spool.read(0, 10)] == [(1, b"before"), (2, b"after")]


@pytest.mark.parametrize(
    ("place", "left", "lost"), [(1, [*range(1, 10), *range(19, 26)], 9), (2, [*range(1, 19)], 1)], ids=["old", "newest"]
)
def test_a_file_that_cannot_be_read_is_set_aside_and_counted_as_lost(settings, monkeypatch, place, left, lost):
    filled(settings, 25)
    bad, read = files(settings)[place], Path.read_bytes

    def bad_block(path):
        if path == bad:
            raise OSError(errno.EIO, "Input/output error")
        return read(path)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_bytes", bad_block)
        with Spool(settings) as spool:
            assert (numbers(spool), spool.dropped) == (left, lost)
    assert [one.name for one in settings.folder.glob("*.unreadable")] == [f"{bad.stem}.unreadable"]


def test_how_much_waits_can_be_told_while_the_disk_keeps_a_writer_waiting(settings, monkeypatch):
    begun, go = threading.Event(), threading.Event()

    def slow(file):
        begun.set()
        assert go.wait(WITHIN_S)

    with Spool(settings) as spool:
        spool.append(b"one")
        monkeypatch.setattr(os, "fdatasync", slow)
        writer = threading.Thread(target=spool.append, args=(b"two",), kwargs={"durable": True})
        writer.start()
        assert begun.wait(WITHIN_S)

        asked = ThreadPoolExecutor(1).submit(lambda: (spool.depth, spool.size_bytes))
        try:
            assert asked.result(WITHIN_S) == (1, 19)
        finally:
            go.set()
            writer.join()
