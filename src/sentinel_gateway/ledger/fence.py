"""Who may extend the ledger: whoever opened it last, asked inside every transaction that appends.

The writer's lock gives a second gateway a clear answer; this gives safety where the lock cannot, for instance when a
network was cut and the server gave the lock away while the first holder went on. The row is locked by the question, so
two transactions that append cannot run side by side.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from sentinel_gateway.domain.errors import BadConfiguration

_TAKE = text("UPDATE ledger_writer SET epoch = epoch + 1 WHERE only_row = 1 RETURNING epoch")
_HOLD = text("UPDATE ledger_writer SET epoch = epoch WHERE only_row = 1 AND epoch = :epoch")


def take_over(connection: Connection) -> int:
    """Become the writer; the answer is this writer's number.

    Raises:
        BadConfiguration: the row for it is gone.
    """
    epoch = connection.execute(_TAKE).scalar()
    if epoch is None:
        raise BadConfiguration("the ledger's table of its writer is empty: restore a backup")
    return int(epoch)


def still_writer(connection: Connection, epoch: int) -> None:
    """Make sure that nobody took over since.

    Raises:
        BadConfiguration: somebody did.
    """
    if connection.execute(_HOLD, {"epoch": epoch}).rowcount != 1:
        raise BadConfiguration(
            "another gateway has taken this ledger over: this one appends nothing more; stop one of the two"
        )
