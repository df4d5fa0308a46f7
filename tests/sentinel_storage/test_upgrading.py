"""What stands in a database when a step comes is as the step says afterwards."""

from __future__ import annotations

from sqlalchemy import Connection, text

from sentinel_gateway.domain.trust import Edge, Pair
from sentinel_gateway.storage.database import Database
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
