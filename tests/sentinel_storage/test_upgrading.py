"""What stands in a database when a step comes is as the step says afterwards."""

from __future__ import annotations

import json
from array import array

from sqlalchemy import Connection, text

from sentinel_gateway.domain.deep_tests import DeepTest
from sentinel_gateway.domain.sms import SmTable
from sentinel_gateway.domain.trust import Edge, Pair
from sentinel_gateway.storage import kept_rows
from sentinel_gateway.storage.changes import Kept
from sentinel_gateway.storage.database import Database
from sentinel_gateway.storage.gpu_rows import load_gpus, sms_bytes
from sentinel_gateway.storage.migrate import Step, released
from sentinel_gateway.storage.register_rows import load_edges
from sentinel_gateway.storage.statements import inserting

_NUMBERS = (
    *("gpu_id", "device_index", "first_seen_ns", "state", "state_changed_ns", "overstayed", "passes", "failures"),
    *("errors", "timeouts", "anomalies", "dissents", "sampled_ns"),
)
_TEXTS = (
    *("uuid", "hostname", "model", "driver_version", "firmware_version", "state_reason", "base_tally", "summary"),
    "minutes",
)


def before(name: str) -> list[Step]:
    """The released steps before the one of this name."""
    steps = list(released())
    return steps[: [step.name for step in steps].index(name)]


def insert(connection: Connection, table: str, **values: object) -> None:
    """One row."""
    connection.execute(inserting(table, tuple(values)), values)


def a_gpu_that_changed_at(connection: Connection, *times_ns: int) -> None:
    """A GPU as the first versions stored it."""
    insert(connection, "gpus", **dict.fromkeys(_NUMBERS, 1), **dict.fromkeys(_TEXTS, "GPU-1"), sms=b"")
    for time_ns in times_ns:
        texts = dict.fromkeys(("reason", "initiated_by", "directive_id"), "")
        insert(connection, "transitions", gpu_id=1, from_state=1, to_state=3, time_ns=time_ns, **texts)


def directive(connection: Connection, directive_id: str, status: int, issued_ns: int) -> None:
    """A directive as the first versions stored it."""
    numbers = dict.fromkeys(("action", "time_ns", "priority", "requires_approval", "from_state", "resulting_state"), 1)
    texts = dict.fromkeys(("gpu_uuid", "gpu", "reason", "initiated_by", "evidence", "issued_by", "note"), "GPU-1")
    row = {"directive_id": directive_id, "status": status, "issued_ns": issued_ns}
    insert(connection, "directives", **row, **numbers, **texts)


def test_what_waits_knows_how_often_its_gpu_had_changed_when_it_was_asked(url):
    with Database.open(url, steps=before("state_revisions")) as database, database.writing() as connection:
        a_gpu_that_changed_at(connection, 10, 20)
        for directive_id, status, issued_ns in (("waits-1", 1, 15), ("waits-2", 1, 25), ("executed", 2, 25)):
            directive(connection, directive_id, status, issued_ns)

    with Database.open(url) as database, database.reading() as connection:
        assert list(connection.scalars(text("SELECT state_revision FROM gpus"))) == [2]
        asked = connection.execute(text("SELECT directive_id, from_revision FROM directives")).all()
    assert {row.directive_id: row.from_revision for row in asked} == {"waits-1": 1, "waits-2": 2, "executed": 0}


def test_every_database_has_an_identity_of_its_own(url, tmp_path):
    found = []
    for one in (url, f"sqlite:///{tmp_path}/other.db"):
        with Database.open(one, steps=before("identity")):
            pass
        with Database.open(one) as database, database.reading() as connection:
            found += list(connection.scalars(text("SELECT database_id FROM ledger_identity")))

    assert len({*found}) == len(found) == 2
    assert all(len(bytes.fromhex(one)) == 16 for one in found)


def test_trust_of_an_earlier_version_begins_undecayed_and_trails_begin_anew(url):
    with Database.open(url, steps=before("model")) as database, database.writing() as connection:
        a_gpu_that_changed_at(connection)
        counts = {"agreements": 7, "disagreements": 2, "last_comparison_ns": 5}
        insert(connection, "trust_edges", gpu_a="GPU-1", gpu_b="GPU-2", **counts)

    with Database.open(url) as database, database.reading() as connection:
        assert load_edges(connection) == (Edge(Pair("GPU-1", "GPU-2"), 7, 2, 5, 7.0, 2.0),)
        row = connection.execute(text("SELECT trails, signs, deep_test, proposed_ns, cleared_ns FROM gpus")).one()
    assert tuple(row) == (None, "[]", None, None, 0)


def test_alerts_of_an_earlier_version_are_owed_in_the_order_of_their_times(url):
    with Database.open(url, steps=before("alert_order")) as database, database.writing() as connection:
        for alert_id, created_ns in (("b", 1), ("a", 2), ("c", 2)):
            texts = {**dict.fromkeys(("rule", "group_name", "event", "payload"), "x"), "alert_id": alert_id}
            insert(connection, "alerts", **texts, severity=3, created_ns=created_ns)
            owed = {"alert_id": alert_id, "channel": "slack", "state": "pending", "created_ns": created_ns}
            insert(connection, "alert_deliveries", **owed, attempts=0, next_try_ns=0, words="")

    with Database.open(url) as database, database.reading() as connection:
        for table in ("alerts", "alert_deliveries"):
            assert list(connection.scalars(text(f"SELECT alert_id FROM {table} ORDER BY position"))) == ["b", "a", "c"]  # noqa: S608  ours


def test_returns_from_deep_tests_are_known_of_old_and_open_tests_go_on(url):
    old = {"began_ns": 5, "blamed_sm": 1, "blamed_needs": 1000, "others_need": 30, "sm_count": 3, "passes": [4, 5, 6]}
    with Database.open(url, steps=before("returns")) as database, database.writing() as connection:
        a_gpu_that_changed_at(connection, 10)
        texts = dict.fromkeys(("reason", "initiated_by", "directive_id"), "")
        for time_ns in (20, 30):
            insert(connection, "transitions", gpu_id=1, from_state=4, to_state=1, time_ns=time_ns, **texts)
        values = {"test": json.dumps({**old, "failures": 0, "failed_sm": None}), "sms": sms_bytes(SmTable())}
        stored = {"base_tally": "[0,0]", "summary": "[0,[]]", "minutes": "[]", **values}
        changes = ", ".join(f"{name} = :{name}" for name in ("base_tally", "summary", "minutes", "sms"))
        connection.execute(text(f"UPDATE gpus SET deep_test = :test, {changes}"), stored)  # noqa: S608  our own words

    with Database.open(url) as database, database.reading() as connection:
        (known,) = load_gpus(connection)
    assert known.returned_ns == 30
    assert known.deep_test == DeepTest(5, 1, 1000, 30, (0, 1, 2), passes=array("Q", [4, 5, 6]))


def test_of_gpus_of_an_earlier_version_it_is_not_known_which_probes_passed(url):
    with Database.open(url, steps=before("kept")) as database, database.writing() as connection:
        a_gpu_that_changed_at(connection)
        plain = {"base_tally": "[0,0]", "summary": "[0,[]]", "minutes": "[]", "sms": sms_bytes(SmTable())}
        changes = ", ".join(f"{name} = :{name}" for name in plain)
        connection.execute(text(f"UPDATE gpus SET {changes}"), plain)  # noqa: S608  our own words

    with Database.open(url) as database, database.reading() as connection:
        (known,) = load_gpus(connection)
        kept = kept_rows.load(connection)
    assert known.passed == {}
    assert kept == Kept()
