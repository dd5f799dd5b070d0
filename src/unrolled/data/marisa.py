r"""The keys of a MARISA trie file, all at once: a level of the tree is a few array operations.

A file is the 16 bytes ``We love Marisa.\0`` and a trie, little-endian, every array padded to 8 bytes:

    trie     louds bits · terminal bits · link bits · bases u8[n] · extras packed · tail · (next trie) · cache · 2×u32
    bits     u64 bytes, words · u32 size · u32 ones · three indices for random access (not needed here)
    packed   u64 bytes, words · u32 width · u32 mask · u64 size
    tail     u64 bytes, characters · bits: where each string ends (or none, and 0 ends it)

Nodes are numbered level by level (LOUDS): ``1`` for each child and ``0`` after the last, so the k-th one at place p is
node k and its parent is p - k - 1. The edge into a node carries one byte, ``bases[k]``, or, where the link bit is set,
a string: number ``bases[k] + 256·extras[rank(k)]`` of the next trie, read from that node *up* to its root, or, where
there is no next trie, the tail from that place on. Keys end at the nodes with a terminal bit.

The format is S. Yata's (marisa-trie 0.2 and 0.3); nothing is random access here, and nothing but numpy is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from unrolled.errors import InputError

__all__ = ["Keys", "read_marisa"]

Array = np.ndarray[Any, Any]

_MAGIC: Final = b"We love Marisa.\0"
_LONGEST: Final = 4096  # bytes of a key: more is no key but a broken file


@dataclass(frozen=True, eq=False)
class Keys:
    """Strings of bytes in one block.

    Attributes:
        characters: ``[n, longest]`` uint8, zeros behind each string's end.
        lengths: ``[n]`` int64.
    """

    characters: Array
    lengths: Array

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, place: int) -> bytes:
        return bytes(self.characters[place, : self.lengths[place]])


@dataclass(frozen=True, eq=False)
class _Trie:
    """A trie as its file has it, bits as numbers of the places that are set."""

    parent: Array
    terminal: Array
    linked: Array
    bases: Array
    extras: Array
    tail: Array
    ends: Array
    following: _Trie | None


def read_marisa(content: bytes) -> Keys:
    """All keys of a trie, in the order of its nodes (shorter paths first), not in alphabetical order.

    Memory is the keys', the nodes' numbers and the widest two levels of the tree.

    Args:
        content: of a file that marisa-trie wrote.

    Raises:
        InputError: it is none, or it is cut off or broken.
    """
    if content[: len(_MAGIC)] != _MAGIC:
        raise InputError(f"no MARISA trie: it begins with {content[:16]!r}, not with {_MAGIC!r}")
    try:
        return _strings(_trie(_Cursor(content, len(_MAGIC))), upwards=False)
    except (ValueError, IndexError, OverflowError) as error:
        raise InputError(
            f"a MARISA trie that is cut off or broken ({error}); the file as it was written would do"
        ) from None


# ── what the file holds ──────────────────────────────────────────────────────────────────────────────────


class _Cursor:
    """Where in the file the next thing stands."""

    def __init__(self, content: bytes, place: int) -> None:
        self._content = content
        self._place = place

    def number(self, kind: str) -> int:
        """One number of a numpy type."""
        return int(self._take(np.dtype(kind).itemsize, kind)[0])

    def array(self, kind: str) -> Array:
        """An array with its size before it, and what fills it up to 8 bytes."""
        size = self.number("<u8")
        found = self._take(size, kind)
        self._place += -size % 8
        return found

    def bits(self) -> Array:
        """The places of the bits that are set, ascending."""
        words = self.array("<u8")
        size, ones = self.number("<u4"), self.number("<u4")
        for kind in ("u1", "<u4", "<u4"):
            self.array(kind)
        found = np.flatnonzero(np.unpackbits(words.view("u1"), bitorder="little")[:size])
        if found.size != ones:
            raise ValueError(f"{found.size} bits are set where {ones} were announced")
        return found

    def packed(self) -> Array:
        """Numbers of so many bits each, side by side."""
        words = np.append(self.array("<u8"), np.uint64(0))
        width, _mask, count = self.number("<u4"), self.number("<u4"), self.number("<u8")
        if width > 32 or count * width > 64 * (words.size - 1) or count > 8 * len(self._content):
            raise ValueError(f"{count} numbers of {width} bits in {words.size - 1} words")
        if width == 0:
            return np.zeros(count, dtype=np.int64)
        place = np.arange(count, dtype=np.int64) * width
        word, shift = place >> 6, (place & 63).astype(np.uint64)
        low = words[word] >> shift
        high = words[word + 1] << ((np.uint64(64) - shift) & np.uint64(63))
        value: Array = np.where(shift > 64 - width, low | high, low) & np.uint64((1 << width) - 1)
        return value.astype(np.int64)

    def _take(self, size: int, kind: str) -> Array:
        if size > len(self._content) - self._place:
            raise ValueError(f"{size} bytes were due at byte {self._place} of {len(self._content)}")
        count, rest = divmod(size, np.dtype(kind).itemsize)
        if rest:
            raise ValueError(f"{size} bytes are no whole number of {kind}")
        found = np.frombuffer(self._content, kind, count, self._place)
        self._place += size
        return found


def _trie(file: _Cursor) -> _Trie:
    ones, terminal, linked = file.bits(), file.bits(), file.bits()
    bases, extras = file.array("u1"), file.packed()
    tail, ends = file.array("u1"), file.bits()
    following = _trie(file) if linked.size and not tail.size else None
    file.array("u1")  # the cache
    file.number("<u4")
    file.number("<u4")
    parent = ones - np.arange(ones.size) - 1
    if ones.size != bases.size or linked.size != extras.size or np.any(parent[1:] >= np.arange(1, ones.size)):
        raise ValueError(
            f"{ones.size} nodes, {bases.size} bytes, {linked.size} links and {extras.size} numbers of links"
        )
    if np.any(parent[1:] < 0) or np.any(np.diff(parent) < 0):
        raise ValueError("nodes are not in the order of their parents")
    return _Trie(parent, terminal, linked, bases, extras, tail, ends, following)


# ── strings ──────────────────────────────────────────────────────────────────────────────────────────────


def _strings(trie: _Trie, *, upwards: bool) -> Keys:
    """The strings from the root down to the terminal nodes, or from every node up to the root.

    Going up is going down with every edge's string turned round, and turning round what comes out.
    """
    labels, label_of = _labels(trie)
    if upwards:
        labels = _turned(labels)
    label_lengths = np.ones(trie.bases.size, dtype=np.int64)
    label_lengths[0] = 0
    label_lengths[trie.linked] = labels.lengths[label_of]
    levels = _levels(trie.parent)
    lengths = np.zeros(trie.bases.size, dtype=np.int64)
    for first, last in levels[1:]:
        lengths[first:last] = lengths[trie.parent[first:last]] + label_lengths[first:last]
    wanted = np.arange(trie.bases.size) if upwards else trie.terminal
    longest = int(lengths.max(initial=0))
    if longest > _LONGEST:
        raise ValueError(f"a key of {longest} bytes")
    found = np.zeros((wanted.size, longest), dtype=np.uint8)
    level = np.zeros((1, longest), dtype=np.uint8)
    above = 0
    for first, last in levels:
        if first > 0:
            level = level[trie.parent[first:last] - above]
            before = lengths[first:last] - label_lengths[first:last]
            level[np.arange(last - first), before] = trie.bases[first:last]
            here = slice(*np.searchsorted(trie.linked, (first, last)))
            node = trie.linked[here] - first
            for place in range(int(labels.lengths[label_of[here]].max(initial=0))):
                long = labels.lengths[label_of[here]] > place
                level[node[long], before[node[long]] + place] = labels.characters[label_of[here][long], place]
            above = first
        share = slice(*np.searchsorted(wanted, (first, last)))
        found[share] = level[wanted[share] - first]
    keys = Keys(found, lengths[wanted])
    return _turned(keys) if upwards else keys


def _labels(trie: _Trie) -> tuple[Keys, Array]:
    """Strings, and which of them is on the edge into each linked node."""
    number = trie.bases[trie.linked] + 256 * trie.extras
    if trie.following is not None:
        return _strings(trie.following, upwards=True), number
    ends = trie.ends if trie.ends.size else np.flatnonzero(trie.tail == 0) - 1
    lengths = ends[np.searchsorted(ends, number)] - number + 1
    place = number[:, None] + np.arange(int(lengths.max(initial=0)))
    characters = trie.tail[np.minimum(place, trie.tail.size - 1)] if trie.tail.size else place.astype(np.uint8)
    return Keys(characters, lengths), np.arange(number.size)


def _levels(parent: Array) -> list[tuple[int, int]]:
    """The first node of each level and the one after its last."""
    levels = [(0, 1)]
    while levels[-1][1] < parent.size:
        last = levels[-1][1]
        levels.append((last, int(np.searchsorted(parent, last))))
        if levels[-1][1] <= last:
            raise ValueError(f"node {last} has no parent above it")
    return levels


def _turned(keys: Keys) -> Keys:
    """Every string from its end to its beginning."""
    place = keys.lengths[:, None] - 1 - np.arange(keys.characters.shape[1])
    turned = np.take_along_axis(keys.characters, np.maximum(place, 0), 1)
    turned[place < 0] = 0
    return Keys(turned, keys.lengths)
