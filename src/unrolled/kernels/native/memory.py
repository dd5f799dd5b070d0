"""Tensors on memory that goes round: what one step of training needs is as large at the next.

The C library hands out a block and, when the last tensor on it is gone, gets it back for the next one. Left to
malloc, large blocks return to the system every time, and their page faults cost more than the arithmetic.
"""

from __future__ import annotations

import ctypes
import math
import weakref

import torch
from torch import Tensor

__all__ = ["Memory"]

LARGE = 1 << 17
"""Floats: half a MiB. What is smaller stays with malloc from one step to the next."""


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

    def tensor(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """A tensor of this shape, not cleared: from here if it is large, else from torch.

        Raises:
            MemoryError: there is no memory for it.
        """
        count = math.prod(shape)
        if count < LARGE:
            return torch.empty(shape, dtype=dtype, device="cpu")
        if dtype == torch.float32:
            return self.floats(count).view(shape)
        floats = self.floats(-(-count * dtype.itemsize // 4))
        return floats.view(dtype)[:count].view(shape)
