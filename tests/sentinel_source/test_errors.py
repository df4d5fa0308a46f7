"""No error of the client library, and no status of gRPC, comes out as anything but one of ours."""

from __future__ import annotations

import grpc
import pytest

import sentinel_sdk
from gcm_sentinel.clients.sentinel.errors import of_code, of_sdk
from gcm_sentinel.domain import errors
from sentinel_sdk.errors import BY_CODE, from_status

CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
CLASSES = [kind for kind in vars(sentinel_sdk).values() if isinstance(kind, type) and issubclass(kind, Exception)]


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_every_status_has_its_error(code):
    error = of_code(code.name, "words", place="gateway:50051")

    assert type(error) not in (errors.SentinelError, errors.Retryable, errors.Permanent)
    assert str(error).startswith("SENTINEL gateway gateway:50051: ")
    assert "words" in str(error)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_of_the_library_is_mapped(kind):
    codes = [code for code, mapped in BY_CODE.items() if mapped is kind]

    found = [of_sdk(from_status(code, "words"), place="gateway:50051") for code in codes]
    found.append(of_sdk(kind("words"), place="gateway:50051"))

    assert all(isinstance(error, errors.SentinelError) for error in found)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.Retryable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.Retryable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.Overloaded),
        (grpc.StatusCode.INTERNAL, errors.Retryable),
        (grpc.StatusCode.PERMISSION_DENIED, errors.Forbidden),
        (grpc.StatusCode.UNAUTHENTICATED, errors.Unauthenticated),
        (grpc.StatusCode.ALREADY_EXISTS, errors.Permanent),
        (grpc.StatusCode.INVALID_ARGUMENT, errors.Permanent),
    ],
    ids=lambda value: value.name if isinstance(value, grpc.StatusCode) else "",
)
def test_what_may_change_is_retryable_and_what_will_not_is_permanent(code, kind):
    assert isinstance(of_code(code.name, "", place="g"), kind)


def test_an_answer_without_a_status_could_not_be_used():
    assert isinstance(of_sdk(sentinel_sdk.SentinelError("year 20000"), place="g"), errors.BadResponse)


def test_long_words_are_cut_to_one_line_between_two_words():
    message = str(of_code("INTERNAL", "failed to\nconnect " * 1000, place="g"))

    assert ("\n" in message, len(message) < 600) == (False, True)
    assert message.endswith(("failed ...)", "to ...)", "connect ...)"))
