"""Products with a sparse matrix, forward and backward, through a transpose that is made once.

    y[i,:] = Σ_{e: j→i} v[e] · x[j,:]            product(pattern, v, x)
    u[e]   = ⟨g[i,:], x[j,:]⟩   for e: j→i        sample(pattern, g, x)

The two are each other's derivatives: ∂product/∂x is a product with the transpose, ∂product/∂v is a sample,
and a sample's derivatives are products.  So backward, double backward and every order after it use the same
two kernels and never a gathered ``[E, F]`` tensor.

Shapes: v ``[E]`` or ``[K, E]`` (K heads, one matrix each), x ``[N, F]`` or ``[K, N, F]``; E counts the
pattern's entries in its own order (by row).  A product runs in the native library or in MKL, see
`native_is_faster`; float64 in MKL, float16 and samples in torch's own kernels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.kernels import modes, native
from unrolled.kernels.native import graph_product
from unrolled.kernels.recurrent import asked_path

__all__ = [
    *("End", "Operator", "Pattern", "block_diagonal", "matrix", "multiply"),
    "multiply_into",
    *("native_is_faster", "product", "sample"),
]

_INT32_LIMIT = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Pattern:
    """Where a sparse matrix has entries: compressed rows, any number of entries at one place.

    Args:
        pointer: ``[rows + 1]``; row i owns entries ``pointer[i]`` up to ``pointer[i + 1]``.
        index: ``[E]``, the column of each entry.
        order: ``[E]``, which edge each entry came from.
        columns: how many columns there are.
    """

    pointer: Tensor
    index: Tensor
    order: Tensor
    columns: int

    @classmethod
    def from_edges(cls, row: Tensor, column: Tensor, rows: int, columns: int) -> Pattern:
        """The pattern with one entry a pair; entries of one row stay in the order given."""
        small = max(rows, columns, row.numel()) <= _INT32_LIMIT
        integer = torch.int32 if small else torch.int64
        pointer = torch.zeros(rows + 1, dtype=integer, device=row.device)
        torch.cumsum(torch.bincount(row, minlength=rows), 0, dtype=integer, out=pointer[1:])
        order = _stable_order(row)
        return cls(pointer, column.index_select(0, order).to(integer), order.to(integer), columns)

    @classmethod
    def block_diagonal(cls, blocks: Sequence[Pattern]) -> Pattern:
        """The patterns down the diagonal of one; nothing is sorted, and the transpose is made of theirs."""
        joined = _joined(blocks)
        joined.__dict__["transposed"] = _joined([block.transposed for block in blocks])
        return joined

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.pointer.numel() - 1

    @property
    def entries(self) -> int:
        """How many entries there are (E)."""
        return self.index.numel()

    @cached_property
    @modes.lasting
    def row(self) -> Tensor:
        """``[E]``, the row of each entry."""
        counts = self.pointer.diff()
        numbers = torch.arange(self.rows, dtype=self.index.dtype, device=self.index.device)
        return numbers.repeat_interleave(counts, output_size=self.entries)

    @cached_property
    @modes.lasting
    def transposed(self) -> Pattern:
        """The transpose; its ``order`` says which entry of this pattern each of its entries is."""
        return Pattern.from_edges(self.index.long(), self.row, self.columns, self.rows)

    @cached_property
    @modes.lasting
    def row_end(self) -> End:
        """The rows as one end of the entries: collecting runs straight through them."""
        numbers = torch.arange(self.entries, dtype=self.index.dtype, device=self.index.device)
        return End(self.row, Pattern(self.pointer, numbers, numbers, self.entries))

    @cached_property
    @modes.lasting
    def column_end(self) -> End:
        """The columns as the other end; collecting runs along the transpose's rows."""
        turned = self.transposed
        return End(self.index, Pattern(turned.pointer, turned.order, turned.order, self.entries))

    @cached_property
    @modes.lasting
    def ones(self) -> Tensor:
        """``[E]`` ones in float32, the values of a plain sum."""
        return torch.ones(self.entries, device=self.index.device)

    def forget(self) -> None:
        """Let go of what making an operator needs and using it does not; it is made again when it is asked for."""
        for name in ("row", "row_end", "column_end", "ones"):
            self.__dict__.pop(name, None)

    def to(self, device: torch.device | str) -> Pattern:
        """The same pattern on another device."""
        return Pattern(self.pointer.to(device), self.index.to(device), self.order.to(device), self.columns)


def _joined(blocks: Sequence[Pattern]) -> Pattern:
    """The blocks down the diagonal: every number moves on by what comes before its block."""
    entries = [block.entries for block in blocks]
    columns = sum(block.columns for block in blocks)
    rows = sum(block.rows for block in blocks)
    device = blocks[0].index.device
    integer = torch.int32 if max(rows, columns, sum(entries)) <= _INT32_LIMIT else torch.int64
    first_entry = _starts(entries, device)
    sizes = torch.tensor(entries, device=device)

    def moved(parts: list[Tensor], starts: Tensor) -> Tensor:
        return torch.cat(parts).to(integer) + starts.repeat_interleave(sizes, output_size=sum(entries)).to(integer)

    row_sizes = torch.tensor([block.rows for block in blocks], device=device)
    ends = torch.cat([block.pointer[1:] for block in blocks]).to(integer)
    pointer = torch.zeros(rows + 1, dtype=integer, device=device)
    pointer[1:] = ends + first_entry.repeat_interleave(row_sizes, output_size=rows).to(integer)
    index = moved([block.index for block in blocks], _starts([block.columns for block in blocks], device))
    return Pattern(pointer, index, moved([block.order for block in blocks], first_entry), columns)


def _starts(sizes: list[int], device: torch.device) -> Tensor:
    """Where each part begins."""
    ends = torch.tensor(sizes, device=device)
    return torch.cumsum(ends, 0) - ends


@dataclass(frozen=True, eq=False)
class End:
    """One end of a pattern's entries: ``index[e]`` is entry e's node, ``collector`` holds each node's
    entries.
    """

    index: Tensor
    collector: Pattern


def _stable_order(key: Tensor) -> Tensor:
    """``argsort(key, stable=True)`` of numbers ≥ 0, several times faster on a CPU: one sort of packed
    words.
    """
    count = key.numel()
    if count < 2 or bool((key[1:] >= key[:-1]).all()):
        return torch.arange(count, device=key.device)
    bits = max(count - 1, 1).bit_length()
    if key.device.type != "cpu" or int(key.max()).bit_length() + bits > 63:
        return torch.argsort(key, stable=True)
    packed = (key.numpy() << bits) | np.arange(count, dtype=np.int64)
    packed.sort()
    packed &= (1 << bits) - 1
    return torch.from_numpy(packed)


def matrix(pattern: Pattern, values: Tensor) -> Tensor:
    """Torch's own compressed-row matrix over our tensors; nothing is copied or checked."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            pattern.pointer, pattern.index, values, (pattern.rows, pattern.columns), check_invariants=False
        )


def native_is_faster(x: Tensor) -> bool:
    """Whether our product beats torch's: from 16 features on, and always in bfloat16.

    Our time over that of torch (MKL; its own kernel in bfloat16), one thread, CPU time, degree 10 to 16:

        nodes        F = 1     4      8     16     32     64    256    bfloat16, F = 64
        1 000         1.4    1.3    1.1    .85    .64    .49    .46
        10 000        1.9    1.7    1.2    .81    .44    .60    .60    .37
        200 000       1.3     .9    .65    .42    .45    .44

    MKL wins where a row is shorter than a vector, because it takes several entries at once.
    """
    return x.shape[-1] >= FEW_FEATURES or x.dtype == torch.bfloat16


FEW_FEATURES = 16


def multiply(pattern: Pattern, values: Tensor, x: Tensor) -> Tensor:
    """One matrix: values ``[E]``, x ``[columns, F]`` → ``[rows, F]``, or the same with a batch before it."""
    if pattern.entries == 0 or x.numel() == 0:
        return x.new_zeros(*x.shape[:-2], pattern.rows, x.shape[-1])
    if native_is_faster(x) and graph_product.takes(pattern, values, x):
        choice = asked_path()
        library = None if choice in ("torch", "reference") else native.loaded(choice)
        if library is not None:
            return graph_product.product(library, pattern, values, x)
    if x.dim() == 3:
        y = multiply(pattern, values, _side_by_side(x))
        return y.reshape(pattern.rows, x.shape[0], x.shape[2]).transpose(0, 1)
    if x.dtype in (torch.float32, torch.float64) or x.device.type != "cpu":
        return torch.mm(matrix(pattern, values), x)
    summed: Tensor = torch.sparse.mm(matrix(pattern, values), x, "sum")
    return summed


def multiply_into(
    y: Tensor,
    pattern: Pattern,
    values: Tensor,
    x: Tensor,
    *,
    scale: float = 1.0,
    add: Tensor | None = None,
    add_scale: float = 1.0,
) -> None:
    """``y = scale · S x + add_scale · add`` for [B,N,F] that may lie in larger buffers, add in y's place too."""
    if native_is_faster(x) and graph_product.takes(pattern, values, x) and pattern.entries > 0:
        choice = asked_path()
        library = None if choice in ("torch", "reference") else native.loaded(choice)
        if library is not None:
            graph_product.product_into(library, y, pattern, values, x, scale, add, add_scale)
            return
    found = multiply(pattern, values, x)
    found = found if scale == 1.0 else found * scale
    torch.add(found, add, alpha=add_scale, out=y) if add is not None else y.copy_(found)


def _side_by_side(x: Tensor) -> Tensor:
    """``[B, N, F] → [N, B·F]``."""
    return x.transpose(0, 1).reshape(x.shape[1], x.shape[0] * x.shape[2])


def _inner(pattern: Pattern, g: Tensor, x: Tensor) -> Tensor:
    """One matrix: g ``[rows, F]``, x ``[columns, F]`` → ``[E]``."""
    if pattern.entries == 0 or x.shape[1] == 0:
        return x.new_zeros(pattern.entries)
    if x.dtype not in (torch.float32, torch.float64):
        return _inner(pattern, g.float(), x.float()).to(x.dtype)
    if pattern.entries > pattern.rows * pattern.columns:  # torch's kernel takes no more entries than places
        return (g.index_select(0, pattern.row) * x.index_select(0, pattern.index)).sum(1)
    found = matrix(pattern, x.new_zeros(pattern.entries))
    torch.sparse.sampled_addmm(found, g, x.t(), beta=0.0, out=found)
    return found.values()


def _each(one: Callable[[Pattern, Tensor, Tensor], Tensor], pattern: Pattern, left: Tensor, right: Tensor) -> Tensor:
    """``one`` for every head, or once where one matrix serves all; autocast does not reach inside."""
    with torch.autocast(right.device.type, enabled=False):
        if right.dim() == 2 or left.dim() == 1:
            return one(pattern, left, right)
        if len(right) == 0:
            return one(pattern, left.new_zeros(left.shape[1:]), right.new_zeros(right.shape[1:])).unsqueeze(0)[:0]
        return torch.stack([one(pattern, a, b) for a, b in zip(left, right, strict=True)])


def _take(values: Tensor, order: Tensor) -> Tensor:
    """``values[..., order]``; head by head, which is several times faster than one wide gather."""
    if values.dim() == 1 or len(values) == 0:
        return values.index_select(-1, order)
    return torch.stack([head.index_select(0, order) for head in values])


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pattern: Pattern, values: Tensor, x: Tensor, turned: Tensor | None) -> Tensor:
        ctx.pattern = pattern
        ctx.save_for_backward(values, x if ctx.needs_input_grad[1] else None, turned)
        return _each(multiply, pattern, values, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor | None, Tensor | None, None]:
        (g,) = gradients
        pattern: Pattern = ctx.pattern
        values, x, turned = ctx.saved_tensors
        to_values = to_x = None
        if ctx.needs_input_grad[1]:
            shared = values.dim() == 1 and x.dim() == 3
            to_values = _sample(pattern, _side_by_side(g), _side_by_side(x)) if shared else _sample(pattern, g, x)
        if ctx.needs_input_grad[2]:
            if turned is None:
                turned = _take(values, pattern.transposed.order)
            to_x = _product(pattern.transposed, turned, g, None)
        return None, to_values, to_x, None


class _Sample(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pattern: Pattern, g: Tensor, x: Tensor) -> Tensor:
        ctx.pattern = pattern
        ctx.save_for_backward(g, x)
        return _each(_inner, pattern, g, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        (u,) = gradients
        pattern: Pattern = ctx.pattern
        g, x = ctx.saved_tensors
        to_g = _product(pattern, u, x, None) if ctx.needs_input_grad[1] else None
        to_x = None
        if ctx.needs_input_grad[2]:
            to_x = _product(pattern.transposed, _take(u, pattern.transposed.order), g, None)
        return None, to_g, to_x


_product: Callable[[Pattern, Tensor, Tensor, Tensor | None], Tensor] = _Product.apply
_sample: Callable[[Pattern, Tensor, Tensor], Tensor] = _Sample.apply


def product(pattern: Pattern, values: Tensor, x: Tensor) -> Tensor:
    """``y[i,:] = Σ_{e: j→i} values[e] · x[j,:]``, differentiable any number of times.

    Args:
        pattern: the matrix's places.
        values: ``[E]`` or, one matrix a head, ``[K, E]``; in the pattern's order.
        x: ``[columns, F]`` or ``[K, columns, F]``; with values ``[E]`` K is a batch on one matrix.

    Returns:
        ``[rows, F]`` or ``[K, rows, F]``.
    """
    if modes.is_watched():
        return _written_out(pattern, values, x)
    return _product(pattern, values, x, None)


def sample(pattern: Pattern, g: Tensor, x: Tensor) -> Tensor:
    """``u[e] = ⟨g[i,:], x[j,:]⟩`` at the pattern's places: a dense product of which only those are computed.

    Args:
        pattern: the places.
        g: ``[rows, F]`` or ``[K, rows, F]``.
        x: ``[columns, F]`` or ``[K, columns, F]``.

    Returns:
        ``[E]`` or ``[K, E]``.
    """
    if modes.is_watched():
        return (g.index_select(-2, pattern.row) * x.index_select(-2, pattern.index)).sum(-1)
    return _sample(pattern, g, x)


def _written_out(pattern: Pattern, values: Tensor, x: Tensor) -> Tensor:
    """The product by torch's own functions, for what records or transforms them; it makes ``[…, E, F]``."""
    y = x.new_zeros(*x.shape[:-2], pattern.rows, x.shape[-1])
    return y.index_add(-2, pattern.row, x.index_select(-2, pattern.index) * values.to(x.dtype).unsqueeze(-1))


@dataclass(frozen=True, eq=False)
class Operator:
    """A sparse matrix that acts on node features: ``operator @ x``.

    Args:
        pattern: its places.
        values: ``[E]``, in the pattern's order; constant or differentiable.
    """

    pattern: Pattern
    values: Tensor

    @property
    def turned(self) -> Tensor | None:
        """The transpose's values, kept where they are constant."""
        return None if modes.is_differentiated(self.values) else self._turned

    @cached_property
    @modes.lasting
    def _turned(self) -> Tensor:
        return self.values.index_select(0, self.pattern.transposed.order)

    def __matmul__(self, x: Tensor) -> Tensor:
        """``[…, columns, F] → […, rows, F]``: every leading axis goes into one product."""
        if modes.is_watched():
            return _written_out(self.pattern, self.values, x)
        turned = self.turned if x.requires_grad and torch.is_grad_enabled() else None
        if x.dim() == 2:
            return _product(self.pattern, self.values, x, turned)
        batch = x.reshape(x.shape[:-2].numel(), *x.shape[-2:])
        return _product(self.pattern, self.values, batch, turned).reshape(*x.shape[:-2], self.pattern.rows, x.shape[-1])

    @property
    def row_sums(self) -> Tensor:
        """``[rows]``: what each receiver's weights add up to."""
        return product(self.pattern, self.values, self.values.new_ones(self.pattern.columns, 1)).squeeze(1)

    def to_dense(self) -> Tensor:
        """``[rows, columns]``; entries at one place are added."""
        dense = self.values.new_zeros(self.pattern.rows, self.pattern.columns)
        return dense.index_put((self.pattern.row.long(), self.pattern.index.long()), self.values, accumulate=True)


def block_diagonal(blocks: Sequence[Operator]) -> Operator:
    """The matrices down the diagonal of one, for a product with all of them at once."""
    if len(blocks) == 1:
        return blocks[0]
    pattern = Pattern.block_diagonal([block.pattern for block in blocks])
    joined = Operator(pattern, torch.cat([block.values for block in blocks]))
    turned = [block.turned for block in blocks]
    if all(values is not None for values in turned):
        joined.__dict__["_turned"] = torch.cat([values for values in turned if values is not None])
    return joined
