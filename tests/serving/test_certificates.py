"""Certificates on the disk: what can be used, and renewal without restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from tests.sentinel_gateway.certificates import Authority

from sentinel_serving.certificate_files import CertificateFiles, UnusableCertificates, read
from sentinel_serving.certificates import Certificates


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def files(tmp_path, authority):
    certificate, key = authority.server().write(tmp_path, "server")
    ca = tmp_path / "ca.crt"
    ca.write_bytes(authority.pem)
    return CertificateFiles(certificate, key, ca)


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_renewed_files_are_used_at_the_next_look(files, authority, tmp_path):
    clock = _Clock()
    certificates = Certificates(files, look_every_s=5, monotonic=clock)
    before = certificates.current()
    renewed = authority.server("other").write(tmp_path, "server")

    assert certificates.current() is before
    clock.now = 5
    assert certificates.current().certificate == renewed[0].read_bytes()


def test_a_certificate_whose_key_is_not_there_yet_changes_nothing(files, authority):
    clock = _Clock()
    certificates = Certificates(files, look_every_s=5, monotonic=clock)
    before = certificates.current()
    fresh = authority.server()
    files.certificate.write_bytes(fresh.certificate)

    clock.now = 5
    assert certificates.current() is before
    files.key.write_bytes(fresh.key)
    clock.now = 10
    assert certificates.current().key == fresh.key


@pytest.mark.parametrize(
    ("broken", "content", "words"),
    [
        ("certificate", b"nonsense", "holds no certificate"),
        ("key", b"nonsense", "no private key"),
        ("authorities", b"nonsense", "holds no certificate"),
        ("key", None, "cannot be read"),
    ],
)
def test_files_that_cannot_be_used_are_named(files, broken, content, words):
    path = getattr(files, broken)
    path.unlink() if content is None else path.write_bytes(content)

    with pytest.raises(UnusableCertificates, match=words) as refused:
        read(files, datetime.now(UTC))
    assert str(path) in str(refused.value)


def test_all_files_that_cannot_be_used_are_told_together(files):
    for path in (files.certificate, files.key, files.authorities):
        path.unlink()

    with pytest.raises(UnusableCertificates) as refused:
        Certificates(files, look_every_s=5)

    assert [str(path) in fault for path, fault in zip(_paths(files), refused.value.faults, strict=True)] == [True] * 3


def _paths(files):
    return (files.certificate, files.key, files.authorities)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"days": -1, "from_days": -9}, r"has expired: it is valid from \d{4}-.* to \d{4}-.* UTC, and here it is"),
        ({"from_days": 1}, "is not valid yet"),
        ({"for_clients": True}, "lacks serverAuth"),
    ],
    ids=["expired", "not valid yet", "of a client"],
)
def test_a_certificate_that_clients_would_refuse_is_refused_at_the_start(files, authority, tmp_path, how, words):
    authority.server(**how).write(tmp_path, "server")

    with pytest.raises(UnusableCertificates, match=words):
        Certificates(files, look_every_s=5)


def test_one_that_expired_does_not_take_the_place_of_a_good_one_and_that_is_told_once(files, authority, tmp_path):
    clock = _Clock()
    certificates = Certificates(files, look_every_s=5, monotonic=clock)
    before = certificates.current()
    authority.server(days=-1, from_days=-9).write(tmp_path, "server")

    with capture_logs() as logs:
        for clock.now in (5, 10):
            assert certificates.current() is before
    assert [(line["event"], line["log_level"]) for line in logs] == [("tls.reload_failed", "error")]
    assert "has expired" in certificates.problems()[0]

    authority.server().write(tmp_path, "server")
    clock.now = 15
    assert certificates.current() is not before
    assert certificates.problems() == ()


def test_its_end_is_warned_of_once_a_day_from_14_days_before(files):
    clock, ends = _Clock(), read(files, datetime.now(UTC)).ends
    today = [ends - timedelta(days=14, hours=1)]
    certificates = Certificates(files, look_every_s=0, monotonic=clock, now=lambda: today[0])
    told = []
    for hours in (0, 2, 12, 26):
        today[0] = ends - timedelta(days=14, hours=1 - hours)
        with capture_logs() as logs:
            certificates.current()
        told.append([line["event"] for line in logs])

    assert told == [[], ["tls.certificate_ends_soon"], [], ["tls.certificate_ends_soon"]]
    today[0] = ends
    assert "clients refuse it" in certificates.problems()[0]


def test_a_key_of_another_certificate_is_refused(files, authority):
    files.key.write_bytes(authority.server().key)

    with pytest.raises(UnusableCertificates, match="is not the key of"):
        read(files, datetime.now(UTC))


def test_a_key_is_not_shown_by_accident(files):
    assert "PRIVATE" not in repr(read(files, datetime.now(UTC)))
