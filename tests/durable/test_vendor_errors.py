"""No error of DBOS or SQLAlchemy leaves the adapter as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dbos import error as dbos
from sqlalchemy import exc

from gcm_sentinel.clients.durable.database import OURS, VENDOR_ERRORS, ours, translated
from gcm_sentinel.domain.errors import SentinelError, Unreachable


def below(root: type[Exception]) -> Iterator[type[Exception]]:
    """A class and all that derive from it."""
    yield root
    for child in root.__subclasses__():
        yield from below(child)


ALL = sorted({kind for root in VENDOR_ERRORS for kind in below(root)}, key=lambda kind: kind.__name__)


def example(kind: type[Exception]) -> Exception:
    """An error of this class, made without its constructor: each wants something else."""
    error = kind.__new__(kind)
    if isinstance(error, exc.StatementError):
        exc.StatementError.__init__(error, "why", "SELECT 1", {}, OSError("why"))
    elif isinstance(error, dbos.DBOSException):
        dbos.DBOSException.__init__(error, "why")
    return error


@pytest.mark.parametrize("kind", ALL, ids=[kind.__name__ for kind in ALL])
def test_every_vendor_error_has_a_place_in_our_tree(kind: type[Exception]):
    assert isinstance(ours(example(kind), "do it"), SentinelError)


def test_the_table_names_vendor_errors_only():
    assert all(issubclass(kind, VENDOR_ERRORS) for kind in OURS)


def test_a_translated_error_says_what_failed_and_why_on_one_line():
    said = r"^cannot submit a job: connection refused$"

    with pytest.raises(Unreachable, match=said) as caught, translated("submit a job"):
        raise exc.OperationalError("SELECT 1", {}, OSError("connection refused\nIs the server running?"))

    assert isinstance(caught.value.__cause__, exc.OperationalError)


def test_what_dbos_raises_past_handlers_is_known():
    """DBOS means these to miss ``except Exception``; recorded.py turns them into a cancellation of the job."""
    past_handlers = set(dbos.DBOSBaseException.__subclasses__())

    assert past_handlers == {dbos.DBOSWorkflowCancelledError, dbos.DBOSWorkflowConflictIDError}
