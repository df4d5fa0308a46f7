"""The tree is RFC 6962's: known roots, and proofs that convince for every size and never wrongly."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_sdk.ledger.proofs import consistency_proof, inclusion_proof, is_consistent, is_included
from sentinel_sdk.ledger.tree import EMPTY_ROOT, Edge, leaf_hash, node_hash, root_of

KNOWN_LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]
KNOWN_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The test data of Certificate Transparency's own implementation: roots of its first 0 to 8 leaves."""

LEAVES = [leaf_hash(str(n).encode()) for n in range(131)]
SIZE = st.integers(1, 130)
quick = settings(deadline=None)


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(plain_root(leaves[:half]), plain_root(leaves[half:]))


@cache
def range_hash(start: int, end: int) -> bytes:
    """Of our leaves."""
    return plain_root(LEAVES[start:end])


def test_the_known_roots():
    hashes = [leaf_hash(leaf) for leaf in KNOWN_LEAVES]

    assert [root_of(hashes[:size]).hex() for size in range(9)] == KNOWN_ROOTS


def test_roots_of_all_sizes():
    assert [root_of(LEAVES[:size]) for size in range(131)] == [range_hash(0, size) for size in range(131)]


@quick
@given(steps=st.lists(st.integers(0, 40), max_size=12))
def test_a_tree_grown_in_any_steps_has_the_same_root_and_subtrees(steps):
    leaves = [leaf_hash(bytes([n % 256, n // 256])) for n in range(sum(steps))]
    edge, nodes = Edge(), []
    for step in steps:
        nodes += edge.extend(leaves[edge.size : edge.size + step], 2)

    assert (edge.size, edge.root()) == (len(leaves), plain_root(leaves))
    assert {(n.level, n.index) for n in nodes} == {
        (level, index) for level in (2, 4, 6, 8) for index in range(len(leaves) >> level)
    }
    assert all(
        node.hash == plain_root(leaves[node.index << node.level : node.index + 1 << node.level]) for node in nodes
    )


def test_every_leaf_of_every_tree_up_to_130_is_proved():
    roots = [range_hash(0, size) for size in range(131)]

    for size in range(1, 131):
        for index in range(size):
            assert is_included(LEAVES[index], index, size, inclusion_proof(index, size, range_hash), roots[size])
        for first in range(size + 1):
            proof = consistency_proof(first, size, range_hash)
            assert is_consistent(first, size, roots[first], roots[size], proof)


@quick
@given(size=SIZE, data=st.data())
def test_an_inclusion_proof_holds_for_nothing_else(size, data):
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(index, size, range_hash), range_hash(0, size)
    other = data.draw(st.integers(-1, 140).filter(lambda number: number != index))

    assert not is_included(LEAVES[index], other, size, proof, root)
    assert not is_included(LEAVES[130], index, size, proof, root)
    assert not is_included(LEAVES[index], index, size, [*proof, root], root)
    assert not is_included(LEAVES[index], index, size, proof[:-1], root) or not proof
    assert not is_included(LEAVES[index], index, 0, proof, root)


@quick
@given(size=st.integers(2, 130), data=st.data())
def test_a_proof_with_any_bit_flipped_fails(size, data):
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size - 1))
    inclusion, consistency = inclusion_proof(index, size, range_hash), consistency_proof(first, size, range_hash)
    byte, bit = data.draw(st.integers(0, 31)), data.draw(st.integers(0, 7))
    root, first_root = range_hash(0, size), range_hash(0, first)

    for place in range(len(inclusion)):
        assert not is_included(LEAVES[index], index, size, flipped(inclusion, place, byte, bit), root)
    for place in range(len(consistency)):
        assert not is_consistent(first, size, first_root, root, flipped(consistency, place, byte, bit))
    assert not is_consistent(first, size, first_root, flipped([root], 0, byte, bit)[0], consistency)
    assert not is_consistent(first, size, flipped([first_root], 0, byte, bit)[0], root, consistency)


@quick
@given(size=st.integers(2, 130), data=st.data())
def test_a_consistency_proof_holds_for_no_other_sizes(size, data):
    first = data.draw(st.integers(1, size - 1))
    proof, root, first_root = consistency_proof(first, size, range_hash), range_hash(0, size), range_hash(0, first)
    other = data.draw(st.integers(-1, 140).filter(lambda number: number not in (first, size)))

    assert not is_consistent(other, size, first_root, root, proof)
    assert not is_consistent(first, size, first_root, root, [*proof, root])
    assert not is_consistent(first, size, first_root, root, proof[:-1])
    assert not is_consistent(size, first, root, first_root, proof)


@settings(max_examples=20, deadline=None)
@given(size=st.integers(200, 5000), data=st.data())
def test_larger_trees(size, data):
    leaves = [leaf_hash(n.to_bytes(2)) for n in range(size)]
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))

    def of(start: int, end: int) -> bytes:
        return root_of(leaves[start:end])

    assert is_included(leaves[index], index, size, inclusion_proof(index, size, of), of(0, size))
    assert is_consistent(first, size, of(0, first), of(0, size), consistency_proof(first, size, of))


def flipped(proof: list[bytes], place: int, byte: int, bit: int) -> list[bytes]:
    """The proof with one bit turned over."""
    changed = bytearray(proof[place])
    changed[byte] ^= 1 << bit
    return [*proof[:place], bytes(changed), *proof[place + 1 :]]
