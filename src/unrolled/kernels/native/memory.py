"""Tensors on memory that goes round: what forward keeps is as large at the next step of training.

The C library hands out a block and, when the last tensor on it is gone, gets it back for the next one. Left to
malloc, large blocks return to the system every time, and their page faults cost more than the arithmetic.
"""

from __future__ import annotations

import ctypes
import weakref

import torch
from torch import Tensor

__all__ = ["Memory"]


class Memory:
    """The blocks of one loaded library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._take = library["unrolled_block_take"]
        self._take.argtypes, self._take.restype = (ctypes.c_int64,), ctypes.c_void_p
        self._give = library["unrolled_block_give"]
        self._give.argtypes, self._give.restype = (ctypes.c_void_p,), None

    def floats(self, count: int) -> Tensor:
        """A float32 tensor [count], not cleared, 64-byte aligned.

        Raises:
            MemoryError: there is none.
        """
        address = self._take(4 * count)
        if not address:
            raise MemoryError(f"no memory for the {4 * count} bytes that backward needs")
        block = (ctypes.c_float * count).from_address(address)
        weakref.finalize(block, self._give, address).atexit = False
        return torch.frombuffer(block, dtype=torch.float32)
