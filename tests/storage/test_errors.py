"""Whatever a database library raises comes out as one of our errors, with words that say what to do."""

from __future__ import annotations

import inspect
import sqlite3

import psycopg
import pytest
import sqlalchemy.exc
from psycopg import errors as postgres_errors

from gcm_sentinel.domain.errors import (
    BadConfiguration,
    Bug,
    Forbidden,
    Overloaded,
    Permanent,
    Retryable,
    SentinelError,
    Unreachable,
)
from gcm_sentinel.storage.errors import mapped, translated


def classes(module: object, root: type[BaseException]) -> list[type[BaseException]]:
    """Every exception class of `module` that is a `root`."""
    found = [item for _, item in inspect.getmembers(module, inspect.isclass) if issubclass(item, root)]
    return sorted(set(found), key=lambda item: item.__name__)


DRIVERS = [*classes(sqlite3, sqlite3.Error), *classes(postgres_errors, psycopg.Error)]
VENDORS = [*DRIVERS, *classes(sqlalchemy.exc, sqlalchemy.exc.SQLAlchemyError)]


def bare(kind: type[BaseException]) -> BaseException:
    """An instance, however many arguments its constructor wants."""
    if issubclass(kind, sqlalchemy.exc.StatementError):
        return kind("it broke", "SELECT 1", None, Exception("it broke"))
    error = kind.__new__(kind)
    error.args = ("it broke",)
    return error


def test_the_vendors_have_hundreds_of_them():
    assert len(VENDORS) > 250


def escaped(error: BaseException) -> bool:
    """Whether `error` comes out as anything but one of ours."""
    try:
        with mapped("here"):
            raise error
    except SentinelError:
        return False
    except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
        return True


def test_none_escapes():
    assert [kind for kind in VENDORS if escaped(bare(kind))] == []


def test_none_escapes_when_sqlalchemy_wraps_it():
    assert [kind for kind in DRIVERS if escaped(sqlalchemy.exc.DBAPIError("SELECT 1", None, bare(kind)))] == []


def sqlite_error(code: int) -> sqlite3.Error:
    """An error with a result code, as Python's module raises it."""
    error = sqlite3.OperationalError("words of SQLite")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (sqlite3.SQLITE_BUSY, Unreachable, "is locked"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Unreachable, "is locked"),
        (sqlite3.SQLITE_FULL, Retryable, "no space left on its disk: .*; free or enlarge the volume"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, Retryable, "can only be read: .*; check that the volume"),
        (sqlite3.SQLITE_IOERR_FSYNC, Retryable, "I/O error"),
        (sqlite3.SQLITE_CORRUPT, BadConfiguration, "is damaged .* restore a backup"),
        (sqlite3.SQLITE_NOTADB, BadConfiguration, "is damaged"),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, Bug, "something impossible"),
        (sqlite3.SQLITE_ERROR, Bug, "something impossible"),
    ],
)
def test_sqlite_by_its_result_code(code, error, words):
    answer = translated(sqlite_error(code), "/state/gcm-sentinel.db")

    assert isinstance(answer, error)
    with pytest.raises(error, match=f"database /state/gcm-sentinel.db .*{words}"):
        raise answer


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (postgres_errors.AdminShutdown, Unreachable),
        (postgres_errors.CannotConnectNow, Unreachable),
        (postgres_errors.ConnectionFailure, Unreachable),
        (postgres_errors.LockNotAvailable, Unreachable),
        (postgres_errors.QueryCanceled, Unreachable),
        (postgres_errors.DeadlockDetected, Overloaded),
        (postgres_errors.SerializationFailure, Overloaded),
        (postgres_errors.TooManyConnections, Overloaded),
        (postgres_errors.DiskFull, Retryable),
        (postgres_errors.ReadOnlySqlTransaction, Retryable),
        (postgres_errors.InvalidPassword, Forbidden),
        (postgres_errors.InsufficientPrivilege, Forbidden),
        (postgres_errors.InvalidCatalogName, BadConfiguration),
        (postgres_errors.DataCorrupted, Permanent),
        (postgres_errors.UniqueViolation, Bug),
        (postgres_errors.UndefinedTable, Bug),
    ],
)
def test_postgresql_by_its_sqlstate(kind, error):
    assert isinstance(translated(kind("it broke"), "postgresql://db:5432/incidents"), error)


def test_a_full_disk_is_worth_trying_again_and_says_what_to_do():
    answer = translated(postgres_errors.DiskFull("could not extend file"), "postgresql://db:5432/incidents")

    assert str(answer) == (
        "database postgresql://db:5432/incidents has no space left on its disk: could not extend file; "
        "free or enlarge the volume; nothing was stored meanwhile"
    )


def test_a_busy_pool_is_worth_trying_again():
    assert isinstance(translated(sqlalchemy.exc.TimeoutError("QueuePool limit"), "here"), Overloaded)


def test_our_own_errors_pass_unchanged():
    mine = Forbidden("not today")

    with pytest.raises(Forbidden) as caught, mapped("here"):
        raise mine

    assert caught.value is mine
