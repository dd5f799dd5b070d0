"""Arrays, sparse matrices and adjacency lists out of old pickles, without running what a pickle asks for.

A pickle is a program that names functions to call.  This reader answers a few names, each with a stand-in
of its own that only notes what it was given; any other name ends the reading.  So a changed file can give
wrong numbers (its hash is checked elsewhere) and never do anything.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from unrolled.errors import SourceError

__all__ = ["read_array_pickle", "read_plain_pickle"]

_NUMBERS = {kind + str(size) for kind in "iu" for size in (1, 2, 4, 8)} | {"f4", "f8", "b1"}


class _Kind:
    """numpy's dtype: which numbers, and in which order their bytes are."""

    def __init__(self, name: str, *_: object) -> None:
        if name not in _NUMBERS:
            raise pickle.UnpicklingError(f"an array of {name!r}")
        self.name = name

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.name = ("<" if state[1] == "|" else str(state[1])) + self.name.lstrip("<>")


class _Array:
    """numpy's ndarray: a shape, a kind and bytes."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, by_column, content = state
        if isinstance(content, str):
            content = content.encode("latin-1")
        flat = np.frombuffer(content, dtype=kind.name)
        self.array = flat.reshape(shape, order="F" if by_column else "C").copy()


class _Matrix:
    """scipy's csr_matrix: three arrays and a shape."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.shape = tuple(int(size) for size in state["_shape"])
        self.data, self.indices, self.indptr = (state[name].array for name in ("data", "indices", "indptr"))

    def dense(self) -> np.ndarray[Any, Any]:
        rows, columns = self.shape
        made = np.zeros((rows, columns), dtype=np.float32)
        made[np.repeat(np.arange(rows), np.diff(self.indptr)), self.indices] = self.data
        return made


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _adjacency(*_: object) -> dict[int, list[int]]:
    return {}


def _encode(text: str, _: str) -> bytes:
    return text.encode("latin-1")


_STAND_INS: dict[tuple[str, str], Any] = {
    ("collections", "defaultdict"): _adjacency,
    ("__builtin__", "list"): list,
    ("builtins", "list"): list,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _Kind,
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("scipy.sparse.csr", "csr_matrix"): _Matrix,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _STAND_INS[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it asks for something outside itself")


def read_array_pickle(content: bytes, name: str) -> Any:
    """A numpy array (a sparse matrix made dense, float32) or an adjacency list ``{node: [neighbours]}``.

    Args:
        content: the pickle.
        name: what it is called, for the error.

    Raises:
        SourceError: it holds anything else, or is no whole pickle.
    """
    try:
        found = _Reader(io.BytesIO(content), encoding="latin1").load()
        if isinstance(found, _Matrix):
            return found.dense()
        if isinstance(found, _Array):
            return found.array
    except Exception as error:  # a damaged pickle can raise anything; nothing it names has run
        raise SourceError(f"{name} is not the pickle that was due: {error}") from error
    if not isinstance(found, dict):
        raise SourceError(f"{name} is not the pickle that was due: it holds a {type(found).__name__}")
    return found


def read_plain_pickle(content: bytes, name: str) -> Any:
    """Lists, tuples, dicts, words and numbers of a pickle, with numpy arrays among them.

    Args:
        content: the pickle.
        name: what it is called, for the error.

    Raises:
        SourceError: it asks for anything else, or is no whole pickle.
    """
    try:
        return _plain(_Reader(io.BytesIO(content), encoding="latin1").load())
    except Exception as error:  # a damaged pickle can raise anything; nothing it names has run
        raise SourceError(f"{name} is not the pickle that was due: {error}") from error


def _plain(found: Any) -> Any:
    if isinstance(found, _Array):
        return found.array
    if isinstance(found, _Matrix):
        return found.dense()
    if isinstance(found, list | tuple):
        return type(found)(map(_plain, found))
    if isinstance(found, dict):
        return {key: _plain(value) for key, value in found.items()}
    return found
