"""Cut a module's tensors into the blocks that an equation speaks of, by their shapes.

The doctor builds modules in sizes no two of which, and no small multiples of which, are equal. So a tensor
[4H, I], [I, 4H], [4, H, I], [H, I+H] or [H] says by its shape what it can hold. What stays open (which gate,
whether a square matrix is transposed) is found out by trying: see `recovery`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Block", "cut"]

_MOST = 8


@dataclass(frozen=True, eq=False)
class Block:
    """One matrix or vector inside a tensor.

    Attributes:
        tensor: the name of the tensor that holds it.
        label: how it is called in a sentence.
        kind: "x" a matrix [H,I], "square" one [H,H], "vector" one [H].
        index: where its elements lie in the flattened tensor, int64 [H,I], [H,H] or [H].
        input_first: whether the tensor's own axes put the input before the unit, as x @ W wants it; None
            where the shape does not say.
    """

    tensor: str
    label: str
    kind: str
    index: Tensor
    input_first: bool | None = None

    def of(self, values: Mapping[str, Tensor]) -> Tensor:
        """Its values, out of the tensors' values."""
        return values[self.tensor].reshape(-1)[self.index]

    def transposed(self) -> Block:
        """A square block read the other way round."""
        return Block(self.tensor, self.label, self.kind, self.index.T, self.input_first)


def cut(name: str, tensor: Tensor, I: int, H: int, *, input_last: bool = False) -> tuple[Block, ...]:
    """The blocks of one tensor, none where its shape fits no equation.

    Args:
        name: the tensor's.
        tensor: any shape.
        I: width of what a step reads.
        H: units.
        input_last: in a matrix on [h, x] the part of x comes last; first otherwise.
    """
    index = torch.arange(tensor.numel()).reshape(tensor.shape)
    if tensor.dim() >= 2 and I != 1:
        index = index.squeeze() if 1 in tensor.shape else index
    elif tensor.dim() > 2:
        index = index.squeeze()
    found = _cut(index, I, H, input_last)
    if len(found) == 1:
        kind, where, first = found[0]
        return (Block(name, name, kind, where, first),)
    return tuple(
        Block(name, f"{name}[{n}/{len(found)}]", kind, where, first) for n, (kind, where, first) in enumerate(found, 1)
    )


_Found = list[tuple[str, Tensor, bool | None]]


def _cut(index: Tensor, I: int, H: int, input_last: bool) -> _Found:
    match index.dim():
        case 1:
            return [("vector", part, None) for part in _gates(index, H)]
        case 2:
            return _matrix(index, I, H, input_last)
        case 3:
            return _stack(index, I, H, input_last)
    return []


def _gates(index: Tensor, H: int) -> tuple[Tensor, ...]:
    """Axis 0 cut into gates of H units."""
    n = index.shape[0]
    return torch.split(index, H) if n % H == 0 and 0 < n // H <= _MOST else ()


def _matrix(index: Tensor, I: int, H: int, input_last: bool) -> _Found:
    rows, columns = index.shape
    widths = {I, H, I + H, I + 2 * H, 2 * H if I != H else H}
    if I != 1 and rows in range(1, 5) and columns == H and rows != I:
        return [("vector", row, None) for row in index]
    if rows % H == 0 and rows // H <= _MOST and columns in widths:
        first: bool | None = False
    elif columns % H == 0 and columns // H <= _MOST and rows in widths:
        index, first = index.T, True
    else:
        return []
    square = index.shape == (H, H)
    found: _Found = []
    for part in _gates(index, H):
        for kind, where in _inputs(part, I, H, input_last):
            found.append((kind, where, None if square else first))
    return found


def _inputs(part: Tensor, I: int, H: int, input_last: bool) -> list[tuple[str, Tensor]]:
    """One gate's matrix cut by what its columns multiply."""
    width = part.shape[1]
    if width == I:
        return [("x", part)]
    if width % H == 0:
        return [("square", square) for square in torch.split(part, H, 1)]
    if input_last:
        *squares, x = torch.split(part, [H] * ((width - I) // H) + [I], 1)
    else:
        x, *squares = torch.split(part, [I] + [H] * ((width - I) // H), 1)
    return [("x", x), *(("square", square) for square in squares)]


def _stack(index: Tensor, I: int, H: int, input_last: bool) -> _Found:
    """Gates stacked on an axis of their own."""
    for axis in (0, 2, 1):
        if index.shape[axis] in range(1, 5):
            parts = [_matrix(part, I, H, input_last) for part in index.unbind(axis)]
            if all(parts):
                return [found for part in parts for found in part]
    return []
