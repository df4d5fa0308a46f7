"""A few one-bit cells with every single fault of the classic models: what share of them a march test finds.

For choosing tests and for checking that an order of accesses keeps what the test promises. All faults of a model are
simulated side by side, one row of cells each; a fault counts as found when any read gives what the test does not
expect. Models as in van de Goor, "Testing Semiconductor Memories" (1991), and Hamdioui et al. (2002).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from sentinel_node.probes.memory_march import MarchTest, Operation, Order

Bits = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.intp]
Access = tuple[Operation, int]
"""An operation, and the cell it is done on."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Every fault of one model: row r has victim v[r], and what else the model needs."""

    v: Indices
    a: Indices
    """The aggressor, or the other cell; the victim itself for faults of one cell."""
    x: Bits
    y: Bits


Write = Callable[[Faults, Bits, int, int], None]
"""(faults, cells, address, value): one write in every row."""
Read = Callable[[Faults, Bits, int], Bits]
"""(faults, cells, address): what it gives in every row."""


@dataclass(frozen=True, slots=True)
class Model:
    """One kind of fault."""

    name: str
    variants: tuple[tuple[int, int], ...]
    """Values of x and y."""
    write: Write
    read: Read

    @property
    def needs_pair(self) -> bool:
        """Whether a second cell takes part."""
        return self.name in _PAIRS

    def faults(self, cells: int) -> Faults:
        """All of them among so many cells."""
        pairs = [(v, a) for v in range(cells) for a in range(cells) if (v != a) == self.needs_pair]
        rows = [(*pair, *variant) for pair, variant in product(pairs, self.variants)]
        v, a, x, y = (np.array(column) for column in zip(*rows, strict=True))
        return Faults(v, a, x.astype(np.uint8), y.astype(np.uint8))


def found_share(model: Model, accesses: Iterable[Access], cells: int, seed: int = 0) -> float:
    """The share of a model's faults that a sequence of accesses finds, from random content."""
    faults = model.faults(cells)
    state = np.random.default_rng(seed).integers(0, 2, (faults.v.size, cells), dtype=np.uint8)
    found = np.zeros(faults.v.size, dtype=bool)
    for operation, address in accesses:
        if operation.is_read:
            found |= model.read(faults, state, address) != operation.value
        else:
            model.write(faults, state, address, operation.value)
    return float(found.mean())


def in_order(test: MarchTest, cells: int) -> Iterator[Access]:
    """As the test is defined: cell by cell."""
    for element in test.elements:
        for cell in range(cells) if element.order is Order.UP else reversed(range(cells)):
            yield from ((operation, cell) for operation in element.operations)


def without_order(test: MarchTest, cells: int, seed: int = 1) -> Iterator[Access]:
    """As a parallel kernel does it: an element's cells in any order."""
    random = np.random.default_rng(seed)
    for element in test.elements:
        for cell in random.permutation(cells).tolist():
            yield from ((operation, cell) for operation in element.operations)


def by_groups(test: MarchTest, cells: int, width: int, shift: int, seed: int = 1) -> Iterator[Access]:
    """As `memory_plan` does it: group by group in order, each operation over a whole group, its cells in any order."""
    random = np.random.default_rng(seed)
    for element in test.elements:
        groups = range(1 << width)
        for group in groups if element.order is Order.UP else reversed(groups):
            members = [cell for cell in range(cells) if (cell >> shift) % (1 << width) == group]
            for operation in element.operations:
                yield from ((operation, cell) for cell in random.permutation(members).tolist())


def _plain_write(faults: Faults, cells: Bits, address: int, value: int) -> None:
    del faults
    cells[:, address] = value


def _plain_read(faults: Faults, cells: Bits, address: int) -> Bits:
    del faults
    return cells[:, address].copy()


def _write_stuck(faults: Faults, cells: Bits, address: int, value: int) -> None:
    cells[:, address] = np.where(faults.v == address, faults.x, value)


def _read_stuck(faults: Faults, cells: Bits, address: int) -> Bits:
    return np.where(faults.v == address, faults.x, cells[:, address])


def _write_transition(faults: Faults, cells: Bits, address: int, value: int) -> None:
    fails = (faults.v == address) & (faults.x == value)
    cells[:, address] = np.where(fails, cells[:, address], value)


def _write_disturbing(faults: Faults, cells: Bits, address: int, value: int) -> None:
    flips = (faults.v == address) & (faults.x == value) & (cells[:, address] == value)
    cells[:, address] = np.where(flips, 1 - value, value)


def _read_destructive(faults: Faults, cells: Bits, address: int) -> Bits:
    flips = (faults.v == address) & (faults.x == cells[:, address])
    cells[:, address] ^= flips
    return cells[:, address].copy()


def _read_deceptive(faults: Faults, cells: Bits, address: int) -> Bits:
    value = cells[:, address].copy()
    cells[:, address] ^= (faults.v == address) & (faults.x == value)
    return value


def _changes(faults: Faults, cells: Bits, address: int, value: int) -> Indices:
    """Rows whose aggressor changes to y by this write."""
    return np.flatnonzero((faults.a == address) & (faults.y == value) & (cells[:, address] != value))


def _write_inverting(faults: Faults, cells: Bits, address: int, value: int) -> None:
    rows = _changes(faults, cells, address, value)
    cells[:, address] = value
    cells[rows, faults.v[rows]] ^= 1


def _write_idempotent(faults: Faults, cells: Bits, address: int, value: int) -> None:
    rows = _changes(faults, cells, address, value)
    cells[:, address] = value
    cells[rows, faults.v[rows]] = faults.x[rows]


def _hold_state(faults: Faults, cells: Bits) -> None:
    rows = np.flatnonzero(cells[np.arange(len(cells)), faults.a] == faults.y)
    cells[rows, faults.v[rows]] = faults.x[rows]


def _write_state(faults: Faults, cells: Bits, address: int, value: int) -> None:
    cells[:, address] = value
    _hold_state(faults, cells)


def _read_state(faults: Faults, cells: Bits, address: int) -> Bits:
    _hold_state(faults, cells)
    return cells[:, address].copy()


_NONE, _OTHER, _BOTH = 0, 1, 2


def _write_decoder(faults: Faults, cells: Bits, address: int, value: int) -> None:
    mine = faults.v == address
    cells[:, address] = np.where(mine & (faults.y != _BOTH), cells[:, address], value)
    rows = np.flatnonzero(mine & (faults.y != _NONE))
    cells[rows, faults.a[rows]] = value


def _read_decoder(faults: Faults, cells: Bits, address: int) -> Bits:
    own, other = cells[:, address], cells[np.arange(len(cells)), faults.a]
    both = np.where(faults.x == 1, own | other, own & other)
    reached = np.choose(faults.y, (faults.x, other, both))
    return np.where(faults.v == address, reached, own)


_PAIRS = frozenset({"AF", "CFin", "CFid", "CFst"})
_ONE_VALUE = ((0, 0), (1, 0))
_EVERY = ((0, 0), (0, 1), (1, 0), (1, 1))

MODELS = (
    Model("SAF", _ONE_VALUE, _write_stuck, _read_stuck),
    Model("TF", _ONE_VALUE, _write_transition, _plain_read),
    Model("AF", ((0, _NONE), (1, _NONE), (0, _OTHER), (0, _BOTH), (1, _BOTH)), _write_decoder, _read_decoder),
    Model("CFin", ((0, 0), (0, 1)), _write_inverting, _plain_read),
    Model("CFid", _EVERY, _write_idempotent, _plain_read),
    Model("CFst", _EVERY, _write_state, _read_state),
    Model("RDF", _ONE_VALUE, _plain_write, _read_destructive),
    Model("DRDF", _ONE_VALUE, _plain_write, _read_deceptive),
    Model("WDF", _ONE_VALUE, _write_disturbing, _plain_read),
)
"""Stuck-at, transition, address decoder; coupling: inversion, idempotent, state; destructive reads, deceptive or not;
disturbing writes."""
