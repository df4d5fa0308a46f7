"""What statements are built from is what the migrations make."""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, Float, LargeBinary, MetaData

from gcm_sentinel.storage import schema


def shape(metadata: MetaData) -> dict[str, list[tuple[str, str, bool | None, bool]]]:
    """Each table's columns: name, kind of value, whether it may be NULL, whether it is part of the key."""
    return {
        table.name: [(column.name, kind(column.type), column.nullable, column.primary_key) for column in table.columns]
        for table in metadata.tables.values()
    }


def kind(type_: object) -> str:
    """What a type holds, however the database calls it."""
    names = {BigInteger: "integer", Float: "float", LargeBinary: "bytes"}
    python = getattr(type_, "python_type", object)
    return {int: "integer", float: "float", bytes: "bytes", str: "text"}.get(python, names.get(type(type_), "?"))


async def test_every_table_and_column(database):
    def reflected(connection: Connection) -> MetaData:
        found = MetaData()
        found.reflect(connection, schema=schema.SCHEMA if database.dialect == "postgresql" else None)
        return found

    async with database.reading() as connection:
        made = shape(await connection.run_sync(reflected))

    declared = shape(schema.metadata)
    made.pop("sqlite_sequence", None)
    if database.dialect == "sqlite":  # its TEXT keys may be NULL unless said otherwise; ours are declared as keys
        made = {
            name: [(*column[:2], column[2] and not column[3], column[3]) for column in columns]
            for name, columns in made.items()
        }
    assert made == declared
