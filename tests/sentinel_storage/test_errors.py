"""Whatever a driver raises comes out as an error of ours."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from psycopg import errors as psycopg_errors
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from sentinel_gateway.domain.errors import BadConfiguration, Bug, Busy, GatewayError, Unavailable
from sentinel_gateway.storage.errors import POSTGRESQL, SQLITE, translated

SQLSTATES = sorted(
    state
    for state in (getattr(kind, "sqlstate", None) for kind in vars(psycopg_errors).values() if isinstance(kind, type))
    if isinstance(state, str)
)


def sqlite_error(code: int | None) -> sqlite3.Error:
    """What SQLite raises with this code."""
    error = sqlite3.OperationalError("words")
    if code is not None:
        error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, Unavailable),
        (sqlite3.SQLITE_BUSY, Unavailable),
        (sqlite3.SQLITE_IOERR_WRITE, Unavailable),
        (sqlite3.SQLITE_READONLY, Unavailable),
        (sqlite3.SQLITE_NOMEM, Busy),
        (sqlite3.SQLITE_CORRUPT, BadConfiguration),
        (sqlite3.SQLITE_NOTADB, BadConfiguration),
        (sqlite3.SQLITE_ERROR, Bug),
        (sqlite3.SQLITE_CONSTRAINT, Bug),
        (None, Unavailable),
    ],
)
def test_sqlite_by_code(code, kind):
    assert type(translated(sqlite_error(code), "x")) is kind


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("53100", Unavailable),
        ("08006", Unavailable),
        ("57P01", Unavailable),
        ("40001", Busy),
        ("53300", Busy),
        ("28P01", BadConfiguration),
        ("3D000", BadConfiguration),
        ("42501", BadConfiguration),
        ("42P01", Bug),
        ("23505", Bug),
    ],
)
def test_postgresql_by_sqlstate(state, kind):
    assert type(translated(psycopg_errors.lookup(state)("words"), "x")) is kind


def test_no_sqlstate_escapes():
    errors = [translated(psycopg_errors.lookup(state)("words"), "x") for state in SQLSTATES]

    assert len(errors) > 200
    assert all(isinstance(error, GatewayError) for error in errors)


def test_the_message_says_which_database_what_and_what_to_do():
    error = translated(sqlite_error(sqlite3.SQLITE_FULL), "/var/x.db")

    assert str(error) == "the database /var/x.db has a full disk: words; make room; nothing is stored until then"


def test_an_error_wrapped_by_sqlalchemy_is_looked_into():
    wrapped = DBAPIError("SELECT 1", None, sqlite_error(sqlite3.SQLITE_FULL))

    assert type(translated(wrapped, "x")) is Unavailable


def test_no_free_connection_is_busy():
    assert type(translated(NoFreeConnection("words"), "x")) is Busy


@pytest.mark.parametrize("error", [psycopg.OperationalError(""), psycopg.InterfaceError("the connection is closed")])
def test_a_failure_without_a_code_comes_from_the_connection(error):
    assert type(translated(error, "x")) is Unavailable


def test_both_tables_name_errors_of_ours():
    assert {verdict.error for verdict in (*SQLITE.values(), *POSTGRESQL.values())} == {
        Unavailable,
        Busy,
        BadConfiguration,
    }
