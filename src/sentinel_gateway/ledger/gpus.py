"""The GPUs that entries are about, each identity stored once; entries name them by a number.

A row here is part of every entry that names it: its fields are in their hashes, so changing it breaks them all. The
hashed part of each GPU is kept ready, which is what makes appending and verifying quick.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, text

from sentinel_gateway.domain.errors import Invalid
from sentinel_sdk.ledger.encoding import NO_GPU, gpu_part, gpu_part_of_bytes
from sentinel_sdk.ledger.entry import EntryGpu

_FIELDS = "gpu_key, uuid, hostname, device_index, model, driver_version, firmware_version"
_ALL = text(f"SELECT {_FIELDS} FROM ledger_gpus")  # noqa: S608 - our own column names
_INSERT = text(f"""
    INSERT INTO ledger_gpus ({_FIELDS})
    VALUES (:gpu_key, :uuid, :hostname, :device_index, :model, :driver_version, :firmware_version)
""")  # noqa: S608 - ditto
_TEXTS = ("uuid", "hostname", "model", "driver_version", "firmware_version")
_TEXT_LIMIT = 1024
_UINT32 = 1 << 32


class Gpus:
    """Numbers and hashed parts of all GPUs known so far; new ones become known when they are committed."""

    def __init__(self) -> None:
        self._known: dict[EntryGpu, tuple[int, bytes]] = {}
        self._new: dict[EntryGpu, tuple[int, bytes]] = {}
        self._retired: dict[EntryGpu, tuple[int, bytes]] = {}
        self._next_key = 1

    def load(self, connection: Connection) -> None:
        """Take what the database has instead of what was known."""
        self._new.clear()
        self._known = {gpu: (key, gpu_part(gpu)) for key, gpu in stored_gpus(connection)}
        self._next_key = max((key for key, _ in self._known.values()), default=0) + 1

    def numbered(self, connection: Connection, gpus: Iterable[EntryGpu]) -> None:
        """Give a number to those that have none, and store them.

        Raises:
            Invalid: a field that cannot be stored.
        """
        fresh = {_checked(gpu): None for gpu in gpus if gpu not in self._known and gpu not in self._new}
        if not fresh:
            return
        rows = []
        for gpu in fresh:
            key = self._next_key
            self._new[gpu] = key, gpu_part(gpu)
            self._next_key += 1
            rows.append(_row(key, gpu))
        connection.execute(_INSERT, rows)

    def of(self, gpu: EntryGpu) -> tuple[int, bytes]:
        """Number and hashed part of one that `numbered` has seen."""
        return self._known.get(gpu) or self._new[gpu]

    def retire(self, keys: Collection[int]) -> None:
        """Forget GPUs whose rows were deleted."""
        gone = {gpu: known for gpu, known in self._known.items() if known[0] in keys}
        self._retired |= gone
        for gpu in gone:
            del self._known[gpu]

    def committed(self) -> None:
        """What is new stays, what was retired is gone."""
        self._retired.clear()
        self._known.update(self._new)
        self._new.clear()

    def rolled_back(self) -> None:
        """What is new was not stored, and nothing was deleted."""
        self._known |= self._retired
        self._retired.clear()
        self._new.clear()


def stored_gpus(connection: Connection) -> Iterable[tuple[int, EntryGpu]]:
    """Every GPU in the database with its number."""
    for row in connection.execute(_ALL):
        key, *fields = row
        yield key, EntryGpu(*fields)


def stored_parts(connection: Connection) -> dict[int | None, bytes]:
    """The hashed part of every GPU by its number, from the bytes as they are stored; damaged ones are left out."""
    as_bytes = "CAST({} AS BLOB)" if connection.dialect.name == "sqlite" else "convert_to({}, 'UTF8')"
    columns = ", ".join(as_bytes.format(name) for name in _TEXTS)
    parts: dict[int | None, bytes] = {None: NO_GPU}
    for row in connection.execute(text(f"SELECT gpu_key, device_index, {columns} FROM ledger_gpus")):  # noqa: S608 - ours
        key, device_index, *texts = row
        try:
            parts[key] = gpu_part_of_bytes(device_index, *(bytes(value) for value in texts))
        except (struct.error, TypeError):
            continue  # entries that name it cannot be hashed then, and are told to be changed
    return parts


def _row(key: int, gpu: EntryGpu) -> dict[str, object]:
    return {
        "gpu_key": key,
        "uuid": gpu.uuid,
        "hostname": gpu.hostname,
        "device_index": gpu.device_index,
        "model": gpu.model,
        "driver_version": gpu.driver_version,
        "firmware_version": gpu.firmware_version,
    }


def _checked(gpu: EntryGpu) -> EntryGpu:
    if not 0 <= gpu.device_index < _UINT32:
        raise Invalid(f"gpu.device_index must be from 0 to 4294967295, not {gpu.device_index}")
    for name in _TEXTS:
        value: str = getattr(gpu, name)
        if len(value) > _TEXT_LIMIT or "\x00" in value:
            raise Invalid(f"gpu.{name} has at most {_TEXT_LIMIT} characters and none of them is NUL: {value[:60]!r}")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Invalid(f"gpu.{name} is not Unicode text: {value[:60]!r}") from error
    return gpu
