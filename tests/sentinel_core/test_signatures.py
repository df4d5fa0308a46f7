"""Signatures of probe executions."""

from __future__ import annotations

import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sentinel_core.gateway import NOW_NS, execution, gpu, signed

from sentinel.v1 import common_pb2, probe_pb2
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import Mismatch, ProbeExecution
from sentinel_sdk.signing import Execution, Key, Keys, canonical, legacy_digest, sign, sign_messages

KEY = Key(b"secret")
WHOLE = replace(
    execution(result=2, sm_id=7),
    mismatch=Mismatch(4, b"\x01", b"\x03", (1,)),
    execution_time_ns=5,
    gpu_clock_mhz=1980,
    gpu_temperature_c=61.5,
    gpu_power_w=402.25,
)
OTHERS = {
    "execution_id": "other",
    "probe_type": 2,
    "gpu": replace(gpu(), hostname="elsewhere"),
    "sm_id": 8,
    "result": 1,
    "expected_hash": b"\x01" * 32,
    "actual_hash": b"\x02" * 32,
    "mismatch": None,
    "execution_time_ns": 6,
    "gpu_clock_mhz": 1,
    "gpu_temperature_c": 62.0,
    "gpu_power_w": 1.0,
    "time_ns": NOW_NS + 1,
}


@pytest.mark.parametrize("name", OTHERS)
def test_covers_every_field(name: str):
    changed = replace(WHOLE, **{name: OTHERS[name]})  # type: ignore[arg-type]

    assert sign(changed, KEY) != sign(WHOLE, KEY)


@pytest.mark.parametrize("name", ["uuid", "hostname", "model", "driver_version", "firmware_version", "device_index"])
def test_covers_every_field_of_the_gpu(name: str):
    other = replace(WHOLE.gpu, **{name: 99 if name == "device_index" else "other"})  # type: ignore[arg-type]

    assert sign(replace(WHOLE, gpu=other), KEY) != sign(WHOLE, KEY)


TEXTS = st.sampled_from(["", "a", "ab", "b"])


def with_texts(texts: tuple[str, str, str, str]) -> ProbeExecution:
    execution_id, uuid, hostname, model = texts
    return ProbeExecution(execution_id, 1, Gpu(uuid, hostname, model=model), 0, 1)


@given(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), st.tuples(TEXTS, TEXTS, TEXTS, TEXTS))
def test_texts_cannot_be_moved_from_one_field_to_the_next(
    texts: tuple[str, str, str, str], others: tuple[str, str, str, str]
):
    one, other = with_texts(texts), with_texts(others)

    assert (canonical(one) == canonical(other)) == (one == other)


def test_a_time_at_the_epoch_is_told_from_none():
    assert canonical(replace(WHOLE, time_ns=0)) != canonical(replace(WHOLE, time_ns=None))


def test_is_hmac_sha256_over_the_canonical_form():
    assert sign(WHOLE, KEY) == hmac.digest(b"secret", canonical(WHOLE), "sha256")


@pytest.mark.parametrize("secret", [b"k", b"k" * 64, b"k" * 65])
def test_keys_of_every_length_are_keys_of_hmac(secret: bytes):
    assert Key(secret).tag(b"message") == hmac.digest(secret, b"message", "sha256")


def test_an_empty_key_is_refused():
    with pytest.raises(ValueError, match="empty"):
        Key(b"")


def test_a_message_is_signed_like_the_value_the_gateway_makes_of_it():
    message = probe_pb2.ProbeExecution(
        execution_id="run-0",
        probe_type=probe_pb2.PROBE_TYPE_FMA,
        sm=common_pb2.SmIdentifier(gpu=common_pb2.GpuIdentifier(uuid="GPU-1"), sm_id=3),
        result=probe_pb2.PROBE_RESULT_FAIL,
        mismatch_detail=probe_pb2.MismatchDetail(byte_offset=1, differing_bits=[3, 4]),
        gpu_temperature_c=61.3,
    )
    message.timestamp.FromNanoseconds(NOW_NS)

    sign_messages([message], KEY)

    value = ProbeExecution("run-0", 1, Gpu("GPU-1"), 3, 2, mismatch=Mismatch(1, differing_bits=(3, 4)), time_ns=NOW_NS)
    assert canonical(Execution(message)) == canonical(replace(value, gpu_temperature_c=message.gpu_temperature_c))
    assert message.hmac_signature == KEY.tag(canonical(Execution(message)))


def test_the_published_vector_of_the_old_form():
    old = ProbeExecution(
        "7", 1, Gpu("GPU-00000000-0000-0000-0000-000000000000"), 42, 1, bytes(range(32)), bytes(range(32))
    )
    digest = legacy_digest(old) or b""

    assert digest.hex() == "d2d236a66309c85e64a736200384d9df98f938156f045842394fe0739d2a9d95"
    tag = Key(b"sentinel-default-key-change-me").tag(digest)
    assert tag.hex() == "286c7dcc9964ae21f7c48796bd0b55b88115662845199d73d5a9c38e1fb16141"


@pytest.mark.parametrize("execution_id", ["", "x", "-1", "1" * 5000, str(1 << 64), "１"])
def test_what_the_old_agent_could_not_have_sent_has_no_old_form(execution_id: str):
    assert legacy_digest(replace(WHOLE, execution_id=execution_id)) is None


def old_form() -> ProbeExecution:
    plain = replace(execution(), execution_id="7")
    return replace(plain, hmac_signature=KEY.tag(legacy_digest(plain) or b""))


def test_the_old_form_is_refused_unless_it_was_allowed():
    assert Keys(KEY).check("node-1", [old_form()]).refused == {0}
    assert Keys(KEY, accept_legacy=True).check("node-1", [old_form()]).refused == set()


def test_without_any_key_everything_is_taken():
    assert not Keys().check("node-1", [execution()]).refused


def test_with_a_key_unsigned_and_forged_executions_are_refused():
    good, forged = signed([execution(0), execution(1)], KEY)
    forged = replace(forged, result=2)

    assert Keys(KEY).check("node-1", [good, forged, execution(2)]).refused == {1, 2}


def test_a_host_with_a_key_of_its_own_cannot_use_the_shared_one():
    keys = Keys(KEY, {"node-2": Key(b"its own")})

    assert keys.check("node-2", signed([execution()], KEY)).refused == {0}
    assert not keys.check("node-2", signed([execution()], Key(b"its own"))).refused


def test_a_host_without_a_key_is_refused_where_others_have_one():
    keys = Keys(by_hostname={"node-2": Key(b"its own")})

    assert keys.check("node-1", [execution()]).refused == {0}


def test_the_digest_of_a_batch_is_that_of_its_content():
    first, second = execution(0), execution(1)

    assert Keys().check("a", [first, second]).digest == Keys().check("b", [first, second]).digest
    assert Keys().check("a", [first, second]).digest != Keys().check("a", [second, first]).digest
    assert Keys().check("a", [first]).digest != Keys().check("a", signed([first], KEY)).digest
