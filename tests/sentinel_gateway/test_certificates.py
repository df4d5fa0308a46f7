"""Certificates on the disk: what can be used, and renewal without restart."""

from __future__ import annotations

import pytest
from tests.sentinel_gateway.certificates import Authority

from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.services.certificates import CertificateFiles, Certificates, read


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

    with pytest.raises(BadConfiguration, match=words) as refused:
        read(files)
    assert str(path) in str(refused.value)


def test_a_key_of_another_certificate_is_refused(files, authority):
    files.key.write_bytes(authority.server().key)

    with pytest.raises(BadConfiguration, match="is not the key of"):
        read(files)


def test_a_key_is_not_shown_by_accident(files):
    assert "PRIVATE" not in repr(read(files))
